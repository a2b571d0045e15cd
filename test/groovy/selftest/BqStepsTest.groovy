package selftest

import bqsteps.testing.BqSteps
import com.lesfurets.jenkins.unit.BasePipelineTest
import com.lesfurets.jenkins.unit.cps.BasePipelineTestCPS
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource
import steps.EveryStepTest

import static org.junit.jupiter.api.Assertions.assertThrows

/** What BqSteps promises to the tests of teams, on JenkinsPipelineUnit with and without CPS. */
class BqStepsTest {

    @TempDir
    public File folder
    /** The test of a team. */
    Object test
    BqSteps bq
    List<Object> told = []

    @BeforeEach
    void setUp() {
        team(new BasePipelineTest() { })
    }

    private void team(Object test) {
        this.test = test
        test.scriptRoots = [folder.path] as String[]
        test.setUp()
        test.helper.registerAllowedMethod('tell', [Object]) { Object value -> told.add(value) }
        bq = new BqSteps(test, new File('.'))
        bq.register()
    }

    private Object run(String pipeline) {
        File file = new File(folder, "pipeline${folder.list().size()}.jenkins")
        file.setText("@Library('bqsteps@v1') _\n${pipeline}", 'UTF-8')
        test.runScript(file.name)
    }

    private String fails(String pipeline) {
        assertThrows(RuntimeException) { run(pipeline) }.message
    }

    private String getResult() {
        test.binding.getVariable('currentBuild').result
    }

    @Test
    void calls_are_kept_as_they_were_given() {
        run('''bqLogBuild()
            bqEnsureTable dataset: 'd', table: 't', mode: 'plan'
            bqLogBuild status: "${'MINE'}", extra: [a: 1]''')
        assert bq.calls*.step == ['bqLogBuild', 'bqEnsureTable', 'bqLogBuild']
        assert bq.calls('bqEnsureTable') == [[dataset: 'd', table: 't', mode: 'plan']]
        assert bq.calls('bqLogBuild') == [[:], [status: 'MINE', extra: [a: 1]]]
        assert result == 'SUCCESS'
    }

    @Test
    void parameters_are_checked_by_the_librarys_own_rules() {
        assert fails("bqEnsureTable tabel: 't', mode: 'aply'") == "bqEnsureTable: 'tabel' is no parameter, did you mean 'table'?; " +
            "'mode' is 'aply', it must be one of apply, plan, check; give 'dataset' and 'table', or 'tables'"
        assert result == 'FAILURE'
        assert fails("bqEnsureTable 'd.t'").startsWith('bqEnsureTable: takes named parameters only (project, dataset, ')
        assert fails("bqPod(image: 'No image') { tell 'ran' }").startsWith("bqPod: 'image' is no image reference")
        assert fails("bqPod.yaml(imag: 'x')") == "bqPod: 'imag' is no parameter, did you mean 'image'?"
        assert told == []
    }

    @Test
    void every_step_of_the_library_can_be_called() {
        test.binding.setVariable('params', [A: 'a'])
        run('''bqEnsureTable project: 'p', dataset: 'd', table: 't', mode: 'check', location: 'EU', configDir: 'c', deadline: 1
            bqEnsureTable tables: ['d.t', 'd.u']
            bqLogBuild project: 'p', dataset: 'd', table: 't', location: 'EU', status: 's', event: 'started', method: 'load',
                extra: [a: 1], user: true, parameters: ['A'], onFailure: 'warn', deadline: 1
            bqLogBuild replay: 'r'
            bqDoctor()
            bqBuildReport()
            bqPod(image: 'a:1', serviceAccount: 'b') { bqPod { } }''')
        assert bq.calls*.step as Set == EveryStepTest.STEPS*.name*.minus('.groovy') - 'bqRun' as Set
    }

