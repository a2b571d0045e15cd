"""Load jobs of newline-delimited JSON: checked whole, then written whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stand_in import schema
from stand_in.errors import ServiceError, invalid, not_found, unsupported
from stand_in.names import TableName
from stand_in.queries import Outcome, Work
from stand_in.values import BadValueError, row_from_json

if TYPE_CHECKING:
    from stand_in.catalog import Catalog, Table
    from stand_in.permissions import Permissions

Row = dict[str, object]
Config = dict[str, Any]


class LoadPlanner:
    """Turns the configuration of a load job, and the bytes sent with it, into work."""

    def __init__(self, catalog: Catalog, permissions: Permissions) -> None:
        self.catalog = catalog
        self.permissions = permissions
        self.rows_change_etag = False

    def plan(self, load: Config, media: bytes | None, location: str | None) -> Work:
        _refuse_what_is_not_done(load, media)
        reference = load.get("destinationTable") or {}
        try:
            name = TableName(reference["projectId"], reference["datasetId"], reference["tableId"])
        except KeyError as missing:
            raise invalid(f"Required parameter is missing: {missing.args[0]}") from None
        name.check()
        dataset = self.catalog.datasets.get(name.within)
        if dataset is None:
            raise not_found("Dataset", name.within)
        if location and dataset.location != location:
            raise not_found("Dataset", name.within, location)
        self._check_permissions(name, load)
        return Work(lambda: self._load(name, load, media or b""), dataset.location, name, loads=True)

    def _check_permissions(self, name: TableName, load: Config) -> None:
        exists = name.table in self.catalog.dataset(name.within).tables
        if exists or load.get("createDisposition") == "CREATE_NEVER":
            self.permissions.check("bigquery.tables.updateData", "Table", name)
        else:
            self.permissions.check("bigquery.tables.create", "Dataset", name.within)

    def _load(self, name: TableName, load: Config, media: bytes) -> Outcome:
        self.catalog.check_update_rate("Table", str(name))
        table = self.catalog.dataset(name.within).tables.get(name.table)
        disposition = load.get("writeDisposition", "WRITE_APPEND")
        if table and disposition == "WRITE_EMPTY" and table.rows:
            raise ServiceError(409, "duplicate", f"Already Exists: Table {name}")
        fields = self._fields_after(name, table, load)
        rows = _read_rows(fields, load, media)
        if table is None:
            table = self.catalog.insert_table(name, _new_table(load))
        elif fields != table.fields:
            changed = {**table.resource.get("schema", {}), "fields": fields}
            self.catalog.replace_table(table, {**table.resource, "schema": changed})
        else:
            self.catalog.count_write(name)
        if disposition == "WRITE_TRUNCATE":
            table.rows.clear()
        self.catalog.append(table, rows, new_etag=self.rows_change_etag)
        size = str(len(media))
        return Outcome(
            {"load": {"inputFiles": "1", "inputFileBytes": size, "outputRows": str(len(rows)), "badRecords": "0"}}
        )

    def _fields_after(self, name: TableName, table: Table | None, load: Config) -> list[schema.Field]:
        """Return the table's schema as this job would leave it."""
        given = (load.get("schema") or {}).get("fields")
        wanted = None if given is None else schema.stored(given, adorn=self.catalog.adorn)
        if table is None:
            if load.get("createDisposition") == "CREATE_NEVER":
                raise not_found("Table", name)
            if wanted is None:
                raise invalid("No schema specified on job or table.")
            return wanted
        if wanted is None or (load.get("writeDisposition") == "WRITE_TRUNCATE" and wanted == table.fields):
            return table.fields
        return _updated(table, wanted, set(load.get("schemaUpdateOptions") or []))


def _refuse_what_is_not_done(load: Config, media: bytes | None) -> None:
    if load.get("sourceFormat", "CSV") != "NEWLINE_DELIMITED_JSON":
        raise unsupported(f"load jobs of {load.get('sourceFormat', 'CSV')}")
    if load.get("sourceUris") or media is None:
        raise unsupported("load jobs from Cloud Storage")
    if load.get("maxBadRecords"):
        raise unsupported("maxBadRecords")
    if load.get("autodetect"):
        raise unsupported("autodetect")


def _new_table(load: Config) -> Config:
    kept = ("schema", "timePartitioning", "rangePartitioning", "clustering")
    table = {key: load[key] for key in kept if load.get(key)}
    return {**table, **(load.get("destinationTableProperties") or {})}


def _updated(table: Table, wanted: list[schema.Field], options: set[str]) -> list[schema.Field]:
    """Return the schema after an append with a schema of its own, which may leave out columns that are no must."""
    merged = list(table.fields)
    for field in wanted:
        present = schema.find(merged, field["name"])
        if present is None and "ALLOW_FIELD_ADDITION" not in options:
            raise invalid(
                f"Provided Schema does not match Table {table.name}. Cannot add fields (field: {field['name']})"
            )
        if present is None:
            merged.append(field)
        elif schema.mode(present) == "NULLABLE" and schema.mode(field) == "REQUIRED":
            continue  # data that always has a value goes into a column that may have none
        elif schema.mode(present) == schema.mode(field) or "ALLOW_FIELD_RELAXATION" in options:
            merged[merged.index(present)] = {**present, **_shape(field)}
        else:
            raise invalid(
                f"Provided Schema does not match Table {table.name}. Field {field['name']} has changed mode from"
                f" {schema.mode(present)} to {schema.mode(field)}"
            )
    for field in table.fields:
        if schema.mode(field) == "REQUIRED" and schema.find(wanted, field["name"]) is None:
            raise invalid(
                f"Provided Schema does not match Table {table.name}. Field {field['name']} is missing in new schema"
            )
    return schema.evolve(table.name, table.fields, merged)


def _shape(field: schema.Field) -> schema.Field:
    """Return what of a load's field is compared with the table; descriptions and the like stay the table's."""
    shape = ("type", "mode", "fields", "maxLength", "precision", "scale")
    return {key: field[key] for key in shape if key in field}


def _read_rows(fields: list[schema.Field], load: Config, media: bytes) -> list[Row]:
    rows: list[Row] = []
    position = 0
    ignore = bool(load.get("ignoreUnknownValues"))
    for line in media.split(b"\n"):
        if line.strip():
            try:
                rows.append(row_from_json(fields, _document(line), ignore_unknown=ignore, json_as_text=False))
            except BadValueError as error:
                raise _too_many_errors(len(rows) + 1, position, str(error)) from None
        position += len(line) + 1
    return rows


def _document(line: bytes) -> object:
    try:
        document: object = json.loads(line.decode("utf-8"))
    except ValueError as error:
        raise BadValueError(f"Parser error: {error}") from None
    return document


def _too_many_errors(rows: int, position: int, reason: str) -> ServiceError:
    begin = "Error while reading data, error message: JSON"
    error = invalid(
        f"{begin} table encountered too many errors, giving up. Rows: {rows}; errors: 1."
        " Please look into the errors[] collection for more details."
    )
    error.details = [
        {
            "reason": "invalid",
            "message": f"{begin} processing encountered too many errors, giving up. Rows: {rows}; errors: 1;"
            " max bad: 0; error percent: 0",
        },
        {"reason": "invalid", "message": f"{begin} parsing error in row starting at position {position}: {reason}"},
    ]
    return error
