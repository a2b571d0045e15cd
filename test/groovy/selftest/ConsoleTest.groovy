package selftest

import harness.Console
import org.junit.jupiter.api.Test

/** The log of a build. */
class ConsoleTest extends SelfTest {

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

    @Test
    void a_failure_that_no_step_is_made_for_has_its_type_and_the_lines_of_the_pipeline_and_its_libraries() {
        File vars = new File(folder, 'lib/vars')
        vars.mkdirs()
        new File(vars, 'fails.groovy').text = '@NonCPS private void deep() { throw new IllegalStateException("no") }\n\ndef call() { deep() }'
        jenkins.library('lib', new File(folder, 'lib'))
        jenkins.sandbox = false
        assert lines("@Library('lib') _\n\nfails()").tail()*.replace("${vars}/", '') == [
            'java.lang.IllegalStateException: no', '\tat fails.deep(fails.groovy:1)', '\tat fails.call(fails.groovy:3)',
            '\tat WorkflowScript.run(WorkflowScript:3)', 'Finished: FAILURE',
        ]
    }

    @Test
    void it_reads_as_jenkins_own() {
        jenkins.run('''node { stage('Build it') { dir('sub') { sh 'echo hi' } } }
            parallel only: { error 'no' }''')
        assert jenkins.console.lines*.replace(jenkins.agent.root.path, '') == [
            '[Pipeline] Start of Pipeline', '[Pipeline] node', 'Running on agent-1 in /app', '[Pipeline] {', '[Pipeline] stage', '[Pipeline] { (Build it)',
            '[Pipeline] dir', 'Running in /app/sub', '[Pipeline] {', '[Pipeline] sh', '+ echo hi', 'hi', '[Pipeline] }', '[Pipeline] // dir',
            '[Pipeline] }', '[Pipeline] // stage', '[Pipeline] }', '[Pipeline] // node', '[Pipeline] parallel', '[Pipeline] { (Branch: only)',
            '[Pipeline] error', 'Failed in branch only', '[Pipeline] }', '[Pipeline] // parallel', '[Pipeline] End of Pipeline', 'ERROR: no', 'Finished: FAILURE',
        ]
    }

}
