package harness

/** A build's log. Lines come whole, also from processes that run beside each other. */
class Console {

    private final PrintStream out
    private final StringBuilder text = new StringBuilder()
    private final List<Closure> watchers = []

    Console(PrintStream out = null) {
        this.out = out
    }

    synchronized void line(String line) {
        text.append(line).append('\n')
        out?.println(line)
        out?.flush()
        watchers.each { it(line) }
    }

    /** Calls back for each line that follows. */
    synchronized void watch(Closure watcher) {
        watchers.add(watcher)
    }

    @Override
    synchronized String toString() {
        text.toString()
    }

    List<String> getLines() {
        toString().readLines()
    }

}
