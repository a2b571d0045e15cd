package steps

import harness.Frame
import org.junit.jupiter.api.Test
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.MethodSource
import org.junit.jupiter.params.provider.ValueSource

import java.nio.charset.StandardCharsets
import java.nio.file.Files
import java.util.concurrent.CountDownLatch

class BqRunTest extends StepTest {

    private static final String CALL = "bqRun step: 'bqX', command: 'doctor'"

    File getHome() {
        new File(folder, 'work spaces/app@tmp/bqsteps')
    }

    @Test
    void it_stages_the_package_byte_for_byte_and_runs_it_with_the_command() {
        succeeds(CALL)
        assert received[0].package == PACKAGE
        assert received[0].arguments == [new File(home, 'bqsteps-aaaaaaaaaaaa.pyz').path, 'doctor']
    }

    @Test
    void it_stages_once_per_workspace_and_version() {
        succeeds("${CALL}; dir('elsewhere') { ${CALL} }")
        assert calls('writeFile').size() == 1
        stagePackage('newer'.bytes, 'b' * 64)
        jenkins = newJenkins()
        succeeds(CALL)
        assert calls('writeFile').size() == 1
        assert received*.package == [PACKAGE, PACKAGE, 'newer'.bytes]
    }

    @Test
    void it_leaves_nothing_but_the_package() {
        succeeds("bqRun step: 'bqX', command: 'doctor', file: [a: 1]")
        python('exit 3')
        jenkins = newJenkins()
        fails(CALL)
        assert home.list().toList() == ['bqsteps-aaaaaaaaaaaa.pyz']
        assert new File(folder, 'work spaces/app').list().toList() == []
    }

    @Test
    void without_WORKSPACE_TMP_it_uses_the_temporary_folder_of_the_directory_and_tells_python() {
        succeeds("withEnv(['WORKSPACE_TMP=']) { ${CALL} }")
        assert environment.WORKSPACE_TMP == new File(folder, 'work spaces/app@tmp').path
        assert received[0].package == PACKAGE
    }

    @Test
    void python_writes_at_once_and_in_utf8() {
        succeeds(CALL)
        assert environment.subMap(['PYTHONUNBUFFERED', 'PYTHONUTF8']) == [PYTHONUNBUFFERED: '1', PYTHONUTF8: '1']
    }

    @Test
    void the_console_shows_pythons_lines_and_not_the_result_nor_the_shell() {
        python('echo "one"; echo "two" >&2; echo \'{"status": "fine"}\' > "$BQ_RESULT_FILE"')
        succeeds(CALL)
        assert jenkins.console.lines.findAll { !(it =~ '^(.Pipeline|Loading|Finished)') } ==
            ["Running on agent-1 in ${folder}/work spaces/app".toString(), 'one', 'two']
    }

    @Test
    void nasty_values_arrive_byte_for_byte_in_the_environment_and_in_the_file() {
        succeeds('''for (value in params.values) {
            bqRun step: value, command: value, env: [A_VALUE: value, PROJECT_ID: ''], file: [(value): value]
        }''', [values: NASTY])
        assert received*.environment*.A_VALUE == NASTY
        assert received*.arguments*.get(1) == NASTY
        assert received*.build == NASTY.collect { [(it): it] }
        assert received.every { !it.environment.containsKey('PROJECT_ID') }
    }

    @Test
    void the_file_carries_what_the_environment_cannot() {
        succeeds("bqRun step: 'bqX', command: 'doctor', file: params.values", [values: [long: 'x' * 200 * 1024, nul: 'a\0b', none: null]])
        assert received[0].build == [long: 'x' * 200 * 1024, nul: 'a\0b', none: null]
    }

    @ParameterizedTest
    @MethodSource('failures')
    void a_failure_is_told_in_one_line(String behaviour, String line) {
        python(behaviour)
        assert fails(CALL) == line
        assert "ERROR: ${line}".toString() in jenkins.console.lines
    }

