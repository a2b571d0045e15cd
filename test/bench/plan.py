"""How often and how much is measured."""

from dataclasses import dataclass, replace
from typing import Self


@dataclass(frozen=True)
class Plan:
    """The numbers of one bench.

    Args:
        is_quick: whether they are small.
        runs: of each side of a comparison.
        long_runs: the same where one takes long: packages are installed, jobs take their time, there are many.
        latencies: of the service, in seconds a request.
        tables: how many, to see how it grows.
        rows: how many, to see how it grows.
        slow_rows: how many are replayed as jobs that take a second, in all runs at once.
    """

    is_quick: bool
    runs: int
    long_runs: int
    latencies: tuple[float, ...]
    tables: tuple[int, ...]
    rows: tuple[int, ...]
    slow_rows: tuple[int, ...]

    def with_runs(self, runs: int) -> Self:
        """The same with another number of runs."""
        return replace(self, runs=runs, long_runs=runs)


FULL = Plan(
    is_quick=False,
    runs=7,
    long_runs=7,
    latencies=(0.0, 0.02, 0.08),
    tables=(10, 100, 1_000),
    rows=(1, 10, 100, 1_000, 10_000),
    slow_rows=(100, 10_000),
)
QUICK = Plan(
    is_quick=True,
    runs=3,
    long_runs=1,
    latencies=(0.02,),
    tables=(10, 1_000),
    rows=(1, 100, 1_000),
    slow_rows=(60,),  # with fewer, the start would be more of it than the rows
)
