package org.jenkinsci.plugins.workflow.support.steps

/** Stands for Jenkins' own: a step needs an agent that is gone. */
class AgentOfflineException extends IOException {

    AgentOfflineException(String message) {
        super(message)
    }

}
