"""What was asked of the server, in the order in which it came."""

from __future__ import annotations

import itertools
import threading
from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class LogEntry:
    """One request and what became of it; without a status it got no answer."""

    number: int
    connection: int
    call: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    time: float  # of the service's clock
    started: float  # of the machine
    status: int | None = None
    seconds: float | None = None
    fault: str | None = None

    def to_json(self) -> dict[str, Any]:
        document = asdict(self)
        document["body"] = len(self.body)
        return document


class RequestLog:
    """All requests. The bodies are kept only if asked for: they can be many."""

    def __init__(self, *, keep_bodies: bool) -> None:
        self.keep_bodies = keep_bodies
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._entries: list[LogEntry] = []

    def add(self, entry: LogEntry) -> LogEntry:
        with self._lock:
            entry.number = next(self._numbers)
            self._entries.append(entry)
        return entry

    def all(self) -> list[LogEntry]:
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
