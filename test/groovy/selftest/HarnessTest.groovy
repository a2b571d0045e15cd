package selftest

import org.jenkinsci.plugins.workflow.steps.MissingContextVariableException
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test

import java.nio.charset.StandardCharsets

/** The rules of Jenkins that the tests of the steps rest on, one by one. */
class HarnessTest extends SelfTest {

    @BeforeEach
    @Override
    void setUpJenkins() {
        super.setUpJenkins()
        jenkins.agent.environment += [HOME: '/home/ada', SET: 'agent']
    }

    /** What the shell says it runs is told here, too. */
    @Override
    List<String> lines(String pipeline) {
        jenkins.run(pipeline)
        jenkins.console.lines.findAll { !it.startsWith('[Pipeline]') && !it.startsWith('Running') }
    }

    @Test
    void error_ends_the_build() {
        assert lines('error "no"; echo "went on"') == ['ERROR: no', 'Finished: FAILURE']
    }

    @Test
    void an_unknown_step_and_an_unknown_parameter_fail() {
        jenkins.run('nosuchstep()')
        assert jenkins.failure.message == "No such DSL method 'nosuchstep' found among steps"
        setUpJenkins()
        jenkins.run('echo message: "x", colour: "red"')
        assert jenkins.failure.message == "Unknown parameter(s) found for step 'echo': [colour]"
    }

    @Test
    void steps_that_need_an_agent_fail_without_one() {
        [
            'sh "id"', 'writeFile file: "a", text: ""', 'readFile "a"', 'fileExists "a"', 'isUnix()', 'pwd()', 'dir("x") { }', 'deleteDir()',
            'archiveArtifacts "x"', 'junit "x"', 'checkout scm', 'container("x") { }',
        ].each { String step ->
            setUpJenkins()
            jenkins.run(step)
            assert jenkins.failure instanceof MissingContextVariableException : step
            assert jenkins.failure.message.readLines()[0] == 'Required context class hudson.FilePath is missing'
            assert jenkins.failure.message.contains("the step '${step.find(/\w+/)}'")
        }
    }

    @Test
    void withEnv_splits_at_the_first_equals_sign_unsets_on_empty_prepends_and_does_not_expand() {
        assert lines('''node { withEnv(['A=b=c', 'SET=', 'H=$HOME ${HOME} $$', 'PATH+X=/first']) {
            sh 'printf "%s|%s|%s|%s\\n" "$A" "${SET-unset}" "$H" "${PATH%%:*}"'
        } }''').findAll { it.contains('|') && !it.startsWith('+') } == ['b=c|unset|$HOME ${HOME} $$|/first']
    }

    @Test
    void withEnv_refuses_what_a_pod_or_linux_does_not_take() {
        ['a-b=1': 'a pod drops', '1=x': 'a pod drops', '=x': 'a pod drops', 'noequals': 'noequals', 'N=a\\0b': 'Invalid environment variable value: N=a?b'].each {
            setUpJenkins()
            jenkins.run("node { withEnv(['${it.key}']) { echo 'in' } }")
            assert jenkins.failure.message.startsWith(it.value) && !('in' in jenkins.console.lines)
        }
        setUpJenkins()
        assert lines("withEnv(['_A1+B_2=x', 'Z_9=y', 'C+=z']) { echo _A1 + Z_9 + C }")[0] == 'xyz'
        setUpJenkins()
        jenkins.run("withEnv(['K=' + 'x' * (128 * 1024 - 3)]) { echo 'fits' }; withEnv(['K=' + 'x' * (128 * 1024 - 2)]) { echo 'too long' }")
        assert 'fits' in jenkins.console.lines && !('too long' in jenkins.console.lines)
    }

    @Test
    void an_assignment_to_env_lasts_and_withEnv_comes_over_it() {
        assert lines('env.A = "1"; withEnv(["A=2"]) { echo "${env.A} ${A}" }; echo env.A; echo "${env.NONE}"') ==
            ['2 2', '1', 'null', 'Finished: SUCCESS']
    }

    @Test
    void sh_has_the_steps_three_ways_to_answer() {
        assert lines('''node {
            echo "[" + sh(returnStdout: true, script: 'echo out; echo err >&2') + "]"
            echo "code " + sh(returnStatus: true, script: 'exit 7')
            sh 'false'
            echo 'went on'
        }''') == ['+ echo out', '+ echo err', 'err', '[out', ']', '+ exit 7', 'code 7', '+ false', 'ERROR: script returned exit code 1', 'Finished: FAILURE']
    }

