package selftest

import harness.UnserializableProgram
import org.junit.jupiter.api.Test

/** What the build goes on after, and what that makes of the build and of its stage. */
class CatchErrorTest extends SelfTest {

    /** The post conditions that run, of the stage and of the pipeline, and the build's result. */
    private List<String> outcome(String steps) {
        setUpJenkins()
        List<String> conditions = ['success', 'unstable', 'failure', 'notBuilt', 'aborted']
        Closure post = { String whose -> conditions.collect { "${it} { echo \"${whose} ${it} \${currentBuild.result}\" }" }.join('; ') }
        lines("""pipeline { agent none
            stages { stage('One') { steps { ${steps} }; post { ${post('stage')} } } }
            post { ${post('build')} }
        }""").findAll { it =~ '^(stage|build|Finished)' }
    }

    @Test
    void the_build_fails_and_the_stage_with_it_unless_other_results_are_named() {
        assert outcome('catchError { error "e" }') == ['stage failure FAILURE', 'build failure FAILURE', 'Finished: FAILURE']
        assert outcome('catchError(buildResult: "unstable") { error "e" }') ==
            ['stage unstable UNSTABLE', 'build unstable UNSTABLE', 'Finished: UNSTABLE']
        ['SUCCESS', null].each { String none ->
            String named = none ? "'${none}'" : 'null'
            assert outcome("catchError(buildResult: ${named}) { error 'e' }") == ['stage success SUCCESS', 'build success SUCCESS', 'Finished: SUCCESS']
        }
    }

    @Test
    void a_stages_result_alone_leaves_the_builds_a_failure() {
        assert outcome('catchError(stageResult: "UNSTABLE") { error "e" }') == ['stage failure FAILURE', 'build failure FAILURE', 'Finished: FAILURE']
    }

    @Test
    void a_message_comes_before_the_failure_and_the_value_of_the_block_is_lost() {
        assert lines('''echo "${catchError(message: 'm') { 1 }}"; echo "${catchError(message: 'm') { error 'e' }}"''') ==
            ['null', 'ERROR: m', 'ERROR: e', 'Setting overall build result to FAILURE', 'null', 'Finished: FAILURE']
    }

    @Test
    void the_stages_result_is_for_the_post_of_the_stage_only() {
        [UNSTABLE: 'unstable', FAILURE: 'failure', NOT_BUILT: 'notBuilt', ABORTED: 'aborted'].each { String result, String condition ->
            assert outcome("catchError(buildResult: 'SUCCESS', stageResult: '${result}') { error 'e' }") ==
                ["stage ${condition} ${result}".toString(), 'build success SUCCESS', 'Finished: SUCCESS']
        }
    }

    @Test
    void the_worse_of_both_results_counts_in_the_stage() {
        assert outcome("catchError(buildResult: 'FAILURE', stageResult: 'UNSTABLE') { error 'e' }") ==
            ['stage failure FAILURE', 'build failure FAILURE', 'Finished: FAILURE']
        assert outcome("catchError(buildResult: 'SUCCESS', stageResult: 'UNSTABLE') { error 'e' }; catchError(buildResult: 'UNSTABLE', stageResult: 'FAILURE') { error 'e' }") ==
            ['stage failure FAILURE', 'build unstable UNSTABLE', 'Finished: UNSTABLE']
    }

    @Test
    void a_failure_of_the_stage_itself_counts_instead() {
        assert outcome("catchError(buildResult: 'SUCCESS', stageResult: 'ABORTED') { error 'e' }; error 'f'") ==
            ['stage failure FAILURE', 'build failure FAILURE', 'Finished: FAILURE']
    }

    @Test
    void one_stages_result_is_none_of_the_next_one_and_one_of_the_stage_around_it() {
        assert lines('''pipeline { agent any; stages { stage('Outer') {
            environment { A = 'x' }
            stages {
                stage('One') { steps { catchError(buildResult: 'SUCCESS', stageResult: 'FAILURE') { error 'e' } }; post { failure { echo 'one' } } }
                stage('Two') { steps { echo 'fine' }; post { success { echo 'two' } } }
            }
            post { failure { echo 'outer' } }
        } } }''') == ['ERROR: e', 'one', 'fine', 'two', 'outer', 'Finished: SUCCESS']
    }

