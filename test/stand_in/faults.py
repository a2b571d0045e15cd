"""Misbehaviour on command: which requests, and what goes wrong with them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable

Kind = Literal[
    "reset",  # the connection is reset before anything is done
    "lose_answer",  # everything is done, then the connection is closed without an answer
    "error",  # an HTTP error instead of the answer, before or after everything is done
    "delay",  # the answer comes seconds later, before or after everything is done
    "hang",  # no answer until the server stops, before or after everything is done
    "truncate",  # the head and half of the body, then the connection is closed
    "garbage",  # status 200 and a page of HTML
    "trickle",  # the answer comes byte by byte, so many seconds apart
    "unseen",  # the requests after a creation do not see what was created
    "fail_job",  # the job is accepted, and ends with an error when its time is up
    "lose_rows",  # a streaming insert says that all is well, and keeps nothing
]


@dataclass
class Fault:
    """One misbehaviour. Of the requests that fit, it strikes number nth and the times - 1 after it."""

    kind: Kind
    call: str = "*"  # the API's name of the method, as a pattern: tables.patch, jobs.*
    method: str = "*"  # GET, POST, …
    path: str = "*"  # without the query, as a pattern
    nth: int = 1
    times: int | None = 1  # None: for ever
    status: int = 503  # of an error
    reason: str | None = None  # of an error or job; None: no list of errors, as proxies answer
    message: str = "The stand-in was told to fail."
    committed: bool = False  # error, delay, hang: only after everything is done
    seconds: float = 0.0  # of a delay, or between the bytes of a trickle
    seen: int = 0  # requests that fitted so far
    struck: int = 0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"There is no fault {self.kind!r}; there are {', '.join(get_args(Kind))}.")

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Fault:
        known = {each.name for each in fields(cls)}
        unknown = set(document) - known
        if unknown:
            raise ValueError(f"A fault has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}.")
        return cls(**document)

    def fits(self, call: str, method: str, path: str) -> bool:
        return fnmatchcase(call, self.call) and fnmatchcase(method, self.method) and fnmatchcase(path, self.path)

    def strikes(self) -> bool:
        """Count one more fitting request, and tell whether it is to go wrong."""
        self.seen += 1
        if self.seen < self.nth or (self.times is not None and self.seen >= self.nth + self.times):
            return False
        self.struck += 1
        return True


class Faults:
    """The faults that are set; every fault counts by itself, and the first that strikes decides."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._created: set[str] = set()

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
            self._created.clear()

    def all(self) -> list[Fault]:
        with self._lock:
            return list(self._faults)

    def take(self, call: str, method: str, path: str) -> Fault | None:
        """Return the fault of this request, if it has one."""
        with self._lock:
            hits = [fault for fault in self._faults if self._concerns(fault, call, method, path) and fault.strikes()]
            return hits[0] if hits else None

    def created(self, path: str) -> None:
        """Note that a dataset or table with this path was created."""
        with self._lock:
            self._created.add(path)

    def _concerns(self, fault: Fault, call: str, method: str, path: str) -> bool:
        if fault.kind == "unseen" and not _below(path, self._created):
            return False
        return fault.fits(call, method, path)


def _below(path: str, created: Iterable[str]) -> bool:
    return any(path == each or path.startswith((f"{each}/", f"{each}:")) for each in created)
