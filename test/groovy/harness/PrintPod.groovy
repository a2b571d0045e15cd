package harness

/**
 * Prints the YAML that bqPod.yaml makes, for tools that check it:
 *
 *     java -cp "$(cat .build/classpath)" harness.PrintPod [--library .] [--image python:3.13] [--serviceAccount builder]
 *
 * A refused value is told on stderr, with exit code 1.
 */
class PrintPod {

    static void main(String[] arguments) {
        Map<String, String> given = arguments.toList().collate(2).collectEntries { name, value -> [name.substring(2), value] }
        File library = new File(given.remove('library') ?: '.').absoluteFile
        Jenkins jenkins = new Jenkins(parameters: [given: given])
        String yaml = null
        jenkins.steps.define('print', ['text']) { Map step, frame -> yaml = step.text }
        jenkins.library('bqsteps', library)
        jenkins.run("@Library('bqsteps') _\nprint bqPod.yaml(params.given)")
        if (yaml == null) {
            System.err.println(jenkins.failure.message)
            System.exit(1)
        }
        System.out.write(yaml.getBytes('UTF-8'))
        System.out.flush()
    }

}
