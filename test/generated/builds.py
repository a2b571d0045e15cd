"""Generated builds, nobody's real ones: what a build log holds after some weeks, the same for the same seed.

Their jobs are called `example/…` and their controller is example.com's, so that no row can be taken for a real one.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]  # column to value, as JSON has it

CONTROLLER = "https://ci.example.com/"


@dataclass(frozen=True)
class Job:
    """How a job behaves.

    Args:
        name: its full name.
        per_day: how many builds it has on a working day.
        minutes: its median duration.
        success: the share of builds that succeed.
        stages: those that may fail.
        flaky: the share of commits that are built again after a failure, and succeed.
        lost: the share of builds that have no end.
    """

    name: str
    per_day: float
    minutes: float
    success: float
    stages: tuple[str, ...] = ("Compile", "Unit tests", "Publish")
    branch: str = "main"
    flaky: float = 0.05
    lost: float = 0.0


JOBS = (
    Job("example/shop/main", 14, 6, 0.94),
    Job("example/shop/feature%2Fcheckout", 9, 6.5, 0.78, branch="feature/checkout", flaky=0.2),
    Job("example/payments/main", 11, 9, 0.9, flaky=0.35, lost=0.01),
    Job("example/search/main", 8, 4, 0.97),
    Job("example/mobile-app/main", 6, 24, 0.82, ("Compile", "Device tests", "Sign"), flaky=0.45, lost=0.03),
    Job("example/data-warehouse/nightly", 1, 95, 0.86, ("Extract", "Transform", "Load"), lost=0.06),
    Job("example/end-to-end/nightly", 1, 140, 0.7, ("Set up", "Browser tests"), flaky=0.3, lost=0.04),
    Job("example/website/main", 5, 2, 0.985),
    Job("example/infrastructure/plan", 4, 3.2, 0.93, ("Plan", "Policy")),
    Job("example/library/main", 3, 1.4, 0.96),
    Job("example/release/weekly", 0.2, 42, 0.9, ("Build", "Sign", "Upload")),
)


def rows(now: datetime, days: int, seed: int = 1) -> Iterator[Row]:
    """The rows of some days up to now: for each build its start, and its end unless it was lost.

    Args:
        now: the end of the last day, in UTC.
        days: how many.
        seed: another one gives other builds.
    """
    chance = random.Random(seed)  # noqa: S311  # nothing is kept secret by it
    for job in JOBS:
        number = 1000
        for ago in range(days, -1, -1):
            midnight = (now - timedelta(days=ago)).replace(hour=0, minute=0, second=0, microsecond=0)
            quiet = 0.25 if midnight.weekday() >= 5 else 1.0
            trouble = 0.55 if ago in (9, 10) else 1.0  # an outage that everybody had
            for _ in range(_about(job.per_day * quiet, chance)):
                start = midnight + timedelta(seconds=chance.triangular(6 * 3600, 22 * 3600, 14 * 3600))
                commit = f"{chance.getrandbits(160):040x}"
                for again in range(2):
                    number += 1
                    build = _build(job, number, start, commit, trouble, chance, is_again=bool(again))
                    yield from (row for row in build if row["timestamp"] < now.isoformat())
                    if build[-1]["status"] not in {"FAILURE", "UNSTABLE"} or chance.random() > job.flaky:
                        break
                    start += timedelta(hours=1)


def _about(expected: float, chance: random.Random) -> int:
    whole = int(expected)
    return whole + (chance.random() < expected - whole)


def _build(  # noqa: PLR0913, PLR0917  # what tells builds apart
    job: Job, number: int, start: datetime, commit: str, trouble: float, chance: random.Random, *, is_again: bool
) -> list[Row]:
    took = timedelta(minutes=job.minutes * chance.lognormvariate(0, 0.28))
    status = _status(0.6 if is_again else job.success * trouble, chance)
    if status == "FAILURE":
        took *= chance.uniform(0.3, 1)
    common = {
        "build_id": str(number),
        "build_number": number,
        "job_name": job.name,
        "branch": job.branch,
        "commit_id": commit,
        "controller_url": CONTROLLER,
        "build_url": f"{CONTROLLER}job/{job.name.replace('/', '/job/')}/{number}/",
        "started_at": start.isoformat(),
        "schema_version": 1,
        "library_version": "generated",
    }
    begun = {**common, "timestamp": start.isoformat(), "event": "started", "status": "RUNNING"}
    if chance.random() < job.lost:
        return [begun]
    end = start + took
    ended = {
        **common,
        "timestamp": end.isoformat(),
        "event": "finished",
        "status": status,
        "result": status,
        "ended_at": end.isoformat(),
        "duration_ms": int(took.total_seconds() * 1000),
    }
    if status in {"FAILURE", "UNSTABLE"}:
        weights = range(len(job.stages), 0, -1)
        ended["failed_stage"] = chance.choices(job.stages, weights=weights)[0] if chance.random() < 0.95 else None
    return [begun, ended]


def _status(success: float, chance: random.Random) -> str:
    roll = chance.random()
    if roll < success:
        return "SUCCESS"
    return chance.choices(("FAILURE", "UNSTABLE", "ABORTED"), weights=(7, 2, 1))[0]


def today() -> datetime:
    """The present time, in UTC."""
    return datetime.now(UTC)
