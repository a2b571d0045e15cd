package bqsteps

import com.cloudbees.groovy.cps.NonCPS

/**
 * What all steps share about their parameters: each is refused whole, in words, or taken unchanged.
 * Nothing here calls a pipeline step, so all of it is outside of CPS and keeps no state.
 */
class Parameters {

    /** Linux takes no longer "NAME=value" in an environment, its end included; a little is left for the name. */
    static final int LONGEST_TEXT = 128 * 1024 - 64

    /** Control characters and line ends, for a regular expression's brackets. */
    private static final String BREAKING = '\\x00-\\x1f\\x7f\\x85\\u2028\\u2029'

    /** A text that UTF-8 cannot carry: Java's own conversion would make a question mark of the half. */
    private static final String HALF_A_PAIR = '(?s).*\\p{Cs}.*'

    /**
     * Checks what a pipeline gave against what the step takes.
     * A kind is 'text', 'texts', 'times', 'flag', 'counts', 'map', a unit to count in ('seconds', 'days', 'bytes'), or
     * the list of the texts that are allowed.
     * Returns problems (a list of sentences), names (what was given: a null or an empty text is not) and values (what
     * was given rightly).
     */
    @NonCPS
    static Map check(Object given, Map kinds, List required = []) {
        if (!(given instanceof Map)) {
            String sentence = "takes named parameters only (${kinds.keySet().join(', ')})"
            return [problems: [sentence], names: [], values: [:]]
        }
        List problems = []
        List names = []
        Map values = [:]
        for (Map.Entry entry : given.entrySet()) {
            Object value = plain(entry.value)
            String problem = problemOf(entry.key, value, kinds)
            if (problem) {
                problems.add("${shown(entry.key)} ${problem}".toString())
            } else if (value != null && value != '') {
                values.put(entry.key, value)
            }
            if (value != null && value != '') {
                names.add(entry.key)
            }
        }
        for (Object name : required) {
            if (!(name in names)) {
                problems.add("'${name}' is missing".toString())
            }
        }
        return [problems: problems, names: names, values: values]
    }

    /** The project to work in must be known before anything starts. */
    @NonCPS
    static List projectProblems(Object project) {
        return project ? [] : ["there is no project: give 'project', or set PROJECT_ID in Jenkins' global properties"]
    }

    /** One table by its two names, or several by a list. */
    @NonCPS
    static List tableProblems(List names) {
        boolean one = 'dataset' in names || 'table' in names
        if ('tables' in names) {
            return one ? ["give 'dataset' and 'table', or 'tables', not both"] : []
        }
        if (!one) {
            return ["give 'dataset' and 'table', or 'tables'"]
        }
        if ('dataset' in names && 'table' in names) {
            return []
        }
        return ["'${'table' in names ? 'dataset' : 'table'}' is missing".toString()]
    }

    /** Rows that are sent again are sent as they were kept, so nothing can be said about them here. */
    @NonCPS
    static List replayProblems(List names) {
        List against = []
        for (Object name : names) {
            if (!(name in ['replay', 'project', 'location', 'deadline', 'onFailure'])) {
                against.add(shown(name))
            }
        }
        if (!('replay' in names) || against.isEmpty()) {
            return []
        }
        return ["'replay' sends rows as they were kept, it does not go with ${against.join(', ')}".toString()]
    }

    /** A folder whose files are archived is named by a pattern, and lies in the workspace. */
    @NonCPS
    static List folderProblems(String name, Object folder) {
        if (folder && (folder.matches('.*[*?,].*') || folder.matches('/.*|.*/|([^/]*/)*[.]{1,2}(/.*)?'))) {
            String rule = "it must be a folder below this one, such as 'a/b', without , * and ?"
            return ["'${name}' is ${shown(folder)}, ${rule}".toString()]
        }
        return []
    }

    /** Without the entries that are null: what was not given is not set. */
    @NonCPS
    static Map present(Map values) {
        Map kept = [:]
        for (Map.Entry entry : values.entrySet()) {
            if (entry.value != null) {
                kept.put(entry.key, entry.value)
            }
        }
        return kept
    }

    /** A GString is only a way to write a text; nothing else is converted. */
    @NonCPS
    private static Object plain(Object value) {
        if (value instanceof CharSequence) {
            return value.toString()
        }
        if (value instanceof List) {
            List texts = []
            for (Object item : value) {
                texts.add(item instanceof CharSequence ? item.toString() : item)
            }
            return texts
        }
        return value
    }

