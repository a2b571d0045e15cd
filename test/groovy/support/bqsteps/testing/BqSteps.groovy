package bqsteps.testing

import com.lesfurets.jenkins.unit.global.lib.LibraryConfiguration
import com.lesfurets.jenkins.unit.global.lib.SourceRetriever
import groovy.json.JsonOutput
import org.codehaus.groovy.control.CompilerConfiguration
import org.codehaus.groovy.control.customizers.ImportCustomizer
import org.codehaus.groovy.runtime.InvokerHelper

import java.nio.file.Files

/**
 * The steps of bqsteps for tests of a Jenkinsfile that calls them, with JenkinsPipelineUnit.
 *
 * The steps are the library's own: they check their parameters, and decide what becomes of the build, as they do in
 * Jenkins. Only what lies below them is replaced: no agent is needed, nothing is installed, and instead of BigQuery the
 * test says what there is to return, or how it fails.
 *
 *     BqSteps bq = new BqSteps(this, new File('bqsteps'))   // a BasePipelineTest, and a checkout of the library
 *     bq.register()                                         // after setUp()
 *     bq.fails('bqLogBuild', 'quota', 'p.ci.builds: too many requests.', 'Run it again later.')
 *     runScript('Jenkinsfile')
 *     assert bq.calls('bqLogBuild') == [[dataset: 'ci', table: 'builds', onFailure: 'warn']]
 */
class BqSteps {

    /** What the steps find in `env` where the test's own `env` has nothing: a global property, and an agent. */
    final Map<String, String> environment = [
        PROJECT_ID: 'my-project', WORKSPACE: '/workspace', WORKSPACE_TMP: '/workspace@tmp', NODE_NAME: 'agent-1',
        JOB_NAME: 'team/app', BUILD_NUMBER: '1',
    ]
    /** The calls of the pipeline, in their order: maps of step and given. */
    final List<Map> calls = []
    /** What the steps said on the console. */
    final List<String> messages = []

    private final Object test
    private final File library
    private final Map<String, Class> steps = [:]
    private final Map<String, Map> outcomes = [:]
    /** The variables of the call that runs. */
    private Map<String, String> variables = [:]

    /** For a test that is a BasePipelineTest, with a folder that has the library's vars, src and resources. */
    BqSteps(Object test, File library) {
        this.test = test
        this.library = library
        if (!new File(library, 'vars/bqRun.groovy').file) {
            throw new IllegalArgumentException("${library.absolutePath} is no checkout of bqsteps: there is no vars/bqRun.groovy in it")
        }
        GroovyClassLoader classes = new GroovyClassLoader(BqSteps.classLoader, configuration())
        classes.addClasspath(new File(library, 'src').path)
        new File(library, 'vars').listFiles().findAll { it.name.endsWith('.groovy') }.sort().each { File file ->
            steps[file.name - '.groovy'] = classes.parseClass(file)
        }
    }

    /** Makes the steps known to the test, and the library to `@Library('bqsteps')`. */
    void register(String name = 'bqsteps') {
        File empty = Files.createTempDirectory('bqsteps').toFile()
        empty.deleteOnExit()
        SourceRetriever retriever = { String repository, String version, String target -> [empty.toURI().toURL()] } as SourceRetriever
        test.helper.registerSharedLibrary(LibraryConfiguration.library(name).defaultVersion('main').allowOverride(true)
            .implicit(false).targetPath('.').retriever(retriever).build())
        steps.each { String step, Class type -> allow(step, type) }
        test.binding.setVariable('bqPod', new Pod(this))
    }

    /** From now on the command of a step ends well, with this result. */
    void returns(String step, Map result) {
        outcomes[known(step)] = [code: 0, result: result]
    }

    /** From now on the command of a step fails; the kinds are those of docs/results.md. */
    void fails(String step, String kind, String message, String hint = '') {
        outcomes[known(step)] = [code: 1, result: [status: 'failed', error: [kind: kind, message: message, hint: hint]]]
    }

    /** What a step was given, for each of its calls. */
    List<Map> calls(String step) {
        String name = known(step)
        calls.findAll { it.step == name }*.given
    }

    private void allow(String step, Class type) {
        if (type.methods.any { it.name == 'call' && Closure in it.parameterTypes }) {
            test.helper.registerAllowedMethod(step, [Closure]) { Closure body -> called(step, [:], body) }
            test.helper.registerAllowedMethod(step, [Object, Closure]) { Object given, Closure body -> called(step, given, body) }
        } else {
            test.helper.registerAllowedMethod(step, []) { -> called(step, [:]) }
            test.helper.registerAllowedMethod(step, [Object]) { Object given -> called(step, given) }
        }
    }

    protected Object called(String step, Object given, Closure body = null, String method = 'call') {
        calls.add([step: step, given: given])
        List arguments = body ? [given, { -> test.helper.callClosure(body) }] : [given]
        return run(step, method, arguments)
    }

    private Object run(String step, String method, List arguments) {
        Binding binding = new Binding([
            env: new Fallback(variable('env'), environment), params: variable('params'), POD_LABEL: 'pod',
            currentBuild: new CurrentBuild(variable('currentBuild')), steps: this,
        ])
        return InvokerHelper.createScript(steps[step], binding).invokeMethod(method, arguments as Object[])
    }

