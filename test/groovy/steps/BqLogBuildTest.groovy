package steps

import hudson.tasks.junit.TestResultSummary
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

class BqLogBuildTest extends StepTest {

    private static final String FAILS = '''echo '{"status": "failed", "error": {"kind": "quota", "message": "p.d.t: too many", "hint": "Try later."}}' \\
        > "$BQ_RESULT_FILE"; exit 1'''

    @Test
    void it_hands_over_what_jenkins_knows_about_the_build() {
        jenkins.agent.environment += [BRANCH_NAME: 'PR-7', GIT_BRANCH: 'origin/x', GIT_COMMIT: 'c0ffee', CHANGE_ID: '7',
                                      CHANGE_TARGET: 'main', TAG_NAME: 'v1', GIT_URL: 'https://git.example.com/x.git']
        jenkins.build.with {
            number = 42
            timeInMillis = 1000
            startTimeInMillis = 2500
        }
        succeeds('bqLogBuild()')
        assert received[0].build == [
            job_name: 'team/app', build_number: 42, build_url: 'https://jenkins.example.com/job/team/job/app/42/',
            build_tag: 'jenkins-team-app-42', controller_url: 'https://jenkins.example.com/', result: 'SUCCESS',
            result_is_final: false, scheduled_at: 1000, started_at: 2500, causes: ['UserIdCause'], is_replay: false,
            node_name: 'agent-1', branch: 'PR-7', commit_id: 'c0ffee', change_id: '7', change_target: 'main', tag: 'v1',
            scm_url: 'https://git.example.com/x.git',
        ]
        assert environment.BUILD_STATUS == 'SUCCESS'
        assert environment.BUILD_NUMBER == '42'
        assert environment.BQ_COMMAND == 'log-build'
    }

    @Test
    void it_leaves_out_what_jenkins_does_not_know() {
        jenkins.build.rootUrl = null
        jenkins.build.causes = []
        succeeds('bqLogBuild()')
        assert received[0].build.keySet() == ['job_name', 'build_number', 'build_tag', 'result', 'result_is_final', 'scheduled_at',
                                              'started_at', 'causes', 'is_replay', 'node_name'] as Set
    }

    @Test
    void it_names_causes_upstream_and_replay() {
        jenkins.build.causes = [
            [_class: 'hudson.model.Cause$UpstreamCause', upstreamProject: 'team/lib', upstreamBuild: 5],
            [_class: 'org.jenkinsci.plugins.workflow.cps.replay.ReplayCause'],
        ]
        succeeds('bqLogBuild()')
        assert received[0].build.subMap(['causes', 'upstream_job', 'upstream_build', 'is_replay']) ==
            [causes: ['UpstreamCause', 'ReplayCause'], upstream_job: 'team/lib', upstream_build: 5, is_replay: true]
    }

    @Test
    void a_cause_without_a_class_is_none() {
        jenkins.build.causes = [[shortDescription: 'Started by a robot'], [_class: 'hudson.triggers.TimerTrigger$TimerTriggerCause']]
        succeeds('bqLogBuild()')
        assert received[0].build.causes == ['TimerTriggerCause']
    }

    @Test
    void it_names_the_user_only_if_asked() {
        succeeds('bqLogBuild user: false; bqLogBuild user: true')
        assert received*.build*.user_name == [null, 'Ada']
    }

    @Test
    void the_branch_is_gits_where_jenkins_has_none() {
        jenkins.agent.environment += [GIT_BRANCH: 'origin/main']
        succeeds('bqLogBuild()')
        assert received[0].build.branch == 'origin/main'
    }

    @Test
    void it_records_only_the_parameters_that_are_named() {
        succeeds("bqLogBuild parameters: ['TEXT', 'FLAG', 'ABSENT']; bqLogBuild()",
            [TEXT: 'Grüße 🎉', FLAG: true, PASSWORD: 'hunter2'])
        assert received[0].build.parameters == [TEXT: 'Grüße 🎉', FLAG: true]
        assert !received[1].build.containsKey('parameters')
    }

