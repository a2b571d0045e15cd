package harness

import hudson.AbortException
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException

/** A block of a declarative pipeline: what was said in it, in its order. */
class Block implements Serializable {

    Closure body
    final List<Directive> said = []
    final Map<String, Object> assigned = [:]
    private final Set<String> allowed

    Block(Collection<String> allowed, Closure body) {
        this.allowed = new LinkedHashSet<>(allowed)
        this.body = body
    }

    Object methodMissing(String name, Object arguments) {
        if (!(name in allowed)) {
            throw new MissingMethodException(name, Block, arguments as Object[])
        }
        List values = (arguments as Object[]) as List
        said.add(new Directive(name: name, values: values, body: values && values.last() instanceof Closure ? values.last() : null))
        return null
    }

    /** `agent any` names its value as if it were a variable. */
    Object propertyMissing(String name) {
        if (!(name in ['any', 'none'])) {
            throw new MissingPropertyException(name, Block)
        }
        return name
    }

    void propertyMissing(String name, Object value) {
        assigned[name] = value
    }

    Directive the(String name) {
        said.find { it.name == name }
    }

}

/** `name values { body }` in a block; what its own body says is in its block, once that has been read. */
class Directive implements Serializable {

    String name
    List values
    Closure body
    Block block

}

/**
 * Runs `pipeline { … }` as the declarative plugin does: agent, environment, stages one after the other (skipped once the
 * build has failed), and the conditions of `post`. A directive that it does not know fails.
 */
class Declarative {

    private static final Map<String, List<String>> DIRECTIVES = [
        pipeline: ['agent', 'environment', 'options', 'parameters', 'triggers', 'stages', 'post'],
        stages: ['stage'],
        parallel: ['stage'],
        stage: ['agent', 'environment', 'options', 'when', 'steps', 'stages', 'parallel', 'failFast', 'post'],
        agent: ['kubernetes', 'label', 'node'],
        kubernetes: ['yaml', 'defaultContainer', 'inheritFrom', 'retries'],
        node: ['label'],
        when: ['expression', 'branch'],
        environment: [],
        options: ['timeout', 'disableConcurrentBuilds', 'timestamps', 'skipDefaultCheckout', 'retry'],
    ]

    /** In the order in which Jenkins runs them. */
    private static final Map<String, Closure<Boolean>> CONDITIONS = [
        always: { true },
        aborted: { it == 'ABORTED' },
        failure: { it == 'FAILURE' },
        success: { it == 'SUCCESS' },
        unstable: { it == 'UNSTABLE' },
        unsuccessful: { it != 'SUCCESS' },
        cleanup: { true },
    ]

    private final Jenkins jenkins
    private final Frame frame

    Declarative(Jenkins jenkins, Frame frame) {
        this.jenkins = jenkins
        this.frame = frame
    }

    Object run() {
        frame.state = new Block(DIRECTIVES.pipeline, frame.call.body)
        read([])
        onAgent([]) {
            stages(path([], 'stages'))
            null
        }
        return null
    }

    /** The block at a path of positions. It is looked up anew each time: a restart puts other objects in its place. */
    private Block at(List<Integer> path) {
        (Block) path.inject(frame.state) { Block block, int position -> block.said[position].block }
    }

    private List<Integer> path(List<Integer> outer, String name) {
        int position = at(outer).said.findIndexOf { it.name == name }
        return position < 0 ? null : read(outer + position)
    }

    /** Runs a block's own code, so that it says what is in it. */
    private List<Integer> read(List<Integer> path) {
        if (path && at(path) == null) {
            Directive directive = at(path.init()).said[path.last()]
            directive.block = new Block(DIRECTIVES[directive.name] ?: [], directive.body)
        }
        Block block = at(path)
        block.body.delegate = block
        block.body.resolveStrategy = Closure.DELEGATE_FIRST
        jenkins.program.run { block.body.call() }
        at(path).body.delegate = at(path).body.owner
        at(path).body.resolveStrategy = Closure.OWNER_FIRST
        return path
    }

    private void stages(List<Integer> path) {
        at(path).said.size().times { int position -> stage(path + position) }
    }

    private void stage(List<Integer> path) {
        String name = at(path.init()).said[path.last()].values[0]
        titled('stage', name) {
            if (jenkins.build.result in ['FAILURE', 'ABORTED']) {
                jenkins.console.line("Stage \"${name}\" skipped due to earlier failure(s)")
                return
            }
            read(path)
            onAgent(path) { stageBody(path, name) }
        }
    }

