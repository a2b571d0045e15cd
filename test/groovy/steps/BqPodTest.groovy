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
    void all_problems_come_in_one_message() {
        pipeline("bqPod(imag: 'x', image: 3, serviceAccount: 'A') { echo 'ran' }")
        assert jenkins.failure.message == "bqPod: 'imag' is no parameter, did you mean 'image'?; 'image' must be text, not Integer; " +
            "'serviceAccount' is no Kubernetes name (lower case letters, digits, '-' and '.')"
        assert !('ran' in jenkins.console.lines)
        assert jenkins.pods.empty
    }

    @Test
    void its_block_runs_in_the_pods_python_container_and_its_value_is_returned() {
        pipeline('''def value = bqPod(image: 'a:1') { bqRun step: 'bqX', command: 'doctor'; return 'block' }
            echo "got ${value}"''')
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert 'got block' in jenkins.console.lines
        assert jenkins.pods.size() == 1 && jenkins.pods[0].contains('image: "a:1"')
        assert jenkins.calls.collect { it.step + (it.given.name ? ' ' + it.given.name : '') }.findAll { it =~ /podTemplate|node|container|sh/ } ==
            ['podTemplate', 'node', 'container python', 'sh']
        assert calls('podTemplate')[0].inheritFrom == ''
        assert calls('node')[0].label == 'pod-1'
        assert received[0].environment.BQ_COMMAND == 'doctor'
    }

    @Test
    void it_works_nested_in_a_teams_own_pod() {
        pipeline("bqPod(image: 'outer:1') { bqPod { bqRun step: 'bqX', command: 'doctor' } }")
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert jenkins.pods.size() == 2 && !jenkins.pods[1].contains('outer')
        assert received[0].folder.endsWith('app@2')
    }

}
