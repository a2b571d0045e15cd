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
from bench.measure import BrokenMeasurement, Sample, Stopwatch
from bench.plan import FULL, QUICK, Plan
from bench.results import Goal, Results, median, own, peak, ratio, wall
from bench.scene import Scene
from stand_in import StandIn

T = TypeVar("T")

OUT = ROOT / ".build/bench"
PLOTTER = ROOT / ".build/bench-venv/bin/python"
REQUESTS_A_SECOND = 100  # that BigQuery takes of a user and method
ROWS_A_SECOND = 10  # of jobs that take a second: so many INSERTs BigQuery runs at a time for a table
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
            "from a bare image", lambda: comparisons.from_a_bare_image(self._scene, self._plan.long_runs)
        )
        self.results.comparisons += [first, later]
        self._goal("bare image to row, pip: share of venv + pip + script", 0.55, ratio(first, "bqsteps", "plain"))
        self._goal("bare image to row, uv: share of venv + pip + script", 0.36, ratio(first, "bqsteps, uv", "plain"))
        branches = ratio(first, "bqsteps, two at once", "plain")
        self._goal("two branches at once, pip: share of venv + pip + script once", 0.55, branches)
        again = ratio(later, "bqsteps", "bqsteps, prepared image")
        self._goal("later step in the same pod: share of one in the prepared image", 1.15, again)

    def _warm(self) -> None:
        for latency in self._plan.latencies:
            title = f"a row, {latency * 1000:.0f} ms"
            log = self._compare(title, lambda at=latency: comparisons.warm_log(self._scene, self._plan.runs, at))  # type: ignore[misc]
            title = f"a table, {latency * 1000:.0f} ms"
            table = self._compare(title, lambda at=latency: comparisons.warm_ensure(self._scene, self._plan.runs, at))  # type: ignore[misc]
            if latency == LATENCY:
                self._judge_warm(log, table)
        job = lambda: comparisons.warm_log(self._scene, self._plan.long_runs, 0.08, 1.5)  # noqa: E731  a thing to do
        slow = self._compare("a row, jobs of 1.5 s", job)
        slow.notes.append("A job is looked at now and then: own time has the wait from its end to the next look in it.")

    def _judge_warm(self, log: Comparison, table: Comparison) -> None:
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
        *counts, most = self._plan.tables
        tables = self._step(f"making {most} tables", lambda: Tables(self._scene, most))
        many = self._compare(f"{most} tables", lambda: tables.against_a_loop(self._plan.runs))
        points = {count: self._often(f"{count} tables", lambda n=count: tables.ensure(n)) for count in counts}  # type: ignore[misc]
        (loop,) = many.sides.keys() - {"bqsteps"}
        self.results.growth["tables as defined, 20 ms a request"] = {**points, most: many.sides["bqsteps"]}
        times = ratio(many, loop, "bqsteps")
        self._goal(f"{most:,} tables: times as fast as a plain loop", 12, times, is_least=True)
        limited = self._often("with limits", tables.within_limits)
        self.results.growth["the same within 100 requests a second"] = {most: limited}
        allowed = most / REQUESTS_A_SECOND
        self._goal(f"{most:,} tables, limits on: share of what they allow", 1.3, median(limited, wall) / allowed)
        self._goal(f"{most:,} tables, limits on: rejected requests", 0, max(each.rejected for each in limited))

    def _many_rows(self) -> None:
        rows = Rows(self._scene)
        *counts, most = self._plan.rows
        points = {
            count: self._often(f"{count} rows", lambda n=count: rows.replay(n))  # type: ignore[misc]
            for count in self._plan.rows
        }
        self.results.growth["rows replayed, 20 ms a request"] = points
        self._goal(f"replay of {most:,} rows: peak MB", 150, peak(points[most]))
        share = peak(points[most]) / peak(points[counts[-1]])
        self._goal(f"replay: memory of {most:,} rows, share of that of {counts[-1]:,}", 1.1, share)
        self._slow_rows(rows)

    def _slow_rows(self, rows: Rows) -> None:
        runs, most = self._plan.long_runs, self._plan.slow_rows[-1]
        slow = {
            count: self._step(f"{count} rows, jobs of 1 s", lambda n=count: rows.within_limits(n, runs))  # type: ignore[misc]
            for count in self._plan.slow_rows
        }
        self.results.growth["rows replayed, jobs of 1 s, BigQuery's limits"] = slow
        share = median(slow[most], wall) / (most / ROWS_A_SECOND)
        self._goal(f"replay of {most:,} rows, jobs of 1 s: share of what limits allow", 1.3, share)
        self.results.notes.append(
            f"Rows as jobs of 1 s are replayed {runs} times at once, each time to a service of its own: BigQuery writes"
            f" {ROWS_A_SECOND} of them a second, and the rest is waiting."
        )

    def _often(self, title: str, work: Callable[[], Sample]) -> list[Sample]:
        return self._step(title, lambda: [work() for _ in range(self._plan.long_runs)])


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


def _measured(scene: Scene, plan: Plan) -> Results:
    bench = Bench(scene, plan)
    try:
        bench.run()
    finally:
        scene.clear()
    return bench.results


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
        try:
            results = _measured(Scene(bq, watch, given.out.resolve()), plan)
        except BrokenMeasurement as broken:
            console.print(f"A measurement is broken. {broken}", style="red", markup=False)
            return 1
    report.write(results, given.out)
    report.show(results, console)
    _plot(given.out.resolve())
    return 0


if __name__ == "__main__":
    sys.exit(main())
