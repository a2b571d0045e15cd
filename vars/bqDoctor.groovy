import bqsteps.Parameters

/** Tells in the console what works from here and what does not, and changes nothing, the build's result neither. */
Map call(Object given = [:]) {
    Map checked = Parameters.check(given,
        [project: 'text', dataset: 'text', table: 'text', location: 'text', deadline: 'seconds'])
    Map values = checked.values
    String project = values.project ?: env.PROJECT_ID
    if (checked.problems) {
        error("bqDoctor: ${checked.problems.join('; ')}")
    }
    Map variables = [
        PROJECT_ID: project ?: '',
        DATASET_ID: values.dataset ?: '',
        TABLE_ID: values.table ?: '',
    ] + Parameters.present(
        BQ_LOCATION: values.location,
        BQ_DEADLINE_SECONDS: values.deadline,
    )
    return bqRun(step: 'bqDoctor', command: 'doctor', env: variables, onFailure: 'warn')
}
