package harness

import hudson.AbortException
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

import java.nio.charset.Charset
import java.nio.file.FileSystems
import java.nio.file.PathMatcher
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.TimeUnit
import java.util.concurrent.TimeoutException
import java.util.concurrent.atomic.AtomicInteger

/**
 * The steps that pipelines may call, with the parameters that they take. A step that is not here, or a parameter, fails
 * as it does in Jenkins.
 */
class Steps {

    private static final Set<String> FILE_STEPS = ['writeFile', 'readFile', 'fileExists']

    private final Jenkins jenkins
    private final Map<String, Map> known = [:]
    private final Set<Process> running = ConcurrentHashMap.newKeySet()
    private final AtomicInteger durable = new AtomicInteger()

    Steps(Jenkins jenkins) {
        this.jenkins = jenkins
        defineAll()
    }

    boolean has(String name) {
        known.containsKey(name)
    }

    /** Adds a step, or replaces one. Its first parameter may go without its name; null takes any. */
    void define(String name, List<String> parameters, Closure action) {
        known[name] = [parameters: parameters, action: action]
    }

    /** For the end of the whole test or run: asks the processes that are left to end, and then forces them. */
    void endProcesses() {
        List left = running.collectMany { it.descendants().toArray().toList() + it.toHandle() }
        left*.destroy()
        left.each { process ->
            try {
                process.onExit().get(5, TimeUnit.SECONDS)
            } catch (TimeoutException stubborn) {
                process.destroyForcibly()
            }
        }
    }

    Object perform(Frame frame) {
        StepCall call = frame.call
        Map step = known[call.name]
        Map given = call.named(step.parameters ? (String) step.parameters[0] : '')
        Collection unknown = step.parameters == null ? [] : given.keySet() - step.parameters
        if (unknown) {
            throw new IllegalArgumentException("Unknown parameter(s) found for step '${call.name}': ${unknown}")
        }
        jenkins.console.line("[Pipeline] ${call.name}")
        jenkins.entering(call.name, given)
        return step.action(given, frame)
    }

    private void defineAll() {
        defineMessages()
        defineFiles()
        defineBlocks()
        defineAgents()
        define('libraryResource', ['resource', 'encoding']) { Map given, frame -> libraryResource(given) }
        define('sh', ['script', 'returnStdout', 'returnStatus', 'encoding', 'label']) { Map given, frame -> sh(given) }
        define('parallel', null) { Map given, Frame frame -> new Parallel(jenkins, frame).run() }
        define('pipeline', []) { Map given, Frame frame -> new Declarative(jenkins, frame).run() }
    }

    private void defineMessages() {
        define('echo', ['message']) { Map given, frame -> jenkins.console.line(String.valueOf(given.message)) }
        define('error', ['message']) { Map given, frame -> throw new AbortException(String.valueOf(given.message)) }
        define('unstable', ['message']) { Map given, frame ->
            jenkins.console.line("WARNING: ${given.message}")
            jenkins.build.setResult('UNSTABLE')
        }
        define('sleep', ['time', 'unit']) { Map given, frame -> null }
        define('isUnix', []) { Map given, frame -> agent('isUnix').unix }
    }

    private void defineFiles() {
        define('pwd', ['tmp']) { Map given, frame ->
            agent('pwd')
            given.tmp ? Agent.temporary(context.folder).path : context.folder.path
        }
        define('fileExists', ['file']) { Map given, frame -> volumeFile(given.file, 'fileExists').exists() }
        define('writeFile', ['file', 'text', 'encoding']) { Map given, frame ->
            File file = volumeFile(given.file, 'writeFile')
            file.parentFile.mkdirs()
            file.bytes = encode((String) given.text, (String) given.encoding, context.agent.charset)
            null
        }
        define('readFile', ['file', 'encoding']) { Map given, frame ->
            decode(volumeFile(given.file, 'readFile').bytes, (String) given.encoding, context.agent.charset)
        }
        define('deleteDir', []) { Map given, frame ->
            agent('deleteDir')
            context.folder.deleteDir()
            null
        }
        define('archiveArtifacts', ['artifacts', 'allowEmptyArchive', 'fingerprint']) { Map given, frame -> archive(given) }
        define('checkout', ['scm']) { Map given, frame -> agent('checkout') && null }
    }

