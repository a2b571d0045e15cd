"""A table's definition: read from config/<DATASET_ID>_<TABLE_ID>.json, checked offline, and in one canonical form.

Two shapes of file are known, both BigQuery's own: the bare array of fields that `bq show --schema` prints, and the
Table resource of the REST API. What a file leaves out is None here, so that "not said" never looks like a wish.
Types have one spelling, the one that tables.get answers with (INTEGER, FLOAT, BOOLEAN, RECORD).
No network, no client; standard library only.
"""

import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from bqsteps import errors, json_positions, references
from bqsteps.definition_rules import Expected, check
from bqsteps.references import TableReference
from bqsteps.spelling import nearest
from bqsteps.vocabulary import TYPES, UNSPECIFIED_ROUNDING_MODE

__all__ = [
    "Checked",
    "Definition",
    "Field",
    "RangePartitioning",
    "TimePartitioning",
    "check_file",
    "check_reference",
    "from_resource",
    "path_for",
    "read",
    "references_in",
    "to_resource",
]

# tables.get may name the version of the key that a table was written with; a definition names the key.
_KEY_VERSION = re.compile(r"/cryptoKeyVersions/[^/]+$")


class Field(NamedTuple):
    """One column, or one field of a record. None is: not said."""

    name: str
    type: str
    mode: str | None = None
    description: str | None = None
    fields: "tuple[Field, ...]" = ()
    max_length: int | None = None
    precision: int | None = None
    scale: int | None = None
    timestamp_precision: int | None = None
    rounding_mode: str | None = None
    collation: str | None = None
    default_value_expression: str | None = None
    range_element_type: str | None = None
    policy_tags: tuple[str, ...] | None = None

    @property
    def sql_type(self) -> str:
        """The type with its parameters, as a person reads it: STRING(10), NUMERIC(10, 2), RANGE<DATE>."""
        if self.range_element_type:
            return f"{self.type}<{self.range_element_type}>"
        parameters = [self.max_length, self.precision, self.scale, self.timestamp_precision]
        written = ", ".join(str(parameter) for parameter in parameters if parameter is not None)
        return f"{self.type}({written})" if written else self.type


class TimePartitioning(NamedTuple):
    """Partitions by a unit of time: of a column, or of the time of arrival where field is None."""

    type: str
    field: str | None = None
    expiration_ms: int | None = None


class RangePartitioning(NamedTuple):
    """Partitions by ranges of an integer column."""

    field: str
    start: int
    end: int
    interval: int


class Definition(NamedTuple):
    """A whole table, as wanted or as it is. None is: not said."""

    fields: tuple[Field, ...]
    description: str | None = None
    friendly_name: str | None = None
    labels: Mapping[str, str] | None = None
    time_partitioning: TimePartitioning | None = None
    range_partitioning: RangePartitioning | None = None
    clustering: tuple[str, ...] | None = None
    require_partition_filter: bool | None = None
    kms_key_name: str | None = None
    table_type: str = "TABLE"


def check_reference(project_id: str | None, dataset_id: str, table_id: str) -> list[str]:
    """What is wrong with the names of a table; nothing is when the list is empty."""
    found = {
        "project": project_id is not None and references.project_problem(project_id),
        "dataset": references.dataset_problem(dataset_id),
        "table": references.table_problem(table_id),
    }
    return [f"the {what} {problem}" for what, problem in found.items() if problem]


def path_for(config_dir: Path, dataset_id: str, table_id: str) -> Path:
    """The file that defines a table. The names must have passed check_reference: they become a part of a path."""
    return config_dir / f"{dataset_id}_{table_id}.json"


class Checked(NamedTuple):
    """A definition's text that was found right, compressed, so that thousands take little room.

    It is not read from its file again: what is applied is what was checked, and threads that read files at the same
    time hold each other up.
    """

    compressed: bytes

    def read(self) -> Definition:
        """The definition that was checked."""
        document = json.loads(zlib.decompress(self.compressed))
        return from_resource({"schema": {"fields": document}} if isinstance(document, list) else document)


