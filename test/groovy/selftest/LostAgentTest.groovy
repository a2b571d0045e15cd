package selftest

import harness.Agent
import harness.Jenkins
import org.jenkinsci.plugins.workflow.support.steps.AgentOfflineException
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.junit.jupiter.api.io.TempDir

import java.nio.charset.StandardCharsets

/** Pods, what they inherit, and what `retry(conditions: …)` does about those that are lost. */
@Timeout(120L)
class LostAgentTest {

    private static final String CONDITIONS = 'conditions: [kubernetesAgent(), nonresumable()]'
    private static final String YAML = 'spec: {containers: [{name: one, image: "i:1"}]}'

    @TempDir
    public File folder
    Jenkins jenkins

    @BeforeEach
    void setUpJenkins() {
        jenkins = new Jenkins(agent: new Agent(new File(folder, 'work')), parameters: [yaml: YAML])
        jenkins.agent.environment = [PATH: System.getenv('PATH')]
    }

    @AfterEach
    void endProcesses() {
        jenkins.steps.endProcesses()
    }

    /** Runs it; the first agent whose process says that it waits is lost. */
    Jenkins losing(String pipeline) {
        setUpJenkins()
        boolean lost = false
        jenkins.console.watch { String line ->
            if (line == 'waiting' && !lost) {
                lost = true
                jenkins.loseAgent()
            }
        }
        jenkins.run(pipeline)
    }

    @Test
    void a_pod_has_the_containers_of_its_template_and_a_volume_of_its_own() {
        jenkins.run('''podTemplate(yaml: params.yaml, inheritFrom: '') {
            node(POD_LABEL) { container('one') { sh 'touch here' } }
            node(POD_LABEL) { container('jnlp') { sh '[ ! -e here ]' } }
            node(POD_LABEL) { container('two') { } }
        }''')
        assert jenkins.failure.message == 'container [two] does not exist in pod [pod-3]' : jenkins.console
    }

    @Test
    void a_template_inherits_from_the_one_that_it_lies_in_unless_it_is_told_not_to() {
        jenkins.run('''podTemplate(yaml: params.yaml) {
            podTemplate(yaml: params.yaml.replace('one', 'two')) { }
            podTemplate(yaml: params.yaml.replace('one', 'three'), inheritFrom: '') { }
        }
        podTemplate(yaml: params.yaml.replace('one', 'four')) { }''')
        assert jenkins.pods*.containers*.keySet()*.toList() == [['jnlp', 'one'], ['jnlp', 'one', 'two'], ['jnlp', 'three'], ['jnlp', 'four']]
    }

    @Test
    void variables_reach_into_a_pod() {
        jenkins.run("withEnv(['A=a']) { podTemplate(yaml: params.yaml) { node(POD_LABEL) { sh 'echo \"\$A \$POD_LABEL\"' } } }")
        assert 'a template-1' in jenkins.console.lines : jenkins.console
    }

    @Test
    void a_lost_agent_ends_its_processes_at_once_and_the_steps_on_it_fail() {
        losing('''node {
            try { sh 'trap "echo trapped" EXIT TERM; echo waiting; sleep 600' } catch (e) { echo "first: ${e.message}" }
            sh 'true'
        }''')
        assert 'first: Agent was removed' in jenkins.console.lines && !('trapped' in jenkins.console.lines)
        assert jenkins.failure instanceof AgentOfflineException && jenkins.failure.message == 'Unable to create live FilePath for agent-1'
        assert jenkins.build.result == 'FAILURE'
    }

    @Test
    void a_lost_agent_aborts_the_build_without_a_retry() {
        losing("node { sh 'echo waiting; exec sleep 600' }")
        assert jenkins.build.result == 'ABORTED' && jenkins.failure.message == 'Agent was removed'
    }

    @Test
    void retry_with_conditions_inside_of_the_template_gets_another_pod() {
        losing("""podTemplate(yaml: params.yaml, inheritFrom: '') { retry(count: 2, ${CONDITIONS}) { node(POD_LABEL) {
            sh 'echo waiting; [ "\$WORKSPACE" != "${folder}/work/pod-1/app" ] || exec sleep 600'
        } } }""")
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert jenkins.console.lines.count('waiting') == 2
        assert 'Retrying' in jenkins.console.lines
    }

    @Test
    void retry_outside_of_the_template_does_not_know_the_pod() {
        losing("retry(count: 2, ${CONDITIONS}) { podTemplate(yaml: params.yaml) { node(POD_LABEL) { sh 'echo waiting; exec sleep 600' } } }")
        assert jenkins.build.result == 'ABORTED'
        assert 'pod-1 did not look like a Kubernetes agent; make sure retry is inside podTemplate, not outside' in jenkins.console.lines
    }

