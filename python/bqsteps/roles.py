"""Which of BigQuery's roles is the smallest that has a permission. Standard library only.

The roles are Google's: https://docs.cloud.google.com/bigquery/docs/access-control.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

DATA_EDITOR: Final = "roles/bigquery.dataEditor"


class Role(NamedTuple):
    """A role, and what it is granted on, so that it gives no more than is needed."""

    name: str
    on: Literal["project", "dataset"]

    def __str__(self) -> str:
        return f"{self.name} on the {self.on}"


SMALLEST: Final[Mapping[str, Role]] = {
    "bigquery.jobs.create": Role("roles/bigquery.jobUser", "project"),
    "bigquery.datasets.create": Role("roles/bigquery.user", "project"),
    "bigquery.datasets.get": Role("roles/bigquery.metadataViewer", "dataset"),
    "bigquery.tables.get": Role("roles/bigquery.metadataViewer", "dataset"),
    "bigquery.tables.getData": Role("roles/bigquery.dataViewer", "dataset"),
    "bigquery.tables.create": Role(DATA_EDITOR, "dataset"),
    "bigquery.tables.update": Role(DATA_EDITOR, "dataset"),
    "bigquery.tables.updateData": Role(DATA_EDITOR, "dataset"),
}
