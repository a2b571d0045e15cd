"""Names of datasets, tables and jobs, as BigQuery spells and checks them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stand_in.errors import invalid

DATASET_ID = re.compile(r"[A-Za-z0-9_]{1,1024}")
# Letters, marks, digits, connectors, dashes and spaces of any script: \w has the first four. No decorators.
TABLE_ID = re.compile(r"[\w\- ]{1,1024}")
JOB_ID = re.compile(r"[A-Za-z0-9_-]{1,1024}")
LABEL = re.compile(r"[^\W A-Z]([^\WA-Z]|-){0,62}")


@dataclass(frozen=True, slots=True)
class DatasetName:
    """A dataset's full name; its text is the one of BigQuery's messages."""

    project: str
    dataset: str

    def __str__(self) -> str:
        return f"{self.project}:{self.dataset}"

    def check(self) -> None:
        if not DATASET_ID.fullmatch(self.dataset):
            raise invalid(
                f'Invalid dataset ID "{self.dataset}". Dataset IDs must be alphanumeric (plus underscores)'
                " and must be at most 1024 characters long."
            )


@dataclass(frozen=True, slots=True)
class TableName:
    """A table's full name; its text is the one of BigQuery's messages."""

    project: str
    dataset: str
    table: str

    def __str__(self) -> str:
        return f"{self.project}:{self.dataset}.{self.table}"

    @property
    def dotted(self) -> str:
        return f"{self.project}.{self.dataset}.{self.table}"

    @property
    def within(self) -> DatasetName:
        return DatasetName(self.project, self.dataset)

    @classmethod
    def parse(cls, dotted: str) -> TableName:
        """Read project.dataset.table; a domain-scoped project has dots of its own."""
        project, dataset, table = dotted.rsplit(".", 2)
        return cls(project, dataset, table)

    def reference(self) -> dict[str, str]:
        return {"projectId": self.project, "datasetId": self.dataset, "tableId": self.table}

    def check(self) -> None:
        if not TABLE_ID.fullmatch(self.table):
            raise invalid(f'Invalid table ID "{self.table}".')


def check_labels(labels: object) -> None:
    if not isinstance(labels, dict):
        raise invalid("Invalid value for labels: not an object")
    for key, value in labels.items():
        if not LABEL.fullmatch(key) or not isinstance(value, str) or (value and not _is_label_value(value)):
            raise invalid(f'Invalid label "{key}": "{value}".')


def _is_label_value(value: str) -> bool:
    return re.fullmatch(r"([^\WA-Z]|-){1,63}", value) is not None
