package harness

import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

import java.util.concurrent.TimeUnit

/** The steps that run a block in other circumstances, or again, or for so long. */
class BlockSteps {

    private final Jenkins jenkins

    BlockSteps(Jenkins jenkins) {
        this.jenkins = jenkins
    }

    void define(Steps steps) {
        steps.define('withEnv', ['overrides']) { Map given, Frame frame ->
            List<String> overrides = given.overrides.collect { checkedOverride(it) }
            jenkins.within(frame, [overrides: jenkins.program.branch.context.overrides + overrides])
        }
        steps.define('dir', ['path']) { Map given, Frame frame ->
            Context context = jenkins.program.branch.context
            context.agentFor('dir')
            File folder = context.file((String) given.path)
            jenkins.console.line("Running in ${folder.path}")
            jenkins.within(frame, [folder: folder])
        }
        steps.define('stage', ['name']) { Map given, Frame frame ->
            List<String> overrides = jenkins.program.branch.context.overrides + ["STAGE_NAME=${given.name}".toString()]
            jenkins.within(frame, [overrides: overrides], "(${given.name})")
        }
        ['script', 'timestamps'].each { String name ->
            steps.define(name, []) { Map given, Frame frame -> jenkins.within(frame, [:]) }
        }
        steps.define('timeout', ['time', 'unit']) { Map given, Frame frame -> timeout(frame, given) }
        steps.define('retry', ['count', 'conditions']) { Map given, Frame frame -> retry(frame, given) }
    }

    /** Once the time is over the block is interrupted; outside of this step that is a failure like others. */
    private Object timeout(Frame frame, Map given) {
        Branch branch = jenkins.program.branch
        FlowInterruptedException expired = new FlowInterruptedException('Timeout has been exceeded')
        boolean over = false
        Timer timer = new Timer(true)
        TimerTask cancel = {
            synchronized (expired) {
                if (!over) {
                    jenkins.console.line('Cancelling nested steps due to timeout')
                    branch.interrupt(expired)
                }
            }
        } as TimerTask
        timer.schedule(cancel, TimeUnit.valueOf((String) given.unit ?: 'MINUTES').toMillis((long) given.time))
        try {
            return jenkins.within(frame, [:])
        } finally {
            timer.cancel()
            synchronized (expired) {
                over = true
                branch.forget(expired)
            }
            expired.actualInterruption = false
        }
    }

    /** Without conditions anything is tried again that is not a wish to end the build; else what a condition is for. */
    private Object retry(Frame frame, Map given) {
        for (int left = (int) given.count - 1; ; left--) {
            try {
                return jenkins.within(frame, [:])
            } catch (UnserializableProgram fatal) {
                throw fatal
            } catch (Throwable failed) {
                boolean again = given.conditions ? given.conditions.any { it.holds(failed, jenkins) } : !wanted(failed)
                if (left <= 0 || !again) {
                    throw failed
                }
                jenkins.console.line(failed instanceof FlowInterruptedException ? failed.message : "ERROR: ${failed.message}")
                jenkins.console.line('Retrying')
            }
        }
    }

    /** Whether somebody wants the build to end. */
    static boolean wanted(Throwable failed) {
        failed instanceof FlowInterruptedException && failed.actualInterruption
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

}
