package steps

import org.junit.jupiter.api.Test

class BqDoctorTest extends StepTest {

    private static final String FAILED =
        '{"status": "failed", "checks": [{"name": "network", "status": "failed"}], "error": {"message": "no.", "hint": "See."}}'

    @Test
    void it_asks_about_the_build_log_unless_another_table_is_named() {
        jenkins.agent.environment += [DATASET_ID: 'left', TABLE_ID: 'over']
        succeeds('bqDoctor()')
        assert environment.subMap(['PROJECT_ID', 'BQ_COMMAND']) == [PROJECT_ID: 'global-project', BQ_COMMAND: 'doctor']
        assert !environment.containsKey('DATASET_ID')
        assert !environment.containsKey('TABLE_ID')
    }

    @Test
    void it_hands_over_what_is_given() {
        succeeds("bqDoctor project: 'mine', dataset: 'shop', table: 'orders', location: 'EU', deadline: 30")
        assert environment.subMap(['PROJECT_ID', 'DATASET_ID', 'TABLE_ID', 'BQ_LOCATION', 'BQ_DEADLINE_SECONDS']) ==
            [PROJECT_ID: 'mine', DATASET_ID: 'shop', TABLE_ID: 'orders', BQ_LOCATION: 'EU', BQ_DEADLINE_SECONDS: '30']
    }

    @Test
    void a_missing_project_is_for_the_command_to_tell() {
        jenkins.globalProperties.clear()
        succeeds('bqDoctor()')
        assert !environment.containsKey('PROJECT_ID')
    }

    @Test
    void what_fails_is_told_and_returned_and_does_not_change_the_builds_result() {
        python("echo '${FAILED}' > \"\$BQ_RESULT_FILE\"; exit 1")
        succeeds('def health = bqDoctor(); echo "${health.error.message} ${health.checks[0].name}"')
        assert 'bqDoctor: no. See.' in jenkins.console.lines
        assert 'no. network' in jenkins.console.lines
    }

    @Test
    void an_agent_that_cannot_run_it_is_told_and_returned() {
        jenkins.agent.unix = false
        succeeds('def health = bqDoctor(); echo health.status')
        assert 'bqDoctor: this agent has no POSIX shell (Windows); call it on Linux, such as in bqPod { … }.' in jenkins.console.lines
        assert 'failed' in jenkins.console.lines
    }

    @Test
    void a_wrong_parameter_is_refused() {
        assert fails("bqDoctor tabel: 'x', deadline: 0") == "bqDoctor: 'tabel' is no parameter, did you mean 'table'?; " +
            "'deadline' is '0', it must be a whole number of seconds above 0"
        jenkins = newJenkins()
        assert fails('bqDoctor 5') == 'bqDoctor: takes named parameters only (project, dataset, table, location, deadline)'
        assert received.empty
    }

}
