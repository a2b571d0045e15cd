package harness

import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/**
 * The steps after which the build goes on, whatever their block does. They say what that makes of the build, and of the
 * stage, by which a declarative stage's `post` goes: https://plugins.jenkins.io/workflow-basic-steps/.
 */
class CatchError {

    private final Jenkins jenkins

    CatchError(Jenkins jenkins) {
        this.jenkins = jenkins
    }

    void define(Steps steps) {
        steps.define('catchError', ['message', 'buildResult', 'stageResult', 'catchInterruptions']) { Map given, Frame frame ->
            run(frame, given, result(given, 'buildResult', 'FAILURE'), result(given, 'stageResult', 'SUCCESS'))
        }
        steps.define('warnError', ['message', 'catchInterruptions']) { Map given, Frame frame ->
            if (!given.message) {
                throw new IllegalArgumentException('A non-empty message is required')
            }
            run(frame, given, 'UNSTABLE', 'UNSTABLE')
        }
    }

    /** An abort is caught as well, unless the step is told not to; build and stage are aborted then, whatever it says. */
    private Object run(Frame frame, Map given, String buildResult, String stageResult) {
        try {
            jenkins.within(frame, [:])
        } catch (UnserializableProgram fatal) {
            throw fatal
        } catch (Throwable failed) {
            if (given.catchInterruptions == false && BlockSteps.wanted(failed)) {
                throw failed
            }
            if (given.message) {
                jenkins.console.line("ERROR: ${given.message}")
            }
            jenkins.tell(failed)
            String interrupted = failed instanceof FlowInterruptedException ? failed.result : null
            mark(interrupted ?: buildResult, interrupted ?: stageResult)
        }
        return null
    }

    private void mark(String buildResult, String stageResult) {
        String becomes = Build.worse(jenkins.build.result, buildResult)
        if (becomes != jenkins.build.currentResult) {
            jenkins.console.line("Setting overall build result to ${becomes}")
            jenkins.build.setResult(becomes)
        }
        jenkins.program.branch.step.warning = stageResult
    }

    /** One that is named and null is no failure at all. */
    private static String result(Map given, String name, String otherwise) {
        String result = given.containsKey(name) ? given[name] ?: 'SUCCESS' : otherwise
        if (!(result.toUpperCase() in Build.RESULTS)) {
            throw new IllegalArgumentException("${name} is invalid: ${result}. Valid options are ${Build.RESULTS.join(', ')}.")
        }
        return result.toUpperCase()
    }

}
