"""Makes a build log's table fit for a row: makes what is missing, and finds what of the row can be in it."""

import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from google.api_core import exceptions as api

from bqsteps import build, definition, ensure
from bqsteps.connection import Connection
from bqsteps.definition import Definition
from bqsteps.errors import Failure
from bqsteps.plan import Plan
from bqsteps.references import TableReference
from bqsteps.service_errors import words

# Rows that are sent at the same time miss the same: one makes it, the others find it made. All at once would exceed
# the rate of changes to a table: https://cloud.google.com/bigquery/quotas#standard_tables
_MAKING: Final = threading.Lock()


class Fitted(NamedTuple):
    """A table and the part of a row that fits into it.

    Args:
        row: the values for which the table has a column of their type.
        is_changed: whether something was made.
        location: where the table is, if the service says so.
        obstacle: why columns that are missing were not made, or empty.
    """

    row: build.Row
    is_changed: bool
    location: str | None
    obstacle: str


def fit(
    connection: Connection, table: TableReference, row: build.Row, location: str | None, warn: Callable[[str], None]
) -> Fitted:
    """Make the dataset, the table and the columns that are missing, as far as that is allowed.

    Args:
        connection: where to.
        table: the build log.
        row: the row that it is for.
        location: where its dataset should be; None leaves that to the service.
        warn: is told, in one line, what a person should know besides.

    Raises:
        Failure: there is no table, or it could not be looked at.
    """
    datasets = ensure.Datasets(connection, location)
    obstacle = ""

    def attempt() -> ensure.Outcome:
        nonlocal obstacle
        live = ensure.read(connection, table)
        log = ensure.Table(connection, table, _wanted(live), datasets, warn)
        try:
            return log.bring_from(live, "apply")
        except (ensure.Refused, api.Forbidden) as refusal:
            # Not allowed, or too often for this table: the row does without the columns that are missing.
            if live is None or not (isinstance(refusal, ensure.Refused) or log.is_patch_refused):
                raise
            obstacle = refusal.message if isinstance(refusal, Failure) else words(refusal)
            return ensure.Outcome("unchanged", Plan(str(table), log.wanted, ()), live)

    new = ensure.Table(connection, table, _wanted(None), datasets, warn)
    with _MAKING:
        outcome = connection.retrying(f"make {table} ready for the row", attempt, new.may_pass)
    assert outcome.live is not None  # noqa: S101  # for the type: apply leaves a table, or raises
    return Fitted(_fitting(row, outcome.live), outcome.status != "unchanged", outcome.live.get("location"), obstacle)


def _wanted(live: Mapping[str, Any] | None) -> Definition:
    """The build log; of one that exists only the columns, and as they are: whatever else it has is its owner's."""
    full = definition.from_resource(build.TABLE_RESOURCE)
    if live is None:
        return full
    there = definition.from_resource(live).fields
    names = {field.name.lower() for field in there}
    return Definition(fields=(*there, *(field for field in full.fields if field.name not in names)))


def _fitting(row: build.Row, live: Mapping[str, Any]) -> build.Row:
    columns = {field.name.lower(): field for field in definition.from_resource(live).fields}

    def fits(name: str) -> bool:
        ours, theirs = build.column(name), columns.get(name)
        is_list = theirs is not None and theirs.mode == "REPEATED"
        return theirs is not None and theirs.type == ours.type and is_list == (ours.mode == "REPEATED")

    return {name: value for name, value in row.items() if fits(name)}
