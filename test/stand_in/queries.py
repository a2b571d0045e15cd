"""Query jobs: INSERT with its checks, and the small SELECTs that a test needs to look at a table."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stand_in import sql
from stand_in.errors import ServiceError, dml_needs_billing, invalid_query, not_found, unsupported
from stand_in.names import TableName
from stand_in.schema import find, mode
from stand_in.values import BadValueError, check_length

if TYPE_CHECKING:
    from collections.abc import Callable

    from stand_in.catalog import Catalog, Table
    from stand_in.permissions import Permissions
    from stand_in.schema import Field

Row = dict[str, object]


@dataclass
class Outcome:
    """What a job that went well leaves behind."""

    statistics: dict[str, Any] = field(default_factory=dict)
    fields: list[Field] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


@dataclass
class Work:
    """A job that has been analysed: run does it, at once and whole, when the job's time is up."""

    run: Callable[[], Outcome]
    location: str | None = None
    table: TableName | None = None
    inserts: bool = False  # an INSERT statement, of which a table takes so many at a time
    loads: bool = False


class QueryPlanner:
    """Turns the configuration of a query job into work."""

    def __init__(self, catalog: Catalog, permissions: Permissions) -> None:
        self.catalog = catalog
        self.permissions = permissions
        self.billing = True
        self.rows_change_etag = False

    def plan(self, project: str, query: dict[str, Any], location: str | None) -> Work:
        """Analyse a query, as BigQuery does before it runs it."""
        if query.get("useLegacySql", True):
            raise unsupported("legacy SQL: set useLegacySql to false")
        statement = sql.parse(query.get("query", ""))
        parameters = query.get("queryParameters") or []
        evaluator = sql.Evaluator(parameters, datetime.fromtimestamp(self.catalog.clock.now(), UTC))
        if isinstance(statement, sql.Insert):
            return self._insert(project, query, statement, evaluator, location)
        return self._select(project, query, statement, evaluator, location)

    def _insert(
        self,
        project: str,
        query: dict[str, Any],
        statement: sql.Insert,
        evaluator: sql.Evaluator,
        location: str | None,
    ) -> Work:
        if not self.billing:
            raise dml_needs_billing()
        for option, called in (("destinationTable", "destination table"), ("createDisposition", "create disposition")):
            if query.get(option):
                raise invalid_query(f"Cannot set {called} in jobs with DML statements")
        table = self._table(project, query, statement.table, location)
        self.permissions.check("bigquery.tables.updateData", "Table", table.name)
        columns = _columns(table, statement)
        rows = [_typed_row(columns, expressions, evaluator, statement) for expressions in statement.rows]
        return Work(lambda: self._write(table.name, rows), table.location, table.name, inserts=True)

    def _write(self, name: TableName, rows: list[Row]) -> Outcome:
        table = self.catalog.table(name)
        for row in rows:
            for each in table.fields:
                if row.get(each["name"]) is None and mode(each) == "REQUIRED":
                    raise invalid_query(f"Required field {each['name']} cannot be null")
        self.catalog.count_write(name)
        complete = [{each["name"]: row.get(each["name"], _absent(each)) for each in table.fields} for row in rows]
        self.catalog.append(table, complete, new_etag=self.rows_change_etag)
        count = str(len(rows))
        statistics = {"statementType": "INSERT", "numDmlAffectedRows": count, "dmlStats": {"insertedRowCount": count}}
        return Outcome({"query": statistics})

    def _select(
        self,
        project: str,
        query: dict[str, Any],
        statement: sql.Select,
        evaluator: sql.Evaluator,
        location: str | None,
    ) -> Work:
        if statement.table is None:
            values = [(name, evaluator.value(expression)) for name, expression in statement.expressions]
            fields = [{"name": name, "type": value.kind, "mode": "NULLABLE"} for name, value in values]
            row = {name: value.value for name, value in values}
            return Work(lambda: Outcome({"query": {"statementType": "SELECT"}}, fields, [row]), location)
        table = self._table(project, query, statement.table, location)
        self.permissions.check("bigquery.tables.getData", "Table", table.name)
        return Work(lambda: self._read(table.name, statement), table.location, table.name)

    def _read(self, name: TableName, statement: sql.Select) -> Outcome:
        table = self.catalog.table(name)
        statistics = {"query": {"statementType": "SELECT"}}
        if statement.count_as:
            fields = [{"name": statement.count_as, "type": "INTEGER", "mode": "NULLABLE"}]
            return Outcome(statistics, fields, [{statement.count_as: len(table.rows)}])
        fields = table.fields
        if statement.columns:
            fields = [_existing(table, name) for name in statement.columns]
        rows = [{each["name"]: row.get(each["name"]) for each in fields} for row in table.rows[: statement.limit]]
        return Outcome(statistics, fields, rows)

    def _table(self, project: str, query: dict[str, Any], spelled: str, location: str | None) -> Table:
        """Return the table that a statement names; queries run in one location and see nothing of another."""
        name = _full_name(project, query.get("defaultDataset"), spelled)
        dataset = self.catalog.datasets.get(name.within)
        seen_from = location or (dataset.location if dataset else "US")
        if dataset is None or dataset.location != seen_from:
            raise not_found("Dataset", name.within, seen_from)
        if name.table not in dataset.tables:
            raise not_found("Table", name, seen_from)
        return dataset.tables[name.table]


