"""What can befall a process: a request that goes wrong, a rival that is quicker, a kill."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

from stand_in import Fault, StandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from soak.children import Child
    from stand_in.exchange import Moment
    from stand_in.log import LogEntry

MOMENTS: Final[tuple[Moment, ...]] = ("received", "done", "answered")
RIVAL: Final = "x-rival"  # the header of requests that are nobody's under test
LATE: Final = 1.6  # seconds; more than the deadline of an act that waits for nothing else
_TOO_MANY = "Too many DML statements outstanding against table p:d.t, limit is 100."


def _errors() -> dict[str, Fault]:
    found = {}
    for status in (500, 502, 503, 504, 429):
        found[f"e{status}"] = Fault("error", status=status)
        found[f"e{status}-after"] = Fault("error", status=status, committed=True)
    worded = {
        "rate": (403, "rateLimitExceeded", "Exceeded rate limits: too many table update operations for this table."),
        "quota": (403, "quotaExceeded", "Quota exceeded: Your table exceeded quota for imports or query appends."),
        "denied": (403, "accessDenied", "Access Denied: Permission bigquery.anything denied."),
        "not-found": (404, "notFound", "Not found: Something p:d.t"),
        "precondition": (412, "conditionNotMet", "Precondition check failed."),
        "backend": (503, "backendError", "Error encountered during execution. Retrying may solve the problem."),
        "internal": (500, "internalError", "An internal error occurred."),
        "unauthenticated": (401, "authError", "Invalid Credentials"),
    }
    for name, (status, reason, message) in worded.items():
        found[name] = Fault("error", status=status, reason=reason, message=message)
    for name in ("backend", "rate"):
        found[f"{name}-after"] = replace(found[name], committed=True)
    return found


REQUESTS: Final[Mapping[str, Fault]] = {
    "reset": Fault("reset"),
    "lost": Fault("lose_answer"),
    **_errors(),
    "hang": Fault("hang"),
    "hang-after": Fault("hang", committed=True),
    "truncate": Fault("truncate"),
    "garbage": Fault("garbage"),
    "trickle": Fault("trickle", seconds=0.05),
    "slow": Fault("delay", seconds=0.1),
    "late": Fault("delay", seconds=LATE),
    "late-after": Fault("delay", seconds=LATE, committed=True),
}
"""What may befall any request."""

FORBIDDEN: Final = frozenset({"rate", "rate-after", "quota", "denied"})
"""What is answered with 403."""

UNSEEN: Final = "unseen"
CREATIONS: Final = frozenset({"tables.insert", "datasets.insert"})

JOBS: Final[Mapping[str, Fault]] = {
    f"job-{reason}": Fault("fail_job", status=200, reason=reason, message=message)
    for reason, message in {
        "backendError": "Error encountered during execution. Retrying may solve the problem.",
        "internalError": "An internal error occurred and the request could not be completed.",
        "rateLimitExceeded": "Exceeded rate limits: too many table update operations for this table.",
        "jobRateLimitExceeded": "Job exceeded rate limits.",
        "resourcesExceeded": f"Resources exceeded during query execution: {_TOO_MANY}",
        "quotaExceeded": "Quota exceeded: Your table exceeded quota for imports or query appends per table.",
        "accessDenied": "Access Denied: Permission bigquery.tables.updateData denied on table.",
        "notFound": "Not found: Table p:d.t was not found in location US",
        "invalid": "Error while reading data.",
        "invalidQuery": "Column x is not present in table p.d.t",
        "stopped": "Job execution was cancelled: User requested cancellation",
    }.items()
}
"""How a job may end that was accepted."""

_PASSING: Final = frozenset(
    {
        *(name for name in REQUESTS if re.fullmatch(r"(e\d+|rate|backend)(-after)?", name)),
        *("reset", "lost", "truncate", "garbage", "slow", "internal", UNSEEN),
        *("job-backendError", "job-internalError", "job-rateLimitExceeded", "job-jobRateLimitExceeded"),
        "job-resourcesExceeded",
    }
)
_PASSING_AT: Final = frozenset(
    {("jobs.get", "not-found"), ("tables.patch", "not-found"), ("tables.patch", "precondition")}
)
_WAITING: Final = frozenset({"hang", "hang-after", "trickle", "late", "late-after"})
_ALL: Final = {**REQUESTS, **JOBS, UNSEEN: Fault("unseen")}
_BLOW: Final = re.compile(r"(\d+)=([\w.-]+?)(\*?)")
_KILL: Final = re.compile(r"kill@(?:(\d+)\.(\w+)|([\d.]+)s)")


@dataclass(frozen=True)
class Blow:
    """One misbehaviour: at the request of this position, or, if lasting, from there on."""

    position: int
    what: str
    lasting: bool = False

    def __str__(self) -> str:
        return f"{self.position}={self.what}{'*' if self.lasting else ''}"


@dataclass(frozen=True)
class Kill:
    """A SIGKILL: at a moment of a request, or after some seconds."""

    position: int = 0
    moment: str = ""
    seconds: float = 0.0

    def __str__(self) -> str:
        return f"kill@{self.position}.{self.moment}" if self.moment else f"kill@{self.seconds:g}s"


@dataclass(frozen=True)
class Act:
    """One process and all that befalls it."""

    blows: tuple[Blow, ...] = ()
    kill: Kill | None = None

    def __str__(self) -> str:
        return "+".join(str(each) for each in (*self.blows, self.kill) if each) or "nothing"

    @classmethod
    def parse(cls, text: str) -> Self:
        blows: list[Blow] = []
        kill = None
        for part in text.split("+") if text != "nothing" else ():
            if blow := _BLOW.fullmatch(part):
                blows.append(Blow(int(blow[1]), blow[2], bool(blow[3])))
            elif found := _KILL.fullmatch(part):
                kill = Kill(int(found[1] or 0), found[2] or "", float(found[3] or 0))
            else:
                raise ValueError(f"{part!r} is no misfortune")
        return cls(tuple(blows), kill)

    @property
    def waits(self) -> bool:
        """Whether the process gets an answer only when its deadline has passed, or none."""
        return any(blow.what in _WAITING or blow.lasting for blow in self.blows)

    def passes(self, calls: list[str]) -> bool:
        """Tell whether a process that made these calls had to get over it by itself."""
        if len(self.blows) != 1 or self.waits or self.kill:
            return False
        (blow,) = self.blows
        return blow.what in _PASSING or any((call, blow.what) in _PASSING_AT for call in calls[blow.position - 1 :][:1])


class Stage:
    """The stand-in on which acts are played: sets the faults, and kills from within a request.

    Args:
        bq: the stand-in.
        rivals: what somebody else may do, by name, just before a request is served.
    """

    def __init__(self, bq: StandIn, rivals: Mapping[str, Callable[[], None]]) -> None:
        self._bq = bq
        self._rivals = rivals
        self._lock = threading.Lock()
        self._act = Act()
        self._child: Child | None = None
        self._started = threading.Event()
        self._positions: dict[int, int] = {}  # by the number of the request
        self._finished: set[int] = set()
        self.was_killed = False
        bq.observer = self._observe

    def set(self, act: Act) -> None:
        """Make ready for an act whose process is not started yet."""
        with self._lock:
            self._act, self._child, self.was_killed = act, None, False
            self._positions.clear()
        self._started.clear()
        self._bq.faults.clear()
        for blow in act.blows:
            if blow.what in _ALL:
                times = None if blow.lasting else 1
                self._bq.faults.add(replace(_ALL[blow.what], nth=blow.position, times=times, seen=0, struck=0))

    def play(self, child: Child) -> None:
        """Let the process of the act go on, and kill it if that is in the act."""
        self._child = child
        self._started.set()
        kill = self._act.kill
        if kill and not kill.moment:
            time.sleep(kill.seconds)
            child.kill()
            self.was_killed = True

    def settle(self) -> None:
        """Wait until what was asked for late is done, also if nobody waits for the answer any more."""
        end = time.monotonic() + 20 * LATE
        while time.monotonic() < end:
            late = {entry.number for entry in self._bq.requests if entry.fault == "delay"}
            if late <= self._finished:
                return
            time.sleep(0.05)

    def _observe(self, moment: Moment, entry: LogEntry) -> None:
        if RIVAL in entry.headers:
            return
        if moment == "received":
            with self._lock:
                position = self._positions[entry.number] = len(self._positions) + 1
            for blow in self._act.blows:
                if blow.what in self._rivals and blow.position == position:
                    self._rivals[blow.what]()
        if moment == "done":
            self._finished.add(entry.number)
        kill = self._act.kill
        if kill and (kill.position, kill.moment) == (self._positions.get(entry.number), moment):
            self._started.wait()
            if self._child:
                self.was_killed = True
                self._child.kill()
