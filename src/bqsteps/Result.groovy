package bqsteps

import com.cloudbees.groovy.cps.NonCPS
import groovy.json.JsonException
import groovy.json.JsonSlurper

/** What a command left behind, as plain maps and lists that survive a restart of the controller. */
class Result {

    @NonCPS
    static Map withoutAgent() {
        return failed('there is no agent here;', 'call it in node { … }, bqPod { … } or a stage with an agent.')
    }

    @NonCPS
    static Map withoutShell() {
        return failed('this agent has no POSIX shell (Windows);', 'call it on Linux, such as in bqPod { … }.')
    }

    @NonCPS
    private static Map failed(String message, String hint) {
        return [status: 'failed', error: [kind: 'config', message: message, hint: hint]]
    }

    /** What is known of a call before it ends, or if it never says how: rows may lie in its spool, not confirmed. */
    @NonCPS
    static Map unknown(Map asked, String folder, String workspace) {
        String spool = folder ?: '.bqsteps/unsent'
        String inside = "${workspace}/"
        String path = spool.startsWith(inside) ? spool.substring(inside.length()) : spool
        // What lies outside of the workspace cannot be archived.
        return asked.command == 'log-build' && !path.matches('/.*|(.*/)?[.][.](/.*)?') ? [spool: spool] : [:]
    }

    /** Reads what the shell printed: the exit code of python3 on the first line, then its result, where it left one. */
    @NonCPS
    static Map read(Map unknown, String printed) {
        int end = printed.indexOf('\n')
        String code = end < 0 ? printed : printed.substring(0, end)
        String json = end < 0 ? '' : printed.substring(end + 1).trim()
        Object result = json ? parse(json) : null
        if (result instanceof Map && (code == '0' || result.error)) {
            return result
        }
        return unknown + unreadable(code, json, result)
    }

    @NonCPS
    private static Map unreadable(String code, String json, Object result) {
        if (!json) {
            return failed("python3 left no result, its exit code was ${code};",
                'see the lines above. The agent needs Python 3.11 or newer, as bqPod has it.')
        }
        return result instanceof Map
            ? failed("python3 ended with exit code ${code} and a result without error;", 'see the lines above.')
            : failed('the result of python3 cannot be read;', 'see the lines above.')
    }

    /** One line for people: who says it, what failed, and what to do. */
    @NonCPS
    static String line(String step, Map error) {
        return error.hint ? "${step}: ${error.message} ${error.hint}" : "${step}: ${error.message}"
    }

    /** What the JSON says, or the text itself where it is none. */
    @NonCPS
    private static Object parse(String json) {
        try {
            return copy(new JsonSlurper().parseText(json))
        } catch (JsonException unreadable) {
            return json
        }
    }

    /** JsonSlurper's own maps are lazy and cannot be kept across a step. */
    @NonCPS
    private static Object copy(Object value) {
        if (value instanceof Map) {
            Map plain = [:]
            for (Map.Entry entry : value.entrySet()) {
                plain.put(entry.key, copy(entry.value))
            }
            return plain
        }
        if (value instanceof List) {
            List plain = []
            for (Object item : value) {
                plain.add(copy(item))
            }
            return plain
        }
        return value
    }

}
