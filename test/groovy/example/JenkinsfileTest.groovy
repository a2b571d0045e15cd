package example

import bqsteps.testing.BqSteps
import com.lesfurets.jenkins.unit.BasePipelineTest
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test

import static org.junit.jupiter.api.Assertions.assertThrows

class JenkinsfileTest extends BasePipelineTest {

    BqSteps bq

    @Override
    @BeforeEach
    void setUp() {
        super.setUp()
        // JenkinsPipelineUnit 1.1 knows no declarative pipeline, so its blocks are steps that run what they hold.
        ['pipeline', 'agent', 'kubernetes', 'stages', 'steps', 'post', 'always'].each { String block ->
            helper.registerAllowedMethod(block, [Closure]) { Closure body -> helper.callClosure(body) }
        }
        ['yaml', 'defaultContainer'].each { String setting -> helper.registerAllowedMethod(setting, [String]) { } }
        bq = new BqSteps(this, new File('.')) // where the checkout of bqsteps is
        bq.register()
    }

    @Test
    void it_ensures_the_table_and_logs_the_build() {
        runScript('Jenkinsfile.example')
        assert bq.calls*.step == ['bqPod', 'bqEnsureTable', 'bqLogBuild']
        assert bq.calls('bqEnsureTable') == [[dataset: 'jenkins_demo_db', table: 'users_table']]
        assertJobStatusSuccess()
    }

    @Test
    void a_table_that_cannot_be_mended_fails_the_build() {
        bq.fails('bqEnsureTable', 'refused', 'p.d.t differs in schema.id[type], which cannot be changed in place.', 'Add a column.')
        Exception failure = assertThrows(Exception) { runScript('Jenkinsfile.example') }
        assert failure.message ==
            'bqEnsureTable: p.d.t differs in schema.id[type], which cannot be changed in place. Add a column.'
        assertJobStatusFailure()
    }

}