    static Collection<Object[]> failures() {
        String noResult = 'see the lines above. The agent needs Python 3.11 or newer, as bqPod has it.'
        [
            'echo \'{"error": {"message": "p.d.t: no.", "hint": "Do it."}}\' > "$BQ_RESULT_FILE"; exit 1': 'bqX: p.d.t: no. Do it.',
            'echo \'{"error": {"message": "p.d.t: no."}}\' > "$BQ_RESULT_FILE"; exit 1': 'bqX: p.d.t: no.',
            'echo \'{"error": {"message": "even then"}}\' > "$BQ_RESULT_FILE"; exit 0': 'bqX: even then',
            'printf \'{"error": {"message": "\\\\u00fc"}}\' > "$BQ_RESULT_FILE"; exit 1': 'bqX: ü',
            'exit 0': "bqX: python3 left no result, its exit code was 0; ${noResult}",
            'kill -9 $$': "bqX: python3 left no result, its exit code was 137; ${noResult}",
            'echo "{}" > "$BQ_RESULT_FILE"; exit 1':
                'bqX: python3 ended with exit code 1 and a result without error; see the lines above.',
            'echo "half {" > "$BQ_RESULT_FILE"': 'bqX: the result of python3 cannot be read; see the lines above.',
            'echo "[1]" > "$BQ_RESULT_FILE"': 'bqX: the result of python3 cannot be read; see the lines above.',
        ].collect { [it.key, it.value.toString()] as Object[] }
    }

    @Test
    void an_agent_without_python_is_told_in_one_line() {
        new File(bin, 'python3').delete()
        jenkins.agent.environment.PATH = bin.path
        ['rm', 'mv', 'cat'].each { String name ->
            java.nio.file.Files.createSymbolicLink(new File(bin, name).toPath(), new File('/bin', name).toPath())
        }
        assert fails(CALL) == 'bqX: python3 left no result, its exit code was 127; see the lines above. ' +
            'The agent needs Python 3.11 or newer, as bqPod has it.'
    }

    @Test
    void without_an_agent_it_says_where_to_call_it() {
        pipeline(CALL)
        assert jenkins.failure.message == 'bqX: there is no agent here; call it in node { … }, bqPod { … } or a stage with an agent.'
    }

    @Test
    void a_windows_agent_is_told_in_one_line() {
        jenkins.agent.unix = false
        assert fails(CALL) == 'bqX: this agent has no POSIX shell (Windows); call it on Linux, such as in bqPod { … }.'
        assert calls('sh').empty && calls('writeFile').empty
    }

    @Test
    void all_problems_of_a_wrong_call_come_in_one_message() {
        assert fails("bqRun stp: 'x', command: 3, env: [], file: 'x', onFailure: 'x'") ==
            "bqRun: 'stp' is no parameter, did you mean 'step'?; 'command' must be text, not Integer; 'env' must be a map, not " +
            "ArrayList; 'file' must be a map, not String; 'onFailure' is 'x', it must be one of fail, unstable, warn; 'step' is missing"
    }

    @Test
    void the_builds_overview_shows_it_by_the_steps_name() {
        succeeds(CALL)
        assert calls('sh')*.label == ['bqX']
    }

    @Test
    void its_two_names_must_be_given() {
        assert refusals('bqRun', [[step: 'bqX'], [command: 'doctor'], [:]]) ==
            ["bqRun: 'command' is missing", "bqRun: 'step' is missing", "bqRun: 'step' is missing; 'command' is missing"]
    }

    @Test
    void two_branches_at_once_do_not_meet() {
        python('''touch "$SPIES/../here-$NAME"
            while [ ! -e "$SPIES/../here-$OTHER" ]; do sleep 0.01; done
            echo "{\\"status\\": \\"$NAME\\"}" > "$BQ_RESULT_FILE"''')
        succeeds('''def results = [:]
            parallel(
                a: { results.a = bqRun(step: 'bqX', command: 'doctor', env: [NAME: 'a', OTHER: 'b'], file: [name: 'a']) },
                b: { results.b = bqRun(step: 'bqX', command: 'doctor', env: [NAME: 'b', OTHER: 'a'], file: [name: 'b']) },
            )
            echo "results: ${results.a.status} ${results.b.status}"''')
        assert 'results: a b' in jenkins.console.lines
        assert received.every { it.package == PACKAGE && it.build == [name: it.environment.NAME] }
        assert home.list().toList() == ['bqsteps-aaaaaaaaaaaa.pyz']
    }

