"""Brings a table to its definition. It creates, adds and relaxes; it never drops, recreates, truncates or narrows."""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from google.api_core import exceptions as api
from google.cloud import bigquery

from bqsteps import definition, plan
from bqsteps.connection import Connection
from bqsteps.definition import Definition
from bqsteps.errors import Failure
from bqsteps.plan import Plan
from bqsteps.references import TableReference
from bqsteps.service_errors import ERRORS, is_transient
from bqsteps.settings import Mode

Status = Literal["created", "unchanged", "updated", "planned"]


class Outcome(NamedTuple):
    """How a table stands after it was looked after.

    Args:
        status: what was done.
        plan: the differences that there were, also if nothing was written.
        live: the table as the service has it now (a Table resource), or None where it is not there.
    """

    status: Status
    plan: Plan
    live: Mapping[str, Any] | None


class Datasets:
    """The datasets of some tables: each is looked at once, and made where it is missing.

    Args:
        connection: where to.
        location: where they should be; None leaves that to the service.
    """

    def __init__(self, connection: Connection, location: str | None) -> None:
        self._connection = connection
        self._location = location
        self._known: dict[str, bigquery.Dataset | None] = {}
        self._there: set[str] = set()
        self._lock = threading.Lock()

    def have(self, name: str) -> bigquery.Dataset | None:
        """The dataset, which exists now; None where this identity may not look at it. Raises what the client raises."""
        with self._lock:  # one at a time: whoever waits would only do the same
            if name not in self._known:
                self._known[name] = self._look(name)
            return self._known[name]

    def location_change(self, live: str | None) -> plan.Change | None:
        """The difference, if something is not where it should be; an emulator may not say where it is."""
        return plan.location_change(self._location, live) if self._location and live else None

    def note(self, name: str) -> None:
        """Take it as known that the dataset exists: something in it was seen."""
        self._there.add(name)

    def is_there(self, name: str) -> bool:
        """Whether the dataset is known to exist, so that what is not found in it may only not be seen yet."""
        return name in self._there

    def _look(self, name: str) -> bigquery.Dataset | None:
        try:
            dataset = self._connection.client.get_dataset(name, **self._connection.once())
        except api.Forbidden as refusal:
            if is_transient(refusal):  # a rate that was exceeded says nothing about the dataset
                raise
            return None  # an identity may be allowed to create tables in a dataset that it may not look at
        except api.NotFound:
            dataset = self._make(name)
        self.note(name)
        return dataset

    def _make(self, name: str) -> bigquery.Dataset:
        wanted = bigquery.Dataset(name)
        wanted.location = self._location
        try:
            return self._connection.client.create_dataset(wanted, **self._connection.once())
        except api.Conflict:  # somebody was quicker
            self.note(name)
            return self._connection.client.get_dataset(name, **self._connection.once())


