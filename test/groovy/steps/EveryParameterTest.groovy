package steps

import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource

/**
 * Each parameter of each step, with each text that shells, environments and charsets trip over: Python receives it byte
 * for byte, or the call is refused whole, in one line. The parameters and their kinds are read from the steps, so that a
 * new one is among them, and one that does not reach Python fails.
 */
class EveryParameterTest extends StepTest {

    private static final String LONG = 'x' * 200 * 1024
    private static final String NUL = 'a\0b'
    /** What else a right call has. */
    private static final Map<String, Map> RIGHT = [
        bqEnsureTable: [dataset: 'd', table: 't'], bqRun: [step: 'bqX', command: 'doctor'],
    ]
    /** With these, others are refused. */
    private static final List<String> ALONE = ['replay', 'tables']
    /** The name that messages begin with is not for Python, counts are no texts, and not every text is a folder. */
    private static final List<String> ELSEWHERE = ['bqRun step', 'bqLogBuild tests', 'bqBuildReport dir']

    /** All but bqPod, whose parameters become lines of YAML: BqPodTest has these texts for them. */
    static List<String> steps() {
        EveryStepTest.STEPS*.name*.minus('.groovy') - 'bqPod'
    }

    @ParameterizedTest
    @MethodSource('steps')
    void each_text_arrives_byte_for_byte_or_is_refused_whole(String step) {
        Map<String, List<String>> kinds = kinds(step)
        texts(step, kinds.text)
        (kinds.map ?: []).each { map(step, it) }
        (kinds.list ?: []).each { list(step, it) }
        (kinds.other ?: []).each { other(step, it) }
    }

    private void texts(String step, List<String> names) {
        // In call n, parameter i has text n + i: each has each, and those of one call can be told from each other.
        List<Map> together = NASTY.indices.collect { int n ->
            (names - ALONE).withIndex().collectEntries { String name, int i -> [name, NASTY[(n + i) % NASTY.size()]] }
        }
        assertArrive(step, together + names.intersect(ALONE).collectMany { name -> NASTY.collect { [(name): it] } })
        assert calls(step, names.collectMany { [[(it): LONG], [(it): NUL]] }).every { it.refused.length() < 300 }
        Map right = RIGHT[step] ?: [:]
        List<Map> empty = calls(step, (names - right.keySet()).collectMany { [[(it): ''], [(it): null]] } + [:])
        assert empty*.environment.collect { own(it) }.unique().size() == 1
    }

    /** What travels by file has any text as a key as well, also one that no variable carries. */
    private void map(String step, String name) {
        boolean file = (step + ' ' + name) in ['bqRun file', 'bqLogBuild extra']
        List<String> texts = file ? NASTY + LONG + NUL : NASTY
        assertArrive(step, [[(name): texts.withIndex().collectEntries { String text, int i -> [file ? text : "A_${i}".toString(), text] }]])
    }

    private void list(String step, String name) {
        List<Map> ran = calls(step, (NASTY + LONG + NUL).collect { [(name): ['a.b', it]] })
        [NASTY + LONG + NUL, ran].transpose().each { String text, Map call ->
            assert call.refused ? call.refused.startsWith("${step}: '${name}' ") : text in received(call)
        }
        assert ran.count { !it.refused } > 20
    }

    /** What takes no text at all. */
    private void other(String step, String name) {
        assert calls(step, (NASTY + LONG + NUL).collect { [(name): it] }).every {
            it.refused?.startsWith("${step}: '${name}' ") && it.refused.length() < 300
        }
    }

    /** The parameters of a step by their kind, told from the words that refuse a wrong value. */
    private Map<String, List<String>> kinds(String step) {
        List<String> names = refused(step, [4])[0].find(/named parameters only \((.*?)\)/) { all, names -> names }.split(', ').toList()
        List<String> told = refused(step, names.collect { [(it): new Date(0)] })
        [names, told].transpose().findAll { name, message -> !((step + ' ' + name) in ELSEWHERE) }.groupBy { name, message ->
            message.contains("'${name}' must be text") ? 'text' : message.contains("'${name}' must be a map") ? 'map' :
                message.contains("'${name}' must be a list of texts") ? 'list' : 'other'
        }.collectEntries { kind, found -> [kind, found*.get(0)] }
    }

    private List<String> refused(String step, List calls) {
        jenkins = newJenkins()
        jenkins.restarts = false // that is proved elsewhere, and would write out the long texts at each step
        jenkins.parameters.putAll(NASTY.collectEntries { [it, it] })
        refusals(step, calls)
    }

    /** For each call what Python received, or the message that refused it. */
    private List<Map> calls(String step, List<Map> calls) {
        spies.listFiles()*.deleteDir()
        List<String> told = refused(step, calls.collect { (ALONE.any { name -> it.containsKey(name) } ? [:] : RIGHT[step] ?: [:]) + it })
        List<Map> ran = received
        assert ran.size() == told.count(null)
        told.collect { it == null ? ran.remove(0) : [refused: it] }
    }

    private void assertArrive(String step, List<Map> given) {
        [given, calls(step, given)].transpose().each { Map call, Map ran ->
            List<String> wanted = leaves(call) + (call.values().any { it instanceof Map } && ran.build ? keys(call.values().first()) : [])
            assert !ran.refused && received(ran).containsAll(wanted) : "${step}(${call})"
        }
    }

    /** All texts that a call received: its variables, their lines, and the keys and values of its file. */
    private static List<String> received(Map ran) {
        Collection<String> variables = own(ran.environment).values()
        variables + variables.collectMany { it.split('\n', -1).toList() } + leaves(ran.build) + keys(ran.build)
    }

    /** The variables without those that are there for any call, and those that are new for each. */
    private static Map<String, String> own(Map<String, String> environment) {
        environment.findAll { name, value -> !(name in ['PATH', 'HOME', 'SPIES', 'PWD', 'BQ_STAGED', 'BQ_RESULT_FILE', 'BQ_BUILD_FILE']) }
    }

    private static List leaves(Object json) {
        json instanceof Map ? json.values().collectMany { leaves(it) } : json instanceof Collection ? json.collectMany { leaves(it) } : [json]
    }

    private static List<String> keys(Object json) {
        json instanceof Map ? json.keySet().toList() + json.values().collectMany { keys(it) } : []
    }

}
