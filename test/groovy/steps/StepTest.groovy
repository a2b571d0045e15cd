package steps

import harness.Agent
import harness.Jenkins
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Timeout
import org.junit.jupiter.api.io.TempDir

/**
 * What the tests of the steps share: a Jenkins with this library, an agent whose paths hold spaces, and a `python3` that
 * keeps what it was given, byte for byte, and then does what the test says. Everything up to that program is real.
 */
@Timeout(120L)
abstract class StepTest {

    public static final File PROJECT = new File('.').canonicalFile
    public static final List<String> LIBRARY_PARTS = ['vars', 'src', 'resources']
    /** The property that names another folder with the library to test; `make mutants` has one. */
    public static final String LIBRARY = 'bqsteps.library'
    /** Every byte there is, so that a wrong encoding on the way shows. */
    public static final byte[] PACKAGE = (0..255).collect { it as byte } as byte[]

    /** Texts that shells, environments, charsets and templates trip over. */
    public static final List<String> NASTY = [
        '$HOME', '${HOME}', '$$', '$(id)', '`id`', 'it\'s', 'say "hi"', '"; exit 0; "', 'two\nlines', 'ends\n', 'CRLF\r\nhere', 'a\ttab',
        '100% %s %n %20', 'Grüße 🎉 \u4e2d', '-rf', '--help', ' around ', '\\', '\\n', '*', '~', '#', '!', '{{x}}', 'a=b', ',', '/', '..', 'null', '0',
    ]

    @TempDir
    public File folder
    Jenkins jenkins
    File library
    File bin
    File spies

    @BeforeEach
    void setUpJenkins() {
        library = new File(folder, 'the library')
        File tested = new File(System.getProperty(LIBRARY, PROJECT.path))
        LIBRARY_PARTS.each { copy(new File(tested, it), new File(library, it)) }
        stagePackage(PACKAGE, 'a' * 64)
        bin = new File(folder, 'bin')
        spies = new File(folder, 'spies')
        [bin, spies]*.mkdirs()
        python('''echo '{"status": "recorded"}' > "$BQ_RESULT_FILE"
            [ -z "$BQ_REPORT_DIR" ] || { mkdir -p "$BQ_REPORT_DIR"; touch "$BQ_REPORT_DIR/index.html"; }''')
        jenkins = newJenkins()
    }

    @AfterEach
    void endProcesses() {
        jenkins.steps.endProcesses()
    }

    Jenkins newJenkins() {
        Agent agent = new Agent(new File(folder, 'work spaces'))
        agent.environment = [PATH: bin.path + File.pathSeparator + System.getenv('PATH'), HOME: '/home/nobody', SPIES: spies.path]
        agent.containers = ['python', 'jnlp']
        Jenkins jenkins = new Jenkins(agent: agent, globalProperties: [PROJECT_ID: 'global-project'])
        jenkins.library('bqsteps', library)
        return jenkins
    }

    void stagePackage(byte[] content, String digest) {
        new File(library, 'resources/bqsteps/bqsteps.pyz').bytes = content
        new File(library, 'resources/bqsteps/bqsteps.pyz.sha256').text = "${digest}  bqsteps.pyz\n"
    }

    /** Replaces python3: it keeps what it was given, and then runs this shell code. */
    void python(String behaviour) {
        File file = new File(bin, 'python3')
        file.text = '''#!/bin/sh
            spy="$SPIES/$$"
            mkdir "$spy"
            env -0 > "$spy/environment"
            for argument; do printf '%s\\0' "$argument"; done > "$spy/arguments"
            pwd > "$spy/folder"
            [ ! -f "$1" ] || cp "$1" "$spy/package"
            [ -z "$BQ_BUILD_FILE" ] || cp "$BQ_BUILD_FILE" "$spy/build"
            touch "$spy/done"
            [ -n "$BQ_COMMAND" ] || exit 0
            '''.stripIndent().trim() + '\n' + behaviour + '\n'
        file.executable = true
    }

    /** Runs a scripted pipeline with the library, on an agent unless it says otherwise. */
    Jenkins run(String body, Map values = [:]) {
        pipeline("node {\n${body}\n}", values)
    }

    Jenkins pipeline(String text, Map values = [:]) {
        jenkins.parameters.putAll(values)
        jenkins.run("@Library('bqsteps@v1') _\n${text}")
    }

    Jenkins succeeds(String body, Map values = [:]) {
        run(body, values)
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        return jenkins
    }

    /** Runs what must fail by `error`, and returns its message. */
    String fails(String body, Map values = [:]) {
        run(body, values)
        assert jenkins.build.result == 'FAILURE'
        assert jenkins.failure instanceof hudson.AbortException : jenkins.console
        return jenkins.failure.message
    }

    /** Calls a step once for each set of arguments, in one build, and returns the messages that it refused them with. */
    List<String> refusals(String step, List calls, String body = '') {
        List<String> told = []
        jenkins.steps.define('tell', ['message']) { Map given, frame -> told.add(given.message) }
        succeeds("""for (given in params.calls) {
            try {
                ${step}(given) ${body}
                tell null
            } catch (hudson.AbortException refused) {
                tell refused.message
            }
        }""", [calls: calls])
        return told
    }

    /** What python3 received, a map for each time it ran, in order. */
    List<Map> getReceived() {
        spies.listFiles().sort { new File(it, 'done').lastModified() }.collect { File spy ->
            [
                environment: entries(new File(spy, 'environment')).collectEntries { it.split('=', 2) as List },
                arguments: entries(new File(spy, 'arguments')),
                folder: new File(spy, 'folder').getText('UTF-8').trim(),
                package: new File(spy, 'package').with { it.file ? it.bytes : null },
                build: new File(spy, 'build').with { it.file ? new groovy.json.JsonSlurper().parse(it, 'UTF-8') : null },
            ]
        }
    }

    Map getEnvironment() {
        assert received.size() == 1
        received[0].environment
    }

    List<Map> calls(String step) {
        jenkins.calls.findAll { it.step == step }*.given
    }

    static List<String> entries(File file) {
        String text = file.getText('UTF-8')
        text.empty ? [] : text.substring(0, text.length() - 1).split('\0', -1).toList()
    }

    static void copy(File from, File to) {
        to.mkdirs()
        from.listFiles().each { File file ->
            File copy = new File(to, file.name)
            if (file.directory) {
                StepTest.copy(file, copy)
            } else {
                copy.bytes = file.bytes
            }
        }
    }

}
