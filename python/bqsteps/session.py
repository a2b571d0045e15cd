"""Opens the connection of a command, and sets the clock that ends the command whatever happens."""

from collections.abc import Callable, Mapping

from bqsteps import connection, report
from bqsteps.connection import Connection
from bqsteps.deadline import Deadline
from bqsteps.report import Result
from bqsteps.settings import Limits


def connect(  # noqa: PLR0913  # where to, for how long, and what if it takes longer
    environ: Mapping[str, str],
    project: str,
    location: str | None,
    limits: Limits,
    *,
    late: Callable[[], Result],
    workers: int = 1,
) -> Connection:
    """A connection; the deadline begins now.

    Args:
        environ: the environment.
        project: the project that jobs run in.
        location: where jobs run, if that is given.
        limits: how long it may take.
        late: the result, if some wait outlasts the deadline and the process has to be ended from outside of it.
        workers: how many threads use the connection.

    Raises:
        Failure: there are no usable credentials.
    """
    deadline = Deadline(limits.deadline)
    deadline.backstop(lambda: report.expire(environ, late))
    return connection.connect(project, location, deadline, environ, workers)
