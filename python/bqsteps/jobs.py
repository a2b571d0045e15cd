"""Puts one row into a table by one job whose id is known beforehand: submits it, or adopts the one that has the id.

A job id is unique in a project and location, for some six months
(https://cloud.google.com/bigquery/docs/managing-jobs): whoever submits it second is told 409, so that a job, and with
it a row, is there once however often the submission is repeated.
"""

import json
import time
from typing import Any, Final, NamedTuple

from google.api_core import exceptions as api
from google.api_core.retry import exponential_sleep_generator
from google.cloud import bigquery

from bqsteps import build, trace
from bqsteps.connection import JOB_LABELS, Connection
from bqsteps.errors import Failure
from bqsteps.references import TableReference
from bqsteps.service_errors import ERRORS, TRANSIENT_REASONS, explain, is_transient, reason, words
from bqsteps.settings import Method

Job = bigquery.QueryJob | bigquery.LoadJob

CONTENT_LABEL: Final = "bqsteps_content"
# A table's queue of INSERTs has no place: https://cloud.google.com/bigquery/quotas#data-manipulation-language
_FULL: Final = "Too many DML statements outstanding"
_FIRST_PAUSE: Final = 0.2  # seconds between tries, doubled each time
_LONGEST_PAUSE: Final = 8.0
# Seconds. A job takes one or two: the first look is not long before that, and the last not long after its end.
_FIRST_POLL: Final = 0.3
_POLL_GROWTH: Final = 1.2
_LONGEST_POLL: Final = 2.0


class Unconfirmed(Exception):
    """It is not known whether the row is in the table.

    Args:
        failure: why it is not known.
    """

    def __init__(self, failure: Failure) -> None:
        self.failure = failure
        super().__init__(failure.line)


class _NotYet(api.GoogleAPIError):
    """A job exists, and cannot be read at this moment, as happens after it was made (python-bigquery #2134)."""


class Outcome(NamedTuple):
    """What is known of a row's job.

    Args:
        is_done: whether the job succeeded; otherwise it is known that no row came of it.
        is_adopted: whether another process had submitted the job.
        is_burned: whether the job exists and failed, so that its id is of no more use.
        location: where the job ran, if known.
        content: the content hash that the job carries.
        reason: the service's short word for the failure.
        message: the service's words for the failure.
    """

    is_done: bool
    is_adopted: bool = False
    is_burned: bool = False
    location: str | None = None
    content: str = ""
    reason: str = ""
    message: str = ""

    @property
    def is_transient(self) -> bool:
        """Whether the next id may fare better without anything being mended."""
        return self.reason in TRANSIENT_REASONS or (self.reason == "resourcesExceeded" and _FULL in self.message)


class _Refused(Exception):
    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__()


