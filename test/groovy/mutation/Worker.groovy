package mutation

import steps.StepTest

import java.lang.management.ManagementFactory
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit

/**
 * A Trial in a process of its own, on what lies in a folder. A new one is started where it had to be ended, and now and
 * then, as the classes of each trial stay in its memory.
 */
class Worker implements Closeable {

    static final String SURVIVED = 'survived'
    private static final int TRIALS = 50
    /** No test takes nearly as long, unless it never ends. */
    private static final long LONGEST_TEST_SECONDS = 90

    private final String tests
    private final File folder
    private Process process
    private LinkedBlockingQueue<String> answers
    private int trials
    private List<String> order
    /** Milliseconds, as long as nothing was changed. */
    private final Map<String, Long> took = [:]
    private final Map<String, Integer> caught = [:].withDefault { 0 }

    Worker(String tests, File folder) {
        this.tests = tests
        this.folder = folder
    }

    /** The test of these classes that catches what was changed, or that it survives. */
    String verdict(Collection<String> classes) {
        if (!process?.alive || trials++ == TRIALS) {
            close()
            start()
        }
        List<String> chosen = order.findAll { it.tokenize('.')[1] in classes }
        process.outputStream.write("${chosen.join(',')}\n".getBytes('UTF-8'))
        process.outputStream.flush()
        String failed = chosen.find { !passes(it) }
        endProcesses()
        if (failed) {
            caught[failed]++
            order = [failed] + (order - failed).sort { (took[it] ?: 0) / (1 + caught[it]) }
        }
        return failed ?: SURVIVED
    }

    private boolean passes(String test) {
        long patience = took.containsKey(test) ? 10_000 + 4 * took[test] : LONGEST_TEST_SECONDS * 1000
        String answer = answers.poll(patience, TimeUnit.MILLISECONDS)
        if (answer?.long) {
            took.putIfAbsent(test, answer as long)
            return true
        }
        if (answer != Trial.FAILED) {
            close()
        }
        return false
    }

    @Override
    void close() {
        if (process) {
            endProcesses()
            process.destroyForcibly().waitFor()
        }
    }

    /** Those that a changed program leaves behind. */
    private void endProcesses() {
        process.descendants().each { it.destroyForcibly() }
    }

    private void start() {
        List<String> options = ManagementFactory.runtimeMXBean.inputArguments
        String path = folder.path + File.pathSeparator + System.getProperty('java.class.path')
        process = new ProcessBuilder(['java', *options, "-D${StepTest.LIBRARY}=${folder}".toString(), '-cp', path, Trial.name, tests])
            .redirectError(ProcessBuilder.Redirect.DISCARD).start()
        LinkedBlockingQueue<String> queue = new LinkedBlockingQueue<>()
        Process started = process
        Thread.startDaemon {
            started.inputStream.eachLine('UTF-8') { queue.add(it) }
            queue.add('ended')
        }
        answers = queue
        trials = 0
        List<String> known = answers.take().split(',')
        order = order ?: known
    }

}
