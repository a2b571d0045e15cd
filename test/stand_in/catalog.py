"""Datasets and tables, and what may be done to them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stand_in import schema
from stand_in.clock import milliseconds
from stand_in.errors import already_exists, condition_not_met, invalid, not_found, too_many_updates, unsupported
from stand_in.limits import UPDATE_WINDOW_SECONDS
from stand_in.names import DatasetName, TableName, check_labels

if TYPE_CHECKING:
    from stand_in.clock import Clock
    from stand_in.limits import Limits, Windows

Resource = dict[str, Any]

DEFAULT_LOCATION = "US"
MOST_CLUSTERING_COLUMNS = 4
PARTITION_TYPES = frozenset({"DATE", "TIMESTAMP", "DATETIME"})
PARTITION_UNITS = frozenset({"HOUR", "DAY", "MONTH", "YEAR"})
CLUSTERING_TYPES = schema.TYPES - {"RECORD", "JSON", "FLOAT", "BYTES", "TIME", "INTERVAL"}

DATASET_ATTRIBUTES = frozenset(
    {
        "datasetReference",
        "friendlyName",
        "description",
        "labels",
        "location",
        "access",
        "defaultTableExpirationMs",
        "defaultPartitionExpirationMs",
        "defaultCollation",
        "defaultRoundingMode",
        "defaultEncryptionConfiguration",
        "isCaseInsensitive",
        "maxTimeTravelHours",
        "storageBillingModel",
        "resourceTags",
    }
)
TABLE_ATTRIBUTES = frozenset(
    {
        "tableReference",
        "friendlyName",
        "description",
        "labels",
        "schema",
        "expirationTime",
        "timePartitioning",
        "rangePartitioning",
        "clustering",
        "requirePartitionFilter",
        "encryptionConfiguration",
        "defaultCollation",
        "defaultRoundingMode",
        "maxStaleness",
        "resourceTags",
    }
)
# What the service adds; sent back by clients that edit what they have read, and ignored.
SERVER_ATTRIBUTES = frozenset(
    {
        "kind",
        "etag",
        "id",
        "selfLink",
        "creationTime",
        "lastModifiedTime",
        "location",
        "numRows",
        "numBytes",
        "numLongTermBytes",
        "type",
        "streamingBuffer",
    }
)
INT64_ATTRIBUTES = frozenset({"expirationTime", "defaultTableExpirationMs", "defaultPartitionExpirationMs"})
FIXED_AFTER_CREATION = frozenset({"tableReference", "datasetReference", "location"})


@dataclass
class Dataset:
    """A dataset and its tables."""

    name: DatasetName
    location: str
    resource: Resource
    etag: str
    created: int
    modified: int
    tables: dict[str, Table] = field(default_factory=dict)


@dataclass
class Table:
    """A table and its rows, in the order they came."""

    name: TableName
    location: str
    resource: Resource
    etag: str
    created: int
    modified: int
    rows: list[dict[str, object]] = field(default_factory=list)

    @property
    def fields(self) -> list[schema.Field]:
        fields: list[schema.Field] = self.resource.get("schema", {}).get("fields", [])
        return fields


class Catalog:
    """All datasets and tables. Not locked: the service lets one request in at a time."""

    def __init__(self, clock: Clock, limits: Limits, windows: Windows, *, adorn: bool) -> None:
        self.clock = clock
        self.limits = limits
        self.windows = windows
        self.adorn = adorn
        self.projects: set[str] | None = None
        self.datasets: dict[DatasetName, Dataset] = {}
        self._etags = itertools.count(1)

    # Datasets

    def dataset(self, name: DatasetName) -> Dataset:
        self._check_project(name.project)
        if name not in self.datasets:
            raise not_found("Dataset", name)
        return self.datasets[name]

    def insert_dataset(self, name: DatasetName, body: Resource) -> Dataset:
        self._check_project(name.project)
        name.check()
        resource = _accepted(body, DATASET_ATTRIBUTES)
        self._count_attempt("Dataset", str(name))
        if name in self.datasets:
            raise already_exists("Dataset", name)
        location = _spelled_location(resource.pop("location", None) or DEFAULT_LOCATION)
        resource.setdefault("access", [{"role": "OWNER", "specialGroup": "projectOwners"}])
        now = milliseconds(self.clock.now())
        self.datasets[name] = Dataset(name, location, resource, self._next_etag(), now, now)
        return self.datasets[name]

    def patch_dataset(self, name: DatasetName, body: Resource, if_match: str | None) -> Dataset:
        dataset = self.dataset(name)
        _check_etag(dataset.etag, if_match)
        changes = _accepted(body, DATASET_ATTRIBUTES)
        if "location" in changes and _spelled_location(changes["location"]) != dataset.location:
            raise invalid(f"Cannot change the location of dataset {name}.")
        self.check_update_rate("Dataset", str(name))
        dataset.resource = _merged(dataset.resource, changes)
        self.windows.count(("Dataset", str(name)), self.clock.now())
        self._touch(dataset)
        return dataset

    def delete_dataset(self, name: DatasetName, *, delete_contents: bool) -> None:
        dataset = self.dataset(name)
        if dataset.tables and not delete_contents:
            raise invalid(f"Dataset {name} is still in use")
        del self.datasets[name]

    # Tables

    def table(self, name: TableName) -> Table:
        dataset = self.dataset(name.within)
        if name.table not in dataset.tables:
            raise not_found("Table", name)
        return dataset.tables[name.table]

    def insert_table(self, name: TableName, body: Resource) -> Table:
        dataset = self.dataset(name.within)
        name.check()
        resource = self._checked_table(name, _accepted(body, TABLE_ATTRIBUTES))
        self._count_attempt("Table", str(name))
        if name.table in dataset.tables:
            raise already_exists("Table", name)
        now = milliseconds(self.clock.now())
        _inherit_expirations(dataset, resource, now)
        table = Table(name, dataset.location, resource, self._next_etag(), now, now)
        dataset.tables[name.table] = table
        return table

    def patch_table(self, name: TableName, body: Resource, if_match: str | None) -> Table:
        table = self.table(name)
        _check_etag(table.etag, if_match)
        changes = _accepted(body, TABLE_ATTRIBUTES)
        self.check_update_rate("Table", str(name))
        merged = _merged(table.resource, changes)
        if "schema" in changes:
            merged["schema"] = self.evolved_schema(table, merged.get("schema") or {})
        merged = self._checked_table(name, merged)
        _check_partitioning_kept(table.resource, merged)
        self.replace_table(table, merged)
        return table

    def replace_table(self, table: Table, resource: Resource) -> None:
        """Give table another resource; this is one update of its metadata."""
        self.windows.count(("Table", str(table.name)), self.clock.now())
        table.resource = resource
        self._touch(table)

    def delete_table(self, name: TableName) -> None:
        del self.dataset_of(self.table(name)).tables[name.table]

    def dataset_of(self, table: Table) -> Dataset:
        return self.datasets[table.name.within]

    def append(self, table: Table, rows: list[dict[str, object]], *, new_etag: bool) -> None:
        table.rows.extend(rows)
        table.modified = milliseconds(self.clock.now())
        if new_etag:
            table.etag = self._next_etag()

    def count_write(self, name: TableName) -> None:
        """Count rows written by a job as an update of the table's metadata."""
        self.windows.count(("Table", str(name)), self.clock.now())

    def check_update_rate(self, kind: str, name: str) -> None:
        limit = self.limits.table_updates if kind == "Table" else self.limits.dataset_updates
        if self.windows.full((kind, name), self.clock.now(), UPDATE_WINDOW_SECONDS, limit):
            raise too_many_updates(kind)

    def _count_attempt(self, kind: str, name: str) -> None:
        """Count a creation, also one that then finds the name taken."""
        self.check_update_rate(kind, name)
        self.windows.count((kind, name), self.clock.now())

    def has_project(self, project: str) -> bool:
        return self.projects is None or project in self.projects

    def _check_project(self, project: str) -> None:
        if not self.has_project(project):
            raise not_found("Project", project)

    def evolved_schema(self, table: Table, wanted: Resource) -> Resource:
        fields = schema.stored(wanted.get("fields", []), adorn=self.adorn)
        return {**wanted, "fields": schema.evolve(table.name, table.fields, fields)}

    def _checked_table(self, name: TableName, resource: Resource) -> Resource:
        if "schema" in resource:
            fields = schema.stored(resource["schema"].get("fields", []), adorn=self.adorn)
            resource["schema"] = {**resource["schema"], "fields": fields}
        fields = resource.get("schema", {}).get("fields", [])
        _check_partitioning(name, resource, fields)
        _check_clustering(resource, fields)
        return resource

    def _next_etag(self) -> str:
        return f"etag-{next(self._etags):06d}=="

    def _touch(self, thing: Dataset | Table) -> None:
        thing.etag = self._next_etag()
        thing.modified = milliseconds(self.clock.now())


