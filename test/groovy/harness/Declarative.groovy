package harness

import org.codehaus.groovy.runtime.InvokerHelper
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

    /** What is no directive here is a step or nothing at all, which the pipeline itself finds out. */
    Object methodMissing(String name, Object arguments) {
        if (!(name in allowed)) {
            return InvokerHelper.invokeMethod(body.owner, name, arguments)
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

    /** The value of a directive that takes one. */
    Object value(String name) {
        the(name)?.values?.first()
    }

}

/** `name values { body }` in a block; what its own body says is in its block, once that has been read. */
class Directive implements Serializable {

    String name
    List values
    Closure body
    Block block
    /** The variables of a cell of a matrix. */
    Map<String, String> cell = [:]

}

/**
 * Runs `pipeline { … }` as the declarative plugin does it, made of the same steps: agents, environments, options, stages
 * one after the other or beside each other (also as a matrix), and the conditions of `post`. An error ends what it lies
 * in, but not the post conditions; those of the pipeline run even if its agent could not be had. A directive that is not
 * known fails.
 */
class Declarative {

    /** By the result so far and that of the build before, in the order in which the plugin runs them (by its ordinals). */
    private static final Map<String, Closure<Boolean>> CONDITIONS = [
        always: { String now, String before -> true },
        changed: { String now, String before -> now != before },
        fixed: { String now, String before -> now == 'SUCCESS' && before in ['FAILURE', 'UNSTABLE'] },
        regression: { String now, String before -> before && now != before && Build.worse(now, before) == now },
        aborted: { String now, String before -> now == 'ABORTED' },
        success: { String now, String before -> now == 'SUCCESS' },
        unsuccessful: { String now, String before -> now != 'SUCCESS' },
        unstable: { String now, String before -> now == 'UNSTABLE' },
        failure: { String now, String before -> now == 'FAILURE' },
        notBuilt: { String now, String before -> now == 'NOT_BUILT' },
        cleanup: { String now, String before -> true },
    ]

    private static final List<String> STAGE = ['agent', 'environment', 'options', 'when', 'stages', 'post']
    private static final Map<String, List<String>> DIRECTIVES = [
        pipeline: ['agent', 'environment', 'options', 'parameters', 'triggers', 'stages', 'post'],
        stages: ['stage'],
        parallel: ['stage'],
        stage: STAGE + ['steps', 'parallel', 'matrix', 'failFast'],
        matrix: STAGE + ['axes', 'excludes'],
        axes: ['axis'],
        excludes: ['exclude'],
        exclude: ['axis'],
        axis: ['name', 'values', 'notValues'],
        agent: ['kubernetes', 'label', 'node'],
        kubernetes: ['yaml', 'defaultContainer', 'inheritFrom', 'retries'],
        node: ['label'],
        when: ['expression', 'branch', 'beforeAgent'],
        environment: [],
        post: CONDITIONS.keySet() as List,
        options: ['timeout', 'retry', 'timestamps', 'disableConcurrentBuilds', 'skipDefaultCheckout',
                  'skipStagesAfterUnstable', 'parallelsAlwaysFailFast'],
    ]
    /** The options that are steps, which the block lies in. */
    private static final List<String> WRAPPERS = ['timeout', 'retry', 'timestamps']

    private final Jenkins jenkins
    private final Frame frame

    Declarative(Jenkins jenkins, Frame frame) {
        this.jenkins = jenkins
        this.frame = frame
    }

    void run() {
        frame.state = new Block(DIRECTIVES.pipeline, frame.call.body)
        read([])
        Throwable failure = null
        boolean posted = false
        try {
            onAgent([]) {
                environment([]) {
                    wrapped([]) {
                        failure = stages(inner([], 'stages'), null)
                        posted = true
                        failure = pipelinePost(failure)
                        rethrow(failure)
                    }
                }
            }
        } catch (Throwable failed) {
            failure = firstOf(failure, failed)
        }
        rethrow(posted ? failure : pipelinePost(failure))
    }

    /** The first failure counts; one of the program itself ends everything. */
    private Throwable firstOf(Throwable first, Throwable failed) {
        if (failed instanceof UnserializableProgram) {
            throw failed
        }
        return first ?: failed
    }

    private static void rethrow(Throwable failure) {
        if (failure) {
            throw failure
        }
    }

    /** The block at a path of positions. It is looked up anew each time: a restart puts other objects in its place. */
    private Block at(List<Integer> path) {
        (Block) path.inject(frame.state) { Block block, int position -> block.said[position].block }
    }

    private Directive directive(List<Integer> path) {
        at(path.init()).said[path.last()]
    }

    /** The path of a directive's block, which is read the first time. */
    private List<Integer> inner(List<Integer> outer, String name) {
        int position = at(outer).said.findIndexOf { it.name == name }
        return position < 0 ? null : opened(outer + position)
    }

    private Block blockOf(List<Integer> outer, String name) {
        List<Integer> path = inner(outer, name)
        return path == null ? null : at(path)
    }

    private List<Integer> opened(List<Integer> path) {
        Directive directive = directive(path)
        if (directive.block == null) {
            directive.block = new Block(DIRECTIVES[directive.name], directive.body)
            read(path)
        }
        return path
    }

    /** Runs a block's own code, so that it says what is in it. */
    private void read(List<Integer> path) {
        at(path).body.delegate = at(path)
        at(path).body.resolveStrategy = Closure.DELEGATE_FIRST
        jenkins.program.run { at(path).body.call() }
        at(path).body.delegate = at(path).body.owner
    }

    /** Runs stages one after the other; those after a failure only say that they are skipped. */
    private Throwable stages(List<Integer> path, Throwable before) {
        Throwable failure = before
        at(path).said.size().times { int position ->
            try {
                stage(path + position, failure)
            } catch (Throwable failed) {
                failure = firstOf(failure, failed)
            }
        }
        return failure
    }

    private void stage(List<Integer> path, Throwable before) {
        String name = directive(path).values[0]
        jenkins.steps.call('stage', [name: name]) {
            opened(path)
            if (before) {
                jenkins.console.line("Stage \"${name}\" skipped due to earlier failure(s)")
            } else if (jenkins.build.result == 'UNSTABLE' && option('skipStagesAfterUnstable')) {
                jenkins.console.line("Stage \"${name}\" skipped due to the build being unstable")
            } else {
                variables(directive(path).cell) { stageInItsPlace(path, name) }
            }
        }
    }

    private void stageInItsPlace(List<Integer> path, String name) {
        Closure work = {
            if (wanted(path)) {
                environment(path) { stageBody(path) }
            } else {
                jenkins.console.line("Stage \"${name}\" skipped due to when conditional")
            }
        }
        if (before(path) && !wanted(path)) {
            jenkins.console.line("Stage \"${name}\" skipped due to when conditional")
        } else {
            wrapped(path) { onAgent(path, work) }
        }
    }

    /** The work of a stage and its post conditions. */
    private void stageBody(List<Integer> path) {
        Throwable failure = null
        try {
            if (at(path).the('steps')) {
                jenkins.program.run { at(path).the('steps').body.call() }
            } else if (at(path).the('stages')) {
                failure = stages(inner(path, 'stages'), null)
            } else {
                beside(path, at(path).the('matrix') ? cells(inner(path, 'matrix')) : inner(path, 'parallel'))
            }
        } catch (Throwable failed) {
            failure = firstOf(failure, failed)
        }
        if (at(path).the('post')) {
            failure = postConditions(inner(path, 'post'), failure, jenkins.program.branch.step)
        }
        rethrow(failure)
    }

    private void beside(List<Integer> path, List<Integer> branches) {
        Map<String, Object> bodies = [:]
        at(branches).said.eachWithIndex { Directive branch, int position ->
            bodies[String.valueOf(branch.values[0])] = { stage(branches + position, null) }
        }
        if (at(path).value('failFast') || option('parallelsAlwaysFailFast')) {
            bodies.failFast = true
        }
        jenkins.steps.call('parallel', bodies)
    }

    /** Makes a stage of each cell of a matrix: the axes' values combined, without those that are excluded. */
    private List<Integer> cells(List<Integer> matrix) {
        List<Map> cells = axes(inner(matrix, 'axes')).inject([[:]]) { List<Map> known, Map axis ->
            axis.values.collectMany { String value -> known.collect { it + [(axis.name): value] } }
        }
        if (at(matrix).the('excludes')) {
            List<Integer> block = inner(matrix, 'excludes')
            List<List<Map>> excluded = at(block).said.indices.collect { int position -> axes(opened(block + position)) }
            cells = cells.findAll { Map cell -> !excluded.any { List<Map> all -> all.every { isOn(it, cell) } } }
        }
        Directive holder = directive(matrix)
        holder.block = new Block([], holder.body)
        cells.each { Map cell ->
            String name = 'Matrix - ' + cell.collect { axis, value -> "${axis} = '${value}'" }.join(', ')
            holder.block.said.add(new Directive(name: 'matrix', values: [name], body: holder.body, cell: cell))
        }
        return matrix
    }

    private List<Map> axes(List<Integer> path) {
        at(path).said.indices.collect { int position ->
            Block axis = at(opened(path + position))
            [name: axis.value('name'), values: axis.the('values')?.values, notValues: axis.the('notValues')?.values]
        }
    }

    private static boolean isOn(Map axis, Map cell) {
        axis.values ? cell[axis.name] in axis.values : !(cell[axis.name] in axis.notValues)
    }

    private boolean before(List<Integer> path) {
        blockOf(path, 'when')?.value('beforeAgent')
    }

    private boolean wanted(List<Integer> path) {
        List<Integer> when = inner(path, 'when')
        return when == null || at(when).said.every { Directive condition ->
            switch (condition.name) {
                case 'branch': return jenkins.environment.variables().BRANCH_NAME == condition.values[0]
                case 'expression': return jenkins.program.run { condition.body.call() }
                default: return true
            }
        }
    }

    private boolean option(String name) {
        blockOf([], 'options')?.the(name)
    }

    private void wrapped(List<Integer> path, Closure work) {
        List<Directive> wrappers = (blockOf(path, 'options')?.said ?: []).findAll { it.name in WRAPPERS }
        wrappers.reverse().inject(work) { Closure inside, Directive option ->
            { ->
                Map given = option.values.empty ? [:] : option.values[0] instanceof Map ? option.values[0] : [count: option.values[0]]
                jenkins.steps.call(option.name, given, inside)
            }
        }.call()
    }

    private void environment(List<Integer> path, Closure work) {
        variables(blockOf(path, 'environment')?.assigned, work)
    }

    private void variables(Map variables, Closure work) {
        if (variables) {
            jenkins.steps.call('withEnv', [overrides: variables.collect { name, value -> "${name}=${value}".toString() }], work)
        } else {
            work()
        }
    }

    private void onAgent(List<Integer> path, Closure work) {
        Directive agent = at(path).the('agent')
        if (agent == null || agent.values == ['none']) {
            work()
        } else if (agent.values == ['any']) {
            node([:], path, work)
        } else {
            List<Integer> asked = inner(path, 'agent')
            if (at(asked).the('kubernetes')) {
                pod(blockOf(asked, 'kubernetes'), path, work)
            } else {
                node([label: (blockOf(asked, 'node') ?: at(asked)).value('label')], path, work)
            }
        }
    }

    /** As the kubernetes plugin writes it out: without a template to inherit from, and its retries inside of its own. */
    private void pod(Block asked, List<Integer> path, Closure work) {
        Map<String, Object> said = asked.said.collectEntries { [(it.name): it.values[0]] }
        Closure inPod = {
            node([label: jenkins.environment.variables().POD_LABEL], path) {
                said.defaultContainer ? jenkins.steps.call('container', [name: said.defaultContainer], work) : work()
            }
        }
        jenkins.steps.call('podTemplate', [yaml: said.yaml, inheritFrom: said.inheritFrom ?: '']) {
            if (said.retries > 1) {
                List conditions = ['kubernetesAgent', 'nonresumable'].collect { jenkins.steps.call(it, [:]) }
                jenkins.steps.call('retry', [count: said.retries, conditions: conditions], inPod)
            } else {
                inPod()
            }
        }
    }

    private void node(Map given, List<Integer> path, Closure work) {
        jenkins.steps.call('node', given) {
            if (jenkins.sources && !option('skipDefaultCheckout')) {
                Closure checkout = { jenkins.steps.call('checkout', [scm: 'scm']) }
                path ? checkout() : jenkins.steps.call('stage', [name: 'Declarative: Checkout SCM'], checkout)
            }
            work()
        }
    }

    private Throwable pipelinePost(Throwable failure) {
        Throwable first = failure
        List<Integer> post = inner([], 'post')
        if (post && CONDITIONS.any { String name, holds -> satisfied(post, name, failure) }) {
            jenkins.steps.call('stage', [name: 'Declarative: Post Actions']) { first = postConditions(post, failure) }
        }
        return first
    }

    private boolean satisfied(List<Integer> post, String name, Throwable failure, RecordedStep stage = null) {
        Build build = jenkins.build
        at(post).the(name) && CONDITIONS[name](logical(failure, stage), build.previousBuild ? build.previousBuild.currentResult : null)
    }

    /** What the result would be if the build ended here; in a stage, with what the stage's steps have warned of. */
    private String logical(Throwable failure, RecordedStep stage) {
        List<String> own = failure == null ? (stage ? stage.flat()*.warning : [])
            : [failure instanceof FlowInterruptedException ? failure.result : 'FAILURE']
        return own.inject(jenkins.build.currentResult) { String worst, String result -> Build.worse(worst, result) }
    }

    /** While a condition runs, `currentBuild.result` is what it would be; one that fails does not stop the others. */
    private Throwable postConditions(List<Integer> post, Throwable before, RecordedStep stage = null) {
        Throwable failure = before
        CONDITIONS.keySet().each { String name ->
            if (satisfied(post, name, failure, stage)) {
                failure = postCondition(post, name, failure, logical(failure, stage))
            }
        }
        return failure
    }

    private Throwable postCondition(List<Integer> post, String name, Throwable before, String result) {
        Throwable failure = before
        String own = jenkins.build.result
        jenkins.build.@result = result
        try {
            jenkins.program.run { at(post).the(name).body.call() }
        } catch (Throwable failed) {
            jenkins.console.line("Error when executing ${name} post condition:")
            jenkins.tell(failed)
            failure = firstOf(failure, failed)
        }
        if (jenkins.build.result == result) {
            jenkins.build.@result = own
        }
        return failure
    }

}