    /** What the library calls: its own steps, and Jenkins' steps, of which those with a block run it. */
    protected Object perform(String name, List arguments) {
        if (steps.containsKey(name)) {
            return run(name, 'call', arguments)
        }
        switch (name) {
            case 'withEnv':
                variables = arguments[0].collectEntries { it.split('=', 2) as List }
                return arguments.last().call()
            case ['podTemplate', 'node', 'container', 'dir', 'catchError']:
                return arguments.last().call()
            case 'sh':
                return outcome((String) arguments[0].label)
            case 'libraryResource':
                return new File(library, "resources/${arguments[0].resource}").getText('UTF-8')
            case 'fileExists':
                return String.valueOf(arguments[0]).endsWith('.pyz')
            case 'isUnix':
                return true
            case ['writeFile', 'archiveArtifacts']:
                return null
            case ['echo', 'unstable', 'error']:
                return say(name, String.valueOf(arguments[0]))
            default:
                throw new UnsupportedOperationException("bqsteps calls the step '${name}', which BqSteps does not know")
        }
    }

    private Object say(String step, String message) {
        messages.add(message)
        if (step == 'error') {
            result('FAILURE')
            // A checked exception would be wrapped where newer versions run a declarative pipeline.
            throw new RuntimeException(message)
        }
        if (step == 'unstable') {
            result('UNSTABLE')
        }
        return null
    }

    /** A result only gets worse. */
    private void result(String worse) {
        Map build = (Map) test.binding.getVariable('currentBuild')
        if (build.result in [null, 'SUCCESS', 'UNSTABLE']) {
            build.result = worse
        }
    }

    /** What the shell prints: the exit code of python3, and its result. */
    private String outcome(String step) {
        Map outcome = outcomes[step] ?: [code: 0, result: usual(variables)]
        "${outcome.code}\n${JsonOutput.toJson(outcome.result)}\n"
    }

    private static Map usual(Map<String, String> variables) {
        String project = variables.PROJECT_ID
        String log = "${project}.${variables.DATASET_ID ?: 'jenkins_demo_db'}.${variables.TABLE_ID ?: 'build_logs'}"
        switch (variables.BQ_COMMAND) {
            case 'ensure-table':
                return variables.BQ_TABLES ? several(project, variables.BQ_TABLES.readLines()) : unchanged(log)
            case 'log-build':
                return [status: 'recorded', table: log]
            case 'replay':
                return [status: 'replayed', recorded: 0, already_recorded: 0, set_aside: 0]
            case 'doctor':
                return [status: 'checked', checks: []]
            case 'report':
                return [status: 'reported', table: log, index: "${variables.BQ_REPORT_DIR}/index.html", builds: 0]
            default:
                throw new UnsupportedOperationException("bqsteps runs '${variables.BQ_COMMAND}', which BqSteps does not know")
        }
    }

    private static Map several(String project, List<String> tables) {
        [status: 'unchanged', tables: tables.collect { unchanged("${project}.${it}") }]
    }

    private static Map unchanged(String table) {
        [status: 'unchanged', table: table, changes: []]
    }

    private String known(String step) {
        if (!steps.containsKey(step)) {
            throw new IllegalArgumentException("bqsteps has no step '${step}'; it has ${steps.keySet().join(', ')}")
        }
        return step
    }

    private Object variable(String name) {
        test.binding.hasVariable(name) ? test.binding.getVariable(name) : [:]
    }

    private static CompilerConfiguration configuration() {
        CompilerConfiguration configuration = new CompilerConfiguration(scriptBaseClass: StepScript.name, sourceEncoding: 'UTF-8')
        configuration.addCompilationCustomizers(new ImportCustomizer().addImport('NonCPS', 'com.cloudbees.groovy.cps.NonCPS'))
        return configuration
    }

    /** `bqPod.yaml()`, beside the step `bqPod`. The tests with CPS write out all variables, and drop what they wrote. */
    static class Pod implements Serializable {

        private final transient BqSteps steps

        Pod(BqSteps steps) {
            this.steps = steps
        }

        String yaml(Object given = [:]) {
            steps.called('bqPod', given, null, 'yaml')
        }

    }

    /** A map of the test's, and what there is where it has nothing. */
    static class Fallback {

        private final Object given
        private final Map otherwise

        Fallback(Object given, Map otherwise) {
            this.given = given
            this.otherwise = otherwise
        }

        Object getProperty(String name) {
            Object value = this.@given instanceof Map ? this.@given.get(name) : this.@given."${name}"
            value == null ? this.@otherwise.get(name) : value
        }

    }

    /** The test's currentBuild, which JenkinsPipelineUnit 1.1 gives a result only. */
    static class CurrentBuild extends Fallback {

        CurrentBuild(Object given) {
            super(given, [
                currentResult: given.result ?: 'SUCCESS', fullProjectName: 'team/app', number: 1, timeInMillis: 0L,
                startTimeInMillis: 0L, buildCauses: [],
            ])
        }

        List getBuildCauses() {
            getProperty('buildCauses')
        }

    }

}

/** What the library's steps are compiled to. */
abstract class StepScript extends Script {

    Object methodMissing(String name, Object arguments) {
        binding.getVariable('steps').perform(name, arguments as List)
    }

}
