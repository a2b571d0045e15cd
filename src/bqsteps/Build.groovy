package bqsteps

import com.cloudbees.groovy.cps.NonCPS

/** What Jenkins knows about the running build, as columns of its row. */
class Build {

    private static final int DEEPEST = 20

    /** The columns that are known; what Jenkins does not know is left out. */
    @NonCPS
    static Map columns(Object build, Object env, Object params, Map wanted) {
        List causes = causes(build)
        Map columns = [
            job_name: build.fullProjectName,
            build_number: build.number,
            build_url: env.BUILD_URL,
            build_tag: env.BUILD_TAG,
            controller_url: env.JENKINS_URL,
            result: wanted.event == 'started' ? build.result : build.currentResult,
            result_is_final: build.result != null,
            scheduled_at: build.timeInMillis,
            started_at: build.startTimeInMillis,
            failed_stage: wanted.failedStage,
            causes: names(causes),
            upstream_job: first(causes, 'upstreamProject'),
            upstream_build: first(causes, 'upstreamBuild'),
            is_replay: 'ReplayCause' in names(causes),
            user_name: wanted.user ? first(causes, 'userName') : null,
            node_name: env.NODE_NAME,
            branch: env.BRANCH_NAME ?: env.GIT_BRANCH,
            commit_id: env.GIT_COMMIT,
            change_id: env.CHANGE_ID,
            change_target: env.CHANGE_TARGET,
            tag: env.TAG_NAME,
            scm_url: env.GIT_URL,
            tests_total: wanted.tests?.totalCount,
            tests_failed: wanted.tests?.failCount,
            tests_skipped: wanted.tests?.skipCount,
            parameters: wanted.parameters == null ? null : chosen(params, wanted.parameters),
            extra: wanted.extra == null ? null : json(wanted.extra),
        ]
        return Parameters.present(columns)
    }

    /** What of `tests`, `parameters` and `extra` cannot be put on record; a secret is never turned into text. */
    @NonCPS
    static List problems(Object params, Map wanted) {
        List found = []
        for (Object name : (wanted.parameters ?: [])) {
            Object value = params.get(name)
            boolean plain = value instanceof CharSequence || value instanceof Number || value instanceof Boolean
            if (value != null && !plain) {
                String type = value.getClass().getSimpleName()
                found.add("the build's parameter '${name}' is a ${type}, which is not put on record".toString())
            }
        }
        if (wanted.tests instanceof Map) {
            found = found + countProblems(wanted.tests)
        }
        for (Object type : secrets(wanted.extra, 0)) {
            found.add("'extra' holds a ${type}, which is not put on record".toString())
        }
        if (depth(wanted.extra, 0) > DEEPEST) {
            found.add("'extra' is nested deeper than ${DEEPEST} levels".toString())
        }
        return found
    }

    /** A line about names that are no parameters. It is no error: a job learns its parameters by its first build. */
    @NonCPS
    static String absent(Object params, List names) {
        List absent = []
        for (Object name : (names ?: [])) {
            if (!params.containsKey(name)) {
                absent.add("'${name}'".toString())
            }
        }
        return absent.isEmpty() ? null : "this build has no parameter ${absent.join(', ')}, so none is put on record"
    }

    /** Counts come from `junit`, or from a map that has them by the same names. */
    @NonCPS
    private static List countProblems(Map tests) {
        List found = []
        for (Map.Entry entry : tests.entrySet()) {
            Object count = entry.value
            boolean whole = (count instanceof Integer || count instanceof Long) && count >= 0
            if (!(entry.key in ['totalCount', 'failCount', 'skipCount', 'passCount']) || count != null && !whole) {
                found.add("'tests' holds '${entry.key}', it takes whole numbers as totalCount, failCount and skipCount"
                    .toString())
            }
        }
        return found
    }

    /** The types of the secrets that a value holds, such as a password parameter of `params`. */
    @NonCPS
    private static List secrets(Object value, int level) {
        List found = []
        if (level <= DEEPEST && (value instanceof Map || value instanceof Collection)) {
            for (Object item : (value instanceof Map ? value.values() : value)) {
                found = found + secrets(item, level + 1)
            }
        } else if (value != null && value.getClass().getSimpleName().matches('.*Secret')) {
            found.add(value.getClass().getSimpleName())
        }
        return found
    }

    /** Jenkins' own JSON lists, copied, since they are no plain lists. */
    @NonCPS
    private static List causes(Object build) {
        List causes = []
        for (Object cause : build.getBuildCauses()) {
            causes.add(cause)
        }
        return causes
    }

    @NonCPS
    private static List names(List causes) {
        List names = []
        for (Object cause : causes) {
            String name = cause.get('_class')
            if (name) {
                name = name.substring(name.lastIndexOf('.') + 1)
                names.add(name.substring(name.lastIndexOf('$') + 1))
            }
        }
        return names
    }

    @NonCPS
    private static Object first(List causes, String property) {
        for (Object cause : causes) {
            if (cause.get(property)) {
                return cause.get(property)
            }
        }
        return null
    }

    @NonCPS
    private static Map chosen(Object params, List names) {
        Map chosen = [:]
        for (Object name : names) {
            if (params.get(name) != null) {
                chosen.put(name, json(params.get(name)))
            }
        }
        return chosen
    }

    /** What JSON has stays what it is; anything else becomes its text. */
    @NonCPS
    private static Object json(Object value) {
        if (value == null || value instanceof Boolean) {
            return value
        }
        if (value instanceof Number) {
            return value.toString() in ['NaN', 'Infinity', '-Infinity'] ? value.toString() : value
        }
        if (value instanceof Map) {
            Map plain = [:]
            for (Map.Entry entry : value.entrySet()) {
                plain.put("${entry.key}".toString(), json(entry.value))
            }
            return plain
        }
        if (value instanceof Collection) {
            List plain = []
            for (Object item : value) {
                plain.add(json(item))
            }
            return plain
        }
        return value.toString()
    }

    /** How deep maps and lists lie in each other, counted no further than it matters, as they may hold themselves. */
    @NonCPS
    private static int depth(Object value, int level) {
        int deepest = level
        if (level <= DEEPEST && (value instanceof Map || value instanceof Collection)) {
            for (Object item : (value instanceof Map ? value.values() : value)) {
                deepest = Math.max(deepest, (int) depth(item, level + 1))
            }
        }
        return deepest
    }

}
