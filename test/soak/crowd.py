"""Many processes at once, at BigQuery's rates: for an absent table, for an older one, for one and the same build."""

from __future__ import annotations

import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from soak import ensure_matrix, log_matrix
from soak.tally import Seen
from soak.theatre import DATASET, PROJECT
from stand_in import Limits, StandIn, WallClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from soak.children import Ended, Starter

SPEED = 20.0  # of the service's clock: 10 s of a rate pass in half a second
AT_ONCE = 32
DEADLINE = {"BQ_DEADLINE_SECONDS": "150"}


def all_of(starter: Starter, loggers: int) -> Iterator[Seen]:
    """Yield what each crowd did; the largest has so many loggers."""
    yield ensure_absent(starter)
    yield ensure_older(starter)
    yield same_build(starter)
    for method, count in (("load", min(100, loggers // 5)), ("insert", loggers)):
        yield many_builds(starter, method, count)


def ensure_absent(starter: Starter) -> Seen:
    """Many ensure one table that is not there."""
    seen = Seen(f"crowd: {AT_ONCE} processes ensure an absent table", AT_ONCE)
    with StandIn(limits=Limits(), clock=WallClock(SPEED)) as bq:
        everyone = _run(starter, bq, "ensure-table", [_of_table()] * AT_ONCE)
        calls = bq.calls()
        _expect(seen, [each for each in everyone if each.code != 0], "failed")
        _expect(seen, [] if list(bq.tables) == [ensure_matrix.NAME] else [bq.tables], "not one table")
        _expect(seen, [] if not calls["tables.patch"] else [calls], "it was patched")
    return seen


def ensure_older(starter: Starter) -> Seen:
    """Many ensure one table that is to be changed: one patch does it, and is not repeated."""
    seen = Seen(f"crowd: {AT_ONCE} processes ensure an older table", AT_ONCE)
    with StandIn(limits=Limits(), clock=WallClock(SPEED)) as bq:
        ensure_matrix.arrange(bq, ensure_matrix.Scenario("older"))
        everyone = _run(starter, bq, "ensure-table", [_of_table()] * AT_ONCE)
        done = [entry for entry in bq.requests if entry.call == "tables.patch" and entry.status == 200]
        _expect(seen, [each for each in everyone if each.code != 0], "failed")
        _expect(seen, [] if len(done) == 1 else [bq.calls()], f"{len(done)} patches were made")
        seen.count(len(ensure_matrix.ROWS), len(bq.tables[ensure_matrix.NAME].rows))
    return seen


def same_build(starter: Starter) -> Seen:
    """Many log one and the same build: every other one is told that it is on record already."""
    seen = Seen(f"crowd: {AT_ONCE} processes log one build", AT_ONCE)
    with StandIn(limits=Limits(), clock=WallClock(SPEED), job_seconds=log_matrix.JOB_SECONDS) as bq:
        everyone = _run(starter, bq, "log-build", [_of_build(7, "insert")] * AT_ONCE)
        seen.count(1, sum(len(table.rows) for table in bq.tables.values()))
        statuses = Counter(str((each.result or {}).get("status")) for each in everyone)
        _expect(seen, [each for each in everyone if each.code != 0], "failed")
        _expect(seen, [] if statuses["recorded"] == 1 else [statuses], "not one recorded it")
    return seen


def many_builds(starter: Starter, method: str, count: int) -> Seen:
    """Many log a build each, in a table that is not there: a row a build."""
    seen = Seen(f"crowd: {count} processes log a build each by {method}, in an absent table", count)
    with StandIn(limits=Limits(), clock=WallClock(SPEED), job_seconds=log_matrix.JOB_SECONDS) as bq:
        everyone = _run(starter, bq, "log-build", [_of_build(number, method) for number in range(count)])
        rows = Counter(row["build_id"] for table in bq.tables.values() for row in table.rows)
        for number in range(count):
            seen.count(1, rows[str(number)])
        _expect(seen, [each for each in everyone if each.code != 0], "failed")
        thin = [row for table in bq.tables.values() for row in table.rows if row.get("build_key") is None]
        _expect(seen, thin, "without all columns")
    return seen


def _of_table() -> dict[str, str]:
    return {"PROJECT_ID": PROJECT, "DATASET_ID": DATASET, "TABLE_ID": ensure_matrix.TABLE, **DEADLINE}


def _of_build(number: int, method: str) -> dict[str, str]:
    return {**log_matrix.BUILD, "BUILD_NUMBER": str(number), "BQ_WRITE_METHOD": method, **DEADLINE}


def _run(starter: Starter, bq: StandIn, command: str, environs: Sequence[Mapping[str, str]]) -> list[Ended]:
    """Run a process for each environment, as many at once as the machine bears."""

    def one(environ: Mapping[str, str]) -> Ended:
        with tempfile.TemporaryDirectory(prefix="soak-") as name:
            folder = Path(name)
            ensure_matrix.prepare(folder)
            log_matrix.prepare(folder)
            return starter.start(command, folder, {**environ, "BIGQUERY_EMULATOR_HOST": bq.url}).wait()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, environs))


def _expect(seen: Seen, wrong: Sequence[object], what: str) -> None:
    if wrong:
        seen.problems.append(f"{len(wrong)} {what}, the first: {wrong[0]}")
