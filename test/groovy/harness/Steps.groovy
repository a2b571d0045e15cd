package harness

import hudson.AbortException

/**
 * The steps that pipelines may call, with the parameters that they take. A step that is not here, or a parameter, fails
 * as it does in Jenkins.
 */
class Steps {

    private final Jenkins jenkins
    private final Map<String, Map> known = [:]
    private final Map<String, Closure> symbols = [:]
    private final Shell shell

    Steps(Jenkins jenkins) {
        this.jenkins = jenkins
        shell = new Shell(jenkins)
        defineMessages()
        new FileSteps(jenkins).define(this)
        new BlockSteps(jenkins).define(this)
        new CatchError(jenkins).define(this)
        new AgentSteps(jenkins).define(this)
        new TestResults(jenkins).define(this)
        define('sh', ['script', 'returnStdout', 'returnStatus', 'encoding', 'label']) { Map given, frame -> shell.run(given) }
        define('library', ['identifier', 'changelog', 'retriever']) { Map given, frame -> jenkins.load((String) given.identifier) }
        symbol('modernSCM') { Map given -> given }
        define('parallel', null) { Map given, Frame frame -> new Parallel(jenkins, frame).run() }
        define('pipeline', []) { Map given, Frame frame -> new Declarative(jenkins, frame).run() }
    }

    boolean has(String name) {
        known.containsKey(name) || symbols.containsKey(name)
    }

    /** The names of all steps that there are. */
    Set<String> getNames() {
        known.keySet()
    }

    /** Adds a step, or replaces one. Its first parameter may go without its name; null takes any. */
    void define(String name, List<String> parameters, Closure action) {
        known[name] = [parameters: parameters, action: action]
    }

    /** What a step does (arguments, frame), for a test that puts something around it. */
    Closure action(String name) {
        known[name].action
    }

    /** Adds what only describes a value for a step's parameter, such as `kubernetesAgent()`: that is no step itself. */
    void symbol(String name, Closure value) {
        symbols[name] = value
    }

    /** For the end of the whole test or run: asks the processes that are left to end, and then forces them. */
    void endProcesses() {
        shell.endProcesses()
    }

    Object perform(Frame frame) {
        StepCall call = frame.call
        if (symbols.containsKey(call.name)) {
            return symbols[call.name](call.named(''))
        }
        Map step = known[call.name]
        Map given = call.named(step.parameters ? (String) step.parameters[0] : '')
        Collection unknown = step.parameters == null ? [] : given.keySet() - step.parameters
        if (unknown) {
            throw new IllegalArgumentException("Unknown parameter(s) found for step '${call.name}': ${unknown}")
        }
        return jenkins.entering(call.name, given) { step.action(given, frame) }
    }

    /** Calls a step from Java's side, as steps do that are made of others; its block is none of the pipeline's. */
    Object call(String name, Map given, Closure body = null) {
        perform(new Frame(call: new StepCall(name: name, arguments: body ? [given, body] : [given])))
    }

    private void defineMessages() {
        define('echo', ['message']) { Map given, frame -> jenkins.console.line(String.valueOf(given.message)) }
        define('error', ['message']) { Map given, frame -> throw new AbortException(String.valueOf(given.message)) }
        define('unstable', ['message']) { Map given, frame ->
            jenkins.console.line("WARNING: ${given.message}")
            jenkins.build.setResult('UNSTABLE')
            jenkins.program.branch.step.warning = 'UNSTABLE'
            null
        }
        define('sleep', ['time', 'unit']) { Map given, frame -> null }
    }

}
