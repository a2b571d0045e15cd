"""The commands that look after tables: from the environment, over a connection, to a result."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bqsteps import definition, ensure, errors, parallel, report, session, settings
from bqsteps.connection import Connection, connect
from bqsteps.definition import Checked
from bqsteps.errors import SEE_DOCTOR, Failure
from bqsteps.plan import Plan, render
from bqsteps.references import TableReference
from bqsteps.report import Result, done, say, warn
from bqsteps.settings import EnsureTable, Mode
from bqsteps.shelf import Shelf

Environ = Mapping[str, str]
Progress = Callable[[int, int], None]  # is told how many are done, of how many

_WORKERS: Final = 32  # beyond that, one Python process gets no faster


def ensure_table(environ: Environ, progress: Progress) -> Result:
    """Bring the tables to their definitions. All definitions are read and checked before anything is sent.

    Args:
        environ: the environment.
        progress: is told how far it is, if there are several tables.

    Raises:
        Failure: nothing was sent.
    """
    wanted = settings.ensure_table(environ)
    if wanted.junit_file:
        _forget(wanted.junit_file)
    definitions = _definitions(wanted)
    workers = min(_WORKERS, len(definitions))
    deadline = session.begin(environ, wanted.limits, _nothing_known)
    rate = None if len(definitions) == 1 else wanted.requests_per_second
    link = connect(wanted.project, wanted.location, deadline, environ, workers, rate)
    datasets = ensure.Datasets(link, wanted.location)

    def bring(item: tuple[int, tuple[TableReference, Checked]]) -> _Told:
        _, (reference, checked) = item
        return _bring(link, reference, checked, datasets, wanted.mode)

    results = Shelf()
    for (number, _), told in parallel.each(bring, enumerate(definitions.items()), workers):
        results.put(number, told.result)
        for line in told.differences:
            say(line)
        if told.deed:
            done(told.deed)
        if len(definitions) > 1:
            progress(len(results), len(definitions))
    whole = next(results.values()) if wanted.is_single else _all(results)
    return _with_junit(wanted.junit_file, results, whole) if wanted.junit_file else whole


def create_table(environ: Environ, config_beside: Path) -> Result:
    """Create the table from its definition, unless it is there; one that is there is not looked into.

    Args:
        environ: the environment.
        config_beside: where definitions are, if the working directory has none of this table.
    """
    wanted = settings.create_table(environ)
    (reference,) = wanted.tables
    deadline = session.begin(environ, wanted.limits, _nothing_known)
    link = connect(wanted.project, wanted.location, deadline, environ)
    created = False
    if not ensure.exists(link, reference):
        # Only now is the definition needed: what exists is done with.
        what = _definition(wanted, reference, config_beside).read()
        created = ensure.Table(link, reference, what, ensure.Datasets(link, wanted.location), warn).create()
    done(f"Created table {reference}" if created else f"Table {reference} Already Exists")
    return {"status": "created" if created else "exists", "table": str(reference), "changes": []}


def _nothing_known() -> Result:
    hint = f"Check the network from here, then run it again. {SEE_DOCTOR}"
    return report.failed(Failure("unavailable", "BigQuery did not answer before the deadline.", hint))


def _definitions(wanted: EnsureTable) -> dict[TableReference, Checked]:
    """All definitions, found right, or a failure that names what is wrong with any."""
    tables: Sequence[TableReference] = wanted.tables
    if not tables:
        tables = definition.references_in(wanted.config_dir, wanted.project)
    found: dict[TableReference, Checked] = {}
    problems: list[str] = []
    for table in tables:
        try:
            found[table] = _definition(wanted, table)
        except Failure as failure:
            problems.append(failure.line.rstrip("."))
    if problems:
        raise errors.config(problems, "Nothing was sent." if len(tables) > 1 else "")
    return found


def _definition(wanted: EnsureTable, table: TableReference, config_beside: Path | None = None) -> Checked:
    path = definition.path_for(wanted.config_dir, table.dataset, table.table)
    if config_beside and wanted.config_dir_is_default and not path.exists():
        path = definition.path_for(config_beside, table.dataset, table.table)
    return definition.check_file(path, table.dataset, table.table, table.project)


class _Told(NamedTuple):
    """One table's result, and what a person is told of it: the differences, and what became of the table."""

    result: Result
    differences: list[str]
    deed: str


