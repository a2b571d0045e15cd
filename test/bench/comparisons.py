"""What is compared. Each function runs one comparison, and returns what its sides cost."""

import shlex
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from bench import bq_tool
from bench.measure import BrokenMeasurement, Program, Sample, Stopwatch, alternate
from bench.scene import DATASET, LOG, PLAIN_LOG, TABLE, Scene, create_logs, define_tables, spooled, with_uv
from stand_in import Limits, StandIn

VENV = (
    "python3 -m venv venv && . venv/bin/activate && pip install --quiet -r requirements.txt && python plain/log_row.py"
)
UV_VENV = (
    "uv venv --quiet venv && . venv/bin/activate && "
    'uv pip install --quiet --no-index --find-links "$PIP_FIND_LINKS" -r requirements.txt && python plain/log_row.py'
)

UNBOUND = "10000"  # BQ_REQUESTS_PER_SECOND where the service has no limits
LOOPED = 50  # tables of the plain loop


@dataclass
class Comparison:
    """What the sides of one comparison cost.

    Args:
        key: its name in the JSON.
        title: its name for people.
        sides: what each cost, run by run; one that could not be measured has no runs.
        notes: what must be known to read it.
    """

    key: str
    title: str
    sides: dict[str, list[Sample]]
    notes: list[str] = field(default_factory=list)


@contextmanager
def service(scene: Scene, latency: float, job_seconds: float = 0.0, limits: Limits | None = None) -> Iterator[None]:
    """The service as it is within the block."""
    bq = scene.bq
    before = bq.latency, bq.job_seconds, replace(bq.limits)
    bq.latency, bq.job_seconds = latency, job_seconds
    bq.limits.__dict__.update((limits or Limits.off()).__dict__)
    try:
        yield
    finally:
        bq.latency, bq.job_seconds, limits = before
        bq.limits.__dict__.update(limits.__dict__)


def from_a_bare_image(scene: Scene, runs: int) -> tuple[Comparison, Comparison]:
    """From the start of a pod to a confirmed row; and what a later step takes in the same pod."""
    bare = scene.bare
    later: dict[str, list[Sample]] = {"plain": [], "bqsteps": [], "bqsteps, prepared image": []}
    warm = scene.workspace()

    def plain() -> Sample:
        folder = scene.workspace()
        first = scene.logging(scene.shell(bare, folder, VENV), PLAIN_LOG)
        again = scene.shell(bare, folder, "venv/bin/python plain/log_row.py")
        later["plain"].append(scene.logging(again, PLAIN_LOG))
        return first

    def plain_with_uv() -> Sample:
        return scene.logging(with_uv(scene.shell(bare, scene.workspace(), UV_VENV)), PLAIN_LOG)

    def ours() -> Sample:
        folder = scene.workspace()
        first = scene.logging(scene.command(bare, folder, "log-build"))
        later["bqsteps"].append(scene.logging(scene.command(bare, folder, "log-build")))
        later["bqsteps, prepared image"].append(scene.logging(scene.command(scene.prepared, warm, "log-build")))
        return first

    def ours_with_uv() -> Sample:
        return scene.logging(with_uv(scene.command(bare, scene.workspace(), "log-build")))

    def ours_twice() -> Sample:
        program = scene.command(bare, scene.workspace(), "log-build")
        script = f"{shlex.join(program.argv)} & BQ_EVENT=started {shlex.join(program.argv)}; wait"
        both = Program(["/bin/sh", "-euc", script], program.folder, program.environ)
        sample = scene.logging(both, rows=2)
        said = (program.folder / "output.txt").read_text(encoding="utf-8")
        if said.count("packages: installed") != 1:
            raise BrokenMeasurement(f"two at once have not installed the packages once:\n{said}")
        return sample

    with service(scene, 0.02):
        scene.logging(scene.command(scene.prepared, warm, "log-build"))  # not measured: it lays the modules out
        sides = alternate(
            {
                "plain": plain,
                "plain, uv": plain_with_uv,
                "bqsteps": ours,
                "bqsteps, uv": ours_with_uv,
                "bqsteps, two at once": ours_twice,
            },
            runs,
        )
    return (
        Comparison("bare", "From a bare image to a row, 20 ms a request", sides),
        Comparison("later", "A later step in the same pod, 20 ms a request", later),
    )


