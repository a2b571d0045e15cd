package selftest

import org.junit.jupiter.api.Test

/** The step `junit`. */
class TestResultsTest extends SelfTest {

    private static final String PASSED = '<testcase/>'
    private static final String FAILED = '<testcase><failure/></testcase>'
    private static final String ERROR = '<testcase><error/></testcase>'
    private static final String SKIPPED = '<testcase><skipped/></testcase>'

    private void report(String path, String cases) {
        File file = new File(workspace, path)
        file.parentFile.mkdirs()
        file.text = "<testsuites><testsuite>${cases}</testsuite></testsuites>"
    }

    private List<String> counts(String call) {
        lines("node { def found = ${call}; echo \"\${found.totalCount} \${found.failCount} \${found.skipCount} \${found.passCount}\" }")
    }

    @Test
    void it_counts_the_cases_of_the_reports_that_its_patterns_match() {
        report('a.xml', PASSED * 3 + SKIPPED)
        report('b/c.xml', PASSED + SKIPPED)
        report('b/c.txt', 'no report')
        report('d.xml', FAILED)
        assert counts("junit('a.xml, b/*.xml')") == ['Recording test results', '6 0 2 4', 'Finished: SUCCESS']
        setUpJenkins()
        assert counts("dir('b') { junit testResults: '*.xml' }")[1] == '2 0 1 1'
    }

    @Test
    void failures_and_errors_make_the_build_unstable() {
        [FAILED, ERROR].each { String failed ->
            setUpJenkins()
            report('a.xml', PASSED + failed)
            assert counts("junit('*.xml')") == ['Recording test results', '2 1 0 1', 'Finished: UNSTABLE']
        }
    }

    @Test
    void no_report_is_a_failure_unless_that_is_allowed() {
        assert counts("junit testResults: '*.xml', allowEmptyResults: true")[1] == '0 0 0 0'
        assert failureOf("node { junit '*' }").message == 'No test report files were found. Configuration error?'
    }

}
