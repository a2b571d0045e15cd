package selftest

import harness.Agent
import harness.Jenkins
import harness.Sandbox
import harness.UnserializableProgram
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.junit.jupiter.api.io.TempDir

/** A library that does what Jenkins refuses must fail here, too, or this Jenkins for tests is worth nothing. */
@Timeout(120L)
class PlantedViolationsTest {

    @TempDir
    public File folder
    Jenkins jenkins

    @BeforeEach
    void setUpJenkins() {
        jenkins = new Jenkins(agent: new Agent(new File(folder, 'work')))
        jenkins.agent.environment = [PATH: System.getenv('PATH')]
    }

    Jenkins step(String code) {
        File vars = new File(folder, 'library/vars')
        vars.mkdirs()
        new File(vars, 'planted.groovy').text = code
        jenkins.library('planted', new File(folder, 'library'))
        jenkins.run("@Library('planted') _\nnode { planted() }")
    }

    Throwable failureOf(String code) {
        step(code)
        assert jenkins.build.result == 'FAILURE' : jenkins.console
        return jenkins.failure
    }

    @Test
    void a_clean_step_passes() {
        step('def call() { echo "fine" }')
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert 'fine' in jenkins.console.lines
    }

    @Test
    void arithmetic_needs_no_permission() {
        step('def call() { int n = 7; echo "${n + 1} ${n - 1} ${n * 2} ${n / 2} ${n % 2} ${n | 8} ${n & 3} ${n ^ 1} ${n << 1} ${n >> 1} ${n >>> 1}" }')
        assert '8 6 14 3.5 1 15 3 6 14 3 3' in jenkins.console.lines : jenkins.console
    }

    @Test
    void counting_down_is_no_arithmetic_and_needs_permission() {
        assert failureOf('def call() { int n = 7; n-- }').message ==
            'Scripts not permitted to use staticMethod org.codehaus.groovy.runtime.DefaultGroovyMethods previous java.lang.Number'
    }

    @Test
    void a_matcher_that_lives_across_a_step() {
        jenkins.allowed += ['method java.util.regex.Matcher matches', 'staticMethod java.util.regex.Pattern compile java.lang.String',
                            'method java.util.regex.Pattern matcher java.lang.CharSequence']
        Throwable failure = failureOf('import java.util.regex.Pattern\ndef call() { def m = Pattern.compile("a").matcher("a"); m.matches(); echo "x" }')
        assert failure instanceof UnserializableProgram
        assert failure.message == "java.io.NotSerializableException: java.util.regex.Matcher, held while the step 'echo' ran"
    }

    @Test
    void a_matcher_that_is_gone_before_the_step_passes() {
        step('@NonCPS boolean has() { def m = "a" =~ "a"; return m ? true : false }\ndef call() { echo "${has()}" }'.replace('m ? true : false', 'true'))
        assert !(jenkins.failure instanceof UnserializableProgram)
    }

    @Test
    void new_file() {
        assert failureOf('def call() { new File("/etc/passwd") }').message == 'Scripts not permitted to use new java.io.File java.lang.String'
    }

    @Test
    void new_file_in_noncps_code() {
        assert failureOf('@NonCPS def read() { new File("/etc/passwd") }\ndef call() { read() }').message ==
            'Scripts not permitted to use new java.io.File java.lang.String'
    }

    @Test
    void new_file_in_a_branch() {
        assert failureOf('def call() { parallel(a: { new File("/etc/passwd") }) }').message ==
            'Scripts not permitted to use new java.io.File java.lang.String'
    }

    @Test
    void the_controllers_environment() {
        assert failureOf('def call() { System.getenv("PATH") }').message ==
            'Scripts not permitted to use staticMethod java.lang.System getenv java.lang.String'
    }

    @Test
    void json_of_a_list() {
        assert failureOf('def call() { groovy.json.JsonOutput.toJson([1]) }').message ==
            'Scripts not permitted to use staticMethod groovy.json.JsonOutput toJson java.lang.Object'
    }

    @Test
    void a_process_on_the_controller() {
        assert failureOf('def call() { "id".execute() }').message.contains('GroovyMethods execute java.lang.String')
    }

    @Test
    void reflection_and_the_metaclass() {
        assert failureOf('def call() { Class.forName("java.io.File") }').message.contains('staticMethod java.lang.Class forName')
        jenkins = new Jenkins(agent: new Agent(new File(folder, 'work')))
        assert failureOf('def call() { "".metaClass }').message.contains('etaClass')
    }

