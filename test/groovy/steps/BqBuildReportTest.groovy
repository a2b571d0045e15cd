package steps

import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.ValueSource

class BqBuildReportTest extends StepTest {

    @BeforeEach
    void leaveAReport() {
        python('''mkdir -p "$BQ_REPORT_DIR"; echo page > "$BQ_REPORT_DIR/index.html"; echo red > "$BQ_REPORT_DIR/style.css"
            echo '{"status": "reported", "index": "x/index.html", "builds": 7}' > "$BQ_RESULT_FILE"''')
    }

    @Test
    void it_reports_the_default_table_into_the_default_folder_and_archives_that() {
        jenkins.agent.environment += [DATASET_ID: 'left', TABLE_ID: 'over', BQ_REPORT_DIR: 'elsewhere']
        succeeds('bqBuildReport()')
        assert environment.subMap(['PROJECT_ID', 'BQ_COMMAND', 'BQ_REPORT_DIR']) ==
            [PROJECT_ID: 'global-project', BQ_COMMAND: 'report', BQ_REPORT_DIR: 'bqsteps-report']
        assert !environment.containsKey('DATASET_ID')
        assert !environment.containsKey('TABLE_ID')
        assert jenkins.artifacts.keySet() == ['bqsteps-report/index.html', 'bqsteps-report/style.css'] as Set
    }

    @Test
    void it_hands_over_everything_that_is_given() {
        succeeds('''bqBuildReport project: 'mine', dataset: 'ci', table: 'builds', location: 'EU', days: 90, dir: 'out/report',
            title: 'Builds of "Shop" & $x', maxBytes: 20000000000, deadline: 30''')
        Map wanted = [PROJECT_ID: 'mine', DATASET_ID: 'ci', TABLE_ID: 'builds', BQ_LOCATION: 'EU', BQ_REPORT_DAYS: '90',
                      BQ_REPORT_DIR: 'out/report', BQ_REPORT_TITLE: 'Builds of "Shop" & $x', BQ_MAX_BYTES_BILLED: '20000000000',
                      BQ_DEADLINE_SECONDS: '30']
        assert environment.subMap(wanted.keySet()) == wanted
        assert jenkins.artifacts.keySet() == ['out/report/index.html', 'out/report/style.css'] as Set
    }

    @Test
    void it_leaves_what_is_not_given_to_the_environment() {
        jenkins.agent.environment += [BQ_REPORT_DAYS: '14', BQ_MAX_BYTES_BILLED: '9', BQ_REPORT_TITLE: 'Theirs']
        succeeds('bqBuildReport(days: null)')
        assert environment.subMap(['BQ_REPORT_DAYS', 'BQ_MAX_BYTES_BILLED', 'BQ_REPORT_TITLE']) ==
            [BQ_REPORT_DAYS: '14', BQ_MAX_BYTES_BILLED: '9', BQ_REPORT_TITLE: 'Theirs']
    }

    @Test
    void it_archives_below_the_current_directory_and_returns_the_result() {
        succeeds('''dir('sub') {
            def result = bqBuildReport()
            echo "got ${result.status} ${result.builds + 1}"
        }''')
        assert 'got reported 8' in jenkins.console.lines
        assert jenkins.artifacts.size() == 2
    }

    @Test
    void the_console_names_the_page_where_jenkins_knows_its_address() {
        succeeds('withEnv(["BUILD_URL=https://ci.example.com/job/a/1/"]) { bqBuildReport() }')
        assert 'bqBuildReport: https://ci.example.com/job/a/1/artifact/bqsteps-report/index.html' in jenkins.console.lines
        jenkins = newJenkins()
        succeeds('withEnv(["BUILD_URL="]) { bqBuildReport() }')
        assert !jenkins.console.lines.any { it.startsWith('bqBuildReport: ') }
    }

    @Test
    void a_failure_ends_the_build_with_its_line_and_nothing_is_archived() {
        python('''echo '{"status": "failed", "error": {"kind": "refused", "message": "too much.", "hint": "Allow more."}}' \\
            > "$BQ_RESULT_FILE"; exit 1''')
        assert fails('bqBuildReport()') == 'bqBuildReport: too much. Allow more.'
        assert calls('archiveArtifacts').empty
    }

    @ParameterizedTest
    @ValueSource(strings = ['/tmp/x', '../x', 'a/../b', 'a/..', '.', './a', 'a/', 'a*', 'a,b', 'a?'])
    void a_folder_that_cannot_be_archived_as_such_is_refused(String folder) {
        assert fails('bqBuildReport dir: params.dir', [dir: folder]) ==
            "bqBuildReport: 'dir' is '${folder}', it must be a folder below this one, such as 'a/b', without , * and ?"
        assert received.empty
    }

    @Test
    void a_folder_with_dots_and_spaces_in_its_name_is_taken() {
        succeeds('bqBuildReport dir: ".my report/v1..2"')
        assert jenkins.artifacts.keySet()*.toString().sort()[0] == '.my report/v1..2/index.html'
    }

    @Test
    void all_problems_come_in_one_message() {
        jenkins.globalProperties.clear()
        assert fails('bqBuildReport dais: 3, days: "30", maxBytes: 0, deadline: -1') == "bqBuildReport: 'dais' is no parameter, " +
            "did you mean 'days'?; 'days' is text '30', it must be a whole number of days above 0; 'maxBytes' is '0', it must be a " +
            "whole number of bytes above 0; 'deadline' is '-1', it must be a whole number of seconds above 0; there is no " +
            "project: give 'project', or set PROJECT_ID in Jenkins' global properties"
    }

}
