"""Does many things a few at a time, and no faster than a rate. Standard library only."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
R = TypeVar("R")

_AHEAD: Final = 1_000  # items
_LATE: Final = 0.03  # seconds; a usual sleep is not
_MISSED_AT_MOST: Final = 5  # turns of one thread: a machine that is always late shall get on all the same


def each(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[tuple[T, R]]:
    """Each item with what `work` makes of it, in the order in which they are done.

    Items are taken from the iterable as there is room for them, and at most a thousand ahead of one that is not done:
    memory grows with their number neither here nor where somebody keeps their order. What `work` raises is raised here;
    what has not begun by then is not begun.

    Args:
        work: called for one item; in a thread, unless they are done one at a time.
        items: what is to be done.
        workers: how many at a time.
    """
    if workers == 1:
        for item in items:
            yield item, work(item)
        return
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # a single table needs none

    pool = ThreadPoolExecutor(workers)
    pending: dict[Future[R], tuple[int, T]] = {}  # the first is the one that has waited longest
    done: SimpleQueue[Future[R]] = SimpleQueue()  # futures.wait would look at all that are pending, for each one
    try:
        for number, item in enumerate(items):
            while pending and (len(pending) >= 2 * workers or number - next(iter(pending.values()))[0] >= _AHEAD):
                yield _next(pending, done)
            future = pool.submit(work, item)
            pending[future] = number, item
            future.add_done_callback(done.put)
        while pending:
            yield _next(pending, done)
    finally:
        pool.shutdown(cancel_futures=True)


def _next(pending: "dict[Future[R], tuple[int, T]]", done: "SimpleQueue[Future[R]]") -> tuple[T, R]:
    future = done.get()
    _, item = pending.pop(future)
    return item, future.result()


class Pace:
    """A rate that threads share.

    Args:
        per_second: how many turns there are in a second.
    """

    def __init__(self, per_second: float) -> None:
        self._interval = 1 / per_second
        self._lock = threading.Lock()
        self._next = 0.0

    def turn(self, most: float) -> bool:
        """Wait for the next turn, and tell whether there is one in time; otherwise nobody waits.

        Turns are evenly spaced: unused ones are not saved up for a burst. Nor are those that a machine slept through,
        which stood still for a moment: whoever wakes late takes another one.

        Args:
            most: seconds to wait.
        """
        end = time.monotonic() + most
        for _ in range(_MISSED_AT_MOST):
            with self._lock:
                now = time.monotonic()
                mine = max(self._next, now)
                if mine >= end:
                    return False
                self._next = mine + self._interval
            if mine > now:
                time.sleep(mine - now)
            if time.monotonic() - mine < _LATE:
                break
        return True
