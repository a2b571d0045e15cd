package harness

import hudson.AbortException
import org.jenkinsci.plugins.workflow.steps.MissingContextVariableException
import org.jenkinsci.plugins.workflow.steps.SynchronousResumeNotSupportedException
import org.jenkinsci.plugins.workflow.support.steps.AgentOfflineException

/** The steps that get an agent, and what `retry(conditions: …)` knows about agents that are lost. */
class AgentSteps {

    private final Jenkins jenkins

    AgentSteps(Jenkins jenkins) {
        this.jenkins = jenkins
    }

    void define(Steps steps) {
        steps.define('node', ['label']) { Map given, Frame frame -> node(frame, (String) given.label) }
        steps.define('podTemplate', ['yaml', 'inheritFrom']) { Map given, Frame frame -> podTemplate(frame, given) }
        steps.define('container', ['name']) { Map given, Frame frame ->
            Agent agent = context.agentFor('container')
            if (!(given.name in agent.containers)) {
                throw new AbortException("container [${given.name}] does not exist in pod [${agent.name}]")
            }
            jenkins.within(frame, [container: given.name])
        }
        steps.define('isUnix', []) { Map given, frame -> context.agentFor('isUnix').unix }
        steps.symbol('kubernetesAgent') { Map given -> new KubernetesAgent(handleNonKubernetes: given.handleNonKubernetes as boolean) }
        steps.symbol('agent') { Map given -> new AnyAgent() }
        steps.symbol('nonresumable') { Map given -> new NonResumable() }
    }

    private Context getContext() {
        jenkins.program.branch.context
    }

    private Object node(Frame frame, String label) {
        PodTemplate template = jenkins.liveTemplates[label]
        Agent agent = template ? jenkins.agent.pod(template) : jenkins.agent
        File workspace = agent.allocate(jenkins.build.projectName)
        Allocation allocation = new Allocation(agent, workspace, template, jenkins.program.branch)
        jenkins.console.line("Running on ${agent.name} in ${workspace.path}")
        try {
            return jenkins.within(frame, [allocation: allocation, folder: workspace, container: null])
        } finally {
            allocation.ownTmps.deleteDir()
            agent.release(workspace)
        }
    }

    /** Left alone it inherits from the template that it lies in; an empty text ends that. */
    private Object podTemplate(Frame frame, Map given) {
        if (given.inheritFrom) {
            throw new IllegalArgumentException("no pod template '${given.inheritFrom}' on the controller")
        }
        String label = "template-${jenkins.pods.size() + 1}"
        PodTemplate template = new PodTemplate(label, (String) given.yaml, given.inheritFrom == null ? context.template : null)
        jenkins.pods.add(template)
        jenkins.liveTemplates[label] = template
        try {
            return jenkins.within(frame, [template: template, overrides: context.overrides + ["POD_LABEL=${label}".toString()]])
        } finally {
            jenkins.liveTemplates.remove(label)
        }
    }

}

/** The agent was lost, or was none any more when a step needed it. */
class AnyAgent implements Serializable {

    boolean holds(Throwable failed, Jenkins jenkins) {
        failed instanceof RemovedAgent || failed instanceof AgentOfflineException || failed instanceof MissingContextVariableException
    }

    @Override
    String toString() {
        'agent()'
    }

}

/** The same, of a pod. Jenkins knows a pod that is gone by its template, so this holds only inside of `podTemplate`. */
class KubernetesAgent extends AnyAgent {

    boolean handleNonKubernetes

    @Override
    boolean holds(Throwable failed, Jenkins jenkins) {
        if (!super.holds(failed, jenkins)) {
            return false
        }
        Allocation allocation = failed instanceof RemovedAgent || failed instanceof OfflineAgent ? failed.allocation : null
        if (allocation?.template?.label in jenkins.liveTemplates) {
            return true
        }
        if (allocation && !handleNonKubernetes) {
            jenkins.console.line("${allocation.agent.name} did not look like a Kubernetes agent; " +
                'make sure retry is inside podTemplate, not outside')
        }
        return handleNonKubernetes
    }

    @Override
    String toString() {
        'kubernetesAgent()'
    }

}

/** The controller restarted in the middle of a step that cannot go on. */
class NonResumable implements Serializable {

    boolean holds(Throwable failed, Jenkins jenkins) {
        failed instanceof SynchronousResumeNotSupportedException
    }

    @Override
    String toString() {
        'nonresumable()'
    }

}
