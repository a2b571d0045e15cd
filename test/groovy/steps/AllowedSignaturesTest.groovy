package steps

import harness.Sandbox
import hudson.tasks.junit.TestResultSummary
import org.junit.jupiter.api.Test

/** sandbox-allowed.txt has what the steps use, and nothing else. */
class AllowedSignaturesTest extends StepTest {

    @Test
    void each_allowed_signature_is_used() {
        Sandbox.USED.clear()
        succeeds('''
            bqEnsureTable tables: ['a.b', "${'c'}.d"], mode: 'plan', deadline: 5
            bqLogBuild extra: [list: [1, 2.5d, null], date: new Date(0)], user: true, parameters: ['A', 'D'], status: 'x'
            bqLogBuild replay: 'x'
            bqLogBuild tests: params.tests, parameters: ['NONE']
            bqPod.yaml image: 'a/b:c', serviceAccount: 'x' ''', [A: 'text', tests: new TestResultSummary()])
        jenkins = newJenkins()
        succeeds("bqBuildReport days: 7, dir: 'a/b'")
        refusals('bqEnsureTable', [
            4, [tabel: 1, dataset: 3, mode: 'x', deadline: 0, tables: ['a,b']], [tables: []], [tables: [7]],
            [dataset: 'nul\0', table: 'x'.multiply(200000)], [table: 't'],
        ])
        refusals('bqLogBuild', [[extra: 1, user: 1, parameters: 2, replay: 'x', status: 'f']])
        [
            'mkdir -p .bqsteps/unsent; exit 3', 'echo "{}" > "$BQ_RESULT_FILE"; exit 1',
            'echo "{\\"error\\": {\\"message\\": \\"m\\", \\"list\\": [{}]}}" > "$BQ_RESULT_FILE"; exit 1',
        ].each { String behaviour ->
            jenkins = newJenkins()
            python(behaviour)
            fails('bqLogBuild()')
        }
        assert Sandbox.listed() - Sandbox.USED == [] as Set
    }

}
