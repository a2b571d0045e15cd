"""Starts the clock of a command, which ends the command whatever happens. Standard library only."""

import gc
from collections.abc import Callable, Mapping

from bqsteps import report
from bqsteps.deadline import Deadline
from bqsteps.report import Result
from bqsteps.settings import Limits


def begin(environ: Mapping[str, str], limits: Limits, late: Callable[[], Result]) -> Deadline:
    """The deadline, which begins now.

    Args:
        environ: the environment.
        limits: how long it may take.
        late: the result, if some wait outlasts the deadline and the process has to be ended from outside of it.
    """
    gc.freeze()  # what was imported stays, and is not looked through for garbage: thousands of requests make enough
    gc.enable()
    deadline = Deadline(limits.deadline)
    deadline.backstop(lambda: report.expire(environ, late))
    return deadline