    @Test
    void a_name_that_is_no_parameter_is_told_in_one_line_and_the_build_is_logged() {
        succeeds("bqLogBuild parameters: ['TARGTE', 'TEXT', 'NONE']; bqLogBuild parameters: ['TEXT']", [TEXT: 'x'])
        assert jenkins.console.lines.findAll { it.startsWith('bqLogBuild') } ==
            ["bqLogBuild: this build has no parameter 'TARGTE', 'NONE', so none is put on record"]
        assert received*.build*.parameters == [[TEXT: 'x']] * 2
    }

    @Test
    void a_secret_parameter_is_refused_and_not_shown() {
        String message = fails("bqLogBuild parameters: ['PASSWORD']", [PASSWORD: new Secret()])
        assert message == "bqLogBuild: the build's parameter 'PASSWORD' is a Secret, which is not put on record"
        assert !jenkins.console.toString().contains('hunter2')
    }

    @Test
    void what_is_wrong_with_a_row_comes_all_at_once() {
        String message = fails("bqLogBuild parameters: ['PASSWORD'], tests: [x: 1], extra: [a: params]", [PASSWORD: new Secret()])
        assert message == "bqLogBuild: the build's parameter 'PASSWORD' is a Secret, which is not put on record; 'tests' holds 'x', " +
            "it takes whole numbers as totalCount, failCount and skipCount; 'extra' holds a Secret, which is not put on record"
    }

    @Test
    void nasty_parameters_arrive_byte_for_byte() {
        Map values = [NASTY, NASTY].transpose().collectEntries { name, value -> ["P${NASTY.indexOf(name)}".toString(), value] }
        values.LONG = 'x' * 200 * 1024
        values.NUL = 'a\0b'
        succeeds('bqLogBuild parameters: params.names', values + [names: values.keySet().toList()])
        assert received[0].build.parameters == values
    }

    @Test
    void nasty_extra_arrives_byte_for_byte_as_keys_and_values() {
        Map extra = NASTY.collectEntries { [it, [it]] } + [long: 'x' * 200 * 1024, nul: 'a\0b', empty: '', none: null]
        succeeds('bqLogBuild extra: params.extra', [extra: extra])
        assert received[0].build.extra == extra
    }

    @Test
    void extra_keeps_what_json_has_and_turns_the_rest_into_text() {
        succeeds('''bqLogBuild extra: [int: 1, long: 12345678901, decimal: 1.50, float: 2.5f, yes: true, nothing: null, nan: params.nan,
            date: params.date, text: "${'g'}", 3: [[:], []]]''', [nan: Double.NaN, date: new Date(0)])
        assert received[0].build.extra == [int: 1, long: 12345678901, decimal: 1.50, float: 2.5, yes: true, nothing: null, nan: 'NaN',
                                           date: String.valueOf(new Date(0)), text: 'g', '3': [[:], []]]
    }

    @Test
    void an_extra_has_at_most_twenty_levels() {
        String nested = 'def extra = 1; for (int level = 0; level < LEVELS; level++) { extra = [a: extra] }; bqLogBuild extra: extra'
        succeeds(nested.replace('LEVELS', '20'))
        assert received[0].build.extra == (1..20).inject(1) { inner, level -> [a: inner] }
        assert fails(nested.replace('LEVELS', '21')) == "bqLogBuild: 'extra' is nested deeper than 20 levels"
    }

    @Test
    void an_extra_that_holds_itself_is_refused() {
        assert fails('def extra = [:]; extra.self = [extra]; bqLogBuild extra: extra') ==
            "bqLogBuild: 'extra' is nested deeper than 20 levels"
    }

    @Test
    void the_row_of_a_running_build_has_its_status_so_far_unless_one_is_given() {
        run('unstable "hm"; bqLogBuild(); bqLogBuild status: "MINE"; bqLogBuild status: null; bqLogBuild status: ""')
        assert received*.environment*.BUILD_STATUS == ['UNSTABLE', 'MINE', 'UNSTABLE', 'UNSTABLE']
        assert received*.build*.result == ['UNSTABLE'] * 4
        assert received*.build*.result_is_final == [true] * 4
    }

    @Test
    void a_build_that_starts_has_no_outcome_yet() {
        succeeds("bqLogBuild event: 'started'; bqLogBuild event: 'started', status: 'MINE'")
        assert received*.environment*.BUILD_STATUS == ['RUNNING', 'MINE']
        assert received.every { !it.build.containsKey('result') && !it.build.result_is_final }
    }

