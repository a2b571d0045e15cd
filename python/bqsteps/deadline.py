"""One point in time after which a command waits for nothing. Standard library only."""

import threading
import time
from collections.abc import Callable

LONGEST_REQUEST = 30.0  # seconds that one request may take, while the deadline is further away
_SHORTEST = 0.001  # a timeout of 0 would mean none to some libraries
_GRACE = 1.0  # seconds after the deadline in which the ordinary way of failing gets to speak


class Deadline:
    """The moment, some seconds from now, at which waiting ends.

    Args:
        seconds: how long from now.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds left; 0 when it has passed."""
        return max(0.0, self._end - time.monotonic())

    @property
    def has_passed(self) -> bool:
        """Whether no time is left."""
        return self.remaining == 0.0

    @property
    def request(self) -> float:
        """Seconds that the next request may take."""
        return max(_SHORTEST, min(self.remaining, LONGEST_REQUEST))

    def backstop(self, expire: Callable[[], None]) -> None:
        """Call `expire`, in a thread, if this process still runs when the deadline is well past.

        A socket's timeout bounds one read, not a name that does not resolve or an answer that comes in drops; this
        bounds everything.
        """
        timer = threading.Timer(self.remaining + _GRACE, expire)
        timer.daemon = True
        timer.start()