def _accepted(body: Resource, attributes: frozenset[str]) -> Resource:
    """Return what of body a caller may set; an attribute that BigQuery does not have is refused."""
    unknown = sorted(set(body) - attributes - SERVER_ATTRIBUTES)
    if unknown and unknown[0] in {"view", "materializedView", "externalDataConfiguration", "snapshotDefinition"}:
        raise unsupported(unknown[0])
    if unknown:
        raise invalid(f'Invalid JSON payload received. Unknown name "{unknown[0]}": Cannot find field.')
    kept = {key: value for key, value in body.items() if key in attributes and not key.endswith("Reference")}
    for key in INT64_ATTRIBUTES & set(kept):
        kept[key] = None if kept[key] is None else str(kept[key])
    return kept


def _merged(old: Resource, changes: Resource) -> Resource:
    """Return old after a patch: given attributes are replaced, null removes, labels are merged one by one."""
    merged = {key: value for key, value in old.items() if key not in changes}
    for key, value in changes.items():
        if key == "labels" and isinstance(value, dict):
            labels = {**old.get("labels", {}), **value}
            merged["labels"] = {name: text for name, text in labels.items() if text is not None}
        elif value is not None:
            merged[key] = value
    check_labels(merged.get("labels", {}))
    return merged


def _check_etag(etag: str, if_match: str | None) -> None:
    if if_match is not None and if_match not in {etag, "*"}:
        raise condition_not_met()