def _full_name(project: str, default: dict[str, str] | None, spelled: str) -> TableName:
    dots = spelled.count(".")
    if dots >= 2:  # project.dataset.table
        return TableName.parse(spelled)
    if dots == 1:
        return TableName.parse(f"{project}.{spelled}")
    if not default:
        raise invalid_query(f'Table "{spelled}" must be qualified with a dataset (e.g. dataset.table).')
    return TableName(default.get("projectId", project), default["datasetId"], spelled)


def _existing(table: Table, name: str) -> Field:
    column = find(table.fields, name)
    if column is None:
        raise invalid_query(f"Unrecognized name: {name}")
    return column


def _columns(table: Table, statement: sql.Insert) -> list[Field]:
    """Return the columns that a statement fills."""
    if statement.columns is None:
        return table.fields
    columns: list[Field] = []
    for name in statement.columns:
        column = find(table.fields, name)
        if column is None:
            raise invalid_query(f"Column {name} is not present in table {table.name.dotted}")
        if column in columns:
            raise invalid_query(f"INSERT has columns with duplicate name: {name}")
        columns.append(column)
    return columns


def _typed_row(
    columns: list[Field], expressions: tuple[Any, ...], evaluator: sql.Evaluator, statement: sql.Insert
) -> Row:
    if len(expressions) != len(columns):
        raise invalid_query(f"Inserted row has wrong column count; Has {len(expressions)}, expected {len(columns)}")
    row = {}
    for number, column, expression in zip(itertools.count(1), columns, expressions, strict=False):
        value = evaluator.value(expression)
        subject = f"Query column {number}" if statement.from_select else "Value"
        row[column["name"]] = _stored(value, column, subject)
    return row


def _stored(value: sql.Value, column: Field, subject: str) -> object:
    """Return what a column keeps of a value, or refuse its type."""
    if value is sql.DEFAULT or value.kind == "NULL":
        return _absent(column)
    if mode(column) == "REPEATED":
        if value.kind != "ARRAY" or not isinstance(value.value, list):
            raise _wrong_type(value, column, subject)
        single = {**column, "mode": "NULLABLE"}
        if any(item.value is None for item in value.value):
            raise invalid_query(f"Array cannot have a null element; error in writing field {column['name']}")
        if value.element is not None:
            _stored(value.element, single, subject)
        return [_stored(item, single, subject) for item in value.value]
    if column["type"] == "RECORD":
        return _stored_struct(value, column, subject)
    converted = sql.coerce(value, column["type"])
    if converted is None:
        raise _wrong_type(value, column, subject)
    try:
        check_length(column, converted.value, column["name"])
    except BadValueError as error:
        raise invalid_query(str(error)) from None
    return converted.value


def _stored_struct(value: sql.Value, column: Field, subject: str) -> object:
    if value.kind != "STRUCT" or list(value.fields) != [each["name"] for each in column["fields"]]:
        raise _wrong_type(value, column, subject)
    if value.value is None:
        return None
    return {each["name"]: _stored(value.fields[each["name"]], each, subject) for each in column["fields"]}


def _wrong_type(value: sql.Value, column: Field, subject: str) -> ServiceError:
    wanted = sql.STANDARD_NAME.get(column["type"], column["type"])
    wanted = f"ARRAY<{wanted}>" if mode(column) == "REPEATED" else wanted
    return invalid_query(
        f"{subject} has type {value.named()} which cannot be inserted into column {column['name']},"
        f" which has type {wanted}"
    )


def _absent(column: Field) -> object:
    return [] if mode(column) == "REPEATED" else None
