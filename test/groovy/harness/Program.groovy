package harness

import com.cloudbees.groovy.cps.Continuable
import com.cloudbees.groovy.cps.Envs
import com.cloudbees.groovy.cps.ObjectInputStreamWithLoader
import com.cloudbees.groovy.cps.Outcome
import com.cloudbees.groovy.cps.impl.CpsCallableInvocation
import com.cloudbees.groovy.cps.sandbox.Invoker
import groovy.transform.CompileStatic

import java.util.concurrent.CopyOnWriteArrayList
import java.util.concurrent.locks.ReentrantLock

/** A step with its arguments, as the pipeline called it. The program stands still until the step has its outcome. */
class StepCall implements Serializable {

    String name
    List arguments

    Closure getBody() {
        arguments && arguments.last() instanceof Closure ? (Closure) arguments.last() : null
    }

    /** The arguments by name; a single one without a name goes by the name that is given here. */
    Map named(String single) {
        List plain = body ? arguments.init() : arguments
        if (plain.empty) {
            return [:]
        }
        plain.size() == 1 && plain[0] instanceof Map ? (Map) plain[0] : [(single): plain[0]]
    }

}

/**
 * What a running program has on its stack, one frame for each body of a step. What a restart of the controller keeps is
 * what lies in the frames; a step that runs bodies keeps its own state there, too.
 */
class Frame implements Serializable {

    Continuable program
    StepCall call
    Serializable state

}

/** A line of execution: the build's main one, or a branch of `parallel`. */
class Branch {

    final List<Frame> frames = new CopyOnWriteArrayList<>()
    Context context
    /** The step that is running, on the record of the build. */
    RecordedStep step
    volatile Throwable interruption
    volatile Process process
    volatile List<Branch> children = []

    /**
     * Ends what the branch runs, as Jenkins does: the process tree first, and then the step fails with the cause.
     * A machine that goes away does not let the processes end in their own way.
     */
    void interrupt(Throwable cause, boolean atOnce = false) {
        interruption = cause
        children*.interrupt(cause, atOnce)
        if (process) {
            end(process.toHandle(), atOnce)
        }
    }

    /** It stands still meanwhile: what it started after one has looked would outlive it. */
    private static void end(ProcessHandle root, boolean atOnce) {
        signal('STOP', root)
        List<ProcessHandle> tree = root.descendants().toArray().toList() + root
        atOnce ? tree.reverse()*.destroyForcibly() : tree*.destroy()
        signal('CONT', root)
    }

    private static void signal(String name, ProcessHandle to) {
        ['kill', '-' + name, to.pid().toString()].execute().waitFor()
    }

    /** Takes an interruption back that came too late to be noticed. */
    void forget(Throwable cause) {
        if (interruption.is(cause)) {
            interruption = null
        }
        children*.forget(cause)
    }

    void throwInterruption() {
        Throwable cause = interruption
        if (cause) {
            interruption = null
            throw cause
        }
    }

}

/** Objects of the controller that outlive a restart by themselves. Programs refer to them, and do not contain them. */
interface Live {
}

/**
 * Runs CPS-transformed Groovy as the pipeline engine does: it stands still at each step, is written out and read back
 * there (a restart of the controller at every possible point), and goes on with the step's outcome. All Groovy runs
 * under one lock, and only processes run beside each other.
 */
class Program {

    private static final List<Class> CATEGORIES = Continuable.categories + [SerializableIteration]

    final Binding binding
    final boolean restarts
    private final ClassLoader classes
    private final Invoker invoker
    private final Closure perform
    private final List<Branch> branches = new CopyOnWriteArrayList<>()
    private final ThreadLocal<Branch> current = new ThreadLocal<>()
    private final ReentrantLock groovy = new ReentrantLock(true)

    Program(Binding binding, ClassLoader classes, Invoker invoker, boolean restarts, Closure perform) {
        this.binding = binding
        this.classes = classes
        this.invoker = invoker
        this.restarts = restarts
        this.perform = perform
    }

    Branch getBranch() {
        current.get()
    }

    /** Runs code as the main branch, or as one of `parallel`. */
    Object inBranch(Branch branch, Closure code) {
        current.set(branch)
        groovy.lock()
        try {
            branches.add(branch)
            return code()
        } finally {
            branches.remove(branch)
            groovy.unlock()
            current.remove()
        }
    }

    /** Starts a branch and waits until it stands in line, so that branches always start in the same order. */
    Thread start(Branch branch, Closure code) {
        Thread thread = new Thread({ inBranch(branch, code) } as Runnable)
        thread.start()
        while (!groovy.hasQueuedThread(thread)) {
            Thread.onSpinWait()
        }
        return thread
    }

