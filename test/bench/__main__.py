"""Runs all comparisons: `make bench`. A missed goal is shown as such; a broken measurement ends it with exit code 1."""

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from bench import comparisons, jenkins_side, report
from bench.comparisons import Comparison, Rows, Tables
from bench.image import ROOT
from bench.measure import BrokenMeasurement, Stopwatch
from bench.plan import FULL, QUICK, Plan
from bench.results import Goal, Results, median, own, ratio, wall
from bench.scene import Scene
from stand_in import Limits, StandIn

T = TypeVar("T")

OUT = ROOT / ".build/bench"
PLOTTER = ROOT / ".build/bench-venv/bin/python"
AT_ONCE = 10  # INSERTs that BigQuery runs at a time for a table
LATENCY = 0.02  # of the comparisons that goals are about

console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)


class Bench:
    """One run of everything.

    Args:
        scene: where it runs.
        plan: how often and how much.
    """

    def __init__(self, scene: Scene, plan: Plan) -> None:
        self._scene = scene
        self._plan = plan
        self.results = Results(_machine(), datetime.now(UTC).date().isoformat(), plan.is_quick)

    def run(self) -> None:
        """Compare, count, and judge."""
        self._bare()
        self._warm()
        self._missing()
        self._many_tables()
        self._many_rows()
        self.results.jenkins = self._step("Jenkins", lambda: jenkins_side.count(self._scene.bq))

    def _step(self, title: str, work: Callable[[], T]) -> T:
        with console.status(title):
            return work()

    def _compare(self, title: str, work: Callable[[], Comparison]) -> Comparison:
        comparison = self._step(title, work)
        self.results.comparisons.append(comparison)
        return comparison

    def _goal(self, name: str, bound: float, found: float | None, *, is_least: bool = False) -> None:
        self.results.goals.append(Goal(name, bound, found, is_least))

    def _bare(self) -> None:
        first, later = self._step(
            "from a bare image", lambda: comparisons.from_a_bare_image(self._scene, self._plan.bare_runs)
        )
        self.results.comparisons += [first, later]
        self._goal("bare image to row, pip: share of venv + pip + script", 0.55, ratio(first, "bqsteps", "plain"))
        self._goal("bare image to row, uv: share of venv + pip + script", 0.36, ratio(first, "bqsteps, uv", "plain"))
        self._goal("later step: share of the plain script's", 1.0, ratio(later, "bqsteps", "plain"))

    def _warm(self) -> None:
        for latency in self._plan.latencies:
            title = f"a row, {latency * 1000:.0f} ms"
            log = self._compare(title, lambda at=latency: comparisons.warm_log(self._scene, self._plan.runs, at))  # type: ignore[misc]
            title = f"a table, {latency * 1000:.0f} ms"
            table = self._compare(title, lambda at=latency: comparisons.warm_ensure(self._scene, self._plan.runs, at))  # type: ignore[misc]
            if latency == LATENCY:
                self._judge_warm(log, table)
        job = lambda: comparisons.warm_log(self._scene, self._plan.job_runs, 0.08, 1.5)  # noqa: E731  a thing to do
        slow = self._compare("a row, jobs of 1.5 s", job)
        found = median(slow.sides["bqsteps"], own) / median(self._log.sides["bqsteps"], own)
        self._goal("own time with jobs of 1.5 s: share of that without waiting", 1.3, found)

    def _judge_warm(self, log: Comparison, table: Comparison) -> None:
        self._log = log
        self._goal("log-build, own time: share of the plain script's", 0.85, ratio(log, "bqsteps", "plain", own))
        self._goal("ensure-table, own time: share of the plain script's", 0.80, ratio(table, "bqsteps", "plain", own))
        self._goal("log-build, wall: share of one `bq insert`", 0.35, ratio(log, "bqsteps", "bq"))
        self._goal("ensure-table, wall: share of one `bq show`", 0.35, ratio(table, "bqsteps", "bq"))
        self._goal("log-build, steady: requests", 1, max(each.requests for each in log.sides["bqsteps"]))
        self._goal("ensure-table, steady: requests", 1, max(each.requests for each in table.sides["bqsteps"]))

    def _missing(self) -> None:
        found = self._compare(
            "a missing setting", lambda: comparisons.without_a_project(self._scene, self._plan.runs)
        ).sides
        more = median(found["bqsteps"], wall) - median(found["interpreter"], wall)
        self._goal("PROJECT_ID missing: ms over a bare interpreter", 60, more * 1000)

    def _many_tables(self) -> None:
        counts = self._plan.tables
        most = counts[-1]
        tables = self._step(f"making {most} tables", lambda: Tables(self._scene, most))
        points = {count: self._step(f"{count} tables", lambda n=count: tables.ensure(n)) for count in counts}  # type: ignore[misc]
        self.results.growth["tables that are as defined, 20 ms a request"] = points
        loop = self._step("a plain loop", lambda: tables.loop(50))
        looped = loop.wall + loop.service * (most / 50 - 1)
        self.results.notes.append(
            f"A plain loop over {most} tables: {looped:.1f} s, extrapolated from 50 in {loop.wall:.2f} s."
        )
        self._goal(f"{most} tables: times as fast as a plain loop", 12, looped / points[most].wall, is_least=True)
        limited = self._step("with limits", lambda: tables.ensure(most, limits=Limits()))
        allowed = most / 100  # requests a second
        self.results.growth["the same within 100 requests a second"] = {most: limited}
        self._goal(f"{most} tables, limits on: share of what they allow", 1.3, limited.wall / allowed)
        self._goal(f"{most} tables, limits on: rejected requests", 0, limited.rejected)

    def _many_rows(self) -> None:
        rows = Rows(self._scene)
        counts = self._plan.rows
        points = {count: self._step(f"{count} rows", lambda n=count: rows.replay(n, 0.0)) for count in counts}  # type: ignore[misc]
        self.results.growth["rows replayed, 20 ms a request"] = points
        most, tenth = points[counts[-1]], points[counts[-2]]
        self._goal(f"replay of {counts[-1]:,} rows: peak MB", 150, most.peak)
        self._goal(f"replay: memory of {counts[-1]:,} rows, share of {counts[-2]:,}", 1.1, most.peak / tenth.peak)
        count = self._plan.slow_rows
        slow = self._step(f"{count} rows, jobs of 1 s", lambda: rows.replay(count, 1.0))
        self.results.growth["rows replayed, jobs of 1 s, 10 at a time"] = {count: slow}
        self._goal(
            f"replay of {count:,} rows, jobs of 1 s: share of what limits allow", 1.3, slow.wall * AT_ONCE / count
        )