def _spelled_location(location: str) -> str:
    return location.upper() if location.upper() in {"US", "EU"} else location.lower()


def _inherit_expirations(dataset: Dataset, resource: Resource, now: int) -> None:
    """Give a new table the defaults of its dataset, as BigQuery does without being asked."""
    partitioning = resource.get("timePartitioning")
    of_partitions = dataset.resource.get("defaultPartitionExpirationMs")
    if partitioning is not None and of_partitions:
        partitioning.setdefault("expirationMs", of_partitions)
        return
    of_tables = dataset.resource.get("defaultTableExpirationMs")
    if of_tables and "expirationTime" not in resource:
        resource["expirationTime"] = str(now + int(of_tables))


def _check_partitioning(name: TableName, resource: Resource, fields: list[schema.Field]) -> None:
    check_labels(resource.get("labels") or {})
    by_time, by_range = resource.get("timePartitioning"), resource.get("rangePartitioning")
    if by_time and by_range:
        raise invalid(f"Table {name} can have only one of time partitioning and range partitioning.")
    if by_time:
        resource["timePartitioning"] = by_time = dict(by_time)
        if by_time.get("type") not in PARTITION_UNITS:
            raise invalid(f"Invalid value for timePartitioning.type: {by_time.get('type')} is not a valid value")
        if by_time.get("expirationMs") is not None:
            by_time["expirationMs"] = str(by_time["expirationMs"])
        if by_time.get("field"):
            _check_partition_column(by_time["field"], fields, PARTITION_TYPES)
    if by_range:
        _check_partition_column(by_range.get("field", ""), fields, frozenset({"INTEGER"}))
        resource["rangePartitioning"] = {
            **by_range,
            "range": {key: str(value) for key, value in by_range.get("range", {}).items()},
        }
    if resource.get("requirePartitionFilter") and not (by_time or by_range):
        raise invalid("require_partition_filter can only be set for a partitioned table.")


def _check_partition_column(name: str, fields: list[schema.Field], types: frozenset[str]) -> None:
    column = schema.find(fields, name)
    if column is None:
        raise invalid(f"The field specified for partitioning cannot be found in the schema: {name}.")
    if column["type"] not in types or schema.mode(column) == "REPEATED":
        raise invalid(f"The field specified for partitioning cannot serve: {name} is {column['type']}.")


def _check_clustering(resource: Resource, fields: list[schema.Field]) -> None:
    names = (resource.get("clustering") or {}).get("fields", [])
    if len(names) > MOST_CLUSTERING_COLUMNS:
        raise invalid(f"Too many clustering fields: the maximum is {MOST_CLUSTERING_COLUMNS}.")
    for name in names:
        column = schema.find(fields, name)
        if column is None:
            raise invalid(f"The field specified for clustering cannot be found in the schema: {name}.")
        if column["type"] not in CLUSTERING_TYPES or schema.mode(column) == "REPEATED":
            raise invalid(f"The field specified for clustering cannot serve: {name} is {column['type']}.")


def _check_partitioning_kept(old: Resource, new: Resource) -> None:
    """Refuse another partitioning; only the expiration of partitions may change in place."""
    before, after = _partitioning(old), _partitioning(new)
    if before == after:
        return
    if before == ({}, {}):
        raise invalid("Cannot convert non-partitioned table to partitioned table.")
    raise invalid("Cannot change partitioning/clustering spec for a partitioned/clustered table.")


def _partitioning(resource: Resource) -> tuple[Resource, Resource]:
    by_time = resource.get("timePartitioning") or {}
    fixed = {key: value for key, value in by_time.items() if key not in {"expirationMs", "requirePartitionFilter"}}
    return fixed, resource.get("rangePartitioning") or {}
