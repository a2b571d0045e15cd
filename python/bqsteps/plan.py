"""Compares a wanted definition with a live table, and classes each difference. Pure: reads and writes nothing.

What one tables.patch may do is `add`, `relax` or `metadata`. What it may not do, or what could harm a table or open
it to more readers, is `refused`, with the way out. What is live and not in the definition is `kept`: it is reported,
and it is no difference. Neither is the order of columns, a spelling, a default, or what the server adds.

Where the classes come from:
- add, relax, refused modes and types: https://docs.cloud.google.com/bigquery/docs/managing-table-schemas. A new
  REQUIRED field is only allowed inside a new record. Widening a type or a parameter is SQL's alone (ALTER COLUMN SET
  DATA TYPE, https://docs.cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language).
- timePartitioning.expirationMs: a longer one is metadata. A first or a shorter one holds for the partitions that are
  there, too, and those that are older are deleted at once, so that is left to a person
  (https://docs.cloud.google.com/bigquery/docs/managing-partitioned-tables#partition-expiration).
- clustering is metadata: https://docs.cloud.google.com/bigquery/docs/manage-clustered-tables#modifying-cluster-spec.
- roundingMode is metadata: a patch writes it, as https://github.com/googleapis/google-cloud-go/issues/10311 shows by
  losing it. That is also why unknown attributes of live columns are sent back as they are.
- defaultValueExpression is metadata: it concerns rows to come (https://docs.cloud.google.com/bigquery/docs/default-values).
  A new column cannot bring one along; it takes a second step.
- policyTags: the first tag of a column is metadata, it can only close the column. Another tag or none may open it to
  new readers, so that is left to a person (https://docs.cloud.google.com/bigquery/docs/column-level-security).
- the key: a patch may replace a key by a key, but not take one on or away, and a wrong one locks the table
  (https://docs.cloud.google.com/bigquery/docs/customer-managed-encryption#change_key).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from bqsteps.definition import Definition, Field, field_to_resource
from bqsteps.vocabulary import MICROSECONDS

Class = Literal["add", "relax", "metadata", "refused", "kept"]

_MARKS: Mapping[Class, str] = {"add": "+", "relax": "~", "metadata": "~", "refused": "!", "kept": "="}
_COLOURS: Mapping[Class, str] = {"add": "32", "relax": "33", "metadata": "33", "refused": "31", "kept": "2"}
_LONGEST_SHOWN = 60
_DAY = 86_400_000  # milliseconds

_NOT_SAID = "Not in the definition."
_NEW_TABLE = "query the data into a new table."

# What ALTER COLUMN SET DATA TYPE can make of a type.
_WIDENINGS = {"INTEGER": ("NUMERIC", "BIGNUMERIC", "FLOAT"), "NUMERIC": ("BIGNUMERIC", "FLOAT")}
_SQL_NAMES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}


class Change(NamedTuple):
    """One difference between what is wanted and what is."""

    class_: Class
    path: str
    before: Any
    after: Any
    reason: str = ""
    way_out: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the result file."""
        reason = " ".join(part for part in (self.reason, self.way_out) if part)
        return {"class": self.class_, "path": self.path, "before": self.before, "after": self.after, "reason": reason}