    private void defineBlocks() {
        define('withEnv', ['overrides']) { Map given, Frame frame ->
            List<String> overrides = given.overrides.collect { checkedOverride(it) }
            within(frame, [overrides: context.overrides + overrides])
        }
        define('dir', ['path']) { Map given, Frame frame ->
            agent('dir')
            File folder = context.file((String) given.path)
            folder.mkdirs()
            jenkins.console.line("Running in ${folder.path}")
            within(frame, [folder: folder])
        }
        define('stage', ['name']) { Map given, Frame frame -> within(frame, named(given.name), "(${given.name})") }
        define('script', []) { Map given, Frame frame -> within(frame, [:]) }
        define('timeout', ['time', 'unit', 'activity']) { Map given, Frame frame -> within(frame, [:]) }
        define('timestamps', []) { Map given, Frame frame -> within(frame, [:]) }
        define('retry', ['count', 'conditions']) { Map given, Frame frame -> retry(frame) }
        ['catchError', 'warnError'].each { String name ->
            define(name, ['message', 'buildResult', 'stageResult', 'catchInterruptions']) { Map given, Frame frame ->
                catchError(frame, given, (String) given.buildResult ?: (name == 'catchError' ? 'FAILURE' : 'UNSTABLE'))
            }
        }
    }

    private void defineAgents() {
        define('node', ['label']) { Map given, Frame frame -> node(frame) }
        define('podTemplate', ['yaml', 'inheritFrom']) { Map given, Frame frame ->
            if (given.inheritFrom != '') {
                throw new IllegalArgumentException('podTemplate without inheritFrom: \'\' takes over whatever template it lies in')
            }
            jenkins.pods.add((String) given.yaml)
            within(frame, [overrides: context.overrides + ['POD_LABEL=pod-' + jenkins.pods.size()]])
        }
        define('container', ['name']) { Map given, Frame frame ->
            if (!(given.name in agent('container').containers)) {
                throw new AbortException("container [${given.name}] does not exist in pod [${context.agent.name}]")
            }
            within(frame, [container: given.name])
        }
    }

    private Context getContext() {
        jenkins.program.branch.context
    }

    private Agent agent(String step) {
        if (!context.agent) {
            throw new AbortException("Required context class hudson.FilePath is missing\n" +
                "Perhaps you forgot to surround the step '${step}' with a step that provides this, such as: node")
        }
        return context.agent
    }

    /** Runs a step's block with something changed, and puts it back after it. */
    Object within(Frame frame, Map changes, String title = null) {
        Context before = context
        jenkins.program.branch.context = before.with(changes)
        jenkins.console.line(title ? "[Pipeline] { ${title}" : '[Pipeline] {')
        try {
            return jenkins.program.run { frame.call.body.call() }
        } finally {
            jenkins.program.branch.context = before
            jenkins.console.line('[Pipeline] }')
            jenkins.console.line("[Pipeline] // ${frame.call.name}")
        }
    }

    private Object node(Frame frame) {
        Agent agent = jenkins.agent
        File workspace = agent.allocate(jenkins.build.projectName)
        jenkins.console.line("Running on ${agent.name} in ${workspace.path}")
        try {
            return within(frame, [agent: agent, workspace: workspace, folder: workspace])
        } finally {
            agent.release(workspace)
        }
    }

    private Object retry(Frame frame) {
        int times = (int) frame.call.named('count').count
        for (int attempt = 1; ; attempt++) {
            try {
                return within(frame, [:])
            } catch (FlowInterruptedException aborted) {
                throw aborted
            } catch (Exception failed) {
                if (attempt >= times) {
                    throw failed
                }
                jenkins.console.line("ERROR: ${failed.message}")
                jenkins.console.line('Retrying')
            }
        }
    }

    private Object catchError(Frame frame, Map given, String result) {
        try {
            return within(frame, [:])
        } catch (FlowInterruptedException aborted) {
            throw aborted
        } catch (Exception failed) {
            jenkins.console.line("ERROR: ${given.message ?: failed.message}")
            if (given.message) {
                jenkins.console.line("ERROR: ${failed.message}")
            }
            if (result != 'SUCCESS') {
                jenkins.build.setResult(result)
            }
            return null
        }
    }

    /** A stage tells its name to what runs in it. */
    Map named(Object stage) {
        [overrides: context.overrides + ["STAGE_NAME=${stage}".toString()]]
    }

    /** What Kubernetes, or Linux, would drop or refuse is refused here, where it is seen. */
    private static String checkedOverride(Object given) {
        String assignment = String.valueOf(given)
        int split = assignment.indexOf('=')
        if (split < 0) {
            throw new IllegalArgumentException(assignment)
        }
        if (!(assignment.substring(0, split) ==~ /[A-Za-z_][A-Za-z0-9_]*(\+[A-Za-z0-9_]*)?/)) {
            throw new IllegalArgumentException("a pod drops variables with such a name: ${assignment}")
        }
        if (assignment.contains('\0')) {
            throw new IllegalArgumentException("Invalid environment variable value: ${assignment.replace('\0', '?')}")
        }
        if (assignment.getBytes('UTF-8').length + 1 > 128 * 1024) {
            throw new IOException("error=7, Argument list too long: ${assignment.substring(0, split)}")
        }
        return assignment
    }

