"""Runs a program once, and says what it cost: time, memory, requests on the wire."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from stand_in import StandIn

LAUNCHER = Path(__file__).with_name("launcher.py")
KIB_PER_MB = 1024


class BrokenMeasurement(Exception):
    """A program did not do what was to be measured, so that its time says nothing."""


@dataclass(frozen=True)
class Sample:
    """What one run cost.

    Args:
        wall: seconds from its start to its end.
        own: seconds of these in which it did not wait for the service.
        service: seconds from the service's first request to its last answer.
        cpu: seconds of all its processes.
        peak: memory of its largest process, in MB.
        requests: how many there were on the wire.
        rejected: how many of these were refused for their rate.
        connections: how many connections carried them.
    """

    wall: float
    own: float = 0.0
    service: float = 0.0
    cpu: float = 0.0
    peak: float = 0.0
    requests: int = 0
    rejected: int = 0
    connections: int = 0

    def times(self, factor: float) -> "Sample":
        """What it would cost if all that lies between the first request and the last answer took so often as long."""
        more = self.service * (factor - 1)
        waited = self.wall - self.own
        return replace(
            self,
            wall=self.wall + more,
            own=self.own + more - waited * (factor - 1),
            service=self.service * factor,
            cpu=self.cpu + more - waited * (factor - 1),
            requests=round(self.requests * factor),
        )


@dataclass(frozen=True)
class Program:
    """What is run.

    Args:
        argv: the program and its arguments.
        folder: where it runs; also its home, unless the environment names another.
        environ: its whole environment, but for the service's address.
        code: how it has to end.
    """

    argv: Sequence[str]
    folder: Path
    environ: Mapping[str, str]
    code: int = 0


class Stopwatch:
    """Measures programs against one service.

    Args:
        bq: the service, in this process: it works only while a program waits for it.
    """

    def __init__(self, bq: StandIn) -> None:
        self.bq = bq
        self._launcher = subprocess.Popen(
            [sys.executable, "-S", "-E", str(LAUNCHER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._launcher.terminate()  # between programs it has nothing to lose; in one, that is over, too
        self._launcher.communicate()

    def run(self, program: Program, achieved: Callable[[], bool] = lambda: True) -> Sample:
        """Run it to its end.

        Args:
            program: what is run.
            achieved: whether the service has now what it should have.

        Raises:
            BrokenMeasurement: it did not end as it should have.
        """
        self.bq.log.clear()
        log = program.folder / "output.txt"
        told = self._launch(program, log)
        if told["code"] != program.code or not achieved():
            said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise BrokenMeasurement(f"{' '.join(program.argv)}: exit code {told['code']:g}\n{said}")
        requests = self.bq.requests
        spans = [(each.started, each.started + (each.seconds or 0.0) + self._job(each.call)) for each in requests]
        wall = told["end"] - told["start"]
        return Sample(
            wall=wall,
            own=wall - covered(spans, told["end"]),
            service=max(end for _, end in spans) - min(start for start, _ in spans) if spans else 0.0,
            cpu=told["cpu"],
            peak=told["peak"] / KIB_PER_MB,
            requests=len(requests),
            rejected=sum(1 for each in requests if each.status in (403, 429)),
            connections=len({each.connection for each in requests}),
        )

    def _launch(self, program: Program, log: Path) -> dict[str, float]:
        assert self._launcher.stdin is not None
        assert self._launcher.stdout is not None
        environ = {"HOME": str(program.folder), **program.environ, "BIGQUERY_EMULATOR_HOST": self.bq.url}
        asked = {"argv": list(program.argv), "cwd": str(program.folder), "env": environ, "log": str(log)}
        self._launcher.stdin.write(json.dumps(asked) + "\n")
        self._launcher.stdin.flush()
        told: dict[str, float] = json.loads(self._launcher.stdout.readline())
        return told

    def _job(self, call: str) -> float:
        """How long the service still works after it has accepted something."""
        seconds = self.bq.job_seconds
        return float(seconds) if call == "jobs.insert" and not callable(seconds) else 0.0


def covered(spans: Sequence[tuple[float, float]], end: float) -> float:
    """How many seconds before `end` lie in at least one of the spans."""
    total, reached = 0.0, 0.0
    for start, stop in sorted(spans):
        total += max(0.0, min(stop, end) - max(start, reached))
        reached = max(reached, stop)
    return total


def alternate(sides: Mapping[str, Callable[[], Sample]], runs: int) -> dict[str, list[Sample]]:
    """Run each side so often, in turns and each time in the other order, so that a slow moment strikes both."""
    samples: dict[str, list[Sample]] = {name: [] for name in sides}
    for number in range(runs):
        for name in list(sides)[:: -1 if number % 2 else 1]:
            samples[name].append(sides[name]())
    return samples
