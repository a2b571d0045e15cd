package mutation

/**
 * Says how much of the steps, and of the tests' own Jenkins, the tests hold: changes the code in one small way after the
 * other, and counts the changes that no test notices. Arguments: parts of the files' paths, to look at those files only,
 * each with or without the number of a line.
 */
class Mutants {

    private static final double ENOUGH = 0.9

    private final List<Mutated> all = [new MutatedLibrary(), new MutatedHarness()]
    private final Map<String, List<Mutation>> tried = [:].withDefault { [] }
    private final Map<String, List<Mutation>> survivors = [:].withDefault { [] }

    static void main(String[] paths) {
        Mutants mutants = new Mutants()
        Runtime.runtime.addShutdownHook(new Thread({ mutants.all*.close() } as Runnable))
        System.exit(mutants.all.every { mutants.run(it, paths.toList()) } && mutants.report() ? 0 : 1)
    }

    private boolean run(Mutated mutated, List<String> paths) {
        List<String> files = paths*.replaceFirst(/:\d+$/, '')
        List<String> chosen = mutated.sources.keySet().findAll { path -> files.empty || files.any { path.contains(it) } }.sort()
        String unchanged = chosen ? mutated.verdict(chosen) : Worker.SURVIVED
        if (unchanged != Worker.SURVIVED) {
            println("The tests fail before anything is changed: ${unchanged}.")
            return false
        }
        chosen.collectMany { Rules.mutations(mutated.sources[it]) }.findAll { Mutation mutation ->
            paths.empty || paths.any { mutation.place.contains(it) }
        }.each { attempt(mutated, it) }
        return true
    }

    private void attempt(Mutated mutated, Mutation mutation) {
        String path = mutation.source.path
        if (mutated.put(path, mutation.apply())) {
            boolean survives = mutated.verdict([path]) == Worker.SURVIVED
            println("${survives ? 'SURVIVED' : 'caught  '}  ${mutation}")
            tried[path].add(mutation)
            if (survives) {
                survivors[path].add(mutation)
            }
        }
        mutated.restore(path)
    }

    private boolean report() {
        int survived = survivors.values()*.size().sum(0)
        println('\nSurvivors:')
        survivors.values().flatten().each { println("  ${it}") }
        println(String.format('%n%-40s %8s %8s %10s %7s', 'File', 'mutants', 'caught', 'survivors', 'share'))
        tried.each { String path, List<Mutation> mutations -> row(path, mutations.size(), survivors[path].size()) }
        int all = tried.values()*.size().sum(0)
        row('all', all, survived)
        return survived <= (1 - ENOUGH) * all
    }

    private static void row(String name, int all, int survived) {
        int caught = all - survived
        println(String.format('%-40s %8d %8d %10d %6.1f%%', name, all, caught, survived, all ? 100d * caught / all : 100d))
    }

}