    @Test
    void a_call_returns_a_right_result_of_its_kind() {
        run('''tell bqEnsureTable(dataset: 'd', table: 't')
            tell bqEnsureTable(tables: ['d.t', 'd.u'])
            tell bqLogBuild(project: 'p')
            tell bqLogBuild(replay: 'r')
            tell bqDoctor()
            tell bqBuildReport()''')
        assert told == [
            [status: 'unchanged', table: 'my-project.d.t', changes: []],
            [status: 'unchanged', tables: [[status: 'unchanged', table: 'my-project.d.t', changes: []],
                                           [status: 'unchanged', table: 'my-project.d.u', changes: []]]],
            [status: 'recorded', table: 'p.jenkins_demo_db.build_logs'],
            [status: 'replayed', recorded: 0, already_recorded: 0, set_aside: 0],
            [status: 'checked', checks: []],
            [status: 'reported', table: 'my-project.jenkins_demo_db.build_logs', index: 'bqsteps-report/index.html', builds: 0],
        ]
    }

    @Test
    void a_test_says_what_a_call_returns() {
        bq.returns('bqEnsureTable', [status: 'updated', changes: [[path: 'a']]])
        run('tell bqEnsureTable(dataset: "d", table: "t").changes[0].path')
        assert told == ['a']
    }

    @Test
    void a_test_says_how_a_call_fails() {
        bq.fails('bqLogBuild', 'quota', 'p.d.t: too many.', 'Try later.')
        assert fails('bqLogBuild(); tell "went on"') == 'bqLogBuild: p.d.t: too many. Try later.'
        assert told == []
        assert result == 'FAILURE'
    }

    @ParameterizedTest
    @ValueSource(strings = ['unstable', 'warn'])
    void on_failure_decides_what_becomes_of_the_build(String onFailure) {
        bq.fails('bqLogBuild', 'quota', 'p.d.t: too many.')
        run("tell bqLogBuild(onFailure: '${onFailure}').error.kind")
        assert told == ['quota']
        assert bq.messages == ['bqLogBuild: p.d.t: too many.']
        assert result == [unstable: 'UNSTABLE', warn: 'SUCCESS'][onFailure]
    }

    @Test
    void a_pod_runs_its_block_and_returns_its_value_and_has_its_yaml() {
        run('''tell bqPod(image: 'a:1') { bqLogBuild(); 'value' }
            tell bqPod.yaml(image: 'b:2').readLines()*.trim().find { it.startsWith('image:') }''')
        assert told == ['value', 'image: "b:2"']
        assert bq.calls*.step == ['bqPod', 'bqLogBuild', 'bqPod']
    }

    @Test
    void with_cps_it_is_the_same() {
        team(new BasePipelineTestCPS() { })
        bq.fails('bqLogBuild', 'quota', 'p.d.t: too many.')
        run('''tell bqPod { bqLogBuild(onFailure: 'warn').status }
            tell bqEnsureTable(dataset: 'd', table: 't').status''')
        assert told == ['failed', 'unchanged']
        assert fails('bqPod { bqEnsureTable() }') == "bqEnsureTable: give 'dataset' and 'table', or 'tables'"
    }

    @Test
    void what_jenkins_knows_is_the_tests_to_say() {
        bq.environment.remove('PROJECT_ID')
        assert fails('bqLogBuild()').startsWith("bqLogBuild: there is no project: give 'project'")
        test.binding.setVariable('env', [PROJECT_ID: 'theirs'])
        run('tell bqLogBuild().table')
        assert told == ['theirs.jenkins_demo_db.build_logs']
        bq.environment.remove('WORKSPACE')
        assert fails('bqLogBuild()').startsWith('bqLogBuild: there is no agent here;')
    }

    @Test
    void mistakes_of_the_test_are_told() {
        assert assertThrows(IllegalArgumentException) { new BqSteps(test, folder) }.message.endsWith(
            'is no checkout of bqsteps: there is no vars/bqRun.groovy in it')
        assert assertThrows(IllegalArgumentException) { bq.returns('bqLog', [:]) }.message.startsWith(
            "bqsteps has no step 'bqLog'; it has bqBuildReport, bqDoctor, bqEnsureTable, bqLogBuild, bqPod")
        assert assertThrows(IllegalArgumentException) { bq.calls('bqLog') }
    }

}
