package steps

import org.junit.jupiter.api.Test

/** The Jenkinsfile that a team copies, run as Jenkins runs it. */
class JenkinsfileExampleTest extends StepTest {

    private void runExample() {
        jenkins.run(new File(PROJECT, 'Jenkinsfile.example').getText('UTF-8'))
    }

    @Test
    void it_ensures_the_table_works_and_logs_the_build() {
        runExample()
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert received*.environment.findAll { it.BQ_COMMAND }*.subMap(['BQ_COMMAND', 'DATASET_ID', 'TABLE_ID', 'BUILD_STATUS']) == [
            [BQ_COMMAND: 'ensure-table', DATASET_ID: 'jenkins_demo_db', TABLE_ID: 'users_table'],
            [BQ_COMMAND: 'log-build', BUILD_STATUS: 'SUCCESS'],
        ]
    }

    @Test
    void its_console_reads_as_jenkins_has_it() {
        runExample()
        List<String> lines = jenkins.console.lines
        assert lines.indexOf('[Pipeline] { (Ensure table)') < lines.indexOf('[Pipeline] { (Work)')
        assert lines.indexOf('+ python3 --version') < lines.indexOf('[Pipeline] { (Declarative: Post Actions)')
        assert lines.last() == 'Finished: SUCCESS'
    }

    @Test
    void a_build_that_fails_is_logged_as_failed_and_the_later_stages_are_skipped() {
        python('''case "$BQ_COMMAND" in
            ensure-table) echo '{"error": {"message": "p.d.t: refused.", "hint": "Look."}}' > "$BQ_RESULT_FILE"; exit 1;;
            *) echo '{"status": "recorded"}' > "$BQ_RESULT_FILE";;
            esac''')
        runExample()
        assert jenkins.build.result == 'FAILURE'
        assert received*.environment*.BUILD_STATUS == [null, 'FAILURE']
        assert received[1].build.result == 'FAILURE' && received[1].build.result_is_final
        assert 'Stage "Work" skipped due to earlier failure(s)' in jenkins.console.lines
        assert 'ERROR: bqEnsureTable: p.d.t: refused. Look.' in jenkins.console.lines
    }

    @Test
    void an_aborted_build_is_logged_as_aborted() {
        python('''case "$BQ_COMMAND" in
            ensure-table) echo waiting; exec sleep 600;;
            *) echo '{"status": "recorded"}' > "$BQ_RESULT_FILE";;
            esac''')
        jenkins.console.watch { String line -> line == 'waiting' && jenkins.abort() }
        runExample()
        assert jenkins.build.result == 'ABORTED'
        assert received*.environment*.BUILD_STATUS == [null, 'ABORTED']
    }

    @Test
    void it_runs_as_a_trusted_library_as_well() {
        jenkins.sandbox = false
        runExample()
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert received.count { it.environment.BQ_COMMAND } == 2
    }

}