    /** In a pod the file steps run beside the containers, and only the workspace volume is shared with them. */
    private File volumeFile(Object path, String step) {
        agent(step)
        File file = context.file(String.valueOf(path)).toPath().normalize().toFile()
        if (context.agent.containers && !file.toPath().startsWith(context.agent.root.toPath())) {
            throw new FileNotFoundException("${file} is in no volume that container '${context.container ?: 'jnlp'}' shares")
        }
        return file
    }

    static byte[] encode(String text, String encoding, Charset otherwise) {
        encoding == 'Base64' ? text.decodeBase64() : text.getBytes(encoding ? Charset.forName(encoding) : otherwise)
    }

    static String decode(byte[] bytes, String encoding, Charset otherwise) {
        encoding == 'Base64' ? bytes.encodeBase64().toString()
            : new String(bytes, encoding ? Charset.forName(encoding) : otherwise)
    }

    private String libraryResource(Map given) {
        List<File> found = jenkins.resourceFolders.collect { new File(it, (String) given.resource) }.findAll { it.file }
        if (found.size() != 1) {
            throw new AbortException(found ? "Library resource ${given.resource} ambiguous among libraries"
                : "No such library resource ${given.resource} could be found.")
        }
        return decode(found[0].bytes, (String) given.encoding, jenkins.charset)
    }

    private Object archive(Map given) {
        agent('archiveArtifacts')
        PathMatcher wanted = FileSystems.default.getPathMatcher('glob:' + given.artifacts)
        int before = jenkins.artifacts.size()
        if (context.folder.directory) {
            context.folder.eachFileRecurse { File file ->
                String path = context.folder.toPath().relativize(file.toPath()).toString()
                if (file.file && wanted.matches(FileSystems.default.getPath(path))) {
                    jenkins.artifacts[path] = file.bytes
                }
            }
        }
        jenkins.console.line('Archiving artifacts')
        if (jenkins.artifacts.size() == before && !given.allowEmptyArchive) {
            throw new AbortException("No artifacts found that match the file pattern \"${given.artifacts}\".")
        }
        return null
    }

    /** Runs a real shell, as the durable task does: the script in a file beside the workspace, with -xe. */
    private Object sh(Map given) {
        agent('sh')
        if (!context.agent.unix) {
            throw new AbortException("Batch scripts can only be run on Windows nodes; here it is the other way round: sh")
        }
        if (given.script instanceof GString) {
            throw new IllegalArgumentException('sh with a text that Groovy interpolates: give values by the environment')
        }
        String script = given.script
        File control = new File(Agent.temporary(context.folder), "durable-${durable.incrementAndGet()}")
        control.mkdirs()
        File file = new File(control, 'script.sh')
        file.bytes = script.getBytes(context.agent.charset)
        file.executable = true
        List<String> command = script.startsWith('#!') ? [file.path] : ['/bin/sh', '-xe', file.path]
        try {
            return outcome(given, execute(command, given.returnStdout as boolean))
        } finally {
            control.deleteDir()
        }
    }

    private Object outcome(Map given, Map ended) {
        Branch branch = jenkins.program.branch
        branch.throwInterruption()
        if (given.returnStatus) {
            return ended.code
        }
        if (ended.code != 0) {
            throw new AbortException("script returned exit code ${ended.code}")
        }
        return given.returnStdout ? decode((byte[]) ended.stdout, (String) given.encoding, context.agent.charset) : null
    }

    /** Other branches go on while the process runs. */
    private Map execute(List<String> command, boolean keepStdout) {
        Branch branch = jenkins.program.branch
        context.folder.mkdirs()
        ProcessBuilder builder = new ProcessBuilder(command).directory(context.folder).redirectErrorStream(!keepStdout)
        builder.environment().clear()
        builder.environment().putAll(jenkins.environment.variables())
        Charset charset = context.agent.charset
        return (Map) jenkins.program.outside {
            Process process = builder.start()
            branch.process = process
            running.add(process)
            if (branch.interruption) {
                branch.interrupt(branch.interruption)
            }
            process.outputStream.close()
            ByteArrayOutputStream stdout = new ByteArrayOutputStream()
            Thread other = keepStdout ? Thread.start { stdout << process.inputStream } : null
            (keepStdout ? process.errorStream : process.inputStream).eachLine(charset.name()) { String line ->
                jenkins.console.line(line)
            }
            other?.join()
            int code = process.waitFor()
            running.remove(process)
            branch.process = null
            return [code: code, stdout: stdout.toByteArray()]
        }
    }

}
