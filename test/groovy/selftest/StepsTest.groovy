package selftest

import harness.RecordedStep
import harness.UnserializableProgram
import org.junit.jupiter.api.Test

/** Steps, programs and builds: rules that are short enough to be told in a line or two each. */
class StepsTest extends SelfTest {

    @Test
    void what_only_describes_a_value_is_no_step() {
        jenkins.run("node { retry(count: 2, conditions: [agent(), nonresumable()]) { echo 'x' } }")
        assert jenkins.record.flat().tail()*.name == ['node', 'retry', 'echo']
        assert jenkins.calls*.step == ['node', 'retry', 'echo']
    }

    @Test
    void the_record_has_the_steps_as_they_lie_in_each_other_branch_by_branch() {
        jenkins.run("parallel a: { stage('s') { echo 'x' }; echo 'y' }, b: { }")
        assert jenkins.record.inside*.name == ['parallel']
        assert jenkins.record.inside[0].inside*.given == [[name: 'a'], [name: 'b']]
        assert jenkins.record.inside[0].inside*.inside*.name == [['stage', 'echo'], []]
    }

    @Test
    void the_record_has_the_bytes_that_cross_between_controller_and_agent() {
        jenkins.run('''node {
            writeFile file: 'a', text: 'AAEC', encoding: 'Base64'
            sh 'echo 12345'
            withEnv(['MORE=12345678']) { echo sh(script: 'echo 12; echo 345 >&2', returnStdout: true) }
        }''')
        List<RecordedStep> steps = jenkins.record.flat().findAll { it.name in ['writeFile', 'sh'] }
        int variables = (jenkins.build.variables() + [NODE_NAME: 'agent-1', WORKSPACE: workspace.path, WORKSPACE_TMP: workspace.path + '@tmp'])
            .collect { "${it.key}=${it.value}\0".length() }.sum()
        assert steps*.sent == [3, 'echo 12345'.length() + variables, 'echo 12; echo 345 >&2'.length() + variables + 'MORE=12345678\0'.length()]
        assert steps*.received == [0, '+ echo 12345\n12345\n'.length(), '12\n'.length() + '+ echo 12\n+ echo 345\n345\n'.length()]
    }

    @Test
    void a_step_that_has_no_answer_gives_none_and_one_with_a_block_gives_the_blocks() {
        [
            "writeFile(file: 'a', text: '')", 'deleteDir()', "archiveArtifacts(artifacts: '*', allowEmptyArchive: true)", "sh('true')", 'sleep(1)',
            "unstable('u')", "echo('x')",
        ].each { String step ->
            setUpJenkins()
            assert lines("node { echo \"gives \${${step}}\" }").any { it == 'gives null' } : step
        }
        ["withEnv(['A=x'])", "dir('x')", "stage('s')", 'timeout(1)', 'retry(1)', 'script', 'timestamps', 'node', "podTemplate(yaml: '')"].each { String block ->
            setUpJenkins()
            assert lines("node { echo \"gives \${${block} { 'x' }}\" }").any { it == 'gives x' } : block
        }
    }

    @Test
    void steps_take_the_parameters_that_jenkins_knows_and_go_without_effect_here() {
        jenkins.library('lib', folder)
        assert lines('''node {
            sh script: 'true', label: 'l'
            writeFile file: 'a', text: ''
            archiveArtifacts artifacts: 'a', fingerprint: true
            sleep time: 1, unit: 'HOURS'
            library identifier: 'lib@main', changelog: false, retriever: modernSCM([$class: 'GitSCMSource'])
        }''').last() == 'Finished: SUCCESS'
    }

    @Test
    void an_agent_with_windows_has_no_shell() {
        jenkins.agent.unix = false
        assert lines("node { echo \"\${isUnix()}\"; sh 'true' }")[0] == 'false'
        assert jenkins.failure.message.startsWith('Batch scripts can only be run on Windows nodes')
    }

    @Test
    void sh_fails_by_its_exit_code_also_where_its_output_is_asked_for() {
        assert failureOf("node { sh returnStdout: true, script: 'echo x; exit 3' }").message == 'script returned exit code 3'
    }

