"""A part of the matrices, by chance: `make soak` plays them whole, BQSTEPS_SEED plays the same part again."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from soak import crowd, replays
from soak.children import Forks
from soak.parts import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soak.tally import Seen

LANES = 12

# Cases that found something once, or that hardly any sample meets.
KNOWN = (
    "log:insert,full,job,billing,US,unset,slow,fork:2=not-found:step",  # a job that is not found while it runs
    "log:insert,full,job,billing,US,unset,slow,fork:1=job-resourcesExceeded:step",  # no place in the table's queue
    "log:load,seeds_columns,job,billing,US,unset,slow,fork:6=not-found:replay",  # a table that is gone for a moment
    "log:insert,seeds_columns,job,billing,US,unset,slow,fork:3=rate:step",  # a rate of reads, not of the patch
    "log:insert,seeds_columns,job,billing,US,unset,slow,fork:4=rate:step",  # a rate of the patch: fewer columns
    "log:insert,nothing,job,billing,US,unset,slow,fork:4=rate:step",  # a rate that looks like a missing permission
    "log:insert,nothing,job,billing,US,unset,slow,fork:1=unseen:step",  # a dataset that is not seen yet
    "log:insert,full,answer,billing,EU,other,quick,fork:nothing:step",  # refused where the dataset is not
    "log:insert,full,both,billing,EU,other,quick,fork:nothing:step",  # the same, and each refusal leaves a failed job
    "log:insert,full,job,free,europe-west1,unset,quick,fork:nothing:other_method",  # ids burned in two locations
    "ensure:nothing,US,unset,of-tables,fork:2=rate",
    "ensure:nothing,US,unset,of-tables,fork:1=unseen",
    "ensure:older,US,unset,of-tables,fork:2=rival-describes",  # a change that only the etag protects
)
LOGGERS = 30
ROWS = 600


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as forks:
        yield forks


@pytest.mark.parametrize(("name", "count"), [("log", 48), ("kill", 32), ("ensure", 32)])
def test_whatever_befalls_it_is_there_once_and_unharmed(forks: Forks, seed: str, name: str, count: int) -> None:
    part = PARTS[name]
    chance = random.Random(f"{seed}:{name}")  # noqa: S311  which cases, not whose secrets
    with ThreadPoolExecutor(LANES) as pool:
        cases = part.cases(count, chance, forks, pool)
        violations = _violations(pool.map(lambda case: part.play(case, forks), cases))
    assert violations == []
    assert len(cases) == count


def test_what_was_mended_stays_mended(forks: Forks) -> None:
    with ThreadPoolExecutor(LANES) as pool:
        assert _violations(pool.map(lambda case: PARTS[case.partition(":")[0]].play(case, forks), KNOWN)) == []


def test_many_at_once_get_what_each_would_get_alone(forks: Forks) -> None:
    assert _violations(crowd.all_of(forks, LOGGERS)) == []


def test_a_replay_that_is_killed_goes_on_and_needs_no_more_memory_for_more_rows(forks: Forks) -> None:
    assert _violations(replays.all_of(forks, ROWS)) == []


def _violations(everything: Iterator[Seen]) -> list[str]:
    """Return what went wrong; `python -m soak --case` plays one of these alone."""
    return [f"--case '{seen.case}': {problem}" for seen in everything for problem in seen.problems]