    @Test
    void the_failed_stage_is_recorded_where_the_pipeline_says_it() {
        pipeline('''pipeline {
            agent any
            stages {
                stage('Build') { steps { echo 'fine' } }
                stage('Deploy') {
                    steps { error 'broken' }
                    post { failure { script { env.FAILED_STAGE = env.STAGE_NAME } } }
                }
            }
            post { always { bqLogBuild failedStage: env.FAILED_STAGE } }
        }''')
        assert received[0].build.subMap(['failed_stage', 'result']) == [failed_stage: 'Deploy', result: 'FAILURE']
    }

    @Test
    void a_build_in_which_no_stage_failed_has_no_failed_stage() {
        succeeds('bqLogBuild failedStage: env.FAILED_STAGE')
        assert !received[0].build.containsKey('failed_stage')
    }

    @Test
    void tests_are_counted_by_what_junit_returned_or_by_a_map() {
        jenkins.steps.define('junit', ['testResults']) { Map given, frame ->
            jenkins.build.setResult('UNSTABLE')
            new TestResultSummary(totalCount: 9, failCount: 2, skipCount: 1, passCount: 6)
        }
        run("bqLogBuild tests: [totalCount: 4, failCount: 0]; bqLogBuild tests: junit('*.xml'); bqLogBuild()")
        List<String> counts = ['tests_total', 'tests_failed', 'tests_skipped']
        assert received*.build*.subMap(counts) ==
            [[tests_total: 4, tests_failed: 0], [tests_total: 9, tests_failed: 2, tests_skipped: 1], [:]]
        assert received*.environment*.BUILD_STATUS == ['SUCCESS', 'UNSTABLE', 'UNSTABLE']
    }

    @Test
    void counts_that_are_none_are_refused() {
        String words = 'it takes whole numbers as totalCount, failCount and skipCount'
        assert refusals('bqLogBuild', [[tests: 5], [tests: [total: 5]], [tests: [failCount: '5']], [tests: [skipCount: -1]]]) == [
            "bqLogBuild: 'tests' must be what junit returned, or a map, not Integer", "bqLogBuild: 'tests' holds 'total', ${words}".toString(),
            "bqLogBuild: 'tests' holds 'failCount', ${words}".toString(), "bqLogBuild: 'tests' holds 'skipCount', ${words}".toString(),
        ]
    }

    @Test
    void a_table_of_the_environment_does_not_leak_in() {
        jenkins.agent.environment += [DATASET_ID: 'left', TABLE_ID: 'over']
        succeeds("bqLogBuild(); bqLogBuild dataset: 'd', table: 't'")
        assert received*.environment*.DATASET_ID == [null, 'd']
        assert received*.environment*.TABLE_ID == [null, 't']
    }

    @Test
    void it_hands_over_everything_else_that_is_given() {
        succeeds("bqLogBuild project: 'mine', location: 'EU', event: 'started', method: 'load', deadline: 9")
        assert environment.subMap(['PROJECT_ID', 'BQ_LOCATION', 'BQ_EVENT', 'BQ_WRITE_METHOD', 'BQ_DEADLINE_SECONDS']) ==
            [PROJECT_ID: 'mine', BQ_LOCATION: 'EU', BQ_EVENT: 'started', BQ_WRITE_METHOD: 'load', BQ_DEADLINE_SECONDS: '9']
    }

    @Test
    void a_text_that_no_environment_can_carry_is_refused_whole() {
        List<String> names = ['project', 'dataset', 'table', 'location', 'status', 'replay']
        assert refusals('bqLogBuild', names.collect { [(it): 'nul\0here'] }) ==
            names.collect { "bqLogBuild: '${it}' holds a NUL character, which no environment variable can carry".toString() }
        jenkins = newJenkins()
        assert refusals('bqLogBuild', names.collect { [(it): 'x' * 200 * 1024] }) ==
            names.collect { "bqLogBuild: '${it}' is 204800 bytes long, an environment variable carries 131008".toString() }
        assert received.empty
    }

