package harness

/** The pipeline's `currentBuild`. A result only gets worse. */
class Build implements Live {

    static final List<String> RESULTS = ['SUCCESS', 'UNSTABLE', 'FAILURE', 'NOT_BUILT', 'ABORTED']

    String fullProjectName = 'team/app'
    int number = 1
    String result
    Build previousBuild
    String displayName
    String description
    long timeInMillis = System.currentTimeMillis()
    long startTimeInMillis = System.currentTimeMillis()
    List<Map> causes = [[_class: 'hudson.model.Cause$UserIdCause', shortDescription: 'Started by user Ada',
                         userId: 'ada', userName: 'Ada']]
    /** Null where Jenkins was not told its own address. */
    String rootUrl = 'https://jenkins.example.com/'

    String getCurrentResult() {
        result ?: 'SUCCESS'
    }

    String getId() {
        String.valueOf(number)
    }

    String getProjectName() {
        fullProjectName.tokenize('/').last()
    }

    String getAbsoluteUrl() {
        if (!rootUrl) {
            throw new IllegalStateException('Jenkins URL is not configured')
        }
        rootUrl + path()
    }

    void setResult(String worse) {
        if (!(worse in RESULTS)) {
            throw new IllegalArgumentException(worse)
        }
        if (result == null || RESULTS.indexOf(worse) > RESULTS.indexOf(result)) {
            result = worse
        }
    }

    /** The worse of two results; null is one that is not known yet. */
    static String worse(String one, String other) {
        [one ?: 'SUCCESS', other ?: 'SUCCESS'].max { RESULTS.indexOf(it) }
    }

    List<Map> getBuildCauses() {
        causes
    }

    List<Map> getBuildCauses(String type) {
        causes.findAll { it._class == type }
    }

    boolean resultIsBetterOrEqualTo(String other) {
        RESULTS.indexOf(currentResult) <= RESULTS.indexOf(other)
    }

    /** Jenkins' own variables of a build. */
    Map<String, String> variables() {
        Map<String, String> variables = [
            BUILD_NUMBER: id, BUILD_ID: id, JOB_NAME: fullProjectName, JOB_BASE_NAME: projectName,
            BUILD_TAG: "jenkins-${fullProjectName.replace('/', '-')}-${number}".toString(), CI: 'true',
        ]
        if (rootUrl) {
            variables += [JENKINS_URL: rootUrl, BUILD_URL: rootUrl + path()]
        }
        return variables
    }

    private String path() {
        fullProjectName.tokenize('/').collect { 'job/' + it + '/' }.join('') + number + '/'
    }

}
