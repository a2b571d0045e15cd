package steps

import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

/** An abort in any of the steps that a step of the library is made of ends the build, whatever `onFailure` says. */
class AbortedStepTest extends StepTest {

    /** As they fail most: rows and a line of an error are left, so that all that follows is done as well. */
    private void pythonThatFails() {
        python('''mkdir -p .bqsteps/unsent bqsteps-report && touch .bqsteps/unsent/k.ndjson bqsteps-report/index.html
            [ "$BQ_COMMAND" = log-build ] || { echo '{"status": "fine"}' > "$BQ_RESULT_FILE"; exit 0; }
            echo '{"status": "spooled", "spool": ".bqsteps/unsent/k.ndjson", "error": {"message": "no"}}' > "$BQ_RESULT_FILE"; exit 1''')
    }

    @ParameterizedTest
    @ValueSource(strings = [
        'bqLogBuild onFailure: "warn"', 'bqEnsureTable dataset: "d", table: "t"',
        'bqDoctor()', 'bqBuildReport()', 'bqPod { echo "in the pod" }', 'bqPod(retries: 2) { bqLogBuild onFailure: "warn" }',
    ])
    void an_abort_ends_the_build(String call) {
        pythonThatFails()
        String armed = null
        List<String> told = []
        jenkins.restarts = false // that is proved elsewhere
        jenkins.steps.define('arm', ['step']) { Map given, frame ->
            new File(folder, 'work spaces').deleteDir() // so that the package is brought there each time
            armed = given.step
        }
        jenkins.steps.define('tell', ['message']) { Map given, frame -> told.add(given.message) }
        jenkins.steps.define('used', []) { Map given, frame ->
            jenkins.record.inside[0].inside.collectMany { it.flat() }*.name.unique() - ['arm', 'used', 'echo']
        }
        jenkins.abortAt { String name, Map given -> name == armed && (armed = 'none') }
        pipeline("""node {
            arm 'none'
            ${call}
            for (step in used()) {
                arm step
                try {
                    ${call}
                    tell "went on after \${step}"
                } catch (org.jenkinsci.plugins.workflow.steps.FlowInterruptedException aborted) {
                    tell aborted.message
                }
            }
        }""")
        assert told.size() > 3 && told.every { it.startsWith('aborted in ') } : jenkins.console
    }

}
