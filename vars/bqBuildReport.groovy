import bqsteps.Parameters

/** Draws what the build log says of the last days as a page, and archives it with the build. */
Map call(Object given = [:]) {
    Map checked = Parameters.check(given, [
        project: 'text', dataset: 'text', table: 'text', location: 'text', days: 'days', dir: 'text', title: 'text',
        maxBytes: 'bytes', deadline: 'seconds',
    ])
    Map values = checked.values
    String project = values.project ?: env.PROJECT_ID
    List problems = checked.problems + Parameters.projectProblems(project) +
        Parameters.folderProblems('dir', values.dir)
    if (problems) {
        error("bqBuildReport: ${problems.join('; ')}")
    }
    String folder = values.dir ?: 'bqsteps-report'
    Map variables = [
        PROJECT_ID: project,
        DATASET_ID: values.dataset ?: '',
        TABLE_ID: values.table ?: '',
        BQ_REPORT_DIR: folder,
    ] + Parameters.present(
        BQ_LOCATION: values.location,
        BQ_REPORT_DAYS: values.days,
        BQ_REPORT_TITLE: values.title,
        BQ_MAX_BYTES_BILLED: values.maxBytes,
        BQ_DEADLINE_SECONDS: values.deadline,
    )
    Map result = bqRun(step: 'bqBuildReport', command: 'report', env: variables)
    archiveArtifacts(artifacts: "${folder}/**")
    if (env.BUILD_URL) {
        echo("bqBuildReport: ${env.BUILD_URL}artifact/${folder}/index.html")
    }
    return result
}