    @Test
    void fields_and_properties_of_javas_own_objects() {
        [
            'def call() { new Date(0).hours = 1 }': 'field java.util.Date hours', 'def call() { "".@value }': 'field java.lang.String value',
            'def call() { "".@hash = 1 }': 'field java.lang.String hash', 'def call() { def a = new StringBuilder("a"); a[0] = "b" }': 'putAt',
            'def call() { "abc"[0] }': 'staticMethod org.codehaus.groovy.runtime.DefaultGroovyMethods getAt java.lang.String int',
        ].each { String code, String signature ->
            jenkins = new Jenkins(agent: new Agent(new File(folder, 'work')))
            jenkins.allowed += ['new java.util.Date long', 'new java.lang.StringBuilder java.lang.String']
            assert failureOf(code).message.contains(signature) : "${code}: ${jenkins.failure}"
        }
    }

    @Test
    void what_is_allowed_does_what_it_does_outside_of_the_sandbox() {
        jenkins.allowed += [
            'new java.awt.Point int int', 'field java.awt.Point x', 'new java.util.Date long', 'field java.util.Date hours',
            'method java.util.Date getHours', 'method java.lang.String split java.lang.String',
            'staticMethod org.codehaus.groovy.runtime.DefaultGroovyMethods putAt java.util.Map java.lang.Object java.lang.Object',
        ]
        step('''def call() {
            def point = new java.awt.Point(1, 2); point.@x = 3
            def date = new Date(0); date.hours = 4
            def words = 'a b'.split(' '); words[0] = 'c'
            def map = [:]; map[1] = 'e'
            env.KEPT = 'f'
            echo "${point.@x} ${date.hours} ${words[0]} ${words.length} ${map} ${[7, 8][1]} ${env.KEPT}"
        }''')
        assert '3 4 c 2 [1:e] 8 f' in jenkins.console.lines : jenkins.console
    }

    @Test
    void one_that_is_allowed_opens_no_door_for_another() {
        assert failureOf('def call() { UUID.randomUUID(); System.getenv("PATH") }').message ==
            'Scripts not permitted to use staticMethod java.lang.System getenv java.lang.String'
    }

    @Test
    void what_closures_numbers_and_scripts_have_by_themselves() {
        [
            'def call() { def c = { 1 }; c.curry(1) }': 'curry', 'def call() { 1.toBigInteger() }': 'toBigInteger', 'def call() { this.getBinding() }': 'getBinding',
            'def call() { this.metaClass }': 'etaClass', 'def call() { this.class }': 'getClass',
        ].each { String code, String signature ->
            jenkins = new Jenkins(agent: new Agent(new File(folder, 'work')))
            jenkins.allowed -= 'method java.lang.Object getClass'
            assert failureOf(code).message.contains(signature) : "${code}: ${jenkins.failure}"
        }
    }

    @Test
    void the_raw_build() {
        assert failureOf('def call() { currentBuild.rawBuild }') instanceof MissingPropertyException
    }

    @Test
    void a_gstring_in_sh() {
        assert failureOf('def call() { def x = "id"; sh "echo ${x}" }').message ==
            'sh with a text that Groovy interpolates: give values by the environment'
    }

    @Test
    void a_step_in_noncps_code() {
        assert failureOf('@NonCPS def loud() { echo "x" }\ndef call() { loud() }').message.startsWith("step 'echo' in @NonCPS code, at planted.loud(planted.groovy:1)")
    }

    @Test
    void a_trusted_library_is_outside_of_the_sandbox() {
        jenkins.sandbox = false
        step('def call() { echo new File("x").name }')
        assert 'x' in jenkins.console.lines
    }

    @Test
    void a_restart_makes_other_objects_of_everything_and_the_program_goes_on() {
        step('''def call() {
            def held = [n: 1]
            def also = held
            echo 'restart'
            held.n = 2
            echo "same object: ${also.n == 2}"
        }''')
        assert 'same object: true' in jenkins.console.lines
    }

    @Test
    void each_allowed_signature_is_on_jenkins_own_list() {
        File lists = new File('../shared/jenkins-whitelists')
        org.junit.jupiter.api.Assumptions.assumeTrue(lists.directory, "Jenkins' lists are not at hand")
        Set<String> jenkinss = ['generic-whitelist', 'jenkins-whitelist'].collectMany { new File(lists, it).readLines() } as Set
        Set<String> forbidden = new File(lists, 'blacklist').readLines() as Set
        // A plugin allows methods of its own classes by an annotation in its code.
        assert Sandbox.listed().findAll { !it.startsWith('method hudson.tasks.junit.TestResultSummary ') } - jenkinss == [] as Set
        assert Sandbox.listed().intersect(forbidden) == [] as Set
    }

}
