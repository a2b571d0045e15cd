"""How projects, datasets, tables and locations may be named. Standard library only.

The rules are BigQuery's: https://cloud.google.com/bigquery/docs/datasets#dataset-naming and
https://cloud.google.com/bigquery/docs/tables#table_naming.
"""

import re
import unicodedata
from typing import NamedTuple

_PROJECT = re.compile(r"([a-z0-9.-]+\.[a-z]+:)?[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)  # example.com:project, too
_DATASET = re.compile(r"[A-Za-z0-9_]{1,1024}", re.ASCII)
_LOCATION = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_ADDRESS = re.compile(r"https?://([A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?", re.ASCII)
_LONGEST_TABLE = 1024  # bytes of UTF-8
_TABLE_CATEGORIES = {"L", "M", "N"}  # letters, marks, numbers
_TABLE_EXTRAS = {"Pc", "Pd", "Zs"}  # connectors such as _, dashes, spaces


class TableReference(NamedTuple):
    """The full name of a table."""

    project: str
    dataset: str
    table: str

    def __str__(self) -> str:
        return f"{self.project}.{self.dataset}.{self.table}"


def project_problem(value: str) -> str | None:
    """What is wrong with a project's id, as the end of a sentence, or None."""
    if _PROJECT.fullmatch(value):
        return None
    return f"is {shorten(value)!r}, not a project ID (lower-case letters, digits and dashes)"


def dataset_problem(value: str) -> str | None:
    """What is wrong with a dataset's id, as the end of a sentence, or None."""
    if _DATASET.fullmatch(value):
        return None
    return f"is {shorten(value)!r}, not a dataset ID (letters, digits and underscores, at most 1,024)"


def table_problem(value: str) -> str | None:
    """What is wrong with a table's id, as the end of a sentence, or None."""
    if "$" in value:
        return f"is {shorten(value)!r}: a partition decorator ($) names a part of a table, not a table"
    size = len(value.encode("utf-8", "surrogatepass"))
    if 0 < size <= _LONGEST_TABLE and all(_in_table(character) for character in value):
        return None
    return (
        f"is {shorten(value)!r}, not a table ID"
        " (letters, digits, underscores, dashes and spaces, at most 1,024 bytes of UTF-8)"
    )


def _in_table(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in _TABLE_CATEGORIES or category in _TABLE_EXTRAS


def parse(reference: str) -> TableReference:
    """The table of a full name; a project may have dots of its own, a dataset and a table have none."""
    project, dataset, table = reference.rsplit(".", 2)
    return TableReference(project, dataset, table)


def reference_problem(value: object) -> str | None:
    """What is wrong with a table's full name, as the end of a sentence, or None."""
    if not isinstance(value, str) or value.count(".") < 2:  # noqa: PLR2004  # project.dataset.table
        return f"is {shorten(str(value))!r}, not project.dataset.table"
    table = parse(value)
    return project_problem(table.project) or dataset_problem(table.dataset) or table_problem(table.table)


def location_problem(value: str) -> str | None:
    """What is wrong with a location, as the end of a sentence, or None."""
    return None if _LOCATION.fullmatch(value) else f"is {shorten(value)!r}, not a location such as EU or europe-west1"


def address_problem(value: str) -> str | None:
    """What is wrong with a server's address, as the end of a sentence, or None."""
    match = _ADDRESS.fullmatch(value)
    if match and int((match[2] or ":1")[1:]) in range(1, 65_536):
        return None
    shown = "(hidden)" if "@" in value else repr(shorten(value))  # it may hold a password
    return f"is {shown}, not an address such as http://127.0.0.1:9050"


def shorten(value: str, most: int = 80) -> str:
    """The value, or its beginning with a mark where it is too long for a message."""
    return value if len(value) <= most else f"{value[: most - 1]}…"