def _bring(
    link: Connection, reference: TableReference, checked: Checked, datasets: ensure.Datasets, mode: Mode
) -> _Told:
    name = str(reference)
    try:
        outcome = ensure.Table(link, reference, checked.read(), datasets, warn).bring(mode)
    except ensure.Refused as refused:
        return _told(report.failed(refused), name, refused.plan)
    except Failure as failure:
        return _told(report.failed(failure), name, None)
    plan = outcome.plan
    match outcome.status:
        case "created":
            return _told({"status": "created"}, name, plan, f"Created table {name} ({len(plan.changes)} columns)")
        case "unchanged":
            return _told({"status": "unchanged"}, name, plan, f"Table {name} Already Exists, as defined")
        case "updated":
            return _told({"status": "updated"}, name, plan, f"Updated table {name}")
    result: Result = {"status": "planned"}
    if mode == "check":
        result["error"] = report.failed(_drift(name, plan))["error"]
    foreseen = ", mode apply would refuse it" if plan.refused else ""
    return _told(result, name, plan, f"Table {name} differs from its definition, nothing was written{foreseen}")


def _drift(name: str, plan: Plan) -> Failure:
    count = len(plan.differences)
    words = f"{name} differs from its definition in {count} place{'s' if count != 1 else ''}."
    if not plan.refused:
        return Failure("refused", words, "Run it in mode apply, or change the definition.")
    first = plan.refused[0]
    return Failure("refused", words, f"Mode apply would refuse {first.path}: {first.reason} {first.way_out}".rstrip())


def _told(result: Result, name: str, plan: Plan | None, deed: str = "") -> _Told:
    changes = [change.as_json() for change in plan.changes] if plan else []
    is_told = plan and result["status"] != "created"
    shown = [f"  {line}" for line in render(plan, colour=report.has_colour())] if plan and is_told else []
    return _Told({**result, "table": name, "changes": changes}, shown, deed)


def _forget(path: Path) -> None:
    """What a former build left must not be taken for this one's, should this one end early."""
    from bqsteps import junit  # noqa: PLC0415  # XML is long to import, and seldom asked for

    if path.is_symlink() or not path.is_file():
        return
    with contextlib.suppress(OSError):  # whoever cannot remove it cannot write it either, and says so then
        with path.open("rb") as file:
            is_ours = file.read(len(junit.HEAD)) == junit.HEAD
        if is_ours:
            path.unlink()


def _with_junit(path: Path, results: Shelf, whole: Result) -> Result:
    """What was done stays told, also where its report cannot be left."""
    from bqsteps import junit  # noqa: PLC0415  # as above

    try:
        report.replace(path, junit.document(results))
    except OSError as problem:
        failure = Failure("config", f"the tables were looked after, but {path} cannot be written: {problem.strerror}.")
        return whole if "error" in whole else {**whole, "error": report.failed(failure)["error"]}
    return whole


def _all(results: Shelf) -> Result:
    statuses = {str(result["status"]) for result in results.values()}
    bad = [result["error"] for result in results.values() if "error" in result]
    if not bad:
        rank = ("unchanged", "created", "updated", "planned")
        return {"status": max(statuses, key=rank.index), "tables": results}
    if len(bad) == 1:
        message = bad[0]["message"]
    else:
        for error in bad:
            warn(f"bqsteps: {error['message']} {error['hint']}".rstrip())
        message = f"{len(bad)} of {len(results)} tables are not as they should be, each named above."
    return report.failed(Failure(bad[0]["kind"], message, bad[0]["hint"] if len(bad) == 1 else ""), tables=results)