def warm_log(scene: Scene, runs: int, latency: float, job_seconds: float = 0.0) -> Comparison:
    """One row, by each in an image that has its packages."""
    ours, theirs = scene.workspace(), scene.workspace()

    def plain(python: Path) -> Sample:
        return scene.logging(scene.plain(python, theirs, "log_row.py"), PLAIN_LOG)

    sides: dict[str, Callable[[], Sample]] = {
        "plain": lambda: plain(scene.plain_image),
        "plain, prepared image": lambda: plain(scene.prepared),
        "bqsteps": lambda: scene.logging(scene.command(scene.prepared, ours, "log-build")),
    }
    bq = None if job_seconds else lambda: scene.logging(bq_tool.insert(scene, theirs), PLAIN_LOG)  # it makes no job
    comparison = _against_bq(scene, sides, runs, latency, job_seconds, bq)
    comparison.key = f"log-{latency * 1000:.0f}ms" + (f"-job-{job_seconds:g}s" if job_seconds else "")
    jobs = f", jobs of {job_seconds:g} s" if job_seconds else ""
    comparison.title = f"A row, {latency * 1000:.0f} ms a request{jobs}"
    return comparison


def warm_ensure(scene: Scene, runs: int, latency: float) -> Comparison:
    """A table that is as defined, by each in an image that has its packages."""
    ours, theirs = scene.workspace(), scene.workspace()
    command = scene.command(scene.prepared, ours, "ensure-table", DATASET_ID=DATASET, TABLE_ID=TABLE)
    scene.watch.run(command)

    def plain(python: Path) -> Sample:
        return scene.watch.run(scene.plain(python, theirs, "ensure_tables.py", BQ_TABLES=f"{DATASET}.{TABLE}"))

    sides: dict[str, Callable[[], Sample]] = {
        "plain": lambda: plain(scene.plain_image),
        "plain, prepared image": lambda: plain(scene.prepared),
        "bqsteps": lambda: scene.watch.run(command),
    }
    comparison = _against_bq(
        scene, sides, runs, latency, 0.0, lambda: scene.watch.run(bq_tool.show(scene, theirs, f"{DATASET}.{TABLE}"))
    )
    comparison.key = f"ensure-{latency * 1000:.0f}ms"
    comparison.title = f"A table as defined, {latency * 1000:.0f} ms a request"
    return comparison


def _against_bq(  # noqa: PLR0913, PLR0917  # what a comparison has
    scene: Scene,
    sides: dict[str, Callable[[], Sample]],
    runs: int,
    latency: float,
    job_seconds: float,
    bq: Callable[[], Sample] | None,
) -> Comparison:
    """The comparison of the sides and of `bq`, where that is installed and does the same."""
    reason = bq_tool.missing() if bq else ""
    with service(scene, latency, job_seconds):
        if bq and not reason:
            sides["bq"] = bq
        for run in sides.values():  # not measured: whatever is kept from run to run is there afterwards
            run()
        samples = alternate(sides, runs)
    if reason:
        samples["bq"] = []
    return Comparison("", "", samples, [f"bq: not measured ({reason})"] if reason else [])


def without_a_project(scene: Scene, runs: int) -> Comparison:
    """Failing on a setting that is missing."""
    folder = scene.workspace()
    nothing = Program([str(scene.prepared), "-c", "pass"], folder, scene.environ(scene.prepared, folder))
    failing = scene.command(scene.prepared, folder, "log-build", PROJECT_ID="")
    failing = Program(failing.argv, failing.folder, failing.environ, code=1)
    scene.watch.run(failing)
    sides = alternate(
        {"interpreter": lambda: scene.watch.run(nothing), "bqsteps": lambda: scene.watch.run(failing)}, runs
    )
    return Comparison("missing", "PROJECT_ID is missing, prepared image", sides)