def _machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    python = platform.python_version()
    return f"{platform.system()} {platform.machine()}, {cores} cores, {memory:.0f} GiB, Python {python}"


def _plot(folder: Path) -> None:
    if not PLOTTER.exists():
        console.print("No plot: `make bench` sets up the Python that draws it.")
        return
    subprocess.run([PLOTTER, Path(__file__).with_name("plots.py"), folder], check=True)
    console.print(f"Growth is plotted in {folder / 'growth.svg'}.")


def main() -> int:
    """Run the bench, and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="What the library costs.")
    parser.add_argument("--quick", action="store_true", help="few runs and small numbers: within two minutes")
    parser.add_argument("--runs", type=int, help="how often each side of a comparison runs")
    parser.add_argument("--out", type=Path, default=OUT, help="where results are left (default: .build/bench)")
    given = parser.parse_args()
    plan = QUICK if given.quick else FULL
    if given.runs:
        plan = plan.with_runs(given.runs)
    with StandIn() as bq, Stopwatch(bq) as watch:
        scene = Scene(bq, watch, given.out.resolve())
        bench = Bench(scene, plan)
        try:
            bench.run()
        except BrokenMeasurement as broken:
            console.print(f"A measurement is broken. {broken}", style="red", markup=False)
            return 1
        finally:
            scene.clear()
    report.write(bench.results, given.out)
    report.show(bench.results, console)
    _plot(given.out.resolve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