class Plan(NamedTuple):
    """What would have to happen to one table."""

    reference: str
    wanted: Definition
    changes: tuple[Change, ...]

    @property
    def differences(self) -> tuple[Change, ...]:
        """All that is not as wanted; what is kept is no difference."""
        return tuple(change for change in self.changes if change.class_ != "kept")

    @property
    def refused(self) -> tuple[Change, ...]:
        """What nobody may do without a person. One of these, and nothing is applied."""
        return tuple(change for change in self.changes if change.class_ == "refused")

    @property
    def is_empty(self) -> bool:
        """Nothing to apply, and nothing refused."""
        return not self.differences

    def including(self, changes: Iterable[Change | None]) -> "Plan":
        """The same plan with what the caller found besides, such as location_change()."""
        found = tuple(change for change in changes if change is not None)
        return Plan(self.reference, self.wanted, found + self.changes)

    def patch(self, live: Mapping[str, Any]) -> dict[str, Any]:
        """The one body for tables.patch: only what changes, built upon what tables.get answered.

        The schema is sent whole, in the live order and with every live attribute, known here or not: what is left
        out of it the service takes for a wish to drop it. Partitions keep their column and type; access is never sent.
        """
        if self.refused:
            raise ValueError("a plan with a refused change must not be applied")
        paths = frozenset(change.path for change in self.differences)
        changed = {path.partition(".")[0] for path in paths}
        body: dict[str, Any] = {}
        if "schema" in changed:
            schema = live.get("schema") or {}
            body["schema"] = {**schema, "fields": _merged(self.wanted.fields, schema.get("fields") or [], paths)}
        if "description" in changed:
            body["description"] = self.wanted.description
        if "friendlyName" in changed:
            body["friendlyName"] = self.wanted.friendly_name
        if "labels" in changed:
            body["labels"] = {**(live.get("labels") or {}), **(self.wanted.labels or {})}
        if "clustering" in changed:
            body["clustering"] = {"fields": list(self.wanted.clustering or ())}
        return body | self._partition_settings(live, changed)

    def _partition_settings(self, live: Mapping[str, Any], changed: set[str]) -> dict[str, Any]:
        body: dict[str, Any] = {}
        time = dict(live.get("timePartitioning") or {})
        if "requirePartitionFilter" in changed:
            body["requirePartitionFilter"] = self.wanted.require_partition_filter
            if "requirePartitionFilter" in time:  # the older place must not say otherwise
                time["requirePartitionFilter"] = self.wanted.require_partition_filter
                body["timePartitioning"] = time
        if "timePartitioning" in changed and self.wanted.time_partitioning:
            time["expirationMs"] = str(self.wanted.time_partitioning.expiration_ms)
            body["timePartitioning"] = time
        return body


def compare(reference: str, wanted: Definition, live: Definition) -> Plan:
    """Plans the way from a live table to a wanted definition.

    Args:
        reference: project.dataset.table, for the way out of what is refused.
        wanted: what the file says.
        live: from_resource() of what tables.get answered.
    """
    if live.table_type != "TABLE":
        reason = f"{reference} is a {live.table_type}, and a definition is for a table."
        change = refused("type", live.table_type, "TABLE", reason, "Give the table another name.")
        return Plan(reference, wanted, (change,))
    columns = _Columns(reference).compare(wanted.fields, live.fields, above=())
    settings = _settings(reference, wanted, live)
    return Plan(reference, wanted, (*columns, *settings))


def refused(path: str, before: Any, after: Any, reason: str, way_out: str) -> Change:  # noqa: ANN401 - JSON values
    """A difference that must stop everything for this table."""
    return Change("refused", path, before, after, reason, way_out)


def location_change(wanted: str, live: str) -> Change | None:
    """Where the table should be and is not. Locations are the same in any case of letters."""
    if wanted.lower() == live.lower():
        return None
    way_out = "Set BQ_LOCATION to where the dataset is, or name another dataset."
    return refused("location", live, wanted, "A dataset never moves.", way_out)


def render(plan: Plan, *, colour: bool) -> list[str]:
    """The plan for a console, one line a change: + added, ~ changed in place, ! refused, = kept as it is."""
    return [_rendered(change, colour=colour) for change in plan.changes]


def _rendered(change: Change, *, colour: bool) -> str:
    line = f"{_MARKS[change.class_]} {_printable(change.path)}: {_movement(change)}"
    note = " ".join(part for part in (change.reason, change.way_out) if part)
    if note:
        line += f"  ({_printable(note)})" if change.class_ != "refused" else f"  {_printable(note)}"
    return f"\x1b[{_COLOURS[change.class_]}m{line}\x1b[0m" if colour else line


def _movement(change: Change) -> str:
    if change.class_ == "add":
        return _value(change.after)
    if change.class_ == "kept":
        return _value(change.before)
    return f"{_value(change.before)} -> {_value(change.after)}"


def _value(value: Any) -> str:  # noqa: ANN401 - a JSON value
    if value is None:
        return "(none)"
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
    return _printable(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "...")


