package bqsteps

import com.cloudbees.groovy.cps.NonCPS
import groovy.json.JsonOutput

/** Where the files of one call lie, how they get to the agent and back, and the environment that the call runs in. */
class Call {

    /**
     * The package is shared by all calls of a workspace. The other files are this call's own, by an id that no other
     * call has, so that parallel branches do not meet in them.
     */
    @NonCPS
    static Map files(String temporary, String digest, String id) {
        String home = temporary + '/bqsteps'
        return [
            BQ_PYZ: "${home}/bqsteps-${digest.substring(0, 12)}.pyz".toString(),
            BQ_STAGED: "${home}/${id}.pyz".toString(),
            BQ_RESULT_FILE: "${home}/${id}.result.json".toString(),
            BQ_BUILD_FILE: "${home}/${id}.build.json".toString(),
        ]
    }

    /** Writes what the agent does not have yet, and returns the files without those that the call does not need. */
    static Map stage(Object steps, Map files, Map input) {
        Map needed = [:]
        needed.putAll(files)
        if (steps.fileExists(files.BQ_PYZ)) {
            needed.BQ_STAGED = ''
        } else {
            String package64 = steps.libraryResource(resource: 'bqsteps/bqsteps.pyz', encoding: 'Base64')
            steps.writeFile(file: files.BQ_STAGED, text: package64, encoding: 'Base64')
        }
        if (input == null) {
            needed.BQ_BUILD_FILE = ''
        } else {
            steps.writeFile(file: files.BQ_BUILD_FILE, text: JsonOutput.toJson(input), encoding: 'UTF-8')
        }
        return needed
    }

    /**
     * Archives a row, or a folder of rows, that may not be in its table. That this fails must not hide why it was not
     * confirmed, and decides nothing about the build.
     */
    static void keep(Object steps, String step, String spool) {
        if (!spool) {
            return
        }
        String failed = "${step}: ${spool} could not be archived with the build, and is lost with this workspace"
        steps.catchError(message: failed, buildResult: 'SUCCESS', stageResult: 'SUCCESS', catchInterruptions: false) {
            Call.archive(steps, step, spool)
        }
    }

    /** Patterns of what to archive go from the current folder, so an absolute path is taken from the workspace. */
    static void archive(Object steps, String step, String spool) {
        String workspace = "${steps.env.WORKSPACE}/"
        if (spool.startsWith(workspace)) {
            steps.dir(steps.env.WORKSPACE) { Call.archive(steps, step, spool.substring(workspace.length())) }
        } else if (steps.fileExists(spool)) {
            boolean one = spool.endsWith('.ndjson')
            String rows = one ? spool : "${spool}/*.ndjson"
            // A comma parts patterns, and spaces around them are dropped; a question mark stands for any letter.
            steps.archiveArtifacts(artifacts: rows.replaceAll('[, ]', '?'), allowEmptyArchive: !one)
            steps.echo("${step}: what is not confirmed is kept as this build's artifact ${rows}")
        }
    }

    /** As withEnv takes it; an empty value unsets the variable, so that nothing leaks in from outside of the call. */
    @NonCPS
    static List environment(String temporary, Map asked, Map files) {
        Map variables = [:]
        variables.putAll(asked.env ?: [:])
        variables.putAll(files)
        variables.putAll([BQ_COMMAND: asked.command, WORKSPACE_TMP: temporary, PYTHONUNBUFFERED: '1', PYTHONUTF8: '1'])
        List assignments = []
        for (Map.Entry entry : variables.entrySet()) {
            assignments.add("${entry.key}=${entry.value}".toString())
        }
        return assignments
    }

}