    @Test
    void half_a_surrogate_pair_which_python_would_receive_as_a_question_mark_is_refused() {
        String words = 'holds half of a surrogate pair, which is no character'
        assert refusals('bqLogBuild', [[status: 'a\ud83d'], [status: '\udf89a'], [status: '🎉'], [parameters: ['\ud83d']]]) ==
            ["bqLogBuild: 'status' ${words}".toString(), "bqLogBuild: 'status' ${words}".toString(), null, "bqLogBuild: 'parameters' ${words}".toString()]
    }

    @Test
    void all_problems_come_in_one_message_whatever_onFailure_says() {
        jenkins.globalProperties.clear()
        assert fails('''bqLogBuild statsu: 'x', event: 'ended', method: 'stream', extra: 'x', user: 'yes', parameters: 'A', onFailure: 'ignore',
            deadline: -1, status: 3''') ==
            "bqLogBuild: 'statsu' is no parameter, did you mean 'status'?; 'event' is 'ended', it must be one of started, finished; " +
            "'method' is 'stream', it must be one of insert, load; 'extra' must be a map, not String; 'user' must be true or false, " +
            "not String; 'parameters' must be a list of texts, not String; 'onFailure' is 'ignore', it must be one of fail, unstable, " +
            "warn; 'deadline' is '-1', it must be a whole number of seconds above 0; 'status' must be text, not Integer; there is no " +
            "project: give 'project', or set PROJECT_ID in Jenkins' global properties"
        assert received.empty
    }

    @Test
    void a_failure_ends_the_build_with_pythons_own_line() {
        python(FAILS)
        assert fails('bqLogBuild(); echo "went on"') == 'bqLogBuild: p.d.t: too many Try later.'
        assert !('went on' in jenkins.console.lines)
    }

    @Test
    void a_row_that_is_not_confirmed_becomes_an_artifact_before_the_build_fails() {
        python('''mkdir -p .bqsteps/unsent && echo row > .bqsteps/unsent/k.ndjson
            echo '{"status": "spooled", "spool": ".bqsteps/unsent/k.ndjson", "error": {"kind": "unavailable", "message": "no", "hint": ""}}' > "$BQ_RESULT_FILE"
            exit 1''')
        run('bqLogBuild()')
        assert jenkins.build.result == 'FAILURE'
        assert jenkins.artifacts.keySet() == ['.bqsteps/unsent/k.ndjson'] as Set
        assert "bqLogBuild: what is not confirmed is kept as this build's artifact .bqsteps/unsent/k.ndjson" in jenkins.console.lines
    }

    @Test
    void an_abort_in_the_middle_keeps_the_row_and_goes_its_way() {
        python('mkdir -p .bqsteps/unsent && echo row > .bqsteps/unsent/k.ndjson; echo waiting >&2; exec sleep 600')
        jenkins.console.watch { String line -> line == 'waiting' && jenkins.abort() }
        run("bqLogBuild onFailure: 'warn'; echo 'went on'")
        assert jenkins.build.result == 'ABORTED' : jenkins.console
        assert !('went on' in jenkins.console.lines)
        assert jenkins.artifacts.keySet() == ['.bqsteps/unsent/k.ndjson'] as Set
    }

    @Test
    void after_an_abort_post_logs_the_build_as_aborted() {
        jenkins.abortAt { String step, Map given -> step == 'sleep' }
        pipeline('''pipeline {
            agent any
            stages { stage('Long') { steps { sleep time: 600 } } }
            post { always { bqLogBuild() } }
        }''')
        assert jenkins.build.result == 'ABORTED'
        assert received*.environment*.BUILD_STATUS == ['ABORTED']
        assert received[0].build.subMap(['result', 'result_is_final']) == [result: 'ABORTED', result_is_final: true]
    }

    @Test
    void a_python_that_dies_without_a_word_leaves_its_row_as_an_artifact() {
        python('mkdir -p other && echo row > other/k.ndjson; kill -9 $$')
        jenkins.agent.environment += [BQ_SPOOL_DIR: 'other']
        assert fails('bqLogBuild()').startsWith('bqLogBuild: python3 left no result, its exit code was 137')
        assert jenkins.artifacts.keySet() == ['other/k.ndjson'] as Set
    }

