package harness

import com.cloudbees.groovy.cps.Continuable
import com.cloudbees.groovy.cps.CpsTransformer
import com.cloudbees.groovy.cps.Env
import com.cloudbees.groovy.cps.SandboxCpsTransformer
import com.cloudbees.groovy.cps.TransformerConfiguration
import com.cloudbees.groovy.cps.impl.CpsClosure
import com.cloudbees.groovy.cps.sandbox.DefaultInvoker
import com.cloudbees.groovy.cps.sandbox.SandboxInvoker
import com.lesfurets.jenkins.unit.PipelineTestHelper
import com.lesfurets.jenkins.unit.global.lib.LibraryConfiguration
import com.lesfurets.jenkins.unit.global.lib.SourceRetriever
import groovy.transform.CompileStatic
import hudson.AbortException
import org.codehaus.groovy.ast.ClassNode
import org.codehaus.groovy.classgen.GeneratorContext
import org.codehaus.groovy.control.CompilePhase
import org.codehaus.groovy.control.SourceUnit
import org.codehaus.groovy.control.customizers.CompilationCustomizer
import org.codehaus.groovy.runtime.InvokerHelper
import org.jenkinsci.plugins.workflow.steps.FlowInterruptedException
import org.jenkinsci.plugins.workflow.steps.SynchronousResumeNotSupportedException

import java.nio.charset.Charset
import java.nio.charset.StandardCharsets

/**
 * A Jenkins for tests: loads a shared library and runs a Jenkinsfile with it, on JenkinsPipelineUnit, by Jenkins' rules.
 * The Groovy is CPS-transformed and restarted at every step, a library runs in the sandbox, `sh` runs a real shell.
 *
 *     Jenkins jenkins = new Jenkins(agent: new Agent(folder))
 *     jenkins.library('bqsteps', projectFolder)
 *     jenkins.run("@Library('bqsteps') _ \n node { bqLogBuild() }")
 *     assert jenkins.build.result == 'SUCCESS'
 */
class Jenkins implements Live {

    Console console = new Console()
    Agent agent
    Build build = new Build()
    /** The controller's own charset, which need not be the agent's. */
    Charset charset = StandardCharsets.UTF_8
    /** Variables that an administrator set for all builds. */
    Map<String, String> globalProperties = [:]
    Map<String, Object> parameters = [:]
    /** A trusted library (a global one) runs outside of the sandbox. */
    boolean sandbox = true
    boolean restarts = true
    /** The signatures that a sandboxed library may use. */
    Set<String> allowed = Sandbox.listed()

    final Environment environment = new Environment(this)
    final Steps steps = new Steps(this)
    final List<File> resourceFolders = []
    /** The pod templates that the build made, and those of them that it is in. */
    final List<PodTemplate> pods = []
    final Map<String, PodTemplate> liveTemplates = Collections.synchronizedMap([:])
    final Map<String, byte[]> artifacts = [:]
    /** The steps that ran, in their order, with their arguments. */
    final List<Map> calls = []
    /** The same as they lie in each other, branch by branch. */
    final RecordedStep record = new RecordedStep('build', [:])
    /** The team's repository, which `checkout` brings to the agent; null for one that is empty. */
    File sources
    Throwable failure
    Program program
    Branch main
    Sandbox interceptor
    private PipelineHelper helper
    private final Map<String, File> libraries = [:]
    private final List<Closure> interruptions = []

    void library(String name, File folder) {
        libraries[name] = folder
    }

    /** Runs a pipeline to its end; the outcome is in build.result, console and failure. */
    Jenkins run(String pipeline, String source = 'WorkflowScript') {
        Binding binding = new Binding([env: environment, currentBuild: build, params: parameters, scm: [:]])
        helper = new PipelineHelper(this, binding)
        libraries.each { String name, File folder -> helper.registerLibrary(name, folder) }
        helper.init()
        interceptor = new Sandbox(helper.libraryClasses, allowed)
        program = new Program(binding, helper.libraryClasses, sandbox ? new SandboxInvoker() : DefaultInvoker.INSTANCE,
            restarts, { Frame frame -> steps.perform(frame) })
        main = new Branch(context: new Context(), step: record)
        console.line('[Pipeline] Start of Pipeline')
        program.inBranch(main) {
            interceptor.register()
            try {
                Script script = helper.parse(pipeline, source)
                program.run { script.run() }
            } catch (Throwable failed) {
                fail(failed)
            } finally {
                interceptor.unregister()
            }
        }
        build.result = build.result ?: 'SUCCESS'
        console.line('[Pipeline] End of Pipeline')
        if (failure) {
            tell(failure)
        }
        console.line("Finished: ${build.result}")
        return this
    }