    @Test
    void sh_stops_at_the_first_failure_and_honours_a_shebang() {
        assert lines('node { sh "false\\necho no" }').findAll { it == 'no' } == []
        setUpJenkins()
        assert lines('node { sh "#!/bin/sh\\nfalse\\necho yes" }') == ['yes', 'Finished: SUCCESS']
    }

    @Test
    void an_encoding_that_is_not_named_is_the_controllers_or_the_agents() {
        File resources = new File(folder, 'lib/resources/x')
        resources.mkdirs()
        new File(resources, 'text').bytes = 'é'.getBytes('UTF-8')
        new File(resources, 'bytes').bytes = [0, 128, 255] as byte[]
        jenkins.library('lib', new File(folder, 'lib'))
        jenkins.charset = StandardCharsets.ISO_8859_1
        jenkins.agent.charset = StandardCharsets.UTF_16BE
        jenkins.run('''@Library('lib') _
            node {
                writeFile file: 'plain', text: libraryResource('x/text')
                writeFile file: 'utf8', text: libraryResource(resource: 'x/text', encoding: 'UTF-8'), encoding: 'UTF-8'
                writeFile file: 'base64', text: libraryResource(resource: 'x/bytes', encoding: 'Base64'), encoding: 'Base64'
            }''')
        File workspace = new File(folder, 'a b/app')
        assert new File(workspace, 'plain').bytes == 'Ã©'.getBytes('UTF-16BE')
        assert new File(workspace, 'utf8').bytes == 'é'.getBytes('UTF-8')
        assert new File(workspace, 'base64').bytes == [0, 128, 255] as byte[]
    }

    @Test
    void a_resource_that_two_libraries_have_is_ambiguous() {
        ['one', 'two'].each { String name ->
            new File(folder, "${name}/resources").mkdirs()
            new File(folder, "${name}/resources/r").text = name
            jenkins.library(name, new File(folder, name))
        }
        jenkins.run("@Library(['one', 'two']) _\nlibraryResource 'r'")
        assert jenkins.failure.message == 'Library resource r ambiguous among libraries'
    }

    @Test
    void the_temporary_folder_follows_dir_and_WORKSPACE_TMP_does_not() {
        assert lines('node { dir("sub") { echo pwd(tmp: true) - pwd().replaceFirst("app/sub.*", ""); echo env.WORKSPACE_TMP - pwd().replaceFirst("app/sub.*", "") } }')[0..1] ==
            ['app/sub@tmp', 'app@tmp']
    }

    @Test
    void branches_on_agents_of_their_own_have_workspaces_of_their_own() {
        jenkins.run('''parallel a: { node { writeFile file: 'a', text: pwd(tmp: true); sh 'while [ ! -e ../app@2/b ]; do sleep 0.01; done' } },
            b: { node { writeFile file: 'b', text: pwd(tmp: true); sh 'while [ ! -e ../app/a ]; do sleep 0.01; done' } }''')
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert new File(folder, 'a b/app/a').text.endsWith('/app@tmp')
        assert new File(folder, 'a b/app@2/b').text.endsWith('/app@2@tmp')
    }

    @Test
    void in_a_pod_the_file_steps_reach_the_workspace_volume_only() {
        jenkins.agent.containers = ['python', 'jnlp']
        jenkins.run('node { container("python") { writeFile file: "/tmp/x", text: "" } }')
        assert jenkins.failure instanceof FileNotFoundException
        assert jenkins.failure.message == "/tmp/x is in no volume that container 'python' shares"
        setUpJenkins()
        jenkins.agent.containers = ['python', 'jnlp']
        jenkins.run('node { container("nope") { } }')
        assert jenkins.failure.message.startsWith('container [nope] does not exist')
    }

    @Test
    void the_processes_of_branches_overlap_and_their_groovy_does_not() {
        jenkins.run('''node {
            def order = []
            parallel a: { order << 'a1'; sh 'touch a; while [ ! -e b ]; do sleep 0.01; done'; order << 'a2' },
                b: { order << 'b1'; sh 'touch b; while [ ! -e a ]; do sleep 0.01; done'; order << 'b2' }
            echo order.take(2).join(' ') + " ${order.size()}"
        }''')
        assert 'a1 b1 4' in jenkins.console.lines
    }

