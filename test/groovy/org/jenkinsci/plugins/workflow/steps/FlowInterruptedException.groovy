package org.jenkinsci.plugins.workflow.steps

/** Stands for Jenkins' own: somebody aborted the build, a timeout expired, or the agent is gone. */
class FlowInterruptedException extends InterruptedException {

    final String result = 'ABORTED'
    /** False where nobody wants the build to end: an agent that is gone, a timeout inside of what goes on after it. */
    boolean actualInterruption = true

    FlowInterruptedException(String message) {
        super(message)
    }

}