    /** Loads a library in the middle of a pipeline, by `name@version`. */
    Object load(String library) {
        helper.load(library)
    }

    /** Aborts the build when a step is entered for which the closure (name, arguments) is true. */
    void abortAt(Closure wanted) {
        failAt(wanted) { String step -> new FlowInterruptedException("aborted in ${step}") }
    }

    /** Restarts the controller in the middle of a step, once: of the kind of steps that cannot go on after that. */
    void restartAt(Closure wanted) {
        boolean restarted = false
        failAt({ String step, Map given -> !restarted && wanted(step, given) && (restarted = true) }) { String step ->
            new SynchronousResumeNotSupportedException(step)
        }
    }

    private void failAt(Closure wanted, Closure failure) {
        interruptions.add { String step, Map given -> wanted(step, given) ? failure(step) : null }
    }

    /** Aborts the build, in the middle of what it runs. */
    void abort(String cause = 'Aborted by Ada') {
        main.interrupt(new FlowInterruptedException(cause))
    }

    /** Takes away the agent that the calling branch runs on, in the middle of what it runs there. */
    void loseAgent() {
        program.branch.context.allocation.lose()
    }

    /** Runs a step, unless the build is interrupted before it. */
    Object entering(String step, Map given, Closure action) {
        calls.add([step: step, given: given])
        Branch branch = program.branch
        RecordedStep outer = branch.step
        branch.step = outer.record(step, given)
        console.line("[Pipeline] ${step}")
        try {
            branch.throwInterruption()
            Throwable interruption = interruptions.findResult { it(step, given) }
            if (interruption) {
                throw interruption
            }
            return action()
        } finally {
            branch.step = outer
        }
    }

    /** Runs a step's block with something changed, and puts it back after it. */
    Object within(Frame frame, Map changes, String title = null) {
        Branch branch = program.branch
        Context before = branch.context
        branch.context = before.with(changes)
        console.line(title ? "[Pipeline] { ${title}" : '[Pipeline] {')
        try {
            return program.run { frame.call.body.call() }
        } finally {
            branch.context = before
            console.line('[Pipeline] }')
            console.line("[Pipeline] // ${frame.call.name}")
        }
    }

    private void fail(Throwable failed) {
        failure = failed
        build.setResult(failed instanceof FlowInterruptedException ? 'ABORTED' : 'FAILURE')
    }

    void tell(Throwable failed) {
        if (failed instanceof AbortException) {
            console.line("ERROR: ${failed.message}")
        } else if (failed instanceof FlowInterruptedException) {
            console.line(failed.message)
        } else {
            console.line(failed.toString())
            helper.own(failed.stackTrace).each { console.line("\tat ${it}") }
        }
    }

}

/** JenkinsPipelineUnit's loader of libraries, with the pipeline engine's ways of compiling and calling. */
class PipelineHelper extends PipelineTestHelper {

    private final Jenkins jenkins
    private final Binding pipelineBinding

    PipelineHelper(Jenkins jenkins, Binding binding) {
        this.jenkins = jenkins
        this.pipelineBinding = binding
        scriptRoots = ['.'] as String[]
        scriptExtension = 'groovy'
        scriptBaseClass = PipelineScript
        baseClassloader = PipelineHelper.classLoader
        baseScriptRoot = '.'
        imports += [NonCPS: 'com.cloudbees.groovy.cps.NonCPS']
        if (metaClass.hasProperty(this, 'binding')) {
            setProperty('binding', binding)
        }
    }

    void registerLibrary(String name, File folder) {
        SourceRetriever retriever = { String repository, String branch, String target ->
            jenkins.resourceFolders.add(new File(folder, 'resources'))
            [folder.toURI().toURL()]
        } as SourceRetriever
        registerSharedLibrary(LibraryConfiguration.library(name).defaultVersion('main').allowOverride(true).implicit(false)
            .targetPath('.').retriever(retriever).build())
    }

    @Override
    PipelineTestHelper init() {
        super.init()
        gse.config.addCompilationCustomizers(new Transformer(jenkins.sandbox))
        return this
    }

    GroovyClassLoader getLibraryClasses() {
        (GroovyClassLoader) gse.parentClassLoader
    }

    Script parse(String pipeline, String source) {
        Class type = (Class) told { libraryClasses.parseClass(pipeline, source) }
        setGlobalVars(pipelineBinding)
        return InvokerHelper.createScript(type, pipelineBinding)
    }

    Object load(String library) {
        told { libLoader.loadLibrary(library) }
        setGlobalVars(pipelineBinding)
    }

