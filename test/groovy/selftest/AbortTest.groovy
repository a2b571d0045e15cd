package selftest

import harness.Agent
import org.junit.jupiter.api.Test

/** An abort can come in every step that there is, and in the middle of every block. */
class AbortTest extends SelfTest {

    private static final String BODY = 'BODY'
    /** A right call of each step; one that has a block has it as BODY. A new step belongs here as well. */
    private static final Map<String, String> CALLS = [
        archiveArtifacts: "archiveArtifacts '*'", catchError: 'catchError(catchInterruptions: false) { BODY }', checkout: 'checkout scm',
        container: "container('jnlp') { BODY }", deleteDir: 'deleteDir()', dir: "dir('x') { BODY }", echo: "echo 'x'", error: "error 'x'",
        fileExists: "fileExists 'x'", isUnix: 'isUnix()', junit: "junit '*'", library: "library 'x'", libraryResource: "libraryResource 'x'",
        node: 'node { BODY }', parallel: 'parallel a: { BODY }', pipeline: "pipeline { agent none; stages { stage('x') { steps { BODY } } } }",
        podTemplate: "podTemplate(yaml: '') { BODY }", pwd: 'pwd()', readFile: "readFile 'x'", retry: 'retry(2) { BODY }', script: 'script { BODY }',
        sh: "sh 'true'", sleep: 'sleep 1', stage: "stage('x') { BODY }", timeout: 'timeout(1) { BODY }', timestamps: 'timestamps { BODY }',
        unstable: "unstable 'x'", warnError: "warnError(message: 'x', catchInterruptions: false) { BODY }", withEnv: "withEnv(['A=x']) { BODY }",
        writeFile: "writeFile file: 'x', text: ''",
    ]

    private void aborts(String call, String told) {
        jenkins.agent.containers = ['jnlp']
        jenkins.run("node { try { ${call}; echo 'went on' } finally { echo 'at last' } }; echo 'went on'")
        assert jenkins.build.result == 'ABORTED' && jenkins.failure.message == told : jenkins.console
        assert 'at last' in jenkins.console.lines && !('went on' in jenkins.console.lines) : jenkins.console
    }

    @Test
    void each_step_has_its_call_here() {
        assert jenkins.steps.names == CALLS.keySet()
    }

    @Test
    void an_abort_that_comes_in_a_step_keeps_it_from_its_work() {
        CALLS.each { String step, String call ->
            setUpJenkins()
            int before = step == 'node' ? 1 : 0
            jenkins.abortAt { String name, Map given -> name == step && before-- == 0 }
            aborts(call.replace(BODY, 'echo "in the block"'), "aborted in ${step}")
            assert !('in the block' in jenkins.console.lines) : step
            assert workspace.list().toList() == [] : step
        }
    }

    @Test
    void an_abort_in_the_middle_of_a_block_ends_what_runs_in_it() {
        CALLS.findAll { it.value.contains(BODY) }.each { String step, String call ->
            setUpJenkins()
            jenkins.console.watch { String line -> line == 'waiting' && jenkins.abort() }
            aborts(call.replace(BODY, "sh 'echo waiting; exec sleep 600'"), 'Aborted by Ada')
            assert jenkins.console.lines.count('waiting') == 1 : step
        }
    }

    @Test
    void an_abort_reaches_all_branches_and_their_processes_with_what_those_have_started() {
        int waiting = 0
        List<ProcessHandle> processes = []
        jenkins.console.watch { String line ->
            if (line == 'waiting' && ++waiting == 2) {
                processes = jenkins.main.children*.process.collectMany { it.descendants().toArray().toList() + it.toHandle() }
                jenkins.abort()
            }
        }
        String script = '#!/bin/sh\\nsleep 600 & echo waiting; wait'
        jenkins.run("node { parallel a: { sh '${script}' }, b: { sh '${script}' } }")
        assert jenkins.build.result == 'ABORTED' : jenkins.console
        assert processes.size() == 4
        processes.each { it.onExit().get() }
    }

    @Test
    void an_abort_ends_also_what_is_started_while_it_looks_for_what_to_end() {
        String seconds = "60.${System.nanoTime()}"
        jenkins.console.watch { String line -> line == 'waiting' && jenkins.abort() }
        String script = "i=0; while [ \$i -lt 300 ]; do i=\$((i + 1)); [ \$i = 5 ] && echo waiting; sleep ${seconds} & done; wait"
        assert lines("node { sh '#!/bin/sh\\n${script}' }").last() == 'Finished: ABORTED'
        int left = processes().count { seconds in it.info().arguments().orElse(new String[0]) }
        assert left == 0
    }

    /** All of this machine. Groovy 2.4 cannot call the method of an interface that has no object. */
    private static List<ProcessHandle> processes() {
        ProcessHandle.getMethod('allProcesses').invoke(null).toArray().toList()
    }

    @Test
    void an_abort_that_comes_before_the_process_is_there_ends_it() {
        jenkins.agent = new Agent(jenkins.agent.root) {
            @Override
            Map<String, String> getEnvironment() {
                jenkins.abort()
                return [PATH: System.getenv('PATH')]
            }
        }
        assert lines('''node { sh '#!/bin/sh\\nsleep 2; echo "went on"' }''') == ['Aborted by Ada', 'Finished: ABORTED']
    }

    @Test
    void an_abort_between_two_steps_comes_in_the_next_one() {
        jenkins.steps.define('askToAbort', []) { Map given, frame -> jenkins.abort() }
        assert lines("askToAbort(); echo 'went on'") == ['Aborted by Ada', 'Finished: ABORTED']
    }

}
