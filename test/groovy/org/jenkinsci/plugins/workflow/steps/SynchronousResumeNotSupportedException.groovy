package org.jenkinsci.plugins.workflow.steps

/** Stands for Jenkins' own: the controller restarted in the middle of a step that it cannot go on with. */
class SynchronousResumeNotSupportedException extends Exception {

    SynchronousResumeNotSupportedException(String step) {
        super("The Pipeline step `${step}` cannot be resumed after a controller restart.")
    }

}
