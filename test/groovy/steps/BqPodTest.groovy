package steps

import org.junit.jupiter.api.Test

import java.nio.charset.StandardCharsets

class BqPodTest extends StepTest {

    public static final String TEMPLATE = new File(PROJECT, 'resources/bqsteps/pod.yaml').getText('UTF-8')

    String yaml(String arguments, Map values = [:]) {
        pipeline("echo 'BEGIN' + bqPod.yaml(${arguments}) + 'END'", values)
        jenkins.console.toString().find(/(?s)BEGIN(.*)END/) { it[1] }
    }

    @Test
    void without_parameters_it_is_the_template() {
        assert yaml('') == TEMPLATE
    }

    @Test
    void the_template_is_read_alike_on_every_controller() {
        jenkins.charset = StandardCharsets.US_ASCII
        assert yaml('') == TEMPLATE
    }

    @Test
    void image_and_service_account_are_the_only_lines_that_change() {
        String yaml = yaml("image: 'host.example.com:5000/a/b_c:1.2-x', serviceAccount: 'builder.x'")
        assert [TEMPLATE.readLines(), yaml.readLines()].transpose().findAll { before, after -> before != after }*.get(1)*.trim() ==
            ['serviceAccountName: "builder.x"', 'image: "host.example.com:5000/a/b_c:1.2-x"',
             'value: "host.example.com:5000/a/b_c:1.2-x"']
    }

    @Test
    void an_image_reference_is_taken_as_text() {
        String digest = '@sha256:' + '0123456789abcdef' * 4
        List<String> images = ['python', 'true', '123', 'python:3.13', 'a/b/c', 'gcr.io/p/x', 'localhost:5000/x', 'a__b', 'a--b',
                               'EXAMPLE.com/a', 'x' + digest, 'x:t' + digest]
        pipeline('for (image in params.images) { echo bqPod.yaml(image: image) }', [images: images])
        assert jenkins.console.lines*.trim().findAll { it.startsWith('image:') } == images.collect { "image: \"${it}\"".toString() }
    }

    @Test
    void anything_else_is_no_image() {
        List<String> wrong = ['Python', 'a:b:c', 'a//b', '/a', 'a/', 'a:', 'a@sha256:12', 'a b', 'a\n  x: y', 'a"', 'a\\', 'a$1', 'a#b',
                              '-a', 'a:-b', 'ä', 'a\u2028', 'a' * 600]
        assert refusals('bqPod.yaml', wrong.collect { [image: it] }) == wrong.collect {
            "bqPod: 'image' is no image reference such as python:3.13-slim or host:5000/team/image@sha256:…"
        }
    }

    @Test
    void a_service_account_is_a_kubernetes_name() {
        List<String> wrong = ['Jenkins', 'a_b', '-a', 'a-', '.a', 'a..b', 'a b', 'a\nb', 'a"', 'a$1', 'ä', 'a' * 254]
        assert refusals('bqPod.yaml', wrong.collect { [serviceAccount: it] }) == wrong.collect {
            "bqPod: 'serviceAccount' is no Kubernetes name (lower case letters, digits, '-' and '.')"
        }
    }

    @Test
    void nasty_values_are_refused_by_both_parameters() {
        List<String> names = ['null', '0']
        List<String> told = refusals('bqPod.yaml',
            (NASTY - names + ['x' * 200 * 1024, 'nul\0here']).collect { [image: it, serviceAccount: it] })
        assert told.every { it.startsWith("bqPod: 'image' ") && it.contains("; 'serviceAccount' ") }
        jenkins = newJenkins()
        assert refusals('bqPod.yaml', names.collect { [image: it, serviceAccount: it] }) == [null, null]
    }

    @Test
    void empty_and_null_are_as_if_not_given() {
        assert yaml("image: '', serviceAccount: null") == TEMPLATE
    }