def _printable(text: str) -> str:
    """One line that moves no cursor: what does not print is written as an escape."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class _Columns(NamedTuple):
    """Compares columns, and the fields of records within them."""

    reference: str

    def compare(self, wanted: Sequence[Field], live: Sequence[Field], above: tuple[str, ...]) -> Iterator[Change]:
        there = {field.name.lower(): field for field in live}
        for field in wanted:
            found = there.pop(field.name.lower(), None)
            if found is None:
                yield self._new(field, (*above, field.name))
            elif _settled(field) != _settled(found):  # only to save time: most columns are as wanted
                yield from self._both(field, found, (*above, found.name))
        for field in there.values():
            yield Change("kept", _path((*above, field.name)), _summary(field), None, _NOT_SAID)

    def _new(self, field: Field, names: tuple[str, ...]) -> Change:
        path = _path(names)
        if field.mode == "REQUIRED":
            reason = "A REQUIRED column cannot be added to a table that exists."
            way_out = 'Make it "mode": "NULLABLE".'
            return refused(path, None, _summary(field), reason, way_out)
        if field.default_value_expression:
            reason = "A column cannot be added together with its default."
            way_out = "Add the column without defaultValueExpression first, and its default in a second step."
            return refused(path, None, _summary(field), reason, way_out)
        return Change("add", path, None, _summary(field))

    def _both(self, wanted: Field, live: Field, names: tuple[str, ...]) -> Iterator[Change]:
        if wanted.type != live.type or _differs(wanted.range_element_type, live.range_element_type):
            yield self._type(wanted, live, names)
            return  # attributes of another type say nothing
        yield from self._mode(wanted, live, names)
        yield from self._parameters(wanted, live, names)
        yield from self._collation(wanted, live, names)
        yield from self._policy_tags(wanted, live, names)
        yield from _metadata(wanted, live, names)
        yield from self.compare(wanted.fields, live.fields, names)

    def _type(self, wanted: Field, live: Field, names: tuple[str, ...]) -> Change:
        path = _path(names, "type")
        if wanted.type in _WIDENINGS.get(live.type, ()):
            reason = "Only SQL can widen a type."
            return refused(path, live.sql_type, wanted.sql_type, reason, self._set_data_type(wanted, names))
        reason = "A column keeps its type."
        way_out = f"Add a column of another name with the new type, or {_NEW_TABLE}"
        return refused(path, live.sql_type, wanted.sql_type, reason, way_out)

    def _mode(self, wanted: Field, live: Field, names: tuple[str, ...]) -> Iterator[Change]:
        before, after = live.mode or "NULLABLE", wanted.mode or "NULLABLE"
        if before == after:
            return
        path = _path(names, "mode")
        if before == "REQUIRED" and wanted.mode is None:
            yield Change("kept", path, before, None, 'Not in the definition; "mode": "NULLABLE" relaxes it for good.')
        elif before == "REQUIRED" and after == "NULLABLE":
            yield Change("relax", path, before, after, "Cannot be undone.")
        elif "REPEATED" in (before, after):
            way_out = f"Add a column of another name, or {_NEW_TABLE}"
            yield refused(path, before, after, "A column stays single or repeated.", way_out)
        else:
            reason = "BigQuery cannot make a column REQUIRED once it was not."
            way_out = f"Leave it NULLABLE in the definition, or {_NEW_TABLE}"
            yield refused(path, before, after, reason, way_out)

    def _parameters(self, wanted: Field, live: Field, names: tuple[str, ...]) -> Iterator[Change]:
        """STRING(10), NUMERIC(10, 2) and the like: one difference, whichever of the numbers it is."""
        pairs = (
            (wanted.max_length, live.max_length),
            (wanted.precision, live.precision),
            (wanted.scale, 0 if live.scale is None and live.precision is not None else live.scale),
            (wanted.timestamp_precision, live.timestamp_precision or MICROSECONDS),
        )
        if any(_differs(after, before) for after, before in pairs):
            reason, way_out = "A column's type cannot be narrowed.", f"Write it as it is, or {_NEW_TABLE}"
            if _widens(wanted, live):
                reason, way_out = "Only SQL can widen a type.", self._set_data_type(wanted, names)
            yield refused(_path(names, "type"), live.sql_type, wanted.sql_type, reason, way_out)
            return
        kept = {
            "maxLength": (wanted.max_length, live.max_length),
            "precision": (wanted.precision, live.precision),
            "scale": (wanted.scale, live.scale),
            "timestampPrecision": (wanted.timestamp_precision, _unless(live.timestamp_precision, MICROSECONDS)),
        }
        for key, (said, there) in kept.items():
            if said is None and there:
                yield Change("kept", _path(names, key), there, None, _NOT_SAID)

    def _collation(self, wanted: Field, live: Field, names: tuple[str, ...]) -> Iterator[Change]:
        before, after = live.collation or "", wanted.collation
        path = _path(names, "collation")
        if after is None and before:
            yield Change("kept", path, before, None, _NOT_SAID)
        elif after is not None and after != before:
            way_out = self._set_data_type(wanted, names) if after else f"Write it as it is, or {_NEW_TABLE}"
            yield refused(path, before, after, "How a column compares belongs to its type.", way_out)

    def _policy_tags(self, wanted: Field, live: Field, names: tuple[str, ...]) -> Iterator[Change]:
        before, after = live.policy_tags or (), wanted.policy_tags
        path = _path(names, "policyTags")
        if after is None and before:
            yield Change("kept", path, list(before), None, _NOT_SAID)
        elif after is not None and after != before:
            if not before:
                yield Change("metadata", path, [], list(after))
                return
            reason = "Another policy tag, or none, may open the column to new readers."
            way_out = "Have someone with the right to do so change it in the console, or by bq update --schema."
            yield refused(path, list(before), list(after), reason, way_out)

    def _set_data_type(self, wanted: Field, names: tuple[str, ...]) -> str:
        column, *inner = (name.replace("`", "") for name in names)
        statement = f"ALTER TABLE `{self.reference}` ALTER COLUMN `{column}` SET DATA TYPE"
        if inner:
            return f"Run {statement} with the whole new STRUCT."
        collate = f" COLLATE '{wanted.collation}'" if wanted.collation is not None else ""
        sql_type = wanted.sql_type.replace(wanted.type, _SQL_NAMES.get(wanted.type, wanted.type), 1)
        return f"Run {statement} {sql_type}{collate}"


def _settled(field: Field) -> Field:
    """The column with what holds where nothing is said, so that one comparison finds two columns to be the same."""
    return field._replace(
        mode=field.mode or "NULLABLE", collation=field.collation or "", policy_tags=field.policy_tags or ()
    )


def _metadata(wanted: Field, live: Field, names: tuple[str, ...]) -> Iterator[Change]:
    """What a patch may change about a column that is there."""
    for key, (after, before) in _metadata_attributes(wanted, live).items():
        if after is None and before:
            yield Change("kept", _path(names, key), before, None, _NOT_SAID)
        elif _differs(after, before or ""):
            yield Change("metadata", _path(names, key), before, after)


def _metadata_attributes(wanted: Field, live: Field) -> dict[str, tuple[str | None, str | None]]:
    return {
        "description": (wanted.description, live.description),
        "defaultValueExpression": (wanted.default_value_expression, live.default_value_expression),
        "roundingMode": (wanted.rounding_mode, live.rounding_mode),
    }


def _settings(reference: str, wanted: Definition, live: Definition) -> Iterator[Change]:
    yield from _text_setting("description", wanted.description, live.description)
    yield from _text_setting("friendlyName", wanted.friendly_name, live.friendly_name)
    yield from _labels(wanted.labels or {}, live.labels or {})
    yield from _partitions(reference, wanted, live)
    yield from _clustering(wanted.clustering, live.clustering)
    before = bool(live.require_partition_filter)
    if wanted.require_partition_filter is None and before:
        yield Change("kept", "requirePartitionFilter", before, None, _NOT_SAID)
    elif wanted.require_partition_filter is not None and wanted.require_partition_filter != before:
        yield Change("metadata", "requirePartitionFilter", before, wanted.require_partition_filter)
    yield from _key(reference, wanted.kms_key_name, live.kms_key_name)


def _text_setting(path: str, wanted: str | None, live: str | None) -> Iterator[Change]:
    if wanted is None and live:
        yield Change("kept", path, live, None, _NOT_SAID)
    elif _differs(wanted, live or ""):
        yield Change("metadata", path, live, wanted)


def _labels(wanted: Mapping[str, str], live: Mapping[str, str]) -> Iterator[Change]:
    for key, value in wanted.items():
        if live.get(key) != value:
            yield Change("metadata", f"labels.{key}", live.get(key), value)
    for key, value in live.items():
        if key not in wanted:
            yield Change("kept", f"labels.{key}", value, None, _NOT_SAID)


def _partitions(reference: str, wanted: Definition, live: Definition) -> Iterator[Change]:
    after, before = _partitioning(wanted), _partitioning(live)
    if after is None:
        if before:
            yield Change("kept", before[0], before[1], None, _NOT_SAID)
        return
    if before is None or before[2] != after[2]:
        reason = "A table is partitioned when it is created, and stays so."
        way_out = f"Write it as it is, or {_NEW_TABLE}"
        yield refused(after[0], before and before[1], after[1], reason, way_out)
        return
    if wanted.time_partitioning and live.time_partitioning:
        path, had = "timePartitioning.expirationMs", live.time_partitioning.expiration_ms
        wants = wanted.time_partitioning.expiration_ms
        if wants is None and had:
            yield Change("kept", path, had, None, _NOT_SAID)
        elif wants is not None and (had is None or wants < had):
            days = f"{wants / _DAY:.12g}"
            way_out = f"Run ALTER TABLE `{reference}` SET OPTIONS (partition_expiration_days = {days})"
            yield refused(path, had, wants, "BigQuery deletes at once the partitions that are older.", way_out)
        elif wants != had:
            yield Change("metadata", path, had, wants)


def _partitioning(definition: Definition) -> tuple[str, str, tuple[object, ...]] | None:
    """The setting's name, what it says for a person, and what can never change in it."""
    if time := definition.time_partitioning:
        by = f"{time.type} of {time.field}" if time.field else f"{time.type} of arrival"
        return "timePartitioning", by, (time.type, (time.field or "").lower())
    if ranges := definition.range_partitioning:
        by = f"{ranges.field} from {ranges.start} to {ranges.end} by {ranges.interval}"
        return "rangePartitioning", by, (ranges.field.lower(), ranges.start, ranges.end, ranges.interval)
    return None


