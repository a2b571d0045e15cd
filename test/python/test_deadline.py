"""One clock for all waits. It is stopped here, so that no test measures time."""

import threading
import time
from collections.abc import Callable

import pytest

from bqsteps.deadline import LONGEST_REQUEST, Deadline


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(time, "monotonic", stopped)
    return stopped


@pytest.mark.parametrize(
    ("seconds", "elapsed", "remaining"),
    [
        pytest.param(120.0, 0.0, 120.0, id="at first"),
        pytest.param(120.0, 119.5, 0.5, id="near the end"),
        pytest.param(120.0, 120.0, 0.0, id="at the end"),
        pytest.param(120.0, 500.0, 0.0, id="after it"),
    ],
)
def test_what_remains(clock: Clock, seconds: float, elapsed: float, remaining: float) -> None:
    deadline = Deadline(seconds)
    clock.now += elapsed
    assert deadline.remaining == remaining
    assert deadline.has_passed == (remaining == 0.0)
    assert deadline.seconds == seconds


@pytest.mark.parametrize(
    ("elapsed", "longest"),
    [(0.0, LONGEST_REQUEST), (91.0, 29.0), (119.0, 1.0), (120.0, 0.001), (500.0, 0.001)],
)
def test_a_request_never_outlasts_the_deadline_and_always_has_a_limit(
    clock: Clock, elapsed: float, longest: float
) -> None:
    deadline = Deadline(120.0)
    clock.now += elapsed
    assert deadline.request == pytest.approx(longest)
    assert deadline.request > 0


def test_the_backstop_comes_after_the_deadline_and_holds_no_process_up(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[float, Callable[[], None], bool]] = []

    class Timer:
        daemon = False

        def __init__(self, seconds: float, expire: Callable[[], None]) -> None:
            self.seconds, self.expire = seconds, expire

        def start(self) -> None:
            started.append((self.seconds, self.expire, self.daemon))

    monkeypatch.setattr(threading, "Timer", Timer)
    deadline = Deadline(5.0)
    clock.now += 2.0
    expire = lambda: None  # noqa: E731  # it is only looked for
    deadline.backstop(expire)
    ((seconds, called, daemon),) = started
    assert seconds > deadline.remaining == 3.0
    assert (called, daemon) == (expire, True)


def test_the_backstop_strikes() -> None:
    struck = threading.Event()
    Deadline(0.0).backstop(struck.set)
    assert struck.wait(60)
