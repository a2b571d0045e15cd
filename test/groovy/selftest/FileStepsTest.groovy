package selftest

import hudson.AbortException
import org.junit.jupiter.api.Test

import java.nio.charset.StandardCharsets

/** Files of the agent, of the library and of the build, and the charsets on the way. */
class FileStepsTest extends SelfTest {

    @Test
    void readFile_takes_the_agents_charset_unless_one_is_named() {
        jenkins.agent.charset = StandardCharsets.UTF_16BE
        workspace.mkdirs()
        new File(workspace, 'plain').bytes = 'é'.getBytes('UTF-16BE')
        new File(workspace, 'utf8').bytes = 'é'.getBytes('UTF-8')
        new File(workspace, 'bytes').bytes = [0, 128, 255] as byte[]
        assert lines('''node {
            echo readFile('plain')
            echo readFile(file: 'utf8', encoding: 'UTF-8')
            echo readFile(file: 'bytes', encoding: 'Base64')
        }''') == ['é', 'é', 'AID/', 'Finished: SUCCESS']
    }

    @Test
    void sh_takes_the_agents_charset_unless_one_is_named() {
        jenkins.agent.charset = StandardCharsets.ISO_8859_1
        assert lines('''node {
            sh 'printf é >byte; od -An -tx1 byte'
            sh "printf '\\\\351\\\\n'"
            echo sh(returnStdout: true, script: "printf '\\\\351'")
            echo sh(returnStdout: true, script: "printf '\\\\303\\\\251'", encoding: 'UTF-8')
        }''') == [' e9', 'é', 'é', 'é', 'Finished: SUCCESS']
        setUpJenkins()
        assert lines("node { sh 'echo é€' }")[0] == 'é€'
    }

    @Test
    void writeFile_makes_the_folders_that_are_missing() {
        assert lines("node { writeFile file: 'a/b/c', text: 'x'; echo readFile('a/b/c'); echo \"\${fileExists('a/b')} \${fileExists('b')}\" }") ==
            ['x', 'true false', 'Finished: SUCCESS']
    }

    @Test
    void a_path_is_the_current_folders_or_absolute() {
        new File(folder, 'outside').text = 'outside'
        jenkins.parameters.outside = new File(folder, 'outside').path
        assert lines("node { dir('a') { dir('b') { writeFile file: 'c', text: 'x' } }; echo readFile('a/b/c') + readFile(params.outside) }") ==
            ['xoutside', 'Finished: SUCCESS']
    }

    @Test
    void deleteDir_deletes_the_current_folder_and_dir_makes_none() {
        assert lines('''node {
            writeFile file: 'a/b', text: 'x'
            dir('a') { deleteDir() }
            dir('c') { }
            echo "${fileExists('a')} ${fileExists('c')} ${fileExists('.')}"
        }''') == ['false false true', 'Finished: SUCCESS']
    }

    @Test
    void in_a_pod_no_file_step_leaves_the_workspace_volume() {
        [
            "container('python') { writeFile file: '/tmp/x', text: '' }", "container('python') { readFile '/etc/hostname' }",
            "container('python') { fileExists '/etc/hostname' }", "fileExists '/etc/hostname'", "fileExists '../../x'",
        ].each { String step ->
            setUpJenkins()
            jenkins.agent.containers = ['python', 'jnlp']
            jenkins.run("node { ${step} }")
            assert jenkins.failure instanceof FileNotFoundException : step
        }
    }

    @Test
    void a_resource_that_no_library_has_fails() {
        Throwable failure = failureOf("libraryResource 'x/none'")
        assert failure instanceof AbortException && failure.message == 'No such library resource x/none could be found.'
        new File(folder, 'resources/x').mkdirs()
        jenkins.library('lib', folder)
        jenkins.run("@Library('lib') _\nlibraryResource 'x'")
        assert jenkins.failure.message == 'No such library resource x could be found.'
    }

    @Test
    void archiveArtifacts_keeps_what_its_patterns_match_of_the_current_folder() {
        jenkins.run('''node {
            dir('sub') {
                ['a.txt', 'deep/b.txt', '[c]{d}.md', 'e.log'].each { String name -> writeFile file: name, text: name }
                archiveArtifacts '*.txt'
                archiveArtifacts artifacts: 'none/**, deep/**'
                archiveArtifacts '[c]{d}.md'
            }
        }''')
        assert jenkins.artifacts.collectEntries { name, bytes -> [name, new String(bytes)] } ==
            ['a.txt', 'deep/b.txt', '[c]{d}.md'].collectEntries { [it, it] }
    }

    @Test
    void archiveArtifacts_fails_where_nothing_matches_unless_that_is_allowed() {
        assert lines("""node {
            dir('none') { archiveArtifacts artifacts: '*', allowEmptyArchive: true }
            archiveArtifacts '*.x'
            echo 'went on'
        }""") == ['Archiving artifacts', 'Archiving artifacts', 'ERROR: No artifacts found that match the file pattern "*.x".', 'Finished: FAILURE']
    }

}
