"""Gets one row into the build log exactly once.

The steady state is the write alone, with no look before it: what is missing shows in the job's failure, and is mended
then.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from google.api_core.retry import exponential_sleep_generator

from bqsteps import build, roles, trace
from bqsteps.connection import Connection
from bqsteps.errors import SEE_DOCTOR, Failure, Kind
from bqsteps.jobs import Outcome, RowJob
from bqsteps.references import TableReference
from bqsteps.settings import Method

_MOST_MENDINGS: Final = 3  # a table that is made, and a column or two that others took away meanwhile
_GRANT: Final = (
    f"Grant bigquery.tables.updateData, by {roles.SMALLEST['bigquery.tables.updateData']}, and bigquery.jobs.create,"
    f" by {roles.SMALLEST['bigquery.jobs.create']}. {SEE_DOCTOR}"
)
_NOT_MENDABLE: Final[Mapping[str, tuple[Kind, str]]] = {
    "accessDenied": ("permission", _GRANT),
    "quotaExceeded": ("quota", "Log it again later; docs/operating.md says how a bigger fleet spreads."),
    "billingNotEnabled": ("permission", "Enable billing for the project that jobs run in."),
    "billingTierLimitExceeded": ("permission", "Enable billing for the project that jobs run in."),
}
_MENDABLE: Final = frozenset({"notFound", "invalid", "invalidQuery"})


class Record(NamedTuple):
    """A row that BigQuery has confirmed.

    Args:
        is_new: whether this call put it there.
        job_id: the job that did.
        left_out: columns of the row that the table does not have.
    """

    is_new: bool
    job_id: str
    left_out: tuple[str, ...]


class Recorder:
    """Puts one row on record.

    Args:
        connection: where to.
        table: the build log.
        row: the row, with its build_key.
        method: how it is written first.
        location: where the dataset is; None leaves it to BigQuery to find it.
        warn: is told, in one line, what a person should know besides.
    """

    def __init__(  # noqa: PLR0913, PLR0917  # what a row needs to be put on record
        self,
        connection: Connection,
        table: TableReference,
        row: build.Row,
        method: Method,
        location: str | None,
        warn: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._table = table
        self._row = row
        self._content = build.content_hash(row)
        self._written = row  # without the columns that the table does not have
        self._method: Method = method
        self._wanted_location = location
        self._location = location
        self._warn = warn
        self._number = 1
        self._mendings = 0

    def record(self) -> Record:
        """Put the row on record, and return once BigQuery has confirmed it.

        A job whose outcome is not known keeps its id; only a failure that was read is followed by the next one.

        Raises:
            Failure: the row is not there, for a reason that was read.
            jobs.Unconfirmed: it is not known whether the row is there.
        """
        pauses = exponential_sleep_generator(0.2, 8.0)
        job = self._job()
        while True:
            outcome = job.settle(self._written, self._method)
            if outcome.is_done:
                return self._confirmed(outcome)
            before = (self._job_id, self._location)
            self._next(outcome, pauses)
            if (self._job_id, self._location) != before:
                job = self._job()

    def _job(self) -> RowJob:
        return RowJob(self._connection, self._table, self._job_id, self._content, self._location)

    @property
    def _job_id(self) -> str:
        first = f"bqsteps-{self._row['build_key']}"
        return first if self._number == 1 else f"{first}-{self._number}"

    def _confirmed(self, outcome: Outcome) -> Record:
        if outcome.is_adopted and outcome.content not in ("", self._content):
            self._warn(
                f"the record of this build in {self._table} was made with other content and stays as it is;"
                " give another event or status to log something else"
            )
        return Record(
            is_new=not outcome.is_adopted,
            job_id=self._job_id,
            left_out=tuple(name for name in self._row if name not in self._written),
        )

    def _next(self, outcome: Outcome, pauses: Iterator[float]) -> None:
        """Prepare another try, after a failure that was read.

        Raises:
            Failure: there is nothing left to try.
        """
        if outcome.is_burned:
            self._number += 1
            self._location = outcome.location or self._location  # elsewhere the ids before this one are not taken
        if outcome.is_burned and outcome.is_adopted:
            return  # how another process' job failed says nothing about the table of now
        if outcome.is_transient:
            pause = next(pauses)
            if self._connection.deadline.remaining <= pause:
                raise self._failure(outcome)
            trace.LOG.debug("the next job in %.1f s: %s", pause, outcome.message)
            time.sleep(pause)
        elif self._method == "insert" and _dml_is_not_allowed(outcome):
            self._method = "load"
            self._warn(f"DML is not allowed here (no billing): the row of {self._table} goes by a load job")
        elif outcome.reason in _MENDABLE and self._mendings < _MOST_MENDINGS:
            self._mendings += 1
            self._mend(outcome)
        else:
            raise self._failure(outcome)

    def _mend(self, outcome: Outcome) -> None:
        """Make what is missing, or leave out what cannot be made."""
        from bqsteps import build_table  # noqa: PLC0415  # long to import, and seldom needed

        fitted = build_table.fit(self._connection, self._table, self._row, self._wanted_location, self._warn)
        is_as_it_was = not fitted.is_changed and fitted.row == self._written
        if is_as_it_was and self._mendings > 1:  # the first time, somebody else may have mended it
            raise self._failure(outcome)
        left_out = [name for name in self._row if name not in fitted.row]
        if missing := [name for name in left_out if name in build.REQUIRED]:
            raise Failure(
                "rejected",
                f"{self._table} is no build log: it has no fitting column for {', '.join(missing)}.",
                "Name another table, or one that does not exist yet.",
            )
        if left_out:
            why = f" ({fitted.obstacle})" if fitted.obstacle else ""
            self._warn(f"{self._table} has no fitting column for {', '.join(left_out)}: left out{why}")
        self._written = fitted.row
        self._go_to(fitted.location)

    def _go_to(self, location: str | None) -> None:
        """Fix the location, and count ids from the first again where the jobs that failed ran in another.

        Ids are unique in a location. Without a dataset BigQuery runs a job in a default one; whoever logs this build
        once more starts with the first id in the dataset's own location, so that this has to come to rest there.
        """
        if location is None:
            return  # an emulator may not say it
        if self._location is None or self._location.lower() != location.lower():
            self._number = 1
        self._location = location

    def _failure(self, outcome: Outcome) -> Failure:
        # What is not known to be the row's own fault is taken for something that may pass.
        otherwise: tuple[Kind, str] = ("unavailable", "Log it again later.")
        if outcome.reason in _MENDABLE:
            otherwise = ("rejected", "Compare its columns with docs/operating.md.")
        kind, hint = _NOT_MENDABLE.get(outcome.reason, otherwise)
        return Failure(kind, f"BigQuery refused the row of {self._table}: {outcome.message.rstrip('.')}.", hint)


def _dml_is_not_allowed(outcome: Outcome) -> bool:
    """Without billing a project has no DML: https://cloud.google.com/bigquery/docs/sandbox#limits."""
    return outcome.reason == "billingNotEnabled" or "free tier" in outcome.message.lower()
