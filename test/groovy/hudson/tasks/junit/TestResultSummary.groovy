package hudson.tasks.junit

/** Stands for what the step `junit` returns: https://plugins.jenkins.io/junit/. */
class TestResultSummary implements Serializable {

    int totalCount
    int failCount
    int skipCount
    int passCount

}
