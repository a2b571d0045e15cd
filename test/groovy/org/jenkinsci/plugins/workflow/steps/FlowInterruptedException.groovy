package org.jenkinsci.plugins.workflow.steps

/** Stands for Jenkins' own: somebody, or a timeout, aborted the build. */
class FlowInterruptedException extends InterruptedException {

    final String result = 'ABORTED'

    FlowInterruptedException(String message) {
        super(message)
    }

}
