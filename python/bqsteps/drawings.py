"""What a picture shows, apart from how it is drawn. Standard library only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bqsteps.build_queries import Unit


@dataclass(frozen=True)
class Outcomes:
    """How many builds ended how, in each unit of time, and the share that succeeded."""

    starts: Sequence[datetime]
    unit: Unit
    succeeded: Sequence[int]
    unstable: Sequence[int]
    failed: Sequence[int]


@dataclass(frozen=True)
class Durations:
    """Median and 95th percentile in seconds, in each unit of time; None in a unit without builds."""

    starts: Sequence[datetime]
    unit: Unit
    median: Sequence[float | None]
    p95: Sequence[float | None]


@dataclass(frozen=True)
class Share:
    """One row of a picture of shares: a name, what its bar is made of, and what is written beside the name."""

    name: str
    note: str
    succeeded: int
    unstable: int
    failed: int


@dataclass(frozen=True)
class Shares:
    """Bars of one length each, divided by how builds ended."""

    rows: Sequence[Share]


@dataclass(frozen=True)
class Range:
    """One row of a picture of ranges, in seconds."""

    name: str
    note: str
    median: float
    p95: float


@dataclass(frozen=True)
class Ranges:
    """From the median to the 95th percentile, on one scale."""

    rows: Sequence[Range]


@dataclass(frozen=True)
class Bar:
    """One row of a picture of bars."""

    name: str
    note: str
    value: int


@dataclass(frozen=True)
class Bars:
    """Bars on one scale."""

    rows: Sequence[Bar]


Drawing = Outcomes | Durations | Shares | Ranges | Bars