def _clustering(wanted: tuple[str, ...] | None, live: tuple[str, ...] | None) -> Iterator[Change]:
    if wanted is None:
        if live:
            yield Change("kept", "clustering", list(live), None, _NOT_SAID)
    elif [name.lower() for name in wanted] != [name.lower() for name in live or ()]:
        yield Change("metadata", "clustering", list(live or ()), list(wanted), "Sorts what is written from now on.")


def _key(reference: str, wanted: str | None, live: str | None) -> Iterator[Change]:
    path = "encryptionConfiguration.kmsKeyName"
    if wanted is None:
        if live:
            yield Change("kept", path, live, None, _NOT_SAID)
    elif live is None:
        reason = "A table takes on a key only by being copied."
        way_out = f"Run bq cp -f --destination_kms_key, from {reference} onto itself."
        yield refused(path, None, wanted, reason, way_out)
    elif wanted != live:
        reason = "A wrong key locks the table."
        way_out = f"Run ALTER TABLE `{reference}` SET OPTIONS (kms_key_name = '{wanted}')"
        yield refused(path, live, wanted, reason, way_out)


def _merged(
    wanted: Sequence[Field], live: Sequence[Mapping[str, Any]], paths: frozenset[str], above: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """The live columns, changed in place where the plan says so, and the new ones behind them."""
    left = {field.name.lower(): field for field in wanted}
    columns = []
    for resource in live:
        field = left.pop(resource["name"].lower(), None)
        names = (*above, resource["name"])
        columns.append(_overlaid(field, resource, paths, names) if field else dict(resource))
    return columns + [field_to_resource(field) for field in left.values()]


def _overlaid(wanted: Field, live: Mapping[str, Any], paths: frozenset[str], names: tuple[str, ...]) -> dict[str, Any]:
    written = field_to_resource(wanted)
    changed = {key: value for key, value in written.items() if _path(names, key) in paths}
    resource = {**live, **changed}
    if wanted.fields:
        resource["fields"] = _merged(wanted.fields, live.get("fields") or [], paths, names)
    return resource


def _widens(wanted: Field, live: Field) -> bool:
    """Whether ALTER COLUMN SET DATA TYPE would take it: no number of digits or characters becomes smaller."""
    if wanted.timestamp_precision:
        return wanted.timestamp_precision > (live.timestamp_precision or MICROSECONDS)
    if wanted.max_length is not None:
        return live.max_length is not None and wanted.max_length > live.max_length
    if wanted.precision is None or live.precision is None:
        return False
    after, before = wanted.scale or 0, live.scale or 0
    return after >= before and wanted.precision - after >= live.precision - before


def _summary(field: Field) -> str:
    """RECORD REPEATED (zip STRING NULLABLE, city STRING NULLABLE)."""
    inner = ", ".join(f"{nested.name} {_summary(nested)}" for nested in field.fields)
    return f"{field.sql_type} {field.mode or 'NULLABLE'}" + (f" ({inner})" if inner else "")


def _path(names: tuple[str, ...], attribute: str = "") -> str:
    """schema.address.zip, or schema.address.zip[description]; no column's name may hold a dot or a bracket."""
    return ".".join(("schema", *names)) + (f"[{attribute}]" if attribute else "")


def _differs(wanted: object, live: object) -> bool:
    return wanted is not None and wanted != live


def _unless(value: int | None, default: int) -> int | None:
    return None if value == default else value