def check_file(path: Path, dataset_id: str, table_id: str, project_id: str | None = None) -> Checked:
    """Checks the definition of one table.

    Args:
        path: the file, as path_for gives it.
        dataset_id: what a tableReference in the file must agree with.
        table_id: the same.
        project_id: the same; None leaves a projectId in the file unchecked.

    Raises:
        errors.Failure: of kind config, with every problem of the file, each with its line and its place.
    """
    if misnamed := check_reference(project_id, dataset_id, table_id):
        raise errors.config(misnamed)
    text = _text(path, _content(path))
    expected = Expected(project_id, dataset_id, table_id)
    document = json_positions.parse_quickly(text)
    problems = None if document is None else check(document, expected)
    if problems or document is None:  # seldom, so that only then it is read with its lines
        problems = check(_parse(path, text), expected)
    if problems:
        raise errors.config([f"{path}:{problem}" for problem in problems.in_order()])
    return Checked(zlib.compress(text.encode()))


def read(path: Path, dataset_id: str, table_id: str, project_id: str | None = None) -> Definition:
    """Reads and checks the definition of one table: check_file, and the definition."""
    return check_file(path, dataset_id, table_id, project_id).read()


def references_in(config_dir: Path, project_id: str) -> list[TableReference]:
    """The tables that the definitions of a folder name by a tableReference; other files, as bare arrays, name none.

    Raises:
        errors.Failure: of kind config, if the folder cannot be read, a file is no JSON or not named after its table,
            or no table is named at all.
    """
    problems: list[str] = []
    found: list[TableReference] = []
    try:
        paths = sorted(path for path in config_dir.iterdir() if path.suffix == ".json")
    except OSError as error:
        raise errors.config([f"{config_dir}: cannot be read: {error.strerror or error}"]) from None
    for path in paths:
        text = _text(path, _content(path))
        content = json_positions.plain(json_positions.parse_quickly(text) or _parse(path, text))
        named = content.get("tableReference") if isinstance(content, dict) else None
        if not isinstance(named, dict):
            continue
        table = TableReference(project_id, str(named.get("datasetId")), str(named.get("tableId")))
        if check_reference(None, table.dataset, table.table) or path != path_for(
            config_dir, table.dataset, table.table
        ):
            problems.append(f"{path}: its tableReference names {table.dataset}.{table.table}, its file name does not")
        found.append(table)
    if not found:
        problems.append(f"{config_dir}: no definition there names its table by a tableReference")
    if problems:
        raise errors.config(problems, "Name the tables in BQ_TABLES, or give each definition its tableReference.")
    return found


def from_resource(resource: Mapping[str, Any]) -> Definition:
    """The canonical form of a Table resource: of a checked file, or of what tables.get answered.

    Numbers may be strings, as the API has int64. What the server adds and a definition does not know is left out, and
    a value that only says "the default" counts as not said.
    """
    schema = resource.get("schema") or {}
    time, whole_filter = resource.get("timePartitioning"), resource.get("requirePartitionFilter")
    encryption = resource.get("encryptionConfiguration") or {}
    key_name = encryption.get("kmsKeyName")
    labels, clustering = resource.get("labels"), (resource.get("clustering") or {}).get("fields")
    return Definition(
        fields=_fields(schema.get("fields") or ()),
        description=resource.get("description"),
        friendly_name=resource.get("friendlyName"),
        labels=None if labels is None else MappingProxyType(dict(labels)),
        time_partitioning=_time_partitioning(time) if time else None,
        range_partitioning=_range_partitioning(resource.get("rangePartitioning")),
        clustering=tuple(clustering) if clustering else None,
        # The filter's older place is inside timePartitioning; the server answers with either.
        require_partition_filter=(time or {}).get("requirePartitionFilter") if whole_filter is None else whole_filter,
        kms_key_name=_KEY_VERSION.sub("", key_name) if key_name else None,
        table_type=resource.get("type") or "TABLE",
    )


def to_resource(definition: Definition) -> dict[str, Any]:
    """The body for tables.insert, without the tableReference. Only what the definition says is in it."""
    resource: dict[str, Any] = {"schema": {"fields": [field_to_resource(field) for field in definition.fields]}}
    time, ranges = definition.time_partitioning, definition.range_partitioning
    settings = {
        "description": definition.description,
        "friendlyName": definition.friendly_name,
        "labels": None if definition.labels is None else dict(definition.labels),
        "timePartitioning": time and _said(type=time.type, field=time.field, expirationMs=_int64(time.expiration_ms)),
        "rangePartitioning": ranges and _range_to_resource(ranges),
        "clustering": definition.clustering and {"fields": list(definition.clustering)},
        "requirePartitionFilter": definition.require_partition_filter,
        "encryptionConfiguration": definition.kms_key_name and {"kmsKeyName": definition.kms_key_name},
    }
    return resource | _said(**settings)