    @Test
    void a_package_that_a_branch_is_in_the_middle_of_writing_is_not_run_by_another() {
        CountDownLatch ended = new CountDownLatch(1)
        jenkins.steps.define('endOfTheOther', []) { Map given, frame -> ended.countDown() }
        int packages = 0
        afterWriting { Map given, Closure write ->
            if (given.encoding == 'Base64' && packages++ == 0) {
                new File((String) given.file).bytes = Arrays.copyOf(PACKAGE, 100)
                jenkins.program.outside { ended.await() }
                write()
            }
        }
        succeeds("parallel(slow: { ${CALL} }, fast: { ${CALL}; endOfTheOther() })")
        assert received*.package == [PACKAGE, PACKAGE]
    }

    @Test
    void the_package_comes_to_its_place_by_a_rename_not_by_a_copy() {
        Object written = null
        afterWriting { Map given, Closure write -> written = Files.getAttribute(new File((String) given.file).toPath(), 'unix:ino') }
        succeeds(CALL)
        assert Files.getAttribute(new File(home, 'bqsteps-aaaaaaaaaaaa.pyz').toPath(), 'unix:ino') == written
    }

    /** Lets a test do something at the end of each writeFile. */
    private void afterWriting(Closure then) {
        Closure write = jenkins.steps.action('writeFile')
        jenkins.steps.define('writeFile', ['file', 'text', 'encoding']) { Map given, Frame frame ->
            write(given, frame)
            then(given) { write(given, frame) }
            null
        }
    }

    @Test
    void an_abort_ends_python_and_its_files_and_passes_through() {
        python('echo waiting >&2; exec sleep 600')
        jenkins.console.watch { String line -> line == 'waiting' && jenkins.abort() }
        run("bqRun step: 'bqX', command: 'doctor', file: [a: 1], onFailure: 'warn'; echo 'went on'")
        assert jenkins.build.result == 'ABORTED' : jenkins.console
        assert home.list().toList() == ['bqsteps-aaaaaaaaaaaa.pyz']
    }

    @ParameterizedTest
    @ValueSource(strings = ['isUnix', 'libraryResource', 'fileExists', 'writeFile', 'withEnv', 'sh'])
    void an_abort_in_any_step_passes_through(String step) {
        jenkins.abortAt { String name, Map given -> name == step }
        run("bqRun step: 'bqX', command: 'doctor', file: [a: 1], onFailure: 'warn'; echo 'went on'")
        assert jenkins.build.result == 'ABORTED' : jenkins.console
        assert !('went on' in jenkins.console.lines)
    }

    @Test
    void charsets_of_controller_and_agent_do_not_matter() {
        jenkins.charset = StandardCharsets.US_ASCII
        jenkins.agent.charset = StandardCharsets.ISO_8859_1
        python('printf \'{"status": "gr\\\\u00fc\\\\u00dfe"}\' > "$BQ_RESULT_FILE"')
        succeeds("def result = bqRun(step: 'bqX', command: 'doctor', env: [A: 'é 🎉'], file: [a: 'é 🎉']); echo result.status")
        assert received[0].package == PACKAGE
        assert received[0].build == [a: 'é 🎉']
        assert 'grüße' in jenkins.console.lines
    }

    @Test
    void every_step_that_has_an_encoding_is_given_one() {
        succeeds("bqRun step: 'bqX', command: 'doctor', file: [a: 1]; bqPod.yaml()")
        List<Map> coded = jenkins.calls.findAll { it.step in ['libraryResource', 'readFile', 'writeFile', 'sh'] }
        assert coded.size() == 6
        assert coded.every { it.given.encoding in ['UTF-8', 'Base64'] }
    }

}
