import bqsteps.Parameters

/** Brings one table, or several, to the definitions in the team's config folder. */
Map call(Object given = [:]) {
    Map checked = Parameters.check(given, [
        project: 'text', dataset: 'text', table: 'text', tables: 'texts', mode: ['apply', 'plan', 'check'],
        location: 'text', configDir: 'text', junit: 'text', deadline: 'seconds',
    ])
    Map values = checked.values
    String project = values.project ?: env.PROJECT_ID
    List problems = checked.problems + Parameters.tableProblems(checked.names) + Parameters.projectProblems(project)
    if (problems) {
        error("bqEnsureTable: ${problems.join('; ')}")
    }
    Map variables = [
        PROJECT_ID: project,
        DATASET_ID: values.dataset ?: '',
        TABLE_ID: values.table ?: '',
        BQ_TABLES: values.tables ? values.tables.join('\n') : '',
    ] + Parameters.present(
        BQ_MODE: values.mode,
        BQ_LOCATION: values.location,
        BQ_CONFIG_DIR: values.configDir,
        BQ_JUNIT_FILE: values.junit,
        BQ_DEADLINE_SECONDS: values.deadline,
    )
    return bqRun(step: 'bqEnsureTable', command: 'ensure-table', env: variables)
}