    @Test
    void retries_is_a_whole_number_and_of_no_meaning_to_the_yaml() {
        assert refusals('bqPod', [0, -1, 1.5, '2', true].collect { [retries: it] }, '{ }') == ["'0'", "'-1'", "'1.5'", "text '2'", "'true'"].collect {
            "bqPod: 'retries' is ${it}, it must be a whole number above 0"
        }
        jenkins = newJenkins()
        assert refusals('bqPod.yaml', [[retries: 2]]) == ["bqPod: 'retries' is no parameter, did you mean 'image'?"]
    }

    @Test
    void all_problems_come_in_one_message() {
        pipeline("bqPod(imag: 'x', image: 3, serviceAccount: 'A', retries: 0) { echo 'ran' }")
        assert jenkins.failure.message == "bqPod: 'imag' is no parameter, did you mean 'image'?; 'image' must be text, not Integer; " +
            "'retries' is '0', it must be a whole number above 0; 'serviceAccount' is no Kubernetes name (lower case letters, digits, '-' and '.')"
        assert !('ran' in jenkins.console.lines)
        assert jenkins.pods.empty
    }

    @Test
    void its_block_runs_in_the_pods_python_container_and_its_value_is_returned() {
        pipeline('''def value = bqPod(image: 'a:1') { bqRun step: 'bqX', command: 'doctor'; return 'block' }
            echo "got ${value}"''')
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert 'got block' in jenkins.console.lines
        assert jenkins.pods*.containers*.python == ['a:1']
        assert jenkins.calls.collect { it.step + (it.given.name ? ' ' + it.given.name : '') }.findAll { it =~ /podTemplate|node|container|sh/ } ==
            ['podTemplate', 'node', 'container python', 'sh']
        assert calls('podTemplate')[0].inheritFrom == ''
        assert calls('node')[0].label == 'template-1'
        assert received[0].environment.BQ_COMMAND == 'doctor'
    }

    private static final String TEAMS = '''
        apiVersion: v1
        kind: Pod
        spec:
          containers:
            - name: maven
              image: maven:3
            - name: python
              image: python:3.6
        '''.stripIndent()

    @Test
    void nested_in_a_teams_own_pod_it_inherits_nothing_and_has_a_workspace_of_its_own() {
        pipeline("""podTemplate(yaml: params.yaml) { node(POD_LABEL) { container('maven') {
                bqPod { bqRun step: 'bqX', command: 'doctor' }
                sh 'true'
            } } }""", [yaml: TEAMS])
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert jenkins.pods*.containers*.keySet()*.toList() == [['jnlp', 'maven', 'python'], ['jnlp', 'python']]
        assert jenkins.pods[1].containers.python == new org.yaml.snakeyaml.Yaml().load(TEMPLATE).spec.containers[0].image
        assert received[0].folder.endsWith('/pod-2/app')
        assert received[0].environment.NODE_NAME == 'pod-2'
    }

    @Test
    void in_a_declarative_pipeline_it_lies_in_a_stage_of_a_teams_own_pod() {
        pipeline('''pipeline {
            agent { kubernetes { yaml params.yaml; defaultContainer 'maven' } }
            stages {
                stage('Build') { steps { sh 'true' } }
                stage('Table') { steps { bqPod { bqEnsureTable dataset: 'd', table: 't' } } }
                stage('Other') {
                    agent { kubernetes { yaml bqPod.yaml(image: 'other:1'); defaultContainer 'python' } }
                    steps { bqEnsureTable tables: ['d.t'] }
                }
            }
            post { always { bqPod { bqLogBuild() } } }
        }''', [yaml: TEAMS])
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert jenkins.pods*.containers*.keySet()*.toList() == [['jnlp', 'maven', 'python']] + [['jnlp', 'python']] * 3
        assert received*.environment*.subMap(['BQ_COMMAND', 'NODE_NAME']) == [
            [BQ_COMMAND: 'ensure-table', NODE_NAME: 'pod-2'], [BQ_COMMAND: 'ensure-table', NODE_NAME: 'pod-3'],
            [BQ_COMMAND: 'log-build', NODE_NAME: 'pod-4'],
        ]
    }