    private void stageBody(List<Integer> path, String name) {
        if (!wanted(path)) {
            jenkins.console.line("Stage \"${name}\" skipped due to when conditional")
        } else if (at(path).the('steps')) {
            jenkins.program.run { at(path).the('steps').body.call() }
        } else if (at(path).the('stages')) {
            stages(this.path(path, 'stages'))
        } else {
            beside(this.path(path, 'parallel'))
        }
    }

    private void beside(List<Integer> path) {
        List<String> names = at(path).said.collect { String.valueOf(it.values[0]) }
        new Parallel(jenkins, frame).run(names, false) { String name -> stage(path + names.indexOf(name)) }
    }

    private boolean wanted(List<Integer> path) {
        List<Integer> when = this.path(path, 'when')
        if (when == null) {
            return true
        }
        return at(when).said.every { Directive condition ->
            condition.name == 'branch' ? jenkins.environment.variables().BRANCH_NAME == condition.values[0]
                : jenkins.program.run { condition.body.call() }
        }
    }

    /** Agent and environment of the pipeline or of a stage, its work, and its post conditions, which need that agent. */
    private void onAgent(List<Integer> path, Closure work) {
        Closure inside = {
            environment(path) {
                guarded(work)
                post(path)
            }
        }
        Directive agent = at(path).the('agent')
        if (agent == null || agent.values == ['none']) {
            inside()
        } else {
            allocate(path, inside)
        }
    }

    /** A failure ends the stage's work, but not its post conditions. */
    private void guarded(Closure work) {
        try {
            work()
        } catch (UnserializableProgram fatal) {
            throw fatal
        } catch (Throwable failed) {
            jenkins.fail(failed)
        }
    }

    private void allocate(List<Integer> path, Closure inside) {
        Map kubernetes = at(path).the('agent').values == ['any'] ? [:] : pod(this.path(path, 'agent'))
        if (kubernetes.yaml) {
            jenkins.pods.add((String) kubernetes.yaml)
        }
        File workspace = jenkins.agent.allocate(jenkins.build.projectName)
        jenkins.console.line('[Pipeline] node')
        jenkins.console.line("Running on ${jenkins.agent.name} in ${workspace.path}")
        try {
            changed([agent: jenkins.agent, workspace: workspace, folder: workspace,
                     container: kubernetes.defaultContainer], 'node', '{', inside)
        } finally {
            jenkins.agent.release(workspace)
        }
    }

    private Map pod(List<Integer> agent) {
        if (!at(agent).the('kubernetes')) {
            return [:]
        }
        List<Integer> kubernetes = this.path(agent, 'kubernetes')
        return at(kubernetes).said.collectEntries { [(it.name): it.values[0]] }
    }

    private void environment(List<Integer> path, Closure work) {
        if (!at(path).the('environment')) {
            work()
            return
        }
        Map assigned = at(this.path(path, 'environment')).assigned
        List<String> overrides = assigned.collect { name, value -> "${name}=${value}".toString() }
        changed([overrides: jenkins.program.branch.context.overrides + overrides], 'withEnv', '{', work)
    }

    private void post(List<Integer> path) {
        Directive post = at(path).the('post')
        if (!post) {
            return
        }
        post.block = new Block(CONDITIONS.keySet(), post.body)
        int position = at(path).said.indexOf(post)
        read(path + position)
        if (path.empty) {
            titled('stage', 'Declarative: Post Actions') { conditions([position]) }
        } else {
            conditions(path + position)
        }
    }

    private void conditions(List<Integer> post) {
        CONDITIONS.each { String name, Closure<Boolean> holds ->
            if (at(post).the(name) && holds(jenkins.build.currentResult)) {
                guarded { jenkins.program.run { at(post).the(name).body.call() } }
            }
        }
    }

    private void titled(String step, String title, Closure work) {
        changed(jenkins.steps.named(title), step, "{ (${title})", work)
    }

    private void changed(Map changes, String step, String opening, Closure work) {
        Context before = jenkins.program.branch.context
        jenkins.program.branch.context = before.with(changes)
        if (step == 'stage') {
            jenkins.console.line('[Pipeline] stage')
        }
        jenkins.console.line("[Pipeline] ${opening}")
        try {
            work()
        } finally {
            jenkins.program.branch.context = before
            jenkins.console.line('[Pipeline] }')
            jenkins.console.line("[Pipeline] // ${step}")
        }
    }

}
