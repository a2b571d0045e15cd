"""The command that sends spooled rows: a folder, a file, or standard input, each row by the way that log-build has."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from bqsteps import parallel, references, report, session, settings, spool
from bqsteps.backlog import LONGEST_LINE, Backlog, Line
from bqsteps.build_log import Recorder
from bqsteps.connection import Connection, connect
from bqsteps.errors import Failure
from bqsteps.jobs import Unconfirmed
from bqsteps.report import Result, warn
from bqsteps.settings import Replay

Environ = Mapping[str, str]
Progress = Callable[[int, int], None]

# INSERTs that BigQuery runs at a time for a table: https://cloud.google.com/bigquery/quotas#data-manipulation-language
_WORKERS: Final = 10
_LINES_LOOKED_AT: Final = 100  # for a row among them, before a file is taken for a spool
_OF_THE_ROW: Final = frozenset({"config", "rejected", "refused"})  # kinds of failure that no other row shares


class _Task(NamedTuple):
    line: Line
    backlog: Backlog | None
    entry: spool.Entry
    link: Connection


@dataclass
class _Tally:
    recorded: int = 0
    already_recorded: int = 0
    set_aside: int = 0
    strangers: list[Path] = field(default_factory=list)  # files that hold no row at all
    stopped_by: Failure | None = None
    first_reason: str = ""
    links: dict[str, Connection] = field(default_factory=dict)


def replay(environ: Environ, progress: Progress) -> Result:
    """Send the rows, several at a time. What is confirmed leaves its file; what the service rejects is set aside.

    It stops at the first failure that is not a row's own, such as no answer, and goes on from there when it is run
    again.

    Args:
        environ: the environment.
        progress: is told how many rows are done, of how many.
    """
    wanted = settings.replay(environ)
    return _Replay(wanted, environ, progress).run()


class _Replay:
    def __init__(self, wanted: Replay, environ: Environ, progress: Progress) -> None:
        self._wanted = wanted
        self._environ = environ
        self._progress = progress
        self._aside = (Path() if wanted.is_stdin else _folder(wanted.source)) / spool.REJECTED
        self._tally = _Tally()
        self._files = [] if wanted.is_stdin else _files(wanted)
        self._total = _count(self._files)
        self._deadline = session.begin(environ, wanted.limits, self._late)

    def run(self) -> Result:
        try:
            for task, outcome in parallel.each(self._send, self._tasks(), _WORKERS):
                self._take(task, outcome)
        except Failure as failure:  # of the spool or the credentials: nothing more can be done
            self._tally.stopped_by = failure
        return self._result()

    def _tasks(self) -> Iterator[_Task]:
        for line, backlog in self._lines():
            if self._tally.stopped_by:
                return
            try:
                entry = spool.parse(line.content, line.source)
            except Failure as failure:
                self._put_aside(line, backlog, failure)
                continue
            yield _Task(line, backlog, entry, self._link(entry.job_project))

    def _lines(self) -> Iterator[tuple[Line, Backlog | None]]:
        if self._wanted.is_stdin:
            if sys.stdin is None:
                raise Failure("config", "standard input is closed.", "Name a folder or a file in BQ_SPOOL_DIR.")
            while content := sys.stdin.buffer.readline(LONGEST_LINE):
                if content.strip():
                    yield Line("standard input", content), None
            return
        for path in self._files:
            backlog = Backlog(path)
            try:
                if not _holds_rows(path):
                    self._tally.strangers.append(path)
                    continue
                for line in backlog.lines():
                    yield line, backlog
            except FileNotFoundError:
                continue  # a parallel run has had it confirmed meanwhile
            finally:
                backlog.close()

    def _link(self, project: str) -> Connection:
        """The connection to the project that a row's job ids count in."""
        if project not in self._tally.links:
            location, rate = self._wanted.location, self._wanted.requests_per_second
            self._tally.links[project] = connect(project, location, self._deadline, self._environ, _WORKERS, rate)
        return self._tally.links[project]

    def _send(self, task: _Task) -> str | Failure:
        if self._tally.stopped_by:
            return self._tally.stopped_by
        table = references.parse(task.entry.table)
        wanted = self._wanted
        try:
            record = Recorder(task.link, table, task.entry.row, wanted.method, wanted.location, warn).record()
        except Failure as failure:
            return failure
        except Unconfirmed as unconfirmed:
            # Whatever the reason is, the row may be there: it stays where it is.
            cause = unconfirmed.failure
            return Failure("unavailable" if cause.kind in _OF_THE_ROW else cause.kind, cause.message, cause.hint)
        return "recorded" if record.is_new else "already_recorded"

    def _take(self, task: _Task, outcome: str | Failure) -> None:
        if isinstance(outcome, Failure):
            if outcome.kind in _OF_THE_ROW:
                self._put_aside(task.line, task.backlog, outcome)
            else:
                self._tally.stopped_by = self._tally.stopped_by or outcome
            return
        if outcome == "recorded":
            self._tally.recorded += 1
        else:
            self._tally.already_recorded += 1
        if task.backlog:
            task.backlog.done(task.line)
        done = self._tally.recorded + self._tally.already_recorded + self._tally.set_aside
        self._progress(done, max(done, self._total))

    def _put_aside(self, line: Line, backlog: Backlog | None, failure: Failure) -> None:
        path = spool.set_aside(self._aside, line.content, failure.line)
        warn(f"Set aside as {path}: {failure.message}")
        self._tally.set_aside += 1
        self._tally.first_reason = self._tally.first_reason or failure.message
        if backlog:
            backlog.done(line)

    def _late(self) -> Result:
        seconds = f"{self._wanted.limits.deadline:g} s"
        self._tally.stopped_by = Failure("unavailable", f"the replay was not done within {seconds}.", "Run it again.")
        return self._result()

    def _result(self) -> Result:
        tally = self._tally
        counts = {
            "recorded": tally.recorded,
            "already_recorded": tally.already_recorded,
            "set_aside": tally.set_aside,
        }
        done = tally.recorded + tally.already_recorded
        rows = "1 row" if done == 1 else f"{done} rows"
        report.done(f"Replayed {rows}: {tally.recorded} recorded, {tally.already_recorded} already on record")
        if tally.stopped_by:
            hint = f"{tally.stopped_by.hint} Run it again: it goes on where it stopped."
            return report.failed(Failure(tally.stopped_by.kind, tally.stopped_by.message, hint), **counts)
        if tally.set_aside:
            words = f"{tally.set_aside} rows were set aside in {self._aside}, the first because: {tally.first_reason}"
            return report.failed(Failure("rejected", words, "Mend them, then replay that folder."), **counts)
        if tally.strangers:
            words = f"{tally.strangers[0]} holds no spooled row, and was left as it is."
            return report.failed(Failure("config", words, "Name a folder or a file that log-build wrote."), **counts)
        return {"status": "replayed", **counts}