class Table:
    """One table and what it should be.

    Args:
        connection: where to.
        reference: the table.
        wanted: its definition.
        datasets: makes its dataset, if that is missing.
        warn: is told, in one line, what a person should know besides.
    """

    def __init__(
        self,
        connection: Connection,
        reference: TableReference,
        wanted: Definition,
        datasets: "Datasets",
        warn: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._client = connection.client
        self.reference = reference
        self.wanted = wanted
        self._datasets = datasets
        self._warn = warn
        self.is_patch_refused = False  # not allowed, or too often for this table
        self._dataset = f"{reference.project}.{reference.dataset}"
        self._maybe_created = False  # whether a create of this object, unanswered, may have made the table
        self._sent_patch: Plan | None = None  # kept over rounds: an answer that is lost may hide a patch that was made
        self._confirmed_patch: Plan | None = None

    def bring(self, mode: Mode) -> Outcome:
        """Bring the table to its definition; `plan` and `check` only look.

        The whole sequence is repeated on any failure that may pass, and on a change that somebody else made in the
        middle of it: each round starts from what is live then, so that no round can undo another's work.

        Raises:
            Failure: of kind refused, with nothing applied, where a difference may not be mended in place; otherwise
                what the service said.
        """
        return self._connection.retrying(
            f"bring {self.reference} to its definition", lambda: self.round(mode), self.may_pass
        )

    def round(self, mode: Mode) -> Outcome:
        """One round of `bring`. Raises what the client raises, and Failure."""
        return self.bring_from(read(self._connection, self.reference), mode)

    def bring_from(self, live: Mapping[str, Any] | None, mode: Mode) -> Outcome:
        """The same, from what was read a moment ago; a change in between is not overwritten."""
        if live is None:
            return self._absent(mode)
        self._datasets.note(self._dataset)
        found = self._compare(live)
        if found.is_empty:
            return self._as_wanted(found, live)
        if mode != "apply":
            return Outcome("planned", found, live)
        if found.refused:
            raise Refused(found)
        return self._patch(found, live)

    def create(self) -> bool:
        """Create the table, and tell whether this made it; somebody else may have been quicker.

        Raises:
            Failure: what the service said.
        """

        def attempt() -> bool:
            try:
                self._create()
            except api.Conflict:
                return self._maybe_created
            return True

        return self._connection.retrying(f"create {self.reference}", attempt, self.may_pass)

    def _compare(self, live: Mapping[str, Any]) -> Plan:
        found = plan.compare(str(self.reference), self.wanted, definition.from_resource(live))
        return found.including([self._datasets.location_change(live.get("location"))])

    def _as_wanted(self, found: Plan, live: Mapping[str, Any]) -> Outcome:
        if self._maybe_created:
            return Outcome("created", _creation(self.reference, self.wanted), live)
        if self._sent_patch is not None:
            return Outcome("updated", self._sent_patch, live)
        return Outcome("unchanged", found, live)

    def _absent(self, mode: Mode) -> Outcome:
        new = _creation(self.reference, self.wanted)
        if mode != "apply":
            return Outcome("planned", new, None)
        return Outcome("created", new, self._create())

    def _create(self) -> Mapping[str, Any]:
        self._have_dataset()
        resource = definition.to_resource(self.wanted) | {
            "tableReference": {
                "projectId": self.reference.project,
                "datasetId": self.reference.dataset,
                "tableId": self.reference.table,
            }
        }
        try:
            table = self._client.create_table(bigquery.Table.from_api_repr(resource), **self._connection.once())
        except api.ClientError:
            raise  # it was answered: this request made nothing
        except ERRORS:
            self._maybe_created = True
            raise
        return table.to_api_repr()

    def _have_dataset(self) -> None:
        dataset = self._datasets.have(self._dataset)
        if dataset is None:
            return
        moved = self._datasets.location_change(dataset.location)
        if moved:
            raise Refused(Plan(str(self.reference), self.wanted, (moved,)))
        self._warn_of_expiration(dataset)

    def _warn_of_expiration(self, dataset: bigquery.Dataset) -> None:
        """A dataset's defaults become a new table's own: https://cloud.google.com/bigquery/docs/updating-datasets."""
        table_default, partition_default = dataset.default_table_expiration_ms, dataset.default_partition_expiration_ms
        time = self.wanted.time_partitioning
        if partition_default and time:
            if time.expiration_ms is None:
                self._warn_of("its partitions will be deleted after", partition_default)
        elif table_default:
            self._warn_of("it will be deleted after", table_default)

    def _warn_of(self, fate: str, milliseconds: int) -> None:
        days = milliseconds / 86_400_000
        self._warn(f"{self.reference} inherits a default of its dataset: {fate} {days:g} days")

    def _patch(self, found: Plan, live: Mapping[str, Any]) -> Outcome:
        if self._confirmed_patch is not None and self._confirmed_patch.changes == found.changes:
            raise _not_taken(found)
        body = found.patch(live)
        self._sent_patch = found
        # Table keeps the etag of `live`, and the client sends it as If-Match: a change in between is 412, not lost.
        table = bigquery.Table.from_api_repr({**live, **body})
        try:
            self._client.update_table(table, list(body), **self._connection.once())
        except api.Forbidden:
            self.is_patch_refused = True
            raise
        self._confirmed_patch = found
        return self.round("apply")

    def may_pass(self, error: Exception) -> bool:
        """Whether another round may do better: somebody else got in between, or what is there is not seen yet."""
        is_unseen = isinstance(error, api.NotFound) and self._datasets.is_there(self._dataset)
        return is_unseen or isinstance(error, (api.PreconditionFailed, api.Conflict))


def exists(connection: Connection, reference: TableReference) -> bool:
    """Whether the table is there.

    Raises:
        Failure: what the service said.
    """
    return connection.retrying(f"look for {reference}", lambda: read(connection, reference)) is not None


def read(connection: Connection, reference: TableReference) -> Mapping[str, Any] | None:
    """The table as the service has it (a Table resource), or None. Raises what the client raises."""
    try:
        table = connection.client.get_table(str(reference), **connection.once())
    except api.NotFound:
        return None
    # Not to_api_repr(): it copies the resource value by value, which takes a tenth of all that a table does.
    resource: Mapping[str, Any] = table._properties  # noqa: SLF001
    return resource


class Refused(Failure):
    """A table differs in a way that may not be mended in place.

    Args:
        found: all differences; none was applied.
    """

    def __init__(self, found: Plan) -> None:
        self.plan = found
        first, *more = found.refused
        others = f" (and {len(more)} more)" if more else ""
        super().__init__(
            "refused",
            f"{found.reference} differs in {first.path}, which cannot be changed in place{others}: {first.reason}",
            f"Nothing was changed. {first.way_out}",
        )


def _creation(reference: TableReference, wanted: Definition) -> Plan:
    columns = (plan.Change("add", f"schema.{field.name}", None, field.sql_type) for field in wanted.fields)
    return Plan(str(reference), wanted, tuple(columns))


def _not_taken(found: Plan) -> Failure:
    paths = ", ".join(change.path for change in found.differences)
    message = f"{found.reference}: the service accepted the change of {paths} and did not make it."
    return Failure("rejected", message, "Make the change by SQL. An emulator may not know it; BigQuery does.")
