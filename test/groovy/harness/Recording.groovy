package harness

/** A step that ran, with its arguments, the steps that ran inside of it, and the bytes to and from the agent. */
class RecordedStep {

    final String name
    final Map given
    final List<RecordedStep> inside = [].asSynchronized()
    long sent
    long received
    /** What the step makes of the stage that it is in, where it lets the build go on. */
    String warning = 'SUCCESS'
    private final RecordedStep outer

    RecordedStep(String name, Map given, RecordedStep outer = null) {
        this.name = name
        this.given = given
        this.outer = outer
    }

    RecordedStep record(String inner, Map arguments) {
        RecordedStep step = new RecordedStep(inner, arguments, this)
        inside.add(step)
        return step
    }

    /** This step and those inside of it, in the order in which they began. */
    List<RecordedStep> flat() {
        [this] + inside.collectMany { it.flat() }
    }

}

/** The record of a build as text, for people who read it in a diff: a step a line, with its arguments, by nesting. */
class Recording {

    private static final String ID = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'

    /** What differs from machine to machine, and what is written in its place. */
    private final Map<String, String> names
    private final List<String> scripts = []
    private final StringBuilder text = new StringBuilder()

    Recording(Map<String, String> names) {
        this.names = names
    }

    static String text(RecordedStep build, Map<String, String> names) {
        Recording recording = new Recording(names)
        build.inside.each { recording.write(it, '') }
        return recording.text.toString()
    }

    private void write(RecordedStep step, String indent) {
        List<String> arguments = step.given.findAll { name, value -> !(value instanceof Closure) }.collect { name, value ->
            "${name}: ${shown(value, indent + '    ')}".toString()
        }
        text.append(stable("${indent}${step.name} ${arguments.join(', ')}".replaceAll(/\s+$/, ''))).append('\n')
        step.inside.each { write(it, indent + '    ') }
    }

    private String shown(Object value, String indent) {
        if (value instanceof Collection) {
            return '[' + value.collect { '\n' + indent + '  ' + shown(it, indent + '  ') }.join(',') + ']'
        }
        if (value instanceof Map) {
            return '[' + value.collect { name, item -> "${name}: ${shown(item, indent)}" }.join(', ') + ']'
        }
        return value instanceof CharSequence ? quoted(value.toString(), indent) : String.valueOf(value)
    }

    /** A text of several lines is shown once, and one that nobody would read, as the package is, not at all. */
    private String quoted(String value, String indent) {
        if (value.length() > 10_000) {
            return '(long text)'
        }
        if (!value.contains('\n')) {
            return "'${value}'"
        }
        if (value in scripts) {
            return "(text ${scripts.indexOf(value) + 1})"
        }
        scripts.add(value)
        List<String> lines = value.replaceAll(/\s+$/, '').stripIndent().readLines().dropWhile { it.trim().empty }
        return "(text ${scripts.size()})" + lines.collect { '\n' + indent + '  | ' + it }.join('')
    }

    private String stable(String line) {
        String stable = line.replaceAll(ID, '<id>').replaceAll(/bqsteps-[0-9a-f]{12}\.pyz/, 'bqsteps-<digest>.pyz')
        return names.inject(stable) { String result, String name, String instead -> result.replace(name, instead) }
    }

}
