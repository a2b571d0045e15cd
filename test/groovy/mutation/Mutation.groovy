package mutation

/** One small change of a source file, which the tests should notice. */
class Mutation {

    private static final int SHOWN = 60

    final Source source
    /** What is replaced: the characters from the first offset up to the second. */
    final int from
    final int to
    final String after

    Mutation(Source source, int from, int to, String after) {
        this.source = source
        this.from = from
        this.to = to
        this.after = after
    }

    String apply() {
        source.text.substring(0, from) + after + source.text.substring(to)
    }

    String getPlace() {
        "${source.path}:${source.line(from)}"
    }

    /** The line, with what is changed in brackets: before → after. */
    @Override
    String toString() {
        String head = source.text.substring(source.text.lastIndexOf('\n', from - 1) + 1, from)
        String tail = source.text.substring(to, source.text.indexOf('\n', to))
        String change = "⟦${shown(source.text.substring(from, to))} → ${shown(after)}⟧"
        return "${place}  " + "${head.trim()} ${change} ${tail.trim()}".trim()
    }

    private static String shown(String code) {
        String line = code.trim().replaceAll(/\s+/, ' ')
        line.length() > SHOWN ? line.substring(0, SHOWN) + '…' : line
    }

}