    /** What JenkinsPipelineUnit says while it loads libraries belongs to the build's console. */
    private Object told(Closure loading) {
        PrintStream before = System.out
        ByteArrayOutputStream said = new ByteArrayOutputStream()
        System.out = new PrintStream(said, true)
        try {
            return loading()
        } finally {
            System.out = before
            said.toString().eachLine { jenkins.console.line(it) }
        }
    }

    /** Own methods first, then the library's steps, then Jenkins' steps; anything else is an error. */
    @Override
    Object getMethodInterceptor() {
        PipelineHelper helper = this
        return { String name, Object[] arguments -> helper.dispatch(delegate, name, arguments) }
    }

    @Override
    Object getMethodMissingInterceptor() {
        return { String name, arguments -> throw new MissingMethodException(name, delegate.class, arguments as Object[]) }
    }

    private Object dispatch(Object receiver, String name, Object[] arguments) {
        if (receiver instanceof Script && name == 'invokeMethod' && arguments.length == 2) {
            return dispatch(receiver, (String) arguments[0], arguments[1] as Object[])
        }
        MetaMethod own = receiver.metaClass.getMetaMethod(name, arguments)
        if (own != null && !(receiver instanceof Script && inherited(own))) {
            return own.doMethodInvoke(receiver, arguments)
        }
        if (!(receiver instanceof Script)) {
            throw new MissingMethodException(name, receiver instanceof Class ? receiver : receiver.class, arguments)
        }
        if (pipelineBinding.variables[name] instanceof Script) {
            return InvokerHelper.invokeMethod(pipelineBinding.variables[name], 'call', arguments)
        }
        if (jenkins.steps.has(name)) {
            return suspend(name, arguments)
        }
        if (name in ['println', 'print', 'printf']) {
            jenkins.console.line(arguments.join(''))
            return null
        }
        throw new NoSuchMethodError("No such DSL method '${name}' found among steps")
    }

    /** Groovy gives every object methods (sleep, print, …) that must not come before steps of the same name. */
    private static boolean inherited(MetaMethod method) {
        !PipelineScript.isAssignableFrom(method.declaringClass.theClass) || method.declaringClass.theClass == PipelineScript
    }

    private Object suspend(String name, Object[] arguments) {
        StackTraceElement outside = untransformed()
        if (outside) {
            throw new IllegalStateException("step '${name}' in @NonCPS code, at ${outside}")
        }
        return Continuable.suspend(new StepCall(name: name, arguments: arguments as List))
    }

    /** Code of a pipeline or a library is on Java's own stack only if it is not CPS-transformed. */
    private StackTraceElement untransformed() {
        own(Thread.currentThread().stackTrace)[0]
    }

    /** The lines of the pipeline and of the libraries. */
    List<StackTraceElement> own(StackTraceElement[] stack) {
        Set<String> own = libraryClasses.loadedClasses*.name as Set
        stack.findAll { it.className in own && it.lineNumber > 0 }
    }

}

/** A library is compiled for the sandbox, unless it is trusted; the pipeline's own script is always trusted here. */
class Transformer extends CompilationCustomizer {

    private final CpsTransformer trusted = new CpsTransformer()
    private final CpsTransformer sandboxed

    Transformer(boolean sandbox) {
        super(CompilePhase.CANONICALIZATION)
        sandboxed = sandbox ? new SandboxCpsTransformer() : trusted
        [trusted, sandboxed]*.configuration = new TransformerConfiguration().withClosureType(PipelineClosure)
    }

    @Override
    void call(SourceUnit source, GeneratorContext context, ClassNode type) {
        (source.name.startsWith('WorkflowScript') ? trusted : sandboxed).call(source, context, type)
    }

}

/** Groovy gives each closure a method `sleep`, which must not come before the step. */
@CompileStatic
class PipelineClosure extends CpsClosure {

    PipelineClosure(Object owner, Object thisObject, List<String> parameters, com.cloudbees.groovy.cps.Block body, Env capture) {
        super(owner, thisObject, parameters, body, capture)
    }

    Object sleep(long time) {
        InvokerHelper.invokeMethod(owner, 'sleep', time)
    }

}

/** What all scripts of a pipeline are: they share one binding, and find the environment's variables by name. */
@CompileStatic
abstract class PipelineScript extends Script implements Serializable {

    @Override
    Object getProperty(String name) {
        try {
            return super.getProperty(name)
        } catch (MissingPropertyException missing) {
            Object value = name == 'env' ? null : ((Environment) binding.getVariable('env')).getProperty(name)
            if (value == null) {
                throw missing
            }
            return value
        }
    }

    private void writeObject(ObjectOutputStream out) {
        out.writeObject(binding)
    }

    private void readObject(ObjectInputStream stream) {
        super.setBinding((Binding) stream.readObject())
    }

}