    @Test
    void warnError_unstable_and_junit_make_the_stage_unstable() {
        assert outcome('warnError("w") { error "e" }') == ['stage unstable UNSTABLE', 'build unstable UNSTABLE', 'Finished: UNSTABLE']
        assert outcome('script { warnError("w") { error "e" }; currentBuild.@result = null }') ==
            ['stage unstable UNSTABLE', 'build success SUCCESS', 'Finished: SUCCESS']
        assert outcome('script { unstable "u"; currentBuild.@result = null }') == ['stage unstable UNSTABLE', 'build success SUCCESS', 'Finished: SUCCESS']
        assert outcome('''node('') { script {
            writeFile file: 'r.xml', text: '<testsuite><testcase><failure/></testcase></testsuite>'
            junit 'r.xml'
            currentBuild.@result = null
        } }''') == ['stage unstable UNSTABLE', 'build success SUCCESS', 'Finished: SUCCESS']
    }

    @Test
    void an_abort_that_is_caught_aborts_build_and_stage_whatever_is_named() {
        Closure aborting = { String step, String then = '' ->
            setUpJenkins()
            jenkins.abortAt { String name, Map given -> name == 'isUnix' }
            lines("""pipeline { agent any
                stages { stage('One') { steps { script { ${step} { isUnix() }; ${then} } }; post { aborted { echo "stage \${currentBuild.result}" } } } }
            }""")
        }
        ["catchError(buildResult: 'SUCCESS', stageResult: 'UNSTABLE')", "warnError('w')"].each { String step ->
            assert aborting(step).containsAll(['aborted in isUnix', 'stage ABORTED', 'Finished: ABORTED']) : jenkins.console
            assert 'stage ABORTED' in aborting(step, 'currentBuild.@result = null') : jenkins.console
        }
        assert aborting("warnError(message: 'w', catchInterruptions: false)") == ['stage ABORTED', 'aborted in isUnix', 'Finished: ABORTED']
    }

    @Test
    void a_timeout_is_no_wish_to_end_the_build_but_leaves_it_aborted() {
        assert lines('''node { catchError(catchInterruptions: false, buildResult: 'SUCCESS') {
            timeout(time: 50, unit: 'MILLISECONDS') { sh 'exec sleep 600' }
        } }
        echo 'went on' ''')[-4..-1] == ['Timeout has been exceeded', 'Setting overall build result to ABORTED', 'went on', 'Finished: ABORTED']
    }

    @Test
    void a_result_that_is_none_is_refused_and_so_is_a_warning_without_words() {
        assert failureOf("catchError(stageResult: 'BAD') { }").message ==
            'stageResult is invalid: BAD. Valid options are SUCCESS, UNSTABLE, FAILURE, NOT_BUILT, ABORTED.'
        assert failureOf("catchError(buildResult: 'BAD') { }").message.startsWith('buildResult is invalid: BAD.')
        assert failureOf("warnError('') { }").message == 'A non-empty message is required'
        assert failureOf("warnError(message: 'w', buildResult: 'SUCCESS') { }").message.contains('buildResult')
    }

    @Test
    void what_cannot_be_written_out_is_not_caught_and_not_tried_again() {
        ['catchError { BODY }', 'warnError("w") { BODY }', 'retry(2) { BODY }', 'try { BODY } catch (e) { }',
            'try { timestamps { BODY } } catch (Throwable e) { }'].each { String around ->
            String body = 'def m = ("a" =~ "a"); echo "held"; echo "${m}"'
            assert failureOf(around.replace('BODY', body)) instanceof UnserializableProgram : around
            assert !jenkins.console.lines.any { it in ['held', 'Retrying'] }
        }
    }

}
