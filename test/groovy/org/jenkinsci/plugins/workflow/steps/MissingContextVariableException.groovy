package org.jenkinsci.plugins.workflow.steps

/** Stands for Jenkins' own: a step needs something around it, such as an agent. */
class MissingContextVariableException extends Exception {

    MissingContextVariableException(String type, String step) {
        super("Required context class ${type} is missing\n" +
            "Perhaps you forgot to surround the step '${step}' with a step that provides this, such as: node")
    }

}
