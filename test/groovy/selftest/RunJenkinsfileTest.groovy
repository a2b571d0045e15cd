package selftest

import groovy.json.JsonSlurper
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.junit.jupiter.api.io.TempDir

/** The runner as the demo starts it: a process of its own. */
@Timeout(120L)
class RunJenkinsfileTest {

    @TempDir
    public File folder

    private Process start(String pipeline, List<String> more = []) {
        File jenkinsfile = new File(folder, 'Jenkinsfile')
        jenkinsfile.text = pipeline
        // A shell starts what runs in the background deaf to SIGINT, and Java stays so.
        List<String> command = ['env', '--default-signal=INT', System.getProperty('java.home') + '/bin/java',
            '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC',
            '-cp', System.getProperty('java.class.path'), 'harness.RunJenkinsfile',
            '--jenkinsfile', jenkinsfile.path, '--workspace', new File(folder, 'my work').path] + more
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true)
        builder.environment().putAll([PROJECT_ID: 'from outside', MINE: 'x y'])
        return builder.start()
    }

    @Test
    void it_runs_in_the_given_folder_with_its_own_environment_and_jenkins_variables() {
        File workspace = new File(folder, 'my work')
        workspace.mkdirs()
        new File(workspace, 'here').text = 'found\n'
        Process process = start('''node { sh 'cat here; echo "$MINE|$PROJECT_ID|$JOB_NAME|$BUILD_NUMBER|$WORKSPACE"'; echo params.P }''',
            ['--job', 'team/shop', '--number', '7', '--param', 'P=a=b'])
        List<String> lines = process.inputStream.readLines()
        assert process.waitFor() == 0
        assert ['found', "x y|from outside|team/shop|7|${workspace.path}".toString(), 'a=b', 'Finished: SUCCESS'].every { it in lines }
    }

    @Test
    void it_counts_what_crosses_between_controller_and_agent() {
        File traffic = new File(folder, 'traffic.json')
        String pipeline = '''node {
            writeFile file: 'a', text: 'AAEC', encoding: 'Base64'
            sh 'echo four'
            withEnv(['MORE=12345678']) { sh script: 'echo 7 bytes', returnStdout: true }
        }'''
        Process process = start(pipeline, ['--traffic', traffic.path])
        process.inputStream.text
        assert process.waitFor() == 0
        List<Map> steps = (List<Map>) new JsonSlurper().parse(traffic)
        assert steps*.step == ['node', 'writeFile', 'sh', 'withEnv', 'sh']
        assert steps[1] == [step: 'writeFile', sent: 3, received: 0]
        assert steps[2].received == '+ echo four\nfour\n'.length()
        assert steps[4].received == '+ echo 7 bytes\n7 bytes\n'.length()
        assert steps[4].sent - steps[2].sent == 'MORE=12345678\n'.length() + 'echo 7 bytes'.length() - 'echo four'.length()
    }

    @Test
    void a_build_that_is_no_success_ends_with_1() {
        ['error "no"', 'unstable "hm"', 'nonsense {'].each { String pipeline ->
            Process process = start(pipeline)
            process.inputStream.text
            assert process.waitFor() == 1
        }
    }

    @Test
    void a_wrong_command_line_ends_with_2() {
        Process process = start('echo "x"', ['--jenkinsfile'])
        assert process.inputStream.text.contains('RunJenkinsfile: ')
        assert process.waitFor() == 2
    }

    @Test
    void ending_it_ends_its_processes() {
        ['INT': 130, 'TERM': 143].each { String signal, int code ->
            Process process = start('node { sh "echo children: \\$\\$; sleep 600 & exec sleep 600" }'.replace('"', "'").replace('\\', ''))
            List<ProcessHandle> children = []
            process.inputStream.eachLine { String line ->
                if (line.startsWith('children: ')) {
                    children = process.descendants().toArray().toList()
                    ['kill', '-' + signal, String.valueOf(process.pid())].execute().waitFor()
                }
            }
            assert process.waitFor() == code
            assert children && children.every { !it.alive }
        }
    }

}