    @NonCPS
    private static String problemOf(Object name, Object value, Map kinds) {
        if (!kinds.containsKey(name)) {
            return unknown(name, kinds)
        }
        return value == null || value == '' ? null : mismatch(value, kinds.get(name))
    }

    @NonCPS
    private static String mismatch(Object value, Object kind) {
        if (kind instanceof List) {
            return value in kind ? null : "is ${shown(value)}, it must be one of ${kind.join(', ')}"
        }
        switch (kind) {
            case 'text':
                return value instanceof String ? textProblem(value) : "must be text, not ${typeOf(value)}"
            case 'texts':
                return value instanceof List ? textsProblem(value) : "must be a list of texts, not ${typeOf(value)}"
            case 'seconds':
            case 'days':
            case 'bytes':
                return natural(value) ? null : "is ${typed(value)}, it must be a whole number of ${kind} above 0"
            case 'times':
                return natural(value) ? null : "is ${typed(value)}, it must be a whole number above 0"
            case 'flag':
                return value instanceof Boolean ? null : "must be true or false, not ${typeOf(value)}"
            case 'counts':
                return value instanceof Map || typeOf(value) == 'TestResultSummary' ? null
                    : "must be what junit returned, or a map, not ${typeOf(value)}"
            default:
                return value instanceof Map ? null : "must be a map, not ${typeOf(value)}"
        }
    }

    @NonCPS
    private static boolean natural(Object value) {
        return (value instanceof Integer || value instanceof Long) && value > 0
    }

    /** What an environment variable cannot carry whole is not sent at all. */
    @NonCPS
    private static String textProblem(String text) {
        if (text.contains('\0')) {
            return 'holds a NUL character, which no environment variable can carry'
        }
        if (text.matches(HALF_A_PAIR)) {
            return 'holds half of a surrogate pair, which is no character'
        }
        int size = text.getBytes('UTF-8').length
        return size > LONGEST_TEXT ? "is ${size} bytes long, an environment variable carries ${LONGEST_TEXT}" : null
    }

    /** The texts of a list travel one a line, so none may hold what would make it two, or another. */
    @NonCPS
    private static String textsProblem(List texts) {
        for (Object text : texts) {
            if (!(text instanceof String)) {
                return "must be a list of texts, and holds ${typeOf(text)}"
            }
            if (text.isEmpty() || text != text.trim() || text.matches("(?s).*[,${BREAKING}].*")) {
                return "holds ${shown(text)}; an entry is not empty, has no comma, line break, or space around it"
            }
        }
        return texts.isEmpty() ? 'is an empty list' : textProblem(texts.join('\n'))
    }

    /** A message stays one line, whatever it quotes. */
    @NonCPS
    private static String shown(Object value) {
        String text = "${value}".toString().replaceAll("[${BREAKING}]", '?')
        return "'${text.length() > 60 ? text.substring(0, 60) + '…' : text}'"
    }

    /** So that a text of digits can be told from the number. */
    @NonCPS
    private static String typed(Object value) {
        return value instanceof String ? "text ${shown(value)}" : shown(value)
    }

    @NonCPS
    private static String typeOf(Object value) {
        return value == null ? 'null' : value.getClass().getSimpleName()
    }

    @NonCPS
    private static String unknown(Object wrong, Map kinds) {
        String best = null
        int least = Integer.MAX_VALUE
        for (Object name : kinds.keySet()) {
            int distance = distance(shown(wrong).toLowerCase(), shown(name).toLowerCase())
            if (distance < least) {
                least = distance
                best = name
            }
        }
        return "is no parameter, did you mean '${best}'?"
    }

    /** Levenshtein's distance, row by row of its table. */
    @NonCPS
    private static int distance(String from, String to) {
        List row = []
        for (int column = 0; column <= to.length(); column++) {
            row.add(column)
        }
        for (int line = 1; line <= from.length(); line++) {
            row = nextRow(row, from.substring(line - 1, line), to)
        }
        return row.get(to.length())
    }

    @NonCPS
    private static List nextRow(List row, String letter, String to) {
        List next = [row.get(0) + 1]
        for (int column = 1; column <= to.length(); column++) {
            int swap = row.get(column - 1) + (letter == to.substring(column - 1, column) ? 0 : 1)
            next.add(Math.min(swap, Math.min((int) row.get(column), (int) next.get(column - 1)) + 1))
        }
        return next
    }

}
