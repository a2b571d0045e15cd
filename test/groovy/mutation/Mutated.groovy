package mutation

import org.codehaus.groovy.control.CompilationFailedException
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.CompilerConfiguration
import steps.StepTest

import java.nio.file.Files

/** The files that are changed, and a folder from which their tests take what is changed. */
abstract class Mutated implements Closeable {

    final Map<String, Source> sources = [:]
    protected final File folder = Files.createTempDirectory('mutants').toFile()
    private final Worker worker

    protected Mutated(String tests) {
        worker = new Worker(tests, folder)
    }

    /** Puts a text in the place of a file's; false where that is no program. */
    abstract boolean put(String path, String text)

    abstract void restore(String path)

    /** The classes of tests that are about these files. */
    protected abstract List<String> classes(Collection<String> paths)

    String verdict(Collection<String> paths) {
        worker.verdict(classes(paths))
    }

    protected static List<String> tests(String folder) {
        new File(StepTest.PROJECT, "test/groovy/${folder}").list()*.minus('.groovy').findAll { it.endsWith('Test') }
    }

    protected void read(String path, File file) {
        sources[path] = new Source(path, file.getText('UTF-8'))
    }

    @Override
    void close() {
        worker.close()
        folder.deleteDir()
    }

}

/** The library, of which the folder is a copy. */
class MutatedLibrary extends Mutated {

    /** Its tests notice what is written, rather than what it does. */
    private static final List<String> NOT_OF_BEHAVIOUR = ['AllowedSignaturesTest']

    MutatedLibrary() {
        super('steps')
        StepTest.LIBRARY_PARTS.each { StepTest.copy(new File(StepTest.PROJECT, it), new File(folder, it)) }
        folder.eachFileRecurse { File file ->
            if (file.name.endsWith('.groovy')) {
                read(folder.toPath().relativize(file.toPath()).toString(), file)
            }
        }
    }

    @Override
    boolean put(String path, String text) {
        new File(folder, path).setText(text, 'UTF-8')
        return true
    }

    @Override
    void restore(String path) {
        put(path, sources[path].text)
    }

    /** A class of tests that bears a step's name is about that step; any other is about all of them. */
    @Override
    protected List<String> classes(Collection<String> paths) {
        Set<String> concerned = paths.collectMany { users(it) } as Set
        (tests('steps') - NOT_OF_BEHAVIOUR).findAll { String test ->
            String step = "vars/${(test - 'Test').replaceFirst('^B', 'b')}.groovy"
            !sources.containsKey(step) || step in concerned
        }
    }

    /** The files that name this one, or that name one that does. */
    private Set<String> users(String path, Set<String> known = []) {
        if (known.add(path)) {
            String name = path.replaceFirst('.*/(.*)[.]groovy', '$1')
            sources.values().findAll { it.text =~ /\b${name}[.(]/ }.each { users(it.path, known) }
        }
        return known
    }

}

/** The tests' own Jenkins. The folder has the classes of the file that is changed, which come before the others. */
class MutatedHarness extends Mutated {

    private static final String HARNESS = 'test/groovy/harness'
    /** It runs nothing of the harness. */
    private static final List<String> OF_SOMETHING_ELSE = ['BqStepsTest']
    /** It starts processes, which takes long. */
    private static final Map<String, String> OF_ONE_FILE = [RunJenkinsfileTest: "${HARNESS}/RunJenkinsfile.groovy".toString()]

    MutatedHarness() {
        super('selftest')
        new File(StepTest.PROJECT, HARNESS).eachFile { read("${HARNESS}/${it.name}", it) }
    }

    @Override
    boolean put(String path, String text) {
        CompilationUnit unit = new CompilationUnit(new CompilerConfiguration(targetDirectory: folder, targetBytecode: '1.8'))
        unit.addSource(path, text)
        try {
            unit.compile()
            return true
        } catch (CompilationFailedException refused) {
            return false
        }
    }

    @Override
    void restore(String path) {
        folder.eachFile { it.deleteDir() }
    }

    @Override
    protected List<String> classes(Collection<String> paths) {
        (tests('selftest') - OF_SOMETHING_ELSE).findAll { OF_ONE_FILE.getOrDefault(it, paths[0]) in paths }
    }

}
