import bqsteps.Call
import bqsteps.Parameters
import bqsteps.Result

/** Runs one command of the Python package on the caller's agent, and returns its result or fails with its line. */
Map call(Object given = [:]) {
    Map checked = Parameters.check(given, [step: 'text', command: 'text', env: 'map', file: 'map',
        onFailure: ['fail', 'unstable', 'warn']], ['step', 'command'])
    Map asked = checked.values
    if (checked.problems) {
        error("bqRun: ${checked.problems.join('; ')}")
    }
    Map result = Result.unknown(asked, env.BQ_SPOOL_DIR, env.WORKSPACE)
    try {
        result = env.WORKSPACE ? (isUnix() ? execute(asked, result) : Result.withoutShell()) : Result.withoutAgent()
    } finally {
        // Nothing is caught here: an abort goes its way once the row, which a pod would take with it, is kept.
        Call.keep(this, asked.step, result.spool)
    }
    if (result.error && asked.onFailure == 'warn') {
        echo(Result.line(asked.step, result.error))
    } else if (result.error && asked.onFailure == 'unstable') {
        unstable(Result.line(asked.step, result.error))
    } else if (result.error) {
        error(Result.line(asked.step, result.error))
    }
    return result
}

/** Every value travels by the environment or by a file, never in the text of `sh`. */
private Map execute(Map asked, Map unknown) {
    String temporary = env.WORKSPACE_TMP ?: pwd(tmp: true)
    String digest = libraryResource(resource: 'bqsteps/bqsteps.pyz.sha256', encoding: 'UTF-8')
    Map files = Call.stage(this, Call.files(temporary, digest, UUID.randomUUID().toString()), asked.file)
    withEnv(Call.environment(temporary, asked, files)) {
        // The staged package is moved to its place, so that a branch beside this one never sees half of it.
        // Python's lines go to the console by stderr; stdout is for its exit code and its result.
        Result.read(unknown, sh(label: asked.step, returnStdout: true, encoding: 'UTF-8', script: '''
            { set +x; } 2>/dev/null
            trap 'rm -f "$BQ_STAGED" "$BQ_RESULT_FILE" "$BQ_BUILD_FILE"' EXIT
            trap 'exit 143' HUP INT TERM
            [ -z "$BQ_STAGED" ] || mv -f "$BQ_STAGED" "$BQ_PYZ" || true
            python3 "$BQ_PYZ" "$BQ_COMMAND" >&2 && echo 0 || echo "$?"
            [ ! -f "$BQ_RESULT_FILE" ] || cat "$BQ_RESULT_FILE"
        '''))
    }
}
