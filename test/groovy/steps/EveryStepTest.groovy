package steps

import org.codehaus.groovy.ast.ClassNode
import org.codehaus.groovy.ast.CodeVisitorSupport
import org.codehaus.groovy.ast.expr.ConstantExpression
import org.codehaus.groovy.ast.expr.Expression
import org.codehaus.groovy.ast.expr.MapEntryExpression
import org.codehaus.groovy.ast.expr.MapExpression
import org.codehaus.groovy.ast.expr.MethodCallExpression
import org.codehaus.groovy.ast.expr.TupleExpression
import org.codehaus.groovy.control.CompilationUnit
import org.codehaus.groovy.control.Phases
import org.junit.jupiter.api.Tag
import org.junit.jupiter.api.Test

/** What holds for every file in vars/: a new step fails here until it has all of it. */
class EveryStepTest extends StepTest {

    public static final List<File> STEPS = new File(PROJECT, 'vars').listFiles().findAll { it.name.endsWith('.groovy') }.sort()
    /** A right call of each; null for one that needs no shell. */
    private static final Map<String, String> CALLS = [
        bqBuildReport: 'bqBuildReport()', bqDoctor: 'bqDoctor()', bqEnsureTable: 'bqEnsureTable dataset: "d", table: "t"', bqLogBuild: 'bqLogBuild()',
        bqPod: null, bqRun: 'bqRun step: "bqRun", command: "doctor"',
    ]

    @Test
    void each_has_help_that_names_each_parameter_and_no_other() {
        STEPS.each { File step ->
            String help = new File(step.path.replaceFirst(/groovy$/, 'txt')).getText('UTF-8')
            assert help.readLines().findResults { it.find(/^- ([a-zA-Z]+): /) { all, name -> name } } == parameters(name(step))
        }
    }

    @Test
    void each_refuses_what_it_does_not_know_or_cannot_take_and_begins_with_its_name() {
        STEPS.each { File step ->
            List<String> parameters = parameters(name(step))
            List<String> told = refusals(name(step), parameters.collect { [(it): new Date(0), (it + 'x'): 1] })
            [parameters, told].transpose().each { String parameter, String message ->
                assert message.startsWith("${name(step)}: '${parameter}' ")
                assert message.contains("; '${parameter}x' is no parameter, did you mean '${parameter}'?")
            }
        }
    }

    @Tag('lint')
    @Test
    void each_has_a_test_class() {
        STEPS.each { File step ->
            assert new File(PROJECT, "test/groovy/steps/${name(step).capitalize()}Test.groovy").file
        }
    }

    @Tag('lint')
    @Test
    void each_is_short_with_one_statement_a_line() {
        STEPS.each { File step ->
            List<String> code = step.getText('UTF-8').readLines().findAll { !(it.trim() ==~ '|//.*|/[*].*|[*].*') }
            assert code.size() <= 40 : step
            assert code.every { it.length() <= 120 } : step
            assert !code.any { it =~ /;\s*$|;\s+(?!then|mv|do|\}|'|")\w+ ?[=(]/ } : step
        }
    }

    @Tag('lint')
    @Test
    void no_sh_is_given_a_text_that_groovy_interpolates() {
        (sources() + [new File(PROJECT, 'Jenkinsfile'), new File(PROJECT, 'Jenkinsfile.example')]).each { File source ->
            scripts(source).each { Expression script -> assert script instanceof ConstantExpression : source }
        }
    }

    @Tag('lint')
    @Test
    void the_rule_about_sh_sees_what_it_should() {
        File planted = new File(folder, 'planted.groovy')
        planted.text = 'sh "echo ${1}"; sh(script: "echo ${2}", label: "x"); sh \'fine\'; sh(\'a\' + b); steps.sh "x ${3}"'
        assert scripts(planted).count { !(it instanceof ConstantExpression) } == 4
    }

    @Tag('lint')
    @Test
    void no_state_is_kept() {
        assert KeptState.of(sources()) == []
    }

    @Tag('lint')
    @Test
    void the_rule_about_state_sees_what_it_should() {
        File planted = new File(folder, 'planted.groovy')
        [
            'def call() { total = 1 }': ['total'], 'def call() { def total; total = 1; { -> total++; other++ } }': ['other'],
            'def call() { total += 1 }': ['total'], 'def call() { --total }': ['total'], 'def call() { (a, b) = [1, 2] }': ['a', 'b'],
            'def call() { this.total = 1 }': ['this.total'], 'def call() { binding.total = 1 }': ['binding.total'],
            'def call() { binding.setVariable("total", 1) }': ['binding.setVariable(total, 1)'],
            '@groovy.transform.Field int total = 0\ndef call() { total }': ['total', 'code outside of methods'], 'total = 0\ndef call() { }': ['code outside of methods', 'total'],
            'class A { static final List KEPT = []; static final String NAME = "a" + 1; int count }': ['KEPT', 'count'],
            'def call(Map given = [:]) { def (a, b) = [1, 2]; a = 2; for (x in given) { x = 1 }; given.a = 1; String s = "x"; s += "y" }': [],
        ].each { String code, List<String> kept ->
            planted.text = code
            assert KeptState.of([planted]) == kept : code
        }
    }

    @Test
    void windows_agents_are_told_in_one_line_by_every_step_that_needs_a_shell() {
        assert CALLS.keySet() == STEPS.collect { name(it) } as Set
        CALLS.findAll { step, call -> call }.each { String step, String call ->
            jenkins = newJenkins()
            jenkins.agent.unix = false
            run(call)
            String line = "${step}: this agent has no POSIX shell (Windows); call it on Linux, such as in bqPod { … }."
            assert jenkins.console.lines.count { it.endsWith(line) } == 1 : jenkins.console
            assert received.empty
        }
    }

    private static String name(File step) {
        step.name - '.groovy'
    }

    private static List<File> sources() {
        List<File> found = []
        ['vars', 'src'].each { new File(PROJECT, it).eachFileRecurse { found.add(it) } }
        found.findAll { it.name.endsWith('.groovy') }
    }

    /** A step called with anything but named parameters says what it takes. */
    List<String> parameters(String step) {
        refusals(step, [4])[0].find(/named parameters only \((.*?)\)/) { all, names -> names }.split(', ').toList()
    }

    List<String> refusals(String step, List calls) {
        jenkins = newJenkins()
        refusals(step, calls, new File(PROJECT, "vars/${step}.groovy").text.contains('Closure body') ? '{ }' : '')
    }

    private static List<Expression> scripts(File source) {
        List<Expression> found = []
        classes(source).each { ClassNode type ->
            type.methods.each { method ->
                method.code?.visit(new CodeVisitorSupport() {
                    @Override
                    void visitMethodCallExpression(MethodCallExpression call) {
                        super.visitMethodCallExpression(call)
                        if (call.methodAsString in ['sh', 'bat', 'powershell', 'pwsh']) {
                            found.add(script(call))
                        }
                    }
                })
            }
        }
        return found
    }

    private static Expression script(MethodCallExpression call) {
        Expression first = ((TupleExpression) call.arguments).expressions[0]
        first instanceof MapExpression ?
            first.mapEntryExpressions.find { MapEntryExpression it -> it.keyExpression.text == 'script' }.valueExpression : first
    }

    private static List<ClassNode> classes(File source) {
        CompilationUnit unit = new CompilationUnit()
        unit.addSource(source.name, source.getText('UTF-8').replaceFirst(/(?m)^@Library.*$/, ''))
        unit.compile(Phases.CONVERSION)
        unit.AST.classes
    }

}
