package mutation

import steps.StepTest

import java.lang.management.ManagementFactory
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit

/** A Trial in a process of its own, on a changed library; a new one is started where it had to be ended. */
class Worker implements Closeable {

    /** No test takes nearly as long, unless it never ends. */
    private static final long LONGEST_TEST_SECONDS = 90

    private final File library
    private Process process
    private LinkedBlockingQueue<String> answers

    Worker(File library) {
        this.library = library
    }

    /** What the classes of tests found: Trial's last answer, or that they did not come to an end. */
    String verdict(Collection<String> classes) {
        if (!process?.alive) {
            start()
        }
        process.outputStream.write("${classes.join(',')}\n".getBytes('UTF-8'))
        process.outputStream.flush()
        while (true) {
            String answer = answers.poll(LONGEST_TEST_SECONDS, TimeUnit.SECONDS)
            if (answer == null || answer == 'ended') {
                close()
                return Trial.CAUGHT + 'a test that never ended'
            }
            if (answer == Trial.SURVIVED || answer.startsWith(Trial.CAUGHT)) {
                return answer
            }
        }
    }

    @Override
    void close() {
        if (process) {
            process.descendants().each { it.destroyForcibly() }
            process.destroyForcibly().waitFor()
        }
    }

    private void start() {
        List<String> options = ManagementFactory.runtimeMXBean.inputArguments
        process = new ProcessBuilder(['java', *options, "-D${StepTest.LIBRARY}=${library}".toString(),
                                      '-cp', System.getProperty('java.class.path'), Trial.name])
            .redirectError(ProcessBuilder.Redirect.DISCARD).start()
        LinkedBlockingQueue<String> queue = new LinkedBlockingQueue<>()
        Process started = process
        Thread.startDaemon {
            started.inputStream.eachLine('UTF-8') { queue.add(it) }
            queue.add('ended')
        }
        answers = queue
    }

}
