"""The command that puts a build on record: from the environment, over a connection, to a result."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from bqsteps import build, pod, report, session, settings, spool
from bqsteps.build_log import Record, Recorder
from bqsteps.connection import connect
from bqsteps.deadline import Deadline
from bqsteps.errors import Failure
from bqsteps.jobs import Unconfirmed
from bqsteps.report import Result, done, warn
from bqsteps.settings import LogBuild

Environ = Mapping[str, str]


def log_build(environ: Environ) -> Result:
    """Put the build on record. The row waits in the spool from before the write until it is confirmed."""
    wanted = settings.log_build(environ)
    row = build.make(pod.completed(environ), wanted.build_file, wanted.table, datetime.now(UTC))
    kept = _keep(wanted, row)
    unknown = Failure(
        "unavailable", f"the row of {wanted.table} was not confirmed within {wanted.limits.deadline:g} s.", _kept(kept)
    )
    try:
        with report.failures():  # whatever it is that goes wrong, the result names the row's copy
            deadline = session.begin(environ, wanted.limits, lambda: _spooled(wanted, unknown, kept))
            record = _record(wanted, row, deadline, environ)
    except Failure as failure:
        return _spooled(wanted, Failure(failure.kind, failure.message, f"{failure.hint} {_kept(kept)}"), kept)
    if kept:
        _forget(kept)
    said = "Recorded" if record.is_new else "Already recorded"
    done(f"{said} build {row['build_id']} ({row['status']}, {row['event']}) in {wanted.table}")
    return {
        "status": "recorded" if record.is_new else "already_recorded",
        "table": str(wanted.table),
        "job_id": record.job_id,
        "build_key": row["build_key"],
        "left_out": list(record.left_out),
    }


def _record(wanted: LogBuild, row: build.Row, deadline: Deadline, environ: Environ) -> Record:
    link = connect(wanted.job_project, wanted.location, deadline, environ)
    try:
        return Recorder(link, wanted.table, row, wanted.method, wanted.location, warn).record()
    except Unconfirmed as unconfirmed:
        raise unconfirmed.failure from None


def _keep(wanted: LogBuild, row: build.Row) -> Path | None:
    """Spool the row. A folder that cannot be written is no reason not to log the build."""
    try:
        return spool.write(wanted.spool_dir, spool.Entry(str(wanted.table), wanted.job_project, row))
    except Failure as failure:
        warn(f"bqsteps: {failure.line} The row has no copy until it is confirmed.")
        return None


def _forget(path: Path) -> None:
    """The row is on record, whatever becomes of its copy: replaying it would find that out."""
    try:
        spool.remove(path)
    except OSError as problem:
        warn(f"bqsteps: {path} is on record and cannot be removed: {problem.strerror}.")


def _kept(path: Path | None) -> str:
    return f"The row is kept in {path}." if path else ""


def _spooled(wanted: LogBuild, failure: Failure, kept: Path | None) -> Result:
    result = report.failed(failure, table=str(wanted.table))
    if not kept:
        return result
    result["status"] = "spooled"
    here = Path.cwd()
    path = Path(os.path.normpath(here / kept))  # `..` may lead out of it
    # What lies below the working directory is named from there, as a build archives it.
    return {**result, "spool": str(path.relative_to(here))} if path.is_relative_to(here) else result
