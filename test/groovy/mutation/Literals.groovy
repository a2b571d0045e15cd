package mutation

import java.util.regex.Matcher

/** Changes inside of a text, by offsets in the literal as it is written: maps of from, to and after. */
class Literals {

    /** Each line of a text of several lines, dropped. */
    static List<Map> lines(String literal) {
        List<Map> parts = []
        Matcher line = literal =~ /(?m)^.*\S.*\n/
        while (line.find()) {
            if (!line.group().contains("'''")) {
                parts.add([from: line.start(), to: line.end(), after: ''])
            }
        }
        return parts
    }

    /** Classes negated, repetitions changed, options and escapes dropped; nothing if the text is no such expression. */
    static List<Map> regularExpression(String literal) {
        if (!(literal =~ /\[.*\]|\(\?|\\x|\.\*/)) {
            return []
        }
        List<Map> parts = []
        Matcher token = literal =~ /\(\?[a-z]\)|\\\\.\w*-\\\\.\w*|\\\\.\w*|\[\^?|\{\d+,\d+\}|\(\?:|\$\{.*?\}|[*+?]/
        while (token.find()) {
            String after = changed(token.group())
            if (after != null) {
                parts.add([from: token.start(), to: token.end(), after: after])
            }
        }
        return parts
    }

    private static String changed(String token) {
        switch (token) {
            case '[': return '[^'
            case '[^': return '['
            case '*': return '+'
            case '+': return '*'
            case '?': return ''
            case ~/\{\d+,\d+\}/: return token.replaceFirst(/\d+\}/, '') + (token.find(/\d+(?=\})/) as int).minus(1) + '}'
            case ~/\(\?[a-z]\)/: return ''
            case ~/\\\\.*/: return ''
            default: return null
        }
    }

}