    /** Lets other branches go on while this one waits for something outside of Groovy. */
    Object outside(Closure waiting) {
        groovy.unlock()
        try {
            return waiting()
        } finally {
            groovy.lock()
        }
    }

    /** Runs a body of Groovy (a script, or a step's block) to its end, through all steps that it calls. */
    Object run(Closure start) {
        Frame frame = new Frame()
        try {
            return start()
        } catch (CpsCallableInvocation transformed) {
            frame.program = new Continuable(transformed.asBlock(), Envs.empty(invoker))
        }
        branch.frames.add(frame)
        try {
            return drive(frame)
        } finally {
            branch.frames.remove(branch.frames.size() - 1)
        }
    }

    private Object drive(Frame frame) {
        Outcome next = new Outcome(null, null)
        while (true) {
            Outcome outcome = frame.program.run0(next, CATEGORIES)
            if (!frame.program.resumable) {
                return outcome.replay()
            }
            frame.call = (StepCall) outcome.normal
            if (restarts) {
                restart()
            }
            try {
                next = new Outcome(perform(frame), null)
            } catch (UnserializableProgram fatal) {
                throw fatal
            } catch (Throwable failed) {
                next = new Outcome(null, failed)
            }
            frame.call = null
            frame.state = null
        }
    }

    /** Writes the whole program out, reads it back, and goes on with what was read. */
    private void restart() {
        List<Frame> frames = []
        branches.each { frames.addAll(it.frames) }
        List<Live> live = []
        Map variables = new LinkedHashMap(binding.variables)
        List read = (List) readBack(write([frames, variables], live), live)
        [frames, read[0]].transpose().each { Frame frame, Frame kept ->
            frame.program = kept.program
            frame.call = kept.call
            frame.state = kept.state
        }
        binding.variables.putAll((Map) read[1])
    }

    private byte[] write(Object program, List live) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream()
        try {
            new ProgramOut(bytes, live, binding).writeObject(program)
        } catch (NotSerializableException refused) {
            throw new UnserializableProgram(refused.message, branch.frames.last().call.name)
        }
        return bytes.toByteArray()
    }

    private Object readBack(byte[] bytes, List live) {
        new ProgramIn(new ByteArrayInputStream(bytes), classes, live).readObject()
    }

}

/** Stands for a live object in a program that is written out. */
class Reference implements Serializable {

    int index

}

@CompileStatic
class ProgramOut extends ObjectOutputStream {

    private final List<Object> live
    private final Binding binding

    ProgramOut(OutputStream out, List<Object> live, Binding binding) {
        super(out)
        this.live = live
        this.binding = binding
        enableReplaceObject(true)
    }

    @Override
    protected Object replaceObject(Object object) {
        if (!(object instanceof Live) && !object.is(binding)) {
            return object
        }
        int index = live.findIndexOf { Object known -> known.is(object) }
        if (index < 0) {
            index = live.size()
            live.add(object)
        }
        return new Reference(index: index)
    }

}

@CompileStatic
class ProgramIn extends ObjectInputStreamWithLoader {

    private final List<Object> live

    ProgramIn(InputStream from, ClassLoader classes, List<Object> live) {
        super(from, classes)
        this.live = live
        enableResolveObject(true)
    }

    @Override
    protected Object resolveObject(Object object) {
        object instanceof Reference ? live[((Reference) object).index] : object
    }

}

/** Java's iterators cannot be written out, so the pipeline engine loops over lists and maps by others. */
@CompileStatic
class SerializableIteration {

    static Iterator iterator(List list) {
        new ListIteration(new ArrayList(list))
    }

    static Iterator iterator(Set set) {
        new ListIteration(new ArrayList(set))
    }

    static Collection<Map.Entry> entrySet(Map map) {
        new ArrayList(map.entrySet().collect { Map.Entry entry -> new AbstractMap.SimpleImmutableEntry(entry.key, entry.value) })
    }

    static Iterator iterator(Map map) {
        iterator((List) entrySet(map))
    }

    static Collection keySet(Map map) {
        new LinkedHashSet((Collection) map.keySet())
    }

    static Collection values(Map map) {
        new ArrayList((Collection) map.values())
    }

}

@CompileStatic
class ListIteration implements Iterator, Serializable {

    private final List list
    private int next

    ListIteration(List list) {
        this.list = list
    }

    @Override
    boolean hasNext() {
        next < list.size()
    }

    @Override
    Object next() {
        list[next++]
    }

    @Override
    void remove() {
        throw new UnsupportedOperationException('remove')
    }

}

/** What Jenkins says when the controller cannot write a running program out. */
class UnserializableProgram extends RuntimeException {

    UnserializableProgram(String type, String step) {
        super("java.io.NotSerializableException: ${type}, held while the step '${step}' ran")
    }

}