class RowJob:
    """The job of one row under one id.

    Args:
        connection: where to.
        table: which table.
        job_id: the job's id.
        content: the hash of what the row says, which the job carries for whoever comes second.
        location: where the job runs; None lets BigQuery find the dataset's.
    """

    def __init__(
        self, connection: Connection, table: TableReference, job_id: str, content: str, location: str | None
    ) -> None:
        self._connection = connection
        self._table = table
        self._job_id = job_id
        self._content = content
        self._location = location
        self._maybe_submitted = False  # whether a request of this process, unanswered, may have made the job

    def settle(self, row: build.Row, method: Method) -> Outcome:
        """Submit the job, or adopt it, and wait for its outcome.

        Raises:
            Unconfirmed: if the outcome is not known before the deadline, or may not be read.
        """
        pauses = exponential_sleep_generator(_FIRST_PAUSE, _LONGEST_PAUSE)
        while True:
            try:
                return self._wait(*self._have(row, method))
            except ERRORS as error:
                if not is_transient(error) and not isinstance(error, _NotYet):
                    raise Unconfirmed(self._explain(error)) from None
                pause = next(pauses)
                if self._connection.deadline.remaining <= pause:
                    raise Unconfirmed(self._explain(api.RetryError("", error))) from None  # type: ignore[no-untyped-call]
                trace.LOG.debug("to be tried again in %.1f s: %s", pause, words(error))
            except _Refused as refused:
                return refused.outcome
            time.sleep(pause)

    def _have(self, row: build.Row, method: Method) -> tuple[Job, bool]:
        """The job that has the id, and whether somebody else submitted it."""
        try:
            job = self._insert(row) if method == "insert" else self._load(row)
        except api.Conflict as taken:
            # Our own request may have taken it, if its answer was lost.
            adopted = not self._maybe_submitted
            try:
                return self._adopt(), adopted
            except api.NotFound:
                raise _NotYet(words(taken)) from None
        except (api.BadRequest, api.NotFound, api.Forbidden) as error:
            if is_transient(error):
                raise
            return self._despite(error), False
        except ERRORS:
            self._maybe_submitted = True
            raise
        self._maybe_submitted = True
        self._location = job.location or self._location
        return job, False

    def _despite(self, error: api.GoogleAPICallError) -> Job:
        """The job, if an earlier request whose answer was lost has made it after all; otherwise the service refused.

        Raises:
            _Refused: there is no job; the id stays as good as it was.
        """
        if self._maybe_submitted:
            try:
                return self._adopt()
            except api.NotFound:
                pass
        raise _Refused(Outcome(is_done=False, reason=reason(error), message=words(error))) from None

    def _insert(self, row: build.Row) -> bigquery.QueryJob:
        names = list(row)
        columns = ", ".join(f"`{name}`" for name in names)
        values = ", ".join(
            f"PARSE_JSON(@{name}, wide_number_mode=>'round')" if _type(name) == "JSON" else f"@{name}" for name in names
        )
        config = bigquery.QueryJobConfig(
            query_parameters=[_parameter(name, value) for name, value in row.items()],
            labels={**JOB_LABELS, CONTENT_LABEL: self._content},
        )
        return self._connection.client.query(
            f"INSERT INTO `{self._table}` ({columns}) VALUES ({values})",  # noqa: S608  # names that were checked
            job_config=config,
            job_id=self._job_id,
            location=self._location,
            job_retry=None,
            **self._connection.once(),
        )

    def _load(self, row: build.Row) -> bigquery.LoadJob:
        config = bigquery.LoadJobConfig(
            autodetect=False,  # the table's own schema holds; without this the client would get it, unbounded
            write_disposition=bigquery.WriteDisposition.WRITE_APPEND,
            create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            labels={**JOB_LABELS, CONTENT_LABEL: self._content},
        )
        return self._connection.client.load_table_from_json(
            [row],
            bigquery.TableReference.from_string(str(self._table)),
            num_retries=0,
            job_id=self._job_id,
            location=self._location,
            job_config=config,
            timeout=self._connection.timeout(),
        )

    def _adopt(self) -> Job:
        """The job that has the id already. It lives where the dataset does.

        Without a dataset BigQuery has run the job in a default location, and finds it there.
        """
        if self._location is None:
            self._location = self._connection.location_of(f"{self._table.project}.{self._table.dataset}")
        job = self._connection.client.get_job(self._job_id, location=self._location, **self._connection.once())
        if not isinstance(job, (bigquery.QueryJob, bigquery.LoadJob)):
            raise Unconfirmed(Failure("rejected", f"job {self._job_id} exists and is none of this library's."))
        return job

    def _wait(self, job: Job, adopted: bool) -> Outcome:  # noqa: FBT001  # what _have returns
        pause = _FIRST_POLL
        while job.state != "DONE":
            if self._connection.deadline.remaining <= pause:
                raise Unconfirmed(self._still_running())
            trace.LOG.debug("job %s is %s, to be looked at in %.1f s", self._job_id, job.state, pause)
            time.sleep(pause)
            pause = min(pause * _POLL_GROWTH, _LONGEST_POLL)
            try:
                job.reload(**self._connection.once())
            except api.NotFound as unseen:
                raise _NotYet(words(unseen)) from None
        error = job.error_result or {}
        return Outcome(
            is_done=not error,
            is_adopted=adopted,
            is_burned=bool(error),
            location=job.location,
            content=(job.labels or {}).get(CONTENT_LABEL, ""),
            reason=str(error.get("reason", "")),
            message=str(error.get("message", "")),
        )

    def _explain(self, error: Exception) -> Failure:
        return explain(error, f"confirm the row of {self._table} (job {self._job_id})", self._connection.deadline)

    def _still_running(self) -> Failure:
        waited = f"within {self._connection.deadline.seconds:g} s"
        return Failure(
            "unavailable",
            f"cannot confirm the row of {self._table} {waited}: job {self._job_id} still runs.",
            "Log it again, or replay it: the job is adopted then.",
        )


def _type(name: str) -> str:
    return build.column(name).type


def _parameter(name: str, value: Any) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:  # noqa: ANN401  # any JSON
    column = build.column(name)
    if column.mode == "REPEATED":
        return bigquery.ArrayQueryParameter(name, column.type, value)
    if column.type == "JSON":
        return bigquery.ScalarQueryParameter(name, "STRING", json.dumps(value, ensure_ascii=False))
    return bigquery.ScalarQueryParameter(
        name, {"INTEGER": "INT64", "BOOLEAN": "BOOL"}.get(column.type, column.type), value
    )
