package mutation

import steps.StepTest

import java.nio.file.Files

/**
 * Says how much of the steps the tests hold: changes vars/ and src/ in one small way after the other, and counts the
 * changes that no test notices. Arguments: parts of the files' paths, to look at those files only.
 */
class Mutants {

    private static final double ENOUGH = 0.9
    /** Its tests notice what is written, rather than what it does. */
    private static final List<String> NOT_OF_BEHAVIOUR = ['AllowedSignaturesTest']

    private final File library = Files.createTempDirectory('library').toFile()
    private final Map<String, Source> sources = [:]
    private final Worker worker = new Worker(library)
    private final Map<String, List<Mutation>> tried = [:]
    private final Map<String, List<Mutation>> survivors = [:]

    static void main(String[] paths) {
        Mutants mutants = new Mutants()
        Runtime.runtime.addShutdownHook(new Thread({ mutants.end() } as Runnable))
        System.exit(mutants.run(paths.toList()) ? 0 : 1)
    }

    private Mutants() {
        StepTest.LIBRARY_PARTS.each { StepTest.copy(new File(StepTest.PROJECT, it), new File(library, it)) }
        library.eachFileRecurse { File file ->
            String path = library.toPath().relativize(file.toPath()).toString()
            if (file.name.endsWith('.groovy')) {
                sources[path] = new Source(path, file.getText('UTF-8'))
            }
        }
    }

    private boolean run(List<String> paths) {
        List<String> chosen = sources.keySet().findAll { path -> paths.empty || paths.any { path.contains(it) } }.sort()
        String unchanged = worker.verdict(classes(chosen))
        if (unchanged != Trial.SURVIVED) {
            println("The tests fail before anything is changed: ${unchanged}.")
            return false
        }
        chosen.each { String path ->
            tried[path] = Rules.mutations(sources[path])
            survivors[path] = tried[path].findAll { survives(it) }
        }
        return report()
    }

    private boolean survives(Mutation mutation) {
        File file = new File(library, mutation.source.path)
        file.setText(mutation.apply(), 'UTF-8')
        String verdict = worker.verdict(classes([mutation.source.path]))
        file.setText(mutation.source.text, 'UTF-8')
        println("${verdict == Trial.SURVIVED ? 'SURVIVED' : 'caught  '}  ${mutation}")
        return verdict == Trial.SURVIVED
    }

    /** A class of tests that bears a step's name is about that step; any other is about all of them. */
    private List<String> classes(Collection<String> paths) {
        Set<String> concerned = paths.collectMany { users(it) } as Set
        List<String> tests = new File(StepTest.PROJECT, 'test/groovy/steps').list()*.minus('.groovy').findAll {
            it.endsWith('Test') && !(it in NOT_OF_BEHAVIOUR)
        }
        tests.findAll { String test ->
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

    private boolean report() {
        int all = 0
        int survived = 0
        println('\nSurvivors:')
        survivors.values().flatten().each { println("  ${it}") }
        println(String.format('%n%-32s %8s %8s %10s %7s', 'File', 'mutants', 'caught', 'survivors', 'share'))
        tried.each { String path, List<Mutation> mutations ->
            row(path, mutations.size(), survivors[path].size())
            all += mutations.size()
            survived += survivors[path].size()
        }
        row('all', all, survived)
        return survived <= (1 - ENOUGH) * all
    }

    private static void row(String name, int all, int survived) {
        int caught = all - survived
        println(String.format('%-32s %8d %8d %10d %6.1f%%', name, all, caught, survived, all ? 100d * caught / all : 100d))
    }

    private void end() {
        worker.close()
        library.deleteDir()
    }

}
