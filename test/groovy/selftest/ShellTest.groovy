package selftest

import org.junit.jupiter.api.Test

/** The processes of `sh`. */
class ShellTest extends SelfTest {

    @Test
    void at_the_end_processes_may_end_in_their_own_way_and_then_must_and_none_is_started_any_more() {
        int waiting = 0
        List<ProcessHandle> processes = []
        jenkins.console.watch { String line ->
            if (line == 'waiting' && ++waiting == 2) {
                processes = jenkins.main.children*.process.collectMany { it.descendants().toArray().toList() + it.toHandle() }
                jenkins.steps.endProcesses()
                assert processes.every { !it.alive }
            }
        }
        jenkins.run("""node {
            catchError { parallel(
                polite: { sh '#!/bin/sh\\ntrap "echo bye; exit" TERM; echo waiting; while :; do sleep 600 & wait; done' },
                stubborn: { sh '#!/bin/sh\\n(trap "" TERM; echo waiting; exec sleep 600) & wait' },
            ) }
            sh 'echo started'
        }""")
        assert jenkins.failure.message == 'the machine ends, and starts no process'
        assert processes.size() > 2 && 'bye' in jenkins.console.lines && !('started' in jenkins.console.lines)
    }

}
