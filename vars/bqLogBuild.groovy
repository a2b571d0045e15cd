import bqsteps.Build
import bqsteps.Parameters

/** Puts the running build on record as one row of a table, or sends rows again that could not be sent. */
Map call(Object given = [:]) {
    Map checked = Parameters.check(given, [
        project: 'text', dataset: 'text', table: 'text', location: 'text', status: 'text',
        event: ['started', 'finished'], failedStage: 'text', tests: 'counts', extra: 'map', user: 'flag',
        parameters: 'texts', method: ['insert', 'load'], onFailure: ['fail', 'unstable', 'warn'], deadline: 'seconds',
        replay: 'text',
    ])
    Map values = checked.values
    String project = values.project ?: env.PROJECT_ID
    List problems = checked.problems + Parameters.projectProblems(project) +
        Parameters.replayProblems(checked.names) + Build.problems(params, values)
    if (problems) {
        error("bqLogBuild: ${problems.join('; ')}")
    }
    String absent = Build.absent(params, values.parameters)
    if (absent) {
        echo("bqLogBuild: ${absent}")
    }
    Map variables = [
        PROJECT_ID: project,
        DATASET_ID: values.dataset ?: '',
        TABLE_ID: values.table ?: '',
        BUILD_STATUS: values.status ?: (values.event == 'started' ? 'RUNNING' : currentBuild.currentResult),
    ] + Parameters.present(
        BQ_LOCATION: values.location,
        BQ_EVENT: values.event,
        BQ_WRITE_METHOD: values.method,
        BQ_DEADLINE_SECONDS: values.deadline,
        BQ_SPOOL_DIR: values.replay,
    )
    return bqRun(
        step: 'bqLogBuild', command: values.replay ? 'replay' : 'log-build', env: variables,
        file: values.replay ? null : Build.columns(currentBuild, env, params, values),
        onFailure: values.onFailure,
    )
}
