package golden

import groovy.json.JsonOutput
import harness.Agent
import harness.Build
import harness.Console
import harness.Jenkins
import harness.Recording

/**
 * Builds the pipelines of this folder, and Jenkinsfile.example, one after the other, and leaves the steps that each took
 * in a folder, a text for each.
 *
 *     java -cp "$(cat .build/classpath)" golden.GoldenRuns 'an empty folder'
 *
 * The processes get this process' own environment, as from an agent. Exit code 0 says that each build ended as it should.
 */
class GoldenRuns {

    private static final File PROJECT = new File('.').canonicalFile
    private static final long START = 1767225600000 // 2026-01-01, so that no record has a time of its own
    private static final Map<String, String> RESULTS = [
        example: 'SUCCESS', replayed: 'SUCCESS', scripted: 'FAILURE', matrix: 'SUCCESS', folder: 'SUCCESS', lost_pod: 'SUCCESS',
    ]

    static void main(String[] arguments) {
        File folder = new File(arguments[0]).canonicalFile
        boolean fine = RESULTS.every { String name, String result ->
            File agents = new File(folder, "${name} agents")
            Jenkins jenkins = jenkins(name, agents, new File(folder, 'repository'))
            jenkins.run(pipeline(name).getText('UTF-8'))
            new File(folder, "${name}.txt").setText(Recording.text(jenkins.record, [(agents.path): '<agent>']), 'UTF-8')
            return jenkins.build.result == result
        }
        System.exit(fine ? 0 : 1)
    }

    private static File pipeline(String name) {
        File own = new File(PROJECT, "test/groovy/golden/${name}.jenkinsfile")
        return own.file ? own : new File(PROJECT, 'Jenkinsfile.example')
    }

    private static Jenkins jenkins(String name, File agents, File repository) {
        Jenkins jenkins = new Jenkins(
            console: new Console(System.out), agent: new Agent(agents), sources: sources(repository), parameters: [BRANCH: 'main'],
            build: new Build(fullProjectName: "golden/${name}", number: 7, timeInMillis: START, startTimeInMillis: START),
        )
        jenkins.agent.environment = System.getenv()
        jenkins.library('bqsteps', PROJECT)
        // Of a folder a library is sandboxed, of the whole Jenkins it is not.
        jenkins.sandbox = name != 'example'
        if (name == 'replayed') {
            jenkins.build.causes += [_class: 'org.jenkinsci.plugins.workflow.cps.replay.ReplayCause', shortDescription: 'Replayed #6']
        }
        if (name == 'lost_pod') {
            boolean lost = false
            // The worst moment: the row is there, and nobody has heard of it yet.
            jenkins.console.watch { String line ->
                if (line.startsWith('Recorded build') && !lost) {
                    lost = true
                    jenkins.loseAgent()
                }
            }
        }
        return jenkins
    }

    /** The repository of a team that has all of these pipelines. */
    private static File sources(File repository) {
        File config = new File(repository, 'config')
        config.mkdirs()
        File example = new File(PROJECT, 'config/jenkins_demo_db_users_table.json')
        new File(config, example.name).bytes = example.bytes
        List<Map> fields = [[name: 'id', type: 'INTEGER', mode: 'REQUIRED'], [name: 'note', type: 'STRING']]
        ['scripted_orders', 'scripted_items', 'eu_orders', 'eu_items', 'us_orders', 'folder_orders', 'lost_pod_orders'].each {
            new File(config, "golden_${it}.json").text = JsonOutput.toJson(fields)
        }
        return repository
    }

}