    @Test
    void sh_has_no_input_and_leaves_nothing() {
        assert lines("node { echo sh(returnStdout: true, script: 'cat; echo end') }")[0] == 'end'
        assert new File(jenkins.agent.root, 'app@tmp').list().toList() == []
    }

    @Test
    void a_workspace_is_free_again_after_its_node() {
        assert lines("node { echo pwd() }; node { echo pwd(); node { echo pwd() } }")*.replaceFirst('.*/', '') ==
            ['app', 'app', 'app@2', 'Finished: SUCCESS']
    }

    @Test
    void parallel_returns_what_its_branches_return() {
        assert lines('def found = parallel(a: { 1 }, b: { "two" }); echo "${found.a} ${found.b}"')[0] == '1 two'
    }

    @Test
    void loops_go_on_after_a_restart_in_the_middle_of_them() {
        assert lines('''for (pair in [a: 1, b: 2]) { echo "${pair.key}${pair.value}" }
            for (key in [c: 1, d: 2].keySet()) { echo key }
            for (value in [x: 'e', y: 'f'].values()) { echo value }
            ['g', 'h'].each { echo it }
            [i: 'j'].each { key, value -> echo key + value }
            for (number in ([1, 2] as Set)) { echo "${number}" }
        ''') == ['a1', 'b2', 'c', 'd', 'e', 'f', 'g', 'h', 'ij', '1', '2', 'Finished: SUCCESS']
        assert failureOf('def some = [1].iterator(); some.next(); some.remove()') instanceof UnsupportedOperationException
    }

    @Test
    void variables_of_the_script_are_written_out_with_the_program() {
        assert lines("kept = []; def also = kept; echo 'restart'; kept << 1; echo \"\${also.size()}\"")[1] == '1'
        assert failureOf("kept = 'a' =~ 'a'; echo 'restart'") instanceof UnserializableProgram
    }

    @Test
    void println_goes_to_the_console() {
        assert lines("println 'a'; node { println 'b' }; print 'c'; printf 'd'") == ['a', 'b', 'c', 'd', 'Finished: SUCCESS']
    }

    @Test
    void steps_come_before_what_groovy_gives_each_object() {
        assert lines("sleep 1; node { sleep 2; [3].each { sleep it } }").last() == 'Finished: SUCCESS'
        assert jenkins.calls.findAll { it.step == 'sleep' }*.given == [[time: 1], [time: 2], [time: 3]]
    }

    @Test
    void the_pipelines_own_script_is_outside_of_the_sandbox() {
        assert lines("echo new File('/a/b').name")[0] == 'b'
    }

    @Test
    void a_library_can_be_loaded_in_the_middle() {
        File vars = new File(folder, 'lib/vars')
        vars.mkdirs()
        new File(vars, 'hello.groovy').text = 'def call() { echo "hello" }'
        jenkins.library('lib', new File(folder, 'lib'))
        PrintStream out = System.out
        List<String> lines = lines("library 'lib@main'; hello()")
        assert lines[0].startsWith('Loading shared library lib with version main') && 'hello' in lines
        assert System.out.is(out)
    }

    @Test
    void a_build_knows_its_causes_by_their_type_and_compares_its_result() {
        jenkins.build.causes = [[_class: 'a.B', n: 1], [_class: 'a.C', n: 2]]
        assert lines('''echo "${currentBuild.getBuildCauses('a.C')*.n} ${currentBuild.getBuildCauses().size()}"
            unstable 'u'
            echo "${currentBuild.resultIsBetterOrEqualTo('SUCCESS')} ${currentBuild.resultIsBetterOrEqualTo('UNSTABLE')}"''') ==
            ['[2] 2', 'WARNING: u', 'false true', 'Finished: UNSTABLE']
        assert failureOf("currentBuild.result = 'FINE'") instanceof IllegalArgumentException
        assert jenkins.build.buildCauses == [
            [_class: 'hudson.model.Cause$UserIdCause', shortDescription: 'Started by user Ada', userId: 'ada', userName: 'Ada'],
        ]
    }

    @Test
    void a_template_that_the_controller_does_not_have_fails() {
        assert failureOf("podTemplate(yaml: '', inheritFrom: 'team') { }").message == "no pod template 'team' on the controller"
    }

}
