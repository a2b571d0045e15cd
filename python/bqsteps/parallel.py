"""Does many things a few at a time, and no faster than a rate. Standard library only."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(work: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[tuple[T, R]]:
    """Each item with what `work` makes of it, in the order in which they are done.

    Items are taken from the iterable as there is room for them, so that memory does not grow with their number. What
    `work` raises is raised here; what has not begun by then is not begun.

    Args:
        work: called in a thread, for one item.
        items: what is to be done.
        workers: how many at a time.
    """
    pool = ThreadPoolExecutor(workers)
    pending: dict[Future[R], T] = {}
    done: SimpleQueue[Future[R]] = SimpleQueue()  # futures.wait would look at all that are pending, for each one
    try:
        for item in items:
            if len(pending) >= 2 * workers:
                yield _next(pending, done)
            future = pool.submit(work, item)
            pending[future] = item
            future.add_done_callback(done.put)
        while pending:
            yield _next(pending, done)
    finally:
        pool.shutdown(cancel_futures=True)


def _next(pending: dict[Future[R], T], done: SimpleQueue[Future[R]]) -> tuple[T, R]:
    future = done.get()
    return pending.pop(future), future.result()


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
        """Wait for the next turn, and tell whether there was one in time.

        Turns are evenly spaced: unused ones are not saved up for a burst, nor are those that a stalled machine missed.
        So only one thread at a time waits for a moment, and the others for that thread.

        Args:
            most: seconds to wait.
        """
        end = time.monotonic() + most
        if most <= 0 or not self._lock.acquire(timeout=most):
            return False
        try:
            now = time.monotonic()
            if max(self._next, now) >= end:
                return False
            if self._next > now:
                time.sleep(self._next - now)
            self._next = max(self._next, time.monotonic() - self._interval / 2) + self._interval
        finally:
            self._lock.release()
        return True
