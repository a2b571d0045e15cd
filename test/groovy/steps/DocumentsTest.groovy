package steps

import harness.Frame
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout

/** The pipelines that the documents show, each run with the real steps. A piece of one is put on an agent first. */
class DocumentsTest extends StepTest {

    private static final List<File> DOCUMENTS = [new File(PROJECT, 'README.md'), new File(PROJECT, 'CONTRIBUTING.md')] +
        new File(PROJECT, 'docs').listFiles().findAll { it.name.endsWith('.md') }.sort()

    /** The fenced blocks of Groovy, each by the place where it stands. */
    private static Map<String, String> examples() {
        DOCUMENTS.collectEntries { File document ->
            String text = document.getText('UTF-8')
            (text =~ /(?ms)^```groovy\n(.*?)^```$/).iterator().collect { List<String> found -> found[1] }.withIndex()
                .collectEntries { String code, int number -> ["${document.name}, example ${number + 1}".toString(), code] }
        }
    }

    /** Jenkins as the examples expect it: a parameter, what a build calls, and steps of other plugins. */
    private void prepare() {
        jenkins = newJenkins()
        jenkins.parameters.BRANCH = 'main'
        jenkins.steps.define('junit', ['testResults', 'allowEmptyResults']) { Map given, frame -> [totalCount: 3, failCount: 1, skipCount: 0] }
        jenkins.steps.define('publishHTML', ['target']) { Map given, frame -> given }
        jenkins.steps.define('file', ['credentialsId', 'variable']) { Map given, frame -> given }
        jenkins.steps.define('withCredentials', ['bindings']) { Map given, Frame frame ->
            jenkins.within(frame, [overrides: given.bindings.collect { "${it.variable}=/secret".toString() }])
        }
        File make = new File(bin, 'make')
        make.text = '#!/bin/sh\n'
        make.executable = true
    }

    private void runExample(String code) {
        prepare()
        boolean whole = code.contains('@Library')
        jenkins.run(whole ? code : "@Library('bqsteps@v1') _\nnode {\n${code}\n}")
    }

    @Test
    void there_are_examples() {
        assert examples().size() > 10
    }

    @Test
    @Timeout(600L)
    void each_pipeline_runs_to_its_end_and_calls_the_package_as_it_may_be_called() {
        Map<String, String> failed = [:]
        examples().each { String place, String code ->
            spies.listFiles()*.deleteDir()
            runExample(code)
            List<String> commands = received*.environment*.BQ_COMMAND.findAll()
            if (jenkins.build.result != 'SUCCESS' || !(commands || jenkins.pods)) {
                failed[place] = "${jenkins.build.result}, commands: ${commands}\n${jenkins.console}".toString()
            }
        }
        assert !failed : failed.collect { "${it.key}: ${it.value}" }.join('\n\n')
    }

    @Test
    void a_pipeline_that_gives_a_step_what_it_does_not_take_is_seen() {
        runExample("bqLogBuild statuz: 'SUCCESS'")
        assert jenkins.build.result == 'FAILURE'
    }

}
