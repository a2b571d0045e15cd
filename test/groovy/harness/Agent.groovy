package harness

import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException
import org.jenkinsci.plugins.workflow.steps.MissingContextVariableException
import org.jenkinsci.plugins.workflow.support.steps.AgentOfflineException
import org.yaml.snakeyaml.Yaml

import java.nio.charset.Charset
import java.nio.charset.StandardCharsets

/** A machine that builds run on: a folder for workspaces, an environment, a charset, and real processes. */
class Agent {

    final File root
    Map<String, String> environment = [:]
    Charset charset = StandardCharsets.UTF_8
    String name = 'agent-1'
    boolean unix = true
    /** The containers of a pod; null on an agent that is none. */
    Collection<String> containers
    protected final Set<File> inUse = []
    private int pods = 0

    Agent(File root) {
        this.root = root
    }

    /** A workspace that no other branch has, named as Jenkins names it: job, job@2, … */
    synchronized File allocate(String job) {
        File workspace = (1..99).collect { new File(root, it == 1 ? job : "${job}@${it}") }.find { !(it in inUse) }
        inUse.add(workspace)
        workspace.mkdirs()
        return workspace
    }

    synchronized void release(File workspace) {
        inUse.remove(workspace)
    }

    /** A pod of that template, with a workspace volume that nothing else shares. */
    synchronized Agent pod(PodTemplate template) {
        start(new File(root, "pod-${++pods}"), template)
    }

    protected Agent start(File volume, PodTemplate template) {
        like(new Agent(volume), volume.name, template)
    }

    protected Agent like(Agent pod, String podName, PodTemplate template) {
        pod.environment = environment
        pod.charset = charset
        pod.unix = unix
        pod.name = podName
        pod.containers = template.containers.keySet()
        return pod
    }

    /** What the agent's own variables, and its workspaces, name directly below /tmp: its machine's, or its image's. */
    Collection<String> getNamedBelowTmp() {
        Collection<String> paths = (environment.values() + root.path).collectMany { it.findAll('(?<![^:])/tmp/[^/:]+') }
        paths.unique().findAll { new File(it).exists() }
    }

    /** The folder for temporary files beside a folder, as WorkspaceList.tempDir has it. */
    static File temporary(File folder) {
        new File(folder.parentFile, folder.name + '@tmp')
    }

}

/** What `podTemplate` describes: the containers of its YAML, over those of the template that it inherits from. */
class PodTemplate {

    final String label
    final String yaml
    /** Images by the containers' names. */
    final Map<String, String> containers

    PodTemplate(String label, String yaml, PodTemplate inherited) {
        this.label = label
        this.yaml = yaml
        List<Map> own = (yaml ? (Map) new Yaml().load(yaml) : [:]).spec?.containers ?: []
        containers = [jnlp: null] + (inherited?.containers ?: [:]) + own.collectEntries { [(it.name): it.image] }
    }

}

/** What `node` gives its block: an agent and a workspace on it, until the block ends or the agent is lost. */
class Allocation implements Live {

    final Agent agent
    final File workspace
    /** The template of the pod; null on an agent that is none. */
    final PodTemplate template
    private final Branch branch
    private volatile boolean lost

    Allocation(Agent agent, File workspace, PodTemplate template, Branch branch) {
        this.agent = agent
        this.workspace = workspace
        this.template = template
        this.branch = branch
    }

    boolean isLost() {
        lost
    }

    /** The folders that its containers have as /tmp. */
    File getOwnTmps() {
        new File(Agent.temporary(workspace), 'tmp')
    }

    /** The agent is removed, as a pod is whose machine is drained: what runs on it is gone at once. */
    void lose() {
        lost = true
        branch.interrupt(new RemovedAgent(this), true)
    }

}

/** The cause that `node` fails with when its agent is removed. It is no wish of anybody to end the build. */
class RemovedAgent extends FlowInterruptedException {

    final Allocation allocation

    RemovedAgent(Allocation allocation) {
        super('Agent was removed')
        this.allocation = allocation
        actualInterruption = false
    }

}

/** What a step fails with whose agent is gone already. */
class OfflineAgent extends AgentOfflineException {

    final Allocation allocation

    OfflineAgent(Allocation allocation) {
        super("Unable to create live FilePath for ${allocation.agent.name}")
        this.allocation = allocation
    }

}

/** Where the program is: on which agent, in which folder and container, with which variables on top. */
class Context {

    Allocation allocation
    File folder
    String container
    PodTemplate template
    List<String> overrides = []

    Agent getAgent() {
        allocation?.agent
    }

    File getWorkspace() {
        allocation?.workspace
    }

    /** The /tmp of the container that `sh` runs in; null where that is none, and has its machine's. */
    File getOwnTmp() {
        if (!container && !allocation.template) {
            return null
        }
        File own = new File(allocation.ownTmps, container ?: 'jnlp')
        own.mkdirs()
        return own
    }

    /** The agent, which a step cannot do without. */
    Agent agentFor(String step) {
        if (!allocation) {
            throw new MissingContextVariableException('hudson.FilePath', step)
        }
        if (allocation.lost) {
            throw new OfflineAgent(allocation)
        }
        return agent
    }

    Context with(Map changes) {
        new Context([allocation: allocation, folder: folder, container: container, template: template,
                     overrides: overrides] + changes)
    }

    /** Resolves a path as FilePath does: absolute, or from the current folder. */
    File file(String path) {
        new File(path).absolute ? new File(path) : new File(folder, path)
    }

}
