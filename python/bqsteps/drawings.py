"""What a picture shows, apart from how it is drawn. Standard library only."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from bqsteps.build_queries import Unit


class Outcomes(NamedTuple):
    """How many builds ended how, in each unit of time, and the share that succeeded."""

    starts: Sequence[datetime]
    unit: Unit
    succeeded: Sequence[int]
    unstable: Sequence[int]
    failed: Sequence[int]


class Durations(NamedTuple):
    """Median and 95th percentile in seconds, in each unit of time; None in a unit without builds."""

    starts: Sequence[datetime]
    unit: Unit
    median: Sequence[float | None]
    p95: Sequence[float | None]


class Share(NamedTuple):
    """One row of a picture of shares: a name, what its bar is made of, and what is written beside the name."""

    name: str
    note: str
    succeeded: int
    unstable: int
    failed: int


class Shares(NamedTuple):
    """Bars of one length each, divided by how builds ended."""

    rows: Sequence[Share]


class Range(NamedTuple):
    """One row of a picture of ranges, in seconds."""

    name: str
    note: str
    median: float
    p95: float


class Ranges(NamedTuple):
    """From the median to the 95th percentile, on one scale."""

    rows: Sequence[Range]


class Bar(NamedTuple):
    """One row of a picture of bars."""

    name: str
    note: str
    value: int


class Bars(NamedTuple):
    """Bars on one scale."""

    rows: Sequence[Bar]


Drawing = Outcomes | Durations | Shares | Ranges | Bars
