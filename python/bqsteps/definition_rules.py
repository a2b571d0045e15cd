"""The rules that a definition's file must keep, checked offline and all at once. Standard library only.

Where BigQuery's documentation names a limit or a condition, it is checked here, so that a pipeline stops before it has
sent anything. Sources: https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/tables,
.../docs/creating-partitioned-tables, .../docs/clustered-tables, .../docs/labels-intro, .../quotas#table_limits.
"""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bqsteps import names, references, vocabulary
from bqsteps.definition_columns import Column, SchemaRules
from bqsteps.definition_values import Place, Problems, ValueRules, kind_of, member_of
from bqsteps.json_positions import Array, Member, Node, Object, Scalar
from bqsteps.names import shown
from bqsteps.spelling import nearest

_KMS_KEY = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")


class Expected(NamedTuple):
    """The table that the file is for."""

    project_id: str | None
    dataset_id: str
    table_id: str


def check(document: Node, expected: Expected) -> Problems:
    """Checks a whole file of either shape."""
    problems = Problems()
    match document:
        case Array():
            SchemaRules(problems).check(document, Place())
        case Object():
            TableRules(problems, expected).check(document)
        case Scalar():
            text = f"an array of columns or a Table resource is expected here, not {kind_of(document)}"
            problems.add(document.line, Place(), text)
    return problems


