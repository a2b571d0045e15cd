"""Turns come at a rate, also after the machine stood still."""

import itertools
import threading
from collections.abc import Iterator

import pytest

from bqsteps import parallel
from bqsteps.parallel import Pace

PER_SECOND = 10
STALL = 1.0  # seconds that the first sleep takes, however short it should be


class Clock:
    """A clock that stands where it is but for sleeps, of which the first ends when it is told to, and late."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sleepers = threading.Semaphore(0)
        self.stall_ends = threading.Event()
        self.wakings: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleepers.release()
        if self.stall_ends.is_set():
            self.now += seconds
        else:
            assert self.stall_ends.wait(60)
            self.now = max(self.now, 100.0 + STALL)
        self.wakings.append(self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(parallel, "time", clock)
    yield clock
    clock.stall_ends.set()


def test_turns_that_a_stalled_machine_missed_are_not_made_up_for(clock: Clock) -> None:
    pace = Pace(PER_SECOND)
    assert pace.turn(60)
    threads = [threading.Thread(target=pace.turn, args=[60]) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert clock.sleepers.acquire(timeout=60)
    clock.sleepers.acquire(timeout=0.2)  # no second one may sleep; if it did, both would be awake at once
    clock.stall_ends.set()
    for thread in threads:
        thread.join()
    between = [later - earlier for earlier, later in itertools.pairwise(clock.wakings)]
    assert (len(between), clock.wakings[0]) == (3, 100.0 + STALL)
    assert min(between) >= 0.5 / PER_SECOND - 1e-9
    assert sum(between) >= 2.5 / PER_SECOND - 1e-9


def test_turns_that_nobody_took_are_not_saved_up(clock: Clock) -> None:
    clock.stall_ends.set()
    pace = Pace(PER_SECOND)
    assert pace.turn(60)
    clock.now += 60
    before = clock.now
    assert all(pace.turn(60) for _ in range(3))
    assert clock.now - before >= 1.5 / PER_SECOND - 1e-9


def test_there_is_no_turn_that_comes_too_late(clock: Clock) -> None:
    clock.stall_ends.set()
    pace = Pace(PER_SECOND)
    assert pace.turn(60)
    assert not pace.turn(0.5 / PER_SECOND)
    assert not pace.turn(0)
    assert clock.now == 100.0
    assert pace.turn(60)