    @Test
    void in_a_teams_own_container_of_its_own_pod_the_steps_run_where_they_are_called() {
        pipeline("""podTemplate(yaml: params.yaml, inheritFrom: '') { node(POD_LABEL) { container('python') {
            bqEnsureTable dataset: 'd', table: 't'
            bqLogBuild()
        } } }""", [yaml: TEAMS])
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert jenkins.pods.size() == 1
        assert received*.environment*.NODE_NAME == ['pod-1', 'pod-1']
    }

    /** A pipeline whose first pod is lost while Python works there. */
    private void losing(String text, Map values = [:]) {
        python('''[ "$NODE_NAME" != pod-1 ] || { echo waiting >&2; exec sleep 600; }
            echo \'{"status": "recorded"}\' > "$BQ_RESULT_FILE"''')
        jenkins.console.watch { String line -> line == 'waiting' && jenkins.loseAgent() }
        pipeline(text, values)
    }

    @Test
    void a_lost_pod_is_followed_by_another_one_as_often_as_is_said() {
        losing('bqPod(retries: 2) { bqEnsureTable dataset: "d", table: "t"; bqLogBuild() }')
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert received*.environment*.subMap(['BQ_COMMAND', 'NODE_NAME']) == [[BQ_COMMAND: 'ensure-table', NODE_NAME: 'pod-1'],
            [BQ_COMMAND: 'ensure-table', NODE_NAME: 'pod-2'], [BQ_COMMAND: 'log-build', NODE_NAME: 'pod-2']]
        assert received*.package == [PACKAGE] * 3
    }

    @Test
    void a_lost_pod_ends_the_build_unless_retries_is_given() {
        ['', '(retries: 1)'].each { String given ->
            jenkins = newJenkins()
            losing("bqPod${given} { bqLogBuild onFailure: 'warn' }")
            assert jenkins.build.result == 'ABORTED' && jenkins.failure.message == 'Agent was removed'
            assert calls('node').size() == 1
        }
    }

    @Test
    void a_restart_in_the_middle_of_a_step_that_cannot_go_on_is_followed_by_another_pod() {
        ['': 'FAILURE', '(retries: 2)': 'SUCCESS'].each { String given, String result ->
            jenkins = newJenkins()
            jenkins.restartAt { String step, Map arguments -> step == 'writeFile' }
            pipeline("bqPod${given} { bqLogBuild() }")
            assert jenkins.build.result == result : jenkins.console
        }
        assert received*.environment*.NODE_NAME == ['pod-2']
    }

    @Test
    void a_failure_of_a_step_is_not_tried_again() {
        python('exit 1')
        pipeline('bqPod(retries: 3) { bqLogBuild() }')
        assert jenkins.build.result == 'FAILURE' && received.size() == 1
    }

    @Test
    void the_ways_to_try_again_that_the_documents_show_all_do() {
        String conditions = 'conditions: [kubernetesAgent(), nonresumable()]'
        [
            "podTemplate(yaml: bqPod.yaml(), inheritFrom: '') { retry(count: 2, ${conditions}) { node(POD_LABEL) { container('python') { bqLogBuild() } } } }",
            '''pipeline { agent { kubernetes { yaml bqPod.yaml(); defaultContainer 'python'; retries 2 } }
                stages { stage('Log') { steps { bqLogBuild() } } } }''',
            "podTemplate(yaml: params.yaml) { retry(count: 2, ${conditions}) { node(POD_LABEL) { container('python') { bqLogBuild() } } } }",
        ].each { String text ->
            jenkins = newJenkins()
            losing(text, [yaml: TEAMS])
            assert jenkins.build.result == 'SUCCESS' : jenkins.console
            assert calls('node')*.label == ['template-1', 'template-1']
        }
    }

}