    @ParameterizedTest
    @ValueSource(strings = ['a,b', 'a, b', ' a', 'a*b?', 'a[b]{c}'])
    void a_spool_folder_may_have_any_name(String folder) {
        python("""mkdir -p '${folder}' && echo row > '${folder}/k.ndjson'
            echo '{"status": "spooled", "spool": "${folder}/k.ndjson", "error": {"kind": "unavailable", "message": "no", "hint": ""}}' > "\$BQ_RESULT_FILE"
            exit 1""")
        run('bqLogBuild()')
        assert jenkins.artifacts.keySet() == ["${folder}/k.ndjson".toString()] as Set
    }

    @ParameterizedTest
    @ValueSource(strings = ['a,b', 'a b'])
    void a_spool_folder_of_any_name_is_archived_where_python_dies(String folder) {
        python("mkdir -p '${folder}' && echo row > '${folder}/k.ndjson'; kill -9 \$\$")
        jenkins.agent.environment += [BQ_SPOOL_DIR: folder]
        run('bqLogBuild()')
        assert jenkins.artifacts.keySet() == ["${folder}/k.ndjson".toString()] as Set
    }

    @ParameterizedTest
    @ValueSource(strings = ['node { CALL }', 'node { dir("sub") { CALL } }'])
    void an_absolute_spool_folder_inside_of_the_workspace_is_archived_from_there(String around) {
        File spool = new File(folder, 'work spaces/app/spool, all')
        jenkins.agent.environment += [BQ_SPOOL_DIR: spool.path]
        python("mkdir -p '${spool}' && echo row > '${spool}/k.ndjson'; echo waiting >&2; exec sleep 600")
        jenkins.console.watch { String line -> line == 'waiting' && jenkins.abort() }
        pipeline(around.replace('CALL', 'bqLogBuild()'))
        assert jenkins.build.result == 'ABORTED'
        assert jenkins.artifacts.keySet() == ['spool, all/k.ndjson'] as Set
        python("""echo '{"status": "spooled", "spool": "${spool}/k.ndjson", "error": {"message": "no"}}' > "\$BQ_RESULT_FILE"; exit 1""")
        jenkins = newJenkins()
        pipeline(around.replace('CALL', 'bqLogBuild()'))
        assert jenkins.failure.message == 'bqLogBuild: no'
        assert "bqLogBuild: what is not confirmed is kept as this build's artifact spool, all/k.ndjson" in jenkins.console.lines
        assert jenkins.artifacts.keySet() == ['spool, all/k.ndjson'] as Set
    }

    @Test
    void a_row_that_no_pattern_finds_is_not_called_kept() {
        python("""echo row > ../k.ndjson
            echo '{"status": "spooled", "spool": "../k.ndjson", "error": {"kind": "unavailable", "message": "no", "hint": ""}}' > "\$BQ_RESULT_FILE"
            exit 1""")
        run('bqLogBuild()')
        assert jenkins.artifacts.isEmpty()
        assert 'ERROR: bqLogBuild: ../k.ndjson could not be archived with the build, and is lost with this workspace' in jenkins.console.lines
    }

    @ParameterizedTest
    @ValueSource(strings = ['/elsewhere', '../elsewhere', 'a/../../elsewhere', '..', ''])
    void what_cannot_be_archived_is_not_tried(String spool) {
        python('exit 3')
        jenkins.agent.environment += [BQ_SPOOL_DIR: spool ?: '.bqsteps/unsent']
        fails(spool ? 'bqLogBuild()' : "bqLogBuild replay: 'x'")
        assert calls('archiveArtifacts') == []
    }

    @ParameterizedTest
    @ValueSource(strings = ['fail', 'unstable', 'warn'])
    void an_archive_that_fails_hides_nothing_and_decides_nothing(String onFailure) {
        python("""touch k.ndjson; echo '{"status": "spooled", "spool": "k.ndjson", "error": {"kind": "unavailable", "message": "no", "hint": ""}}' > "\$BQ_RESULT_FILE"
            exit 1""")
        jenkins.steps.define('archiveArtifacts', null) { Map given, frame -> throw new IOException('disk full') }
        run("bqLogBuild onFailure: '${onFailure}'")
        assert jenkins.build.result == [fail: 'FAILURE', unstable: 'UNSTABLE', warn: 'SUCCESS'][onFailure]
        assert 'ERROR: bqLogBuild: k.ndjson could not be archived with the build, and is lost with this workspace' in jenkins.console.lines
        assert jenkins.console.toString().contains('bqLogBuild: no')
    }