    @Test
    void a_branch_that_fails_lets_the_others_end_unless_failFast() {
        jenkins.run('node { parallel a: { sh "touch failed; exit 3" }, b: { sh "until [ -e failed ]; do sleep 0.01; done"; echo "b ended" } }')
        assert 'b ended' in jenkins.console.lines
        assert jenkins.build.result == 'FAILURE' && jenkins.failure.message == 'script returned exit code 3'
        setUpJenkins()
        jenkins.run('node { parallel failFast: true, a: { sh "until [ -e started ]; do sleep 0.01; done; exit 3" }, b: { sh "touch started; exec sleep 600"; echo "b ended" } }')
        assert jenkins.build.result == 'FAILURE' && !('b ended' in jenkins.console.lines)
    }

    @Test
    void an_abort_ends_the_process_and_is_not_tried_again() {
        jenkins.console.watch { String line -> line == 'waiting' && jenkins.abort() }
        jenkins.run('node { retry(3) { catchError(catchInterruptions: false) { sh "echo waiting; exec sleep 600" } } }; echo "went on"')
        assert jenkins.build.result == 'ABORTED' && !('went on' in jenkins.console.lines)
        assert jenkins.console.lines.count('waiting') == 1
    }

    @Test
    void catchError_catches_an_abort_unless_it_is_told_not_to() {
        jenkins.console.watch { String line -> line == 'waiting' && jenkins.abort() }
        jenkins.run('node { catchError { sh "echo waiting; exec sleep 600" } }; echo "went on"')
        assert jenkins.build.result == 'ABORTED' && 'went on' in jenkins.console.lines
    }

    @Test
    void catchError_and_warnError_let_the_build_go_on_with_their_result() {
        assert lines('catchError { error "a" }; warnError("b") { error "c" }; echo "went on"') ==
            ['ERROR: a', 'Setting overall build result to FAILURE', 'ERROR: b', 'ERROR: c', 'went on', 'Finished: FAILURE']
        setUpJenkins()
        assert lines('warnError("b") { error "c" }').last() == 'Finished: UNSTABLE'
    }

    @Test
    void a_timeout_ends_what_runs_in_it_and_is_an_ordinary_failure_outside() {
        List<String> once = ['+ exec sleep 600', 'Cancelling nested steps due to timeout', 'Timeout has been exceeded']
        assert lines("""node { retry(2) { timeout(time: 50, unit: 'MILLISECONDS') { sh 'exec sleep 600' } } }""") ==
            once + 'Retrying' + once + 'Finished: ABORTED'
        setUpJenkins()
        assert lines("timeout(1) { echo 'in time' }; echo 'went on'") == ['in time', 'went on', 'Finished: SUCCESS']
    }

    @Test
    void a_timeout_that_comes_too_late_ends_nothing() {
        jenkins.steps.define('waitForTheTimeout', []) { Map given, frame ->
            while (!jenkins.console.lines.any { it.startsWith('Cancelling') }) {
                Thread.sleep(1)
            }
        }
        assert lines("timeout(time: 100, unit: 'MILLISECONDS') { waitForTheTimeout() }; echo 'went on'")[1..-1] == ['went on', 'Finished: SUCCESS']
    }

    @Test
    void retry_tries_again_so_often_and_then_fails() {
        jenkins.run('int tries = 0; retry(3) { tries++; if (tries < 3) { error "e" } }; echo "tries: ${tries}"')
        assert 'tries: 3' in jenkins.console.lines
        setUpJenkins()
        assert lines('retry(2) { echo "try"; error "e" }') == ['try', 'ERROR: e', 'Retrying', 'try', 'ERROR: e', 'Finished: FAILURE']
    }

    @Test
    void an_abort_can_come_in_any_step() {
        jenkins.abortAt { String step, Map given -> step == 'writeFile' }
        jenkins.run('node { writeFile file: "a", text: "x"; echo "went on" }')
        assert jenkins.build.result == 'ABORTED'
        assert !new File(folder, 'a b/app/a').exists()
    }

    @Test
    void what_lives_on_the_controller_is_itself_after_a_restart() {
        assert lines("def e = env; def b = currentBuild; echo 'one'; e.KEPT = 'kept'; echo \"\${e.KEPT} \${env.KEPT} \${b.number == currentBuild.number}\"") ==
            ['one', 'kept kept true', 'Finished: SUCCESS']
    }

    @Test
    void a_result_only_gets_worse() {
        jenkins.run('currentBuild.result = "FAILURE"; currentBuild.result = "SUCCESS"; unstable "x"')
        assert jenkins.build.result == 'FAILURE'
    }

}