class Tables:
    """Many tables that are as defined.

    Args:
        scene: where.
        most: how many there are at most.
    """

    def __init__(self, scene: Scene, most: int) -> None:
        self._scene = scene
        self._most = most
        self._ours, self._theirs = scene.workspace(), scene.workspace()
        self._names = define_tables(self._ours, most)
        scene.watch.run(self._ensure(most, UNBOUND))  # makes them

    def against_a_loop(self, runs: int) -> Comparison:
        """All in one command, and one after the other by a plain script."""
        factor = self._most / LOOPED
        sides: dict[str, Callable[[], Sample]] = {
            f"plain loop over {LOOPED}, extrapolated": lambda: self._loop(LOOPED).times(factor),
            "bqsteps": lambda: self.ensure(self._most),
        }
        with service(self._scene, 0.02):
            for run in sides.values():
                run()
            samples = alternate(sides, runs)
        note = f"The loop is timed over {LOOPED} tables; what it does between its first request and its last answer"
        note += f" is counted {factor:g} times. The service has no limits here, and BQ_REQUESTS_PER_SECOND says so."
        return Comparison("many", f"{self._most:,} tables as defined, 20 ms a request", samples, [note])

    def ensure(self, count: int) -> Sample:
        """So many in one command, with a service that has no limits."""
        with service(self._scene, 0.02):
            return self._scene.watch.run(self._ensure(count, UNBOUND))

    def within_limits(self) -> Sample:
        """All in one command, with BigQuery's limits."""
        with service(self._scene, 0.02, limits=Limits()):
            return self._scene.watch.run(self._ensure(self._most))

    def _ensure(self, count: int, rate: str = "") -> Program:
        told = {"BQ_TABLES": ",".join(self._names[:count]), "BQ_REQUESTS_PER_SECOND": rate}
        return self._scene.command(self._scene.prepared, self._ours, "ensure-table", **told)

    def _loop(self, count: int) -> Sample:
        tables = ",".join(self._names[:count])
        return self._scene.watch.run(
            self._scene.plain(self._scene.plain_image, self._theirs, "ensure_tables.py", BQ_TABLES=tables)
        )


class Rows:
    """Rows that are sent again.

    Args:
        scene: where.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._folder = scene.workspace()

    def replay(self, count: int) -> Sample:
        """So many, none of which is on record yet, with a service that has no limits."""
        with service(self._scene, 0.02):
            return _replay(self._scene, self._scene.watch, self._folder, count, UNBOUND)

    def within_limits(self, count: int, runs: int) -> list[Sample]:
        """So many as jobs that take a second, with BigQuery's limits; so often at once, as all of it is waiting."""
        folders = [self._scene.workspace() for _ in range(runs)]
        with ThreadPoolExecutor(runs) as pool:
            return list(pool.map(lambda folder: self._with_a_service_of_its_own(folder, count), folders))

    def _with_a_service_of_its_own(self, folder: Path, count: int) -> Sample:
        with StandIn(latency=0.02, job_seconds=1.0, limits=Limits()) as bq, Stopwatch(bq) as watch:
            create_logs(bq)
            return _replay(self._scene, watch, folder, count)


def _replay(scene: Scene, watch: Stopwatch, folder: Path, count: int, rate: str = "") -> Sample:
    bq = watch.bq
    before = len(bq.tables[str(LOG)].rows)
    spool = folder / "spool"
    shutil.rmtree(spool, ignore_errors=True)
    spool.mkdir()
    with (spool / "rows.ndjson").open("w", encoding="ascii") as file:
        file.writelines(spooled(count, f"replayed/{before}"))
    told = {"BQ_SPOOL_DIR": str(spool), "BQ_DEADLINE_SECONDS": "7200", "BQ_REQUESTS_PER_SECOND": rate}
    program = scene.command(scene.prepared, folder, "replay", **told)
    return watch.run(program, lambda: len(bq.tables[str(LOG)].rows) == before + count)
