package harness

import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/** The step `parallel`: the branches' processes overlap, their Groovy does not; all end before the step does. */
class Parallel {

    private final Jenkins jenkins
    private final Frame frame

    Parallel(Jenkins jenkins, Frame frame) {
        this.jenkins = jenkins
        this.frame = frame
    }

    Map run() {
        Map bodies = frame.call.named('')
        boolean failFast = bodies.failFast as boolean
        List<String> names = bodies.keySet().findAll { it != 'failFast' }.collect { String.valueOf(it) }
        Context context = jenkins.program.branch.context
        Map<String, Object> results = [:]
        Map<String, Throwable> failures = Collections.synchronizedMap([:])
        RecordedStep step = jenkins.program.branch.step
        List<Branch> branches = names.collect { new Branch(context: context, step: step.record('branch', [name: it])) }
        List<Thread> threads = [names, branches].transpose().collect { String name, Branch branch ->
            jenkins.program.start(branch) {
                jenkins.interceptor.register()
                jenkins.console.line("[Pipeline] { (Branch: ${name})")
                try {
                    results[name] = jenkins.program.run { frame.call.named('')[name].call() }
                } catch (Throwable failed) {
                    failures[name] = failed
                    jenkins.console.line("Failed in branch ${name}")
                    if (failFast) {
                        (branches - branch)*.interrupt(new FlowInterruptedException("Failed in branch ${name}"))
                    }
                }
                jenkins.console.line('[Pipeline] }')
            }
        }
        jenkins.program.branch.children = branches
        jenkins.program.outside { threads*.join() }
        failures.values().each { jenkins.program.branch.forget(it) }
        jenkins.console.line('[Pipeline] // parallel')
        if (failures) {
            throw failures.values().first()
        }
        return results
    }

}