    @Test
    void kubernetesAgent_is_for_pods_only_and_agent_for_all() {
        ["kubernetesAgent()": 'ABORTED', 'kubernetesAgent(handleNonKubernetes: true)': 'SUCCESS', 'agent()': 'SUCCESS'].each {
            new File(folder, 'work').deleteDir()
            losing("retry(count: 2, conditions: [${it.key}]) { node { sh 'if [ -e lost ]; then exit; fi; touch lost; echo waiting; exec sleep 600' } }")
            assert jenkins.build.result == it.value : it.key
            assert jenkins.console.lines.any { it.contains('did not look like a Kubernetes agent') } == (it.value == 'ABORTED')
        }
    }

    @Test
    void kubernetesAgent_holds_where_a_pod_is_none_any_more() {
        ['podTemplate(yaml: params.yaml) { BODY }': 'SUCCESS', 'BODY': 'FAILURE'].each { String around, String result ->
            new File(folder, 'lost').delete()
            losing(around.replace('BODY', """retry(count: 2, ${CONDITIONS}) { node(env.POD_LABEL) {
                try { sh 'if [ -e ${folder}/lost ]; then exit; fi; touch ${folder}/lost; echo waiting; exec sleep 600' } catch (e) { }
                sh 'true'
            } }"""))
            assert jenkins.build.result == result : jenkins.console
        }
    }

    @Test
    void without_any_agent_kubernetesAgent_does_not_hold() {
        jenkins.run("retry(count: 2, ${CONDITIONS}) { echo 'try'; sh 'true' }")
        assert jenkins.build.result == 'FAILURE' && jenkins.console.lines.count('try') == 1
    }

    @Test
    void a_pod_is_like_its_agent_but_for_its_containers_and_its_name() {
        jenkins.agent.charset = StandardCharsets.ISO_8859_1
        jenkins.agent.environment += [MINE: 'x']
        jenkins.agent.unix = false
        jenkins.run('''podTemplate(yaml: params.yaml) { node(POD_LABEL) {
            writeFile file: 'a', text: 'é'
            echo "${env.MINE} ${env.NODE_NAME} ${isUnix()}"
        } }''')
        assert new File(folder, 'work/pod-1/app/a').bytes == [0xe9] as byte[]
        assert 'x pod-1 false' in jenkins.console.lines
    }

    @Test
    void agent_holds_where_there_is_none_any_more_and_where_there_never_was_one() {
        losing("""retry(count: 2, conditions: [agent()]) { echo 'try'; node {
            if (!fileExists('../lost')) { try { sh 'touch ../lost; echo waiting; exec sleep 600' } catch (e) { }; sh 'true' }
        } }""")
        assert jenkins.build.result == 'SUCCESS' && jenkins.console.lines.count('try') == 2 : jenkins.console
        setUpJenkins()
        jenkins.run("retry(count: 2, conditions: [agent()]) { echo 'try'; sh 'true' }")
        assert jenkins.build.result == 'FAILURE' && jenkins.console.lines.count('try') == 2
    }

    @Test
    void a_lost_agent_is_no_wish_to_end_the_build() {
        losing("retry(2) { node { sh 'if [ -e lost ]; then exit; fi; touch lost; echo waiting; exec sleep 600' } }")
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
    }

    @Test
    void conditions_do_not_hold_for_failures_and_aborts() {
        [CONDITIONS, 'conditions: [kubernetesAgent(handleNonKubernetes: true)]'].each {
            setUpJenkins()
            losing("podTemplate(yaml: params.yaml) { retry(count: 2, ${it}) { node(POD_LABEL) { echo 'try'; error 'e' } } }")
            assert jenkins.build.result == 'FAILURE' && jenkins.console.lines.count('try') == 1
        }
        setUpJenkins()
        jenkins.abortAt { String step, Map given -> step == 'isUnix' }
        jenkins.run("podTemplate(yaml: params.yaml) { retry(count: 2, ${CONDITIONS}) { node(POD_LABEL) { echo 'try'; isUnix() } } }")
        assert jenkins.build.result == 'ABORTED' && jenkins.console.lines.count('try') == 1
    }

    @Test
    void a_restart_in_the_middle_of_a_step_that_cannot_go_on_is_tried_again_where_nonresumable_is_named() {
        [(CONDITIONS): 'SUCCESS', 'conditions: [kubernetesAgent()]': 'FAILURE'].each {
            setUpJenkins()
            jenkins.restartAt { String step, Map given -> step == 'writeFile' }
            jenkins.run("node { retry(count: 2, ${it.key}) { writeFile file: 'a', text: '' } }")
            assert jenkins.build.result == it.value : it.key
        }
    }

    @Test
    void a_declarative_agent_with_retries_runs_its_stages_again_in_another_pod() {
        losing('''pipeline {
            agent { kubernetes { yaml params.yaml; defaultContainer 'one'; retries 2 } }
            stages {
                stage('One') { steps { sh 'echo waiting; [ -e ../../pod-2 ] || exec sleep 600' } }
                stage('Two') { steps { echo 'two' } }
            }
            post { always { echo "post ${currentBuild.currentResult}"; isUnix() } }
        }''')
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert jenkins.console.lines.findAll { it.startsWith('post ') } == ['post ABORTED', 'post SUCCESS']
        assert jenkins.console.lines.count('two') == 1
    }

}
