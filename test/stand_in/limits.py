"""BigQuery's rates and quotas, each on or off, counted over a sliding window."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

SECONDS_A_DAY = 86_400.0
UPDATE_WINDOW_SECONDS = 10.0


@dataclass
class Limits:
    """How much is allowed; None switches a limit off."""

    requests_a_second: int | None = 100  # each user and method
    table_updates: int | None = 5  # in 10 seconds, each table
    dataset_updates: int | None = 5  # in 10 seconds, each dataset
    loads_a_day: int | None = 1_500  # each table, failures count
    free_inserts_a_day: int | None = 1_500  # each table, all of them at once
    inserts_running: int = 10  # each table, after those
    inserts_queued: int = 100  # each table, behind those

    @classmethod
    def off(cls) -> Limits:
        return cls(None, None, None, None, None)


class Windows:
    """The times at which things happened, by key. A key is always counted over one and the same window."""

    def __init__(self) -> None:
        self._times: defaultdict[tuple[str, ...], deque[float]] = defaultdict(deque)

    def count(self, key: tuple[str, ...], now: float) -> None:
        self.used(key, now, SECONDS_A_DAY)  # forgets what no window reaches
        self._times[key].append(now)

    def used(self, key: tuple[str, ...], now: float, seconds: float) -> int:
        """Return how often key was counted in the last seconds, and forget what came before."""
        times = self._times[key]
        while times and times[0] <= now - seconds:
            times.popleft()
        return len(times)

    def full(self, key: tuple[str, ...], now: float, seconds: float, limit: int | None) -> bool:
        return limit is not None and self.used(key, now, seconds) >= limit

    def clear_key(self, key: tuple[str, ...]) -> None:
        self._times.pop(key, None)
