package steps

import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

/** An abort in any of the steps that a step of the library is made of ends the build, whatever `onFailure` says. */
class AbortedStepTest extends StepTest {

    private static final String LEFT = 'went on'

    /** In a workspace that has nothing yet, so that the package is brought there each time. */
    private void runCall(String call) {
        new File(folder, 'work spaces').deleteDir()
        pipeline("node { ${call}; echo '${LEFT}' }")
    }

    /** As they fail most: rows and a line of an error are left, so that all that follows is done as well. */
    private void pythonThatFails() {
        python('''mkdir -p .bqsteps/unsent bqsteps-report && touch .bqsteps/unsent/k.ndjson bqsteps-report/index.html
            [ "$BQ_COMMAND" = log-build ] || { echo '{"status": "fine"}' > "$BQ_RESULT_FILE"; exit 0; }
            echo '{"status": "spooled", "spool": ".bqsteps/unsent/k.ndjson", "error": {"message": "no"}}' > "$BQ_RESULT_FILE"; exit 1''')
    }

    @ParameterizedTest
    @ValueSource(strings = [
        'bqLogBuild onFailure: "warn"', 'bqLogBuild onFailure: "unstable", parameters: ["A"]', 'bqEnsureTable dataset: "d", table: "t"',
        'bqDoctor()', 'bqBuildReport()', 'bqPod { echo "in the pod" }', 'bqPod(retries: 2) { bqLogBuild onFailure: "warn" }',
    ])
    void an_abort_ends_the_build(String call) {
        pythonThatFails()
        runCall(call)
        assert LEFT in jenkins.console.lines : jenkins.console
        Collection<String> steps = jenkins.record.inside[0].inside*.flat().flatten()*.name.unique() - 'echo'
        steps.each { String step ->
            jenkins = newJenkins()
            int before = step == 'node' ? 1 : 0
            jenkins.abortAt { String name, Map given -> name == step && before-- == 0 }
            runCall(call)
            assert jenkins.build.result == 'ABORTED' && jenkins.failure.message == "aborted in ${step}" : jenkins.console
            assert !(LEFT in jenkins.console.lines) : step
        }
    }

}
