package selftest

import harness.Console
import org.junit.jupiter.api.Test

/** The log of a build. */
class ConsoleTest {

    @Test
    void lines_come_whole_from_whatever_runs_beside_each_other() {
        Console console = new Console()
        List<String> seen = []
        console.watch { seen.add(it) }
        List<Thread> writers = ('a'..'h').collect { String letter -> Thread.start { 1000.times { console.line(letter * 50) } } }
        writers*.join()
        assert console.lines.size() == 8000
        assert console.lines.toSet() == ('a'..'h').collect { it * 50 }.toSet()
        assert seen == console.lines
    }

    @Test
    void a_line_is_printed_at_once_where_there_is_an_output() {
        ByteArrayOutputStream printed = new ByteArrayOutputStream()
        new Console(new PrintStream(new BufferedOutputStream(printed))).line('one')
        assert printed.toString().readLines() == ['one']
    }

}