    @Test
    void an_abort_while_the_row_is_archived_is_not_swallowed_either() {
        python("""touch k.ndjson; echo '{"status": "spooled", "spool": "k.ndjson", "error": {"kind": "unavailable", "message": "no", "hint": ""}}' > "\$BQ_RESULT_FILE"
            exit 1""")
        jenkins.abortAt { String step, Map given -> step == 'archiveArtifacts' }
        run("bqLogBuild onFailure: 'warn'; echo 'went on'")
        assert jenkins.build.result == 'ABORTED'
        assert !('went on' in jenkins.console.lines)
    }

    @Test
    void a_secret_in_extra_is_refused_by_its_type_and_never_shown() {
        run('bqLogBuild extra: [parameters: params]', [PASSWORD: new Secret()])
        assert jenkins.failure.message == "bqLogBuild: 'extra' holds a Secret, which is not put on record"
        assert !jenkins.console.toString().contains('hunter2')
        assert received == []
    }

    @Test
    void with_onFailure_unstable_the_build_goes_on_and_is_unstable() {
        python(FAILS)
        run('def result = bqLogBuild onFailure: "unstable"; echo "went on: ${result.error.kind}"')
        assert jenkins.build.result == 'UNSTABLE'
        assert 'WARNING: bqLogBuild: p.d.t: too many Try later.' in jenkins.console.lines
        assert 'went on: quota' in jenkins.console.lines
    }

    @Test
    void with_onFailure_warn_the_build_goes_on_and_is_a_success() {
        python(FAILS)
        succeeds('def result = bqLogBuild onFailure: "warn"; echo "went on: ${result.error.kind}"')
        assert 'bqLogBuild: p.d.t: too many Try later.' in jenkins.console.lines
        assert 'went on: quota' in jenkins.console.lines
    }

    @ParameterizedTest
    @ValueSource(strings = ['fail', 'unstable', 'warn'])
    void onFailure_holds_where_there_is_no_agent_as_well(String onFailure) {
        pipeline("bqLogBuild onFailure: '${onFailure}'")
        assert jenkins.build.result == [fail: 'FAILURE', unstable: 'UNSTABLE', warn: 'SUCCESS'][onFailure]
        assert jenkins.console.toString().contains('bqLogBuild: there is no agent here; call it in node')
    }

    @ParameterizedTest
    @ValueSource(strings = ['fail', 'unstable', 'warn'])
    void an_abort_is_never_swallowed(String onFailure) {
        python('echo waiting >&2; exec sleep 600')
        jenkins.console.watch { String line -> line == 'waiting' && jenkins.abort() }
        run("bqLogBuild onFailure: '${onFailure}'; echo 'went on'")
        assert jenkins.build.result == 'ABORTED' : jenkins.console
        assert !('went on' in jenkins.console.lines)
        assert !jenkins.console.toString().contains('bqLogBuild:')
    }

    @Test
    void a_replay_sends_what_was_kept() {
        succeeds("bqLogBuild replay: '.bqsteps/unsent', project: 'mine', location: 'EU', deadline: 9, onFailure: 'warn'")
        assert environment.BQ_COMMAND == 'replay'
        assert environment.BQ_SPOOL_DIR == '.bqsteps/unsent'
        assert received[0].build == null
    }

    @Test
    void a_replay_says_nothing_about_the_rows() {
        assert fails("bqLogBuild replay: 'x', status: 'S', dataset: 'd', extra: [a: 1]") ==
            "bqLogBuild: 'replay' sends rows as they were kept, it does not go with 'status', 'dataset', 'extra'"
    }

    /** Stands for hudson.util.Secret, whose text is the secret itself. */
    static class Secret implements Serializable {

        @Override
        String toString() {
            'hunter2'
        }

    }

}
