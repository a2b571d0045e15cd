"""The time that limits and jobs go by: the wall's, or one that a test moves."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What the service needs of a clock."""

    def now(self) -> float:
        """Return seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Let seconds go by."""


class WallClock:
    """Real time, or with a speed of its own: rates and jobs of minutes then pass in seconds, for any process."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._began = time.time()
        self._mark = time.monotonic()

    def now(self) -> float:
        return self._began + (time.monotonic() - self._mark) * self.speed

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self.speed)


class ManualClock:
    """Time that stands still until a test moves it, or until the service would have to wait."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now
        self._lock = threading.Lock()

    def now(self) -> float:
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds


def milliseconds(seconds: float) -> int:
    return int(seconds * 1000)