def _folder(source: Path) -> Path:
    return source if source.is_dir() else source.parent


def _files(wanted: Replay) -> list[Path]:
    """The files to send: of a folder those with the spool's suffix. The default folder may be missing, for no rows."""
    source = wanted.source
    if source.is_dir():
        found = sorted(path for path in source.glob(f"*{spool.SUFFIX}") if path.is_file())
        if not found:
            _refuse_nested(source)
        return found
    if source.is_file():
        return [source]
    if wanted.source_is_default and not source.exists():
        return []
    raise Failure(
        "config", f"there is no folder or file {source} to replay.", "Name a folder, a file, or - for standard input."
    )


def _refuse_nested(source: Path) -> None:
    """Artifacts unpack with the folders that they were in: "no row here" would be taken for "all is on record"."""
    for path in source.rglob(f"*{spool.SUFFIX}"):
        if path.is_file() and path.parent.name != spool.REJECTED:
            raise Failure("config", f"{source} holds no row itself, {path.parent} does.", "Name that folder.")


def _holds_rows(path: Path) -> bool:
    """Whether a file is one of ours. Any other is left exactly as it is, also where it was named by mistake."""
    with path.open("rb") as file:
        for _ in range(_LINES_LOOKED_AT):
            content = file.readline(LONGEST_LINE)
            if content.strip() and _is_row(content):
                return True
    return False


def _is_row(content: bytes) -> bool:
    try:
        spool.parse(content, "")
    except Failure:
        return False
    return True


def _count(files: list[Path]) -> int:
    """How many lines there are, for the progress."""
    lines = 0
    for path in files:
        with contextlib.suppress(OSError), path.open("rb") as file:
            while content := file.read(1_048_576):
                lines += content.count(b"\n")
    return lines
