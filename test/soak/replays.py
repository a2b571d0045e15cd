"""replay: files of many rows. Kills in the middle lose and double none, and memory does not grow with the file."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bqsteps import build, spool
from soak import log_matrix
from soak.misfortunes import Act, Kill
from soak.tally import Seen
from soak.theatre import DATASET, PROJECT, Theatre
from stand_in import Limits, StandIn, WallClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soak.children import Ended, Starter

SPEED: Final = 20.0  # of the service's clock
KILLS: Final = (0.5, 0.5)  # of all rows: the requests after which one process after the other is killed
AT_WORK: Final = 150  # rows that a killed process has sent and not noted: 100 between notes, some that are on their way
FILE: Final = "rows.ndjson"
# BigQuery's rate of requests is not what is looked at here.
ENVIRON: Final = {
    "PROJECT_ID": PROJECT,
    "BQ_SPOOL_DIR": FILE,
    "BQ_DEADLINE_SECONDS": "1200",
    "BQ_REQUESTS_PER_SECOND": "1000",
}
HEAVY: Final = 60_000  # characters of a row that is heavy enough for a few hundred to be seen in a process
MOST_GROWTH: Final = 12_288  # KiB that a process may need more for ten times the rows


def all_of(starter: Starter, rows: int) -> Iterator[Seen]:
    """Yield what became of a file of so many rows, and of heavier ones."""
    yield killed(starter, rows)
    yield flat(starter, max(40, rows // 100))


def killed(starter: Starter, rows: int) -> Seen:
    """Send a file; kill the process twice; then let it end."""
    seen = Seen(f"replay: {rows} rows of a file, with {len(KILLS)} kills")
    with _opened(starter, seen) as theatre:
        _write(theatre.folder / FILE, rows)
        for share in KILLS:
            _replay(theatre, Act((), Kill(max(1, round(rows * share)), "done")))
            theatre.expect(theatre.was_killed, "it was not killed")
        ended = _replay(theatre, Act())
        _expect_all(theatre, ended, rows)
        inserts = [each.status for each in theatre.bq.requests if each.call == "jobs.insert"]
        again = inserts.count(HTTPStatus.CONFLICT)
        theatre.expect(again <= len(KILLS) * AT_WORK, f"{again} were sent again: it did not go on where it stopped")
    return seen


def flat(starter: Starter, rows: int) -> Seen:
    """Send heavy rows, and ten times as many: the process must not need more memory for them."""
    seen = Seen(f"replay: {rows} and {10 * rows} rows of {HEAVY} characters")
    peaks = []
    for count in (rows, 10 * rows):
        with _opened(starter, seen) as theatre:
            _write(theatre.folder / FILE, count, "x" * HEAVY)
            ended = _replay(theatre, Act())
            _expect_all(theatre, ended, count)
            peaks.append(ended.peak)
    few, many = peaks
    theatre.expect(many - few <= MOST_GROWTH, f"{few} KiB for {rows} rows, {many} KiB for ten times as many")
    return seen


@contextmanager
def _opened(starter: Starter, seen: Seen) -> Iterator[Theatre]:
    with StandIn(limits=Limits(), clock=WallClock(SPEED)) as bq, tempfile.TemporaryDirectory(prefix="soak-") as name:
        yield Theatre(bq, Path(name), starter, ENVIRON, seen, {})


def _replay(theatre: Theatre, act: Act) -> Ended:
    return theatre.play("replay", act, BQ_DEADLINE_SECONDS=ENVIRON["BQ_DEADLINE_SECONDS"])


def _write(path: Path, rows: int, weight: str = "") -> None:
    """Write rows of builds, one after the other, as if the spools of many builds were joined."""
    table = log_matrix.TABLE
    with path.open("w", encoding="ascii") as file:
        for number in range(rows):
            environ = {**log_matrix.BUILD, "BUILD_NUMBER": str(number), "BQ_BUILD_FILE": ""}
            row = build.make(environ, None, table, datetime.now(UTC))
            entry = spool.Entry(str(table), PROJECT, row | ({"extra": {"weight": weight}} if weight else {}))
            file.write(json.dumps(entry._asdict(), sort_keys=True) + "\n")


def _expect_all(theatre: Theatre, ended: Ended, rows: int) -> None:
    """Expect each row once, and nothing that is left of the file."""
    status = (ended.result or {}).get("status")
    theatre.expect(ended.code == 0 and status == "replayed", "the replay did not end well", ended)
    left = [path.name for path in theatre.folder.iterdir() if FILE in path.name]
    theatre.expect(not left, f"{left} are left", ended)
    table = theatre.bq.tables.get(f"{PROJECT}.{DATASET}.{log_matrix.TABLE.table}")
    numbers = [int(str(row["build_id"])) for row in table.rows] if table else []
    theatre.seen.wanted += rows
    theatre.seen.found += len(set(numbers) & set(range(rows)))
    theatre.seen.doubled += len(numbers) - len(set(numbers))
    theatre.expect(sorted(numbers) == list(range(rows)), f"{len(numbers)} rows instead of {rows}", ended)
