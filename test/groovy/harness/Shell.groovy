package harness

import hudson.AbortException

import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger

/** The step `sh`: a real shell, with the exit code and the ways to answer of Jenkins' own. */
class Shell {

    private final Jenkins jenkins
    private final Set<Process> running = ConcurrentHashMap.newKeySet()
    private final AtomicInteger durable = new AtomicInteger()
    private boolean ending

    Shell(Jenkins jenkins) {
        this.jenkins = jenkins
    }

    /** Ends what runs, and what a shell starts while it is asked to end; nothing is started any more. */
    void endProcesses() {
        synchronized (running) {
            ending = true
        }
        long patience = System.nanoTime() + TimeUnit.SECONDS.toNanos(5)
        // A process whose parent has ended is no longer found below it, so what was seen once is kept in mind.
        Set<ProcessHandle> left = [] as Set
        while (left = (left + tree()).findAll { it.alive }) {
            System.nanoTime() < patience ? left*.destroy() : left*.destroyForcibly()
            Thread.sleep(20)
        }
    }

    private List<ProcessHandle> tree() {
        running.collectMany { it.descendants().toArray().toList() + it.toHandle() }
    }

    private Process start(ProcessBuilder builder) {
        synchronized (running) {
            if (ending) {
                throw new AbortException('the machine ends, and starts no process')
            }
            Process process = builder.start()
            running.add(process)
            return process
        }
    }

    /** As the durable task does it: the script in a file beside the workspace, run with -xe. */
    Object run(Map given) {
        if (!context.agentFor('sh').unix) {
            throw new AbortException('Batch scripts can only be run on Windows nodes; here it is the other way round: sh')
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
            Map ended = execute(command, given.returnStdout as boolean)
            RecordedStep step = jenkins.program.branch.step
            step.sent += file.length() + size(jenkins.environment.variables() - context.agent.environment)
            step.received += ended.received
            return outcome(given, ended)
        } finally {
            control.deleteDir()
        }
    }

    private Context getContext() {
        jenkins.program.branch.context
    }

    private Object outcome(Map given, Map ended) {
        jenkins.program.branch.throwInterruption()
        if (given.returnStatus) {
            return ended.code
        }
        if (ended.code != 0) {
            throw new AbortException("script returned exit code ${ended.code}")
        }
        return given.returnStdout ? FileSteps.decode((byte[]) ended.stdout, (String) given.encoding, context.agent.charset) : null
    }

    /** Other branches go on while the process runs. */
    private Map execute(List<String> command, boolean keepStdout) {
        Branch branch = jenkins.program.branch
        String charset = context.agent.charset.name()
        context.folder.mkdirs()
        File own = context.ownTmp
        List<String> inside = own ? PrivateTmp.around(command, own, context.agent.namedBelowTmp) : command
        ProcessBuilder builder = new ProcessBuilder(inside).directory(context.folder).redirectErrorStream(!keepStdout)
        builder.environment().clear()
        builder.environment().putAll(jenkins.environment.variables() + (own ? PrivateTmp.variables(own) : [:]))
        return (Map) jenkins.program.outside {
            Process process = start(builder)
            branch.process = process
            if (branch.interruption) {
                branch.interrupt(branch.interruption)
            }
            process.outputStream.close()
            ByteArrayOutputStream stdout = new ByteArrayOutputStream()
            long shown = 0
            Thread other = keepStdout ? Thread.start { stdout << process.inputStream } : null
            (keepStdout ? process.errorStream : process.inputStream).eachLine(charset) { String line ->
                shown += line.getBytes(charset).length + 1
                jenkins.console.line(line)
            }
            other?.join()
            int code = process.waitFor()
            running.remove(process)
            branch.process = null
            return [code: code, stdout: stdout.toByteArray(), received: stdout.size() + shown]
        }
    }

    /** The bytes of variables, each as NAME=value with an end. */
    private static int size(Map<String, String> variables) {
        (int) variables.collect { name, value -> "${name}=${value}".getBytes('UTF-8').length + 1 }.sum(0)
    }

}