class TableRules(ValueRules):
    """A Table resource: the schema and what stands around it."""

    def __init__(self, problems: Problems, expected: Expected) -> None:
        super().__init__(problems)
        self._expected = expected

    def check(self, node: Object) -> None:
        """Checks the whole resource."""
        members = self.members(node, Place(), vocabulary.TABLE_KEYS, ("schema",), _explain_table_key)
        columns = self._schema(members["schema"]) if "schema" in members else {}
        checks: dict[str, Callable[[Node, Place], object]] = {
            "tableReference": self._reference,
            "description": lambda value, at: self.short_text(value, at, vocabulary.MAX_TABLE_DESCRIPTION),
            "friendlyName": self.text,
            "labels": self._labels,
            "timePartitioning": lambda value, at: self._time_partitioning(value, at, columns),
            "rangePartitioning": lambda value, at: self._range_partitioning(value, at, columns),
            "clustering": lambda value, at: self._clustering(value, at, columns),
            "encryptionConfiguration": self._encryption,
        }
        for key, check_value in checks.items():
            if key in members:
                check_value(members[key].value, Place().key(key))
        self._partition_settings(members)

    def _schema(self, member: Member) -> dict[str, Column]:
        place = Place().key("schema")
        members = self.members(member.value, place, ("fields",), ("fields",))
        return SchemaRules(self.problems).check(members["fields"].value, place.key("fields")) if members else {}

    def _reference(self, node: Node, place: Place) -> None:
        members = self.members(node, place, ("projectId", "datasetId", "tableId"), ("datasetId", "tableId"))
        wanted = {
            "projectId": self._expected.project_id,
            "datasetId": self._expected.dataset_id,
            "tableId": self._expected.table_id,
        }
        for key, member in members.items():
            written, at = self.text(member.value, place.key(key)), place.key(key)
            if written is None:
                continue
            if key == "tableId" and "$" in written:
                self.problems.add(member.line, at, str(references.table_problem(written)))
            elif wanted[key] is not None and written != wanted[key]:
                text = f"{shown(written)} disagrees with {shown(str(wanted[key]))}, which this file is read for"
                self.problems.add(member.line, at, text)

    def _labels(self, node: Node, place: Place) -> None:
        if not isinstance(node, Object):
            self.wrong(node, place, "an object")
            return
        members = self.members_once(node, place)
        if len(members) > vocabulary.MAX_LABELS:
            text = f"{len(members)} labels; at most {vocabulary.MAX_LABELS} are allowed"
            self.problems.add(node.line, place, text)
        for key, member in members.items():
            value = self.text(member.value, place.key(key))
            found = names.check_label_key(key) + (names.check_label_value(value) if value is not None else [])
            for problem in found:
                self.problems.add(member.line, place.key(key), problem)

    def _partition_settings(self, members: dict[str, Member]) -> None:
        time, ranges = members.get("timePartitioning"), members.get("rangePartitioning")
        if time and ranges:
            text = "a table is partitioned by time or by ranges, not by both"
            self.problems.add(ranges.line, Place().key("rangePartitioning"), text)
        if (whole := members.get("requirePartitionFilter")) is None:
            return
        place = Place().key("requirePartitionFilter")
        required = self.boolean(whole.value, place)
        if required and not time and not ranges:
            self.problems.add(whole.line, place, "needs timePartitioning or rangePartitioning")
        inner = member_of(time.value, "requirePartitionFilter") if time else None
        if inner and required is not None and isinstance(inner.value, Scalar) and inner.value.value != required:
            text = "disagrees with timePartitioning.requirePartitionFilter, its older place"
            self.problems.add(whole.line, place, text)

    def _time_partitioning(self, node: Node, place: Place, columns: dict[str, Column]) -> None:
        known = ("type", "field", "expirationMs", "requirePartitionFilter")
        members = self.members(node, place, known, ("type",))
        unit = None
        if "type" in members:
            unit = self.word(members["type"].value, place.key("type"), vocabulary.PARTITION_UNITS, "partition type")
        if "expirationMs" in members:
            self.integer(members["expirationMs"].value, place.key("expirationMs"), 1)
        if "requirePartitionFilter" in members:
            self.boolean(members["requirePartitionFilter"].value, place.key("requirePartitionFilter"))
        if "field" not in members:
            return
        at = place.key("field")
        column = self._top_column(members["field"].value, at, columns, vocabulary.TIME_PARTITION_TYPES)
        if column and column.type == "DATE" and unit == "HOUR":
            self.problems.add(members["field"].line, at, f"{shown(column.name)} is a DATE, which has no hours")

    def _range_partitioning(self, node: Node, place: Place, columns: dict[str, Column]) -> None:
        members = self.members(node, place, ("field", "range"), ("field", "range"))
        if "field" in members:
            self._top_column(members["field"].value, place.key("field"), columns, ("INTEGER",))
        if "range" in members:
            self._range(members["range"].value, place.key("range"))

    def _range(self, node: Node, place: Place) -> None:
        keys = ("start", "end", "interval")
        members = self.members(node, place, keys, keys)
        numbers = {key: self.integer(member.value, place.key(key)) for key, member in members.items()}
        start, end, interval = (numbers.get(key) for key in keys)
        if interval is not None and interval < 1:
            self.problems.add(members["interval"].line, place.key("interval"), f"must be at least 1, not {interval:,}")
            interval = None
        if start is None or end is None:
            return
        if start >= end:
            self.problems.add(node.line, place, f"start ({start:,}) must be below end ({end:,})")
        elif interval and -(-(end - start) // interval) > vocabulary.MAX_PARTITIONS:
            count = -(-(end - start) // interval)
            text = f"makes {count:,} partitions; at most {vocabulary.MAX_PARTITIONS:,} are allowed"
            self.problems.add(node.line, place, text)

    def _clustering(self, node: Node, place: Place, columns: dict[str, Column]) -> None:
        members = self.members(node, place, ("fields",), ("fields",))
        if "fields" not in members:
            return
        place, value = place.key("fields"), members["fields"].value
        if isinstance(value, Array) and not 1 <= len(value.items) <= vocabulary.MAX_CLUSTERING_COLUMNS:
            text = f"{len(value.items)} columns; a table is clustered by 1 to {vocabulary.MAX_CLUSTERING_COLUMNS}"
            self.problems.add(value.line, place, text)
        seen: set[str] = set()
        for item, at, name in self.texts(value, place):
            if name.lower() in seen:
                self.problems.add(item.line, at, f"{shown(name)} stands here twice")
            seen.add(name.lower())
            self._top_column(item, at, columns, vocabulary.CLUSTERING_TYPES)

    def _encryption(self, node: Node, place: Place) -> None:
        members = self.members(node, place, ("kmsKeyName",), ("kmsKeyName",))
        if "kmsKeyName" not in members:
            return
        at = place.key("kmsKeyName")
        key_name = self.some_text(members["kmsKeyName"].value, at)
        if key_name and not _KMS_KEY.fullmatch(key_name):
            pattern = "projects/.../locations/.../keyRings/.../cryptoKeys/..."
            self.problems.add(members["kmsKeyName"].line, at, f"{shown(key_name)} is not of the form {pattern}")

    def _top_column(self, node: Node, place: Place, columns: dict[str, Column], types: Sequence[str]) -> Column | None:
        """The column that partitions or clusters: there, at the top, single and of a type that can serve."""
        name = self.some_text(node, place)
        if name is None:
            return None
        column = columns.get(name.lower())
        if column is None:
            text = self._no_column(name, columns)
        elif column.mode == "REPEATED":
            text = f"{shown(name)} is REPEATED, which cannot serve here"
        elif column.type is not None and column.type not in types:
            text = f"{shown(name)} is of type {column.type}; only {' or '.join(types)} can serve here"
        else:
            return column
        self.problems.add(node.line, place, text)
        return None

    def _no_column(self, name: str, columns: dict[str, Column]) -> str:
        if "." in name and name.partition(".")[0].lower() in columns:
            return f"{shown(name)} is inside a record; only a top-level column can serve here"
        meant = nearest(name.lower(), columns)
        return f"there is no column {shown(name)}" + (f"; the nearest is {columns[meant].name}" if meant else "")


def _explain_table_key(key: str) -> str:
    if key == "fields":
        return 'the columns of a Table resource stand in "schema": {"fields": [...]}'
    if key in vocabulary.TABLE_KEYS_SET_BY_BIGQUERY:
        return "is set by BigQuery, not by a definition; leave it out"
    if key in vocabulary.TABLE_KEYS_ELSEWHERE:
        return "is not managed here; leave it out, and what the table has stays as it is"
    return ""
