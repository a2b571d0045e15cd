package harness

/** The pipeline's `env`: what a process would get here, by name; an assignment holds for the rest of the build. */
class Environment implements Live {

    private final Jenkins jenkins
    final Map<String, String> assigned = [:]

    Environment(Jenkins jenkins) {
        this.jenkins = jenkins
    }

    Object getProperty(String name) {
        variables()[name]
    }

    void setProperty(String name, Object value) {
        this.@assigned[name] = String.valueOf(value)
    }

    /** From the agent's own to the innermost withEnv, each over the one before it. */
    Map<String, String> variables() {
        Context context = this.@jenkins.program.branch.context
        Map<String, String> variables = new TreeMap<>()
        if (context.agent) {
            variables.putAll(context.agent.environment)
        }
        variables.putAll(this.@jenkins.globalProperties)
        variables.putAll(this.@jenkins.build.variables())
        if (context.agent) {
            variables.putAll([
                NODE_NAME: context.agent.name, WORKSPACE: context.workspace.path,
                WORKSPACE_TMP: Agent.temporary(context.workspace).path,
            ])
        }
        variables.putAll(this.@assigned)
        context.overrides.each { override(variables, it) }
        return variables
    }

    /** As hudson.EnvVars does: split at the first '=', nothing after it unsets, PATH+ANY=… is put before PATH. */
    private static void override(Map<String, String> variables, String assignment) {
        int split = assignment.indexOf('=')
        String name = assignment.substring(0, split)
        String value = assignment.substring(split + 1)
        if (name.contains('+')) {
            name = name.substring(0, name.indexOf('+'))
            value = variables[name] ? value + File.pathSeparator + variables[name] : value
        }
        if (value.empty) {
            variables.remove(name)
        } else {
            variables[name] = value
        }
    }

}
