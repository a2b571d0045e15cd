package harness

import groovy.json.JsonOutput

/**
 * Runs a Jenkinsfile, declarative or scripted, with this project as the library `bqsteps`, and prints its console.
 *
 *     java -cp "$(cat .build/classpath)" harness.RunJenkinsfile \
 *         --jenkinsfile Jenkinsfile.example --workspace 'any folder' [--library .] [--job team/app] [--number 1]
 *         [--param NAME=value]… [--cause 'hudson.triggers.SCMTrigger$SCMTriggerCause']
 *         [--traffic 'a file for the bytes of each step, as JSON']
 *
 * The workspace folder is used as it is, with what lies in it. The processes get this process' own environment and
 * Jenkins' variables on top, as from an agent. Exit code 0 is SUCCESS, anything else 1. SIGINT and SIGTERM end it at once
 * (exit code 130 or 143), and its processes with it.
 */
class RunJenkinsfile {

    static void main(String[] arguments) {
        Map<String, List<String>> options = read(arguments)
        Jenkins jenkins = jenkins(options)
        Runtime.runtime.addShutdownHook(new Thread({ jenkins.steps.endProcesses() } as Runnable))
        jenkins.run(new File(one(options, 'jenkinsfile')).getText('UTF-8'))
        if (options.traffic) {
            List<Map> traffic = jenkins.record.flat().tail().collect { [step: it.name, sent: it.sent, received: it.received] }
            new File(one(options, 'traffic')).setText(JsonOutput.toJson(traffic), 'UTF-8')
        }
        System.exit(jenkins.build.result == 'SUCCESS' ? 0 : 1)
    }

    private static Jenkins jenkins(Map<String, List<String>> options) {
        File workspace = new File(one(options, 'workspace')).absoluteFile
        Build build = new Build(fullProjectName: one(options, 'job', 'team/app'), number: one(options, 'number', '1') as int)
        if (options.cause) {
            build.causes = options.cause.collect { [_class: it, shortDescription: it] }
        }
        Jenkins jenkins = new Jenkins(
            console: new Console(System.out), build: build,
            agent: new OneWorkspace(workspace, System.getenv()),
            parameters: (options.param ?: []).collectEntries { it.split('=', 2) as List },
        )
        jenkins.library('bqsteps', new File(one(options, 'library', '.')).absoluteFile)
        return jenkins
    }

    private static Map<String, List<String>> read(String[] arguments) {
        Map<String, List<String>> options = [:].withDefault { [] }
        arguments.toList().collate(2).each { List<String> pair ->
            if (pair.size() != 2 || !pair[0].startsWith('--')) {
                System.err.println("RunJenkinsfile: expected --name value, got ${pair.join(' ')}")
                System.exit(2)
            }
            options[pair[0].substring(2)].add(pair[1])
        }
        return options
    }

    private static String one(Map<String, List<String>> options, String name, String otherwise = null) {
        if (!options[name] && otherwise == null) {
            System.err.println("RunJenkinsfile: --${name} is missing")
            System.exit(2)
        }
        return options[name] ? options[name].last() : otherwise
    }

}

/** An agent whose first workspace, or whose first pod's, is the folder that it was given. */
class OneWorkspace extends Agent {

    private final File workspace

    OneWorkspace(File workspace, Map<String, String> environment) {
        super(workspace.parentFile)
        this.workspace = workspace
        this.environment = environment
        this.containers = ['python', 'jnlp']
    }

    @Override
    synchronized File allocate(String job) {
        super.allocate(workspace.name)
    }

    @Override
    protected Agent start(File volume, PodTemplate template) {
        volume.name == 'pod-1' ? like(new OneWorkspace(workspace, environment), volume.name, template) : super.start(volume, template)
    }

}
