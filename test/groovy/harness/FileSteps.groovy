package harness

import hudson.AbortException

import java.nio.charset.Charset
import java.nio.file.FileSystems
import java.nio.file.PathMatcher

/** The steps that read and write files of the agent, of the library and of the team's repository. */
class FileSteps {

    private final Jenkins jenkins

    FileSteps(Jenkins jenkins) {
        this.jenkins = jenkins
    }

    void define(Steps steps) {
        steps.define('pwd', ['tmp']) { Map given, frame ->
            context.agentFor('pwd')
            given.tmp ? Agent.temporary(context.folder).path : context.folder.path
        }
        steps.define('fileExists', ['file']) { Map given, frame -> volumeFile(given.file, 'fileExists').exists() }
        steps.define('writeFile', ['file', 'text', 'encoding']) { Map given, frame ->
            File file = volumeFile(given.file, 'writeFile')
            file.parentFile.mkdirs()
            file.bytes = encode((String) given.text, (String) given.encoding, context.agent.charset)
            jenkins.program.branch.step.sent += file.length()
            null
        }
        steps.define('readFile', ['file', 'encoding']) { Map given, frame ->
            decode(volumeFile(given.file, 'readFile').bytes, (String) given.encoding, context.agent.charset)
        }
        steps.define('deleteDir', []) { Map given, frame ->
            context.agentFor('deleteDir')
            context.folder.deleteDir()
            null
        }
        steps.define('libraryResource', ['resource', 'encoding']) { Map given, frame -> libraryResource(given) }
        steps.define('archiveArtifacts', ['artifacts', 'allowEmptyArchive', 'fingerprint']) { Map given, frame -> archive(given) }
        steps.define('checkout', ['scm']) { Map given, frame -> checkout() }
    }

    private Context getContext() {
        jenkins.program.branch.context
    }

    /** In a pod these steps run beside the containers, and only the workspace volume is shared with them. */
    private File volumeFile(Object path, String step) {
        Agent agent = context.agentFor(step)
        File file = context.file(String.valueOf(path)).toPath().normalize().toFile()
        if (agent.containers && !file.toPath().startsWith(agent.root.toPath())) {
            throw new FileNotFoundException("${file} is in no volume that container '${context.container ?: 'jnlp'}' shares")
        }
        return file
    }

    static byte[] encode(String text, String encoding, Charset otherwise) {
        encoding == 'Base64' ? text.decodeBase64() : text.getBytes(encoding ? Charset.forName(encoding) : otherwise)
    }

    static String decode(byte[] bytes, String encoding, Charset otherwise) {
        encoding == 'Base64' ? bytes.encodeBase64().toString()
            : new String(bytes, encoding ? Charset.forName(encoding) : otherwise)
    }

    private String libraryResource(Map given) {
        List<File> found = jenkins.resourceFolders.collect { new File(it, (String) given.resource) }.findAll { it.file }
        if (found.size() != 1) {
            throw new AbortException(found ? "Library resource ${given.resource} ambiguous among libraries"
                : "No such library resource ${given.resource} could be found.")
        }
        return decode(found[0].bytes, (String) given.encoding, jenkins.charset)
    }

    private Object archive(Map given) {
        context.agentFor('archiveArtifacts')
        // Ant's patterns: several with commas between them; brackets and braces are plain letters.
        List<PathMatcher> wanted = ((String) given.artifacts).split(',').collect { String pattern ->
            FileSystems.default.getPathMatcher('glob:' + pattern.trim().replaceAll(/([\[\]{}\\])/, '\\\\$1'))
        }
        Map<String, byte[]> found = [:] // also what an earlier call has archived
        if (context.folder.directory) {
            context.folder.eachFileRecurse { File file ->
                String path = context.folder.toPath().relativize(file.toPath()).toString()
                if (file.file && wanted.any { it.matches(FileSystems.default.getPath(path)) }) {
                    found[path] = file.bytes
                }
            }
        }
        jenkins.console.line('Archiving artifacts')
        jenkins.artifacts.putAll(found)
        if (!found && !given.allowEmptyArchive) {
            throw new AbortException("No artifacts found that match the file pattern \"${given.artifacts}\".")
        }
        return null
    }

    /** Puts the team's repository into the current folder, where the test has given one. */
    private Object checkout() {
        context.agentFor('checkout')
        if (jenkins.sources) {
            copy(jenkins.sources, context.folder)
        }
        return null
    }

    private static void copy(File from, File to) {
        to.mkdirs()
        from.eachFile { File file ->
            File copied = new File(to, file.name)
            if (file.directory) {
                copy(file, copied)
            } else {
                copied.bytes = file.bytes
            }
        }
    }

}