def field_to_resource(field: Field) -> dict[str, Any]:
    """A column as the API takes it."""
    return _said(
        name=field.name,
        type=field.type,
        mode=field.mode,
        description=field.description,
        fields=[field_to_resource(nested) for nested in field.fields] or None,
        maxLength=_int64(field.max_length),
        precision=_int64(field.precision),
        scale=_int64(field.scale),
        timestampPrecision=_int64(field.timestamp_precision),
        roundingMode=field.rounding_mode,
        collation=field.collation,
        defaultValueExpression=field.default_value_expression,
        rangeElementType=field.range_element_type and {"type": field.range_element_type},
        policyTags=None if field.policy_tags is None else {"names": list(field.policy_tags)},
    )


def _content(path: Path) -> bytes:
    try:
        if path.is_fifo():
            raise errors.config([f"{path}: is a pipe, not a file"])  # it could be waited for without end
        return path.read_bytes()
    except FileNotFoundError:
        meant = nearest(path.stem, (beside.stem for beside in path.parent.glob("*.json")))
        near = f"; the nearest is {meant}.json" if meant else ""
        hint = "The file's name is built from DATASET_ID and TABLE_ID; see BQ_CONFIG_DIR for the folder."
        raise errors.config([f"{path}: there is no such file{near}"], hint) from None
    except OSError as error:
        raise errors.config([f"{path}: cannot be read: {error.strerror or error}"]) from None


def _text(path: Path, content: bytes) -> str:
    try:
        return content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise errors.config([f"{path}:{line}: not UTF-8: byte 0x{content[error.start]:02x}"]) from None


def _parse(path: Path, text: str) -> json_positions.Node:
    try:
        return json_positions.parse(text)
    except json_positions.MalformedError as error:
        raise errors.config([f"{path}:{error.line}:{error.column}: not JSON: {error.message}"]) from None


def _fields(resources: Sequence[Mapping[str, Any]]) -> tuple[Field, ...]:
    return tuple(_field(resource) for resource in resources)


def _field(resource: Mapping[str, Any]) -> Field:
    said = {}
    for key, value in resource.items():
        attribute = _ATTRIBUTES.get(key)
        if attribute and value is not None:
            name, canonical = attribute
            said[name] = canonical(value)
    return Field(**said)


def _type(written: str) -> str:
    word = written.upper()
    return TYPES.get(word, word)


_ATTRIBUTES: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "name": ("name", str),
    "type": ("type", _type),
    "mode": ("mode", str.upper),
    "description": ("description", str),
    "fields": ("fields", _fields),
    "maxLength": ("max_length", int),
    "precision": ("precision", int),
    "scale": ("scale", int),
    "timestampPrecision": ("timestamp_precision", int),
    "roundingMode": ("rounding_mode", lambda mode: None if mode == UNSPECIFIED_ROUNDING_MODE else mode),
    "collation": ("collation", str),
    "defaultValueExpression": ("default_value_expression", lambda text: text.strip() or None),
    "rangeElementType": ("range_element_type", lambda element: element.get("type", "").upper() or None),
    "policyTags": ("policy_tags", lambda tags: tuple(tags.get("names") or ())),
}
"""What a column's attributes are here, by their names in the API, and how each is brought to its canonical form."""


def _time_partitioning(resource: Mapping[str, Any]) -> TimePartitioning:
    return TimePartitioning(
        type=(resource.get("type") or "DAY").upper(),
        field=resource.get("field"),
        expiration_ms=_number(resource.get("expirationMs")) or None,
    )


def _range_partitioning(resource: Mapping[str, Any] | None) -> RangePartitioning | None:
    if not resource:
        return None
    bounds = resource["range"]
    return RangePartitioning(resource["field"], int(bounds["start"]), int(bounds["end"]), int(bounds["interval"]))


def _range_to_resource(ranges: RangePartitioning) -> dict[str, Any]:
    bounds = {"start": str(ranges.start), "end": str(ranges.end), "interval": str(ranges.interval)}
    return {"field": ranges.field, "range": bounds}


def _number(value: str | int | None) -> int | None:
    return None if value is None else int(value)


def _int64(value: int | None) -> str | None:
    return None if value is None else str(value)


def _said(**values: Any) -> dict[str, Any]:  # noqa: ANN401 - values of a JSON object
    return {key: value for key, value in values.items() if value is not None}
