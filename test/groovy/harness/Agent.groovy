package harness

import java.nio.charset.Charset
import java.nio.charset.StandardCharsets

/** A machine (or a pod) that builds run on: a folder for workspaces, an environment, a charset, and real processes. */
class Agent {

    final File root
    Map<String, String> environment = [:]
    Charset charset = StandardCharsets.UTF_8
    String name = 'agent-1'
    boolean unix = true
    /** The containers of a pod; null on an agent that is none. */
    List<String> containers
    protected final Set<File> inUse = []

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

    /** The folder for temporary files beside a folder, as WorkspaceList.tempDir has it. */
    static File temporary(File folder) {
        new File(folder.parentFile, folder.name + '@tmp')
    }

}

/** Where the program is: on which agent, in which folder and container, with which variables on top. */
class Context {

    Agent agent
    File workspace
    File folder
    String container
    List<String> overrides = []

    Context with(Map changes) {
        new Context([agent: agent, workspace: workspace, folder: folder, container: container, overrides: overrides] + changes)
    }

    /** Resolves a path as FilePath does: absolute, or from the current folder. */
    File file(String path) {
        new File(path).absolute ? new File(path) : new File(folder, path)
    }

}
