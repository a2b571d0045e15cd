"""Turns come at a rate, also after the machine stood still; items are taken as there is room for them."""

import itertools
import threading
from typing import TYPE_CHECKING

import pytest

from bqsteps import parallel
from bqsteps.parallel import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PER_SECOND = 10
STALL = 1.0  # seconds


class Clock:
    """A clock that stands where it is but for sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.meanwhile: Callable[[], None] | None = None  # what others do during the next sleep

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        if self.meanwhile:
            others, self.meanwhile = self.meanwhile, None
            others()
        self.now = max(self.now, until)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(parallel, "time", clock)
    return clock


def test_turns_that_a_stalled_machine_missed_are_not_made_up_for(clock: Clock) -> None:
    pace = Pace(PER_SECOND)
    assert pace.turn(60)
    taken: list[float] = []

    def take(waiting: int) -> None:
        """As so many threads would that wait at a time: each sleeps within the sleep of the one before."""

        def others() -> None:
            if waiting > 1:
                take(waiting - 1)
            else:
                clock.now += STALL

        clock.meanwhile = others
        assert pace.turn(60)
        taken.append(clock.now)

    take(4)
    assert len(taken) == 4
    assert min(taken) >= 100.0 + STALL
    assert min(later - earlier for earlier, later in itertools.pairwise(taken)) >= 1 / PER_SECOND - 1e-9


def test_a_machine_that_is_always_late_gets_on(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(PER_SECOND)
    assert pace.turn(60)
    monkeypatch.setattr(clock, "sleep", lambda seconds: setattr(clock, "now", clock.now + seconds + STALL))
    assert pace.turn(60)


def test_turns_that_nobody_took_are_not_saved_up(clock: Clock) -> None:
    pace = Pace(PER_SECOND)
    assert pace.turn(60)
    clock.now += 60
    before = clock.now
    assert all(pace.turn(60) for _ in range(3))
    assert clock.now - before == pytest.approx(2 / PER_SECOND)


def test_there_is_no_turn_that_comes_too_late(clock: Clock) -> None:
    pace = Pace(PER_SECOND)
    assert pace.turn(60)
    assert not pace.turn(0.5 / PER_SECOND)
    assert not pace.turn(0)
    assert clock.now == 100.0
    assert pace.turn(60)


def test_no_item_is_taken_more_than_a_thousand_after_one_that_is_not_done() -> None:
    slow, ahead = 3, 1_000
    may_end, done, done_when_taken = threading.Event(), set[int](), set[int]()

    def items() -> "Iterator[int]":
        yield from range(slow + ahead + 1)
        done_when_taken.update(done)
        yield from range(slow + ahead + 1, 5_000)

    def work(number: int) -> int:
        if number == slow:
            may_end.wait()
        return number

    for item, result in parallel.each(work, items(), 4):
        assert item == result
        done.add(item)
        if len(done) == slow + ahead - 1:  # all that was begun, but for the slow one
            may_end.set()
    assert slow in done_when_taken
    assert done == set(range(5_000))
