"""How columns and labels may be named. Standard library only.

Sources: https://docs.cloud.google.com/bigquery/docs/schemas#column_names (with flexible column names) and
https://docs.cloud.google.com/bigquery/docs/labels-intro#requirements.
"""

import re
import unicodedata
from collections.abc import Callable

MAX_COLUMN_NAME = 300
MAX_LABEL = 63

RESERVED_COLUMN_PREFIXES = (
    "_TABLE_",
    "_FILE_",
    "_PARTITION",
    "_ROW_TIMESTAMP",
    "__ROOT__",
    "_COLIDENTIFIER",
    "_CHANGE_SEQUENCE_NUMBER",
    "_CHANGE_TYPE",
    "_CHANGE_TIMESTAMP",
)

_SHOWN = 80

_USUAL = re.compile(r"[A-Za-z0-9_]+")  # so are most columns named, and letter by letter it takes long

_COLUMN_CATEGORIES = ("L", "M", "N", "Pc", "Pd")
_COLUMN_SYMBOLS = frozenset("&%=+:'<>#|")
_LABEL_START_CATEGORIES = ("Ll", "Lo")
_LABEL_CATEGORIES = ("Ll", "Lo", "M", "N")


def check_column(name: str) -> list[str]:
    """What is wrong with a column's name."""
    if not name:
        return ["the name is empty"]
    if len(name) > MAX_COLUMN_NAME:
        return [f"{shown(name)} has {len(name)} characters; a column's name has at most {MAX_COLUMN_NAME}"]
    if not _USUAL.fullmatch(name) and (strange := _strange(name, _fits_a_column)):
        return [f"{shown(name)} holds {shown(strange)}, which no column's name may"]
    if name.upper().startswith(RESERVED_COLUMN_PREFIXES):
        prefix = next(prefix for prefix in RESERVED_COLUMN_PREFIXES if name.upper().startswith(prefix))
        return [f"{shown(name)} begins with {prefix}, which BigQuery keeps for itself"]
    return []


def check_label_key(key: str) -> list[str]:
    """What is wrong with a label's key."""
    if not key:
        return ["a label's key is empty"]
    if not unicodedata.category(key[0]).startswith(_LABEL_START_CATEGORIES):
        return [f"the label's key {shown(key)} does not begin with a lower case letter"]
    return _check_label_text("key", key)


def check_label_value(value: str) -> list[str]:
    """What is wrong with a label's value. It may be empty."""
    return _check_label_text("value", value)


def shown(value: str) -> str:
    """The value in quotes, on one line and not too long, for a message."""
    return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}..."


def _check_label_text(what: str, text: str) -> list[str]:
    if len(text) > MAX_LABEL:
        return [f"the label's {what} {shown(text)} has {len(text)} characters; at most {MAX_LABEL} are allowed"]
    if strange := _strange(text, lambda c: c in "_-" or unicodedata.category(c).startswith(_LABEL_CATEGORIES)):
        rule = "lower case letters, digits, underscores and dashes"
        return [f"the label's {what} {shown(text)} holds {shown(strange)}; it takes {rule}"]
    return []


def _fits_a_column(character: str) -> bool:
    if unicodedata.category(character).startswith(_COLUMN_CATEGORIES):
        return True
    # "Whitespace" in the documentation; a line break or a tab in a name can only be a mistake.
    return character in _COLUMN_SYMBOLS or unicodedata.category(character) == "Zs"


def _strange(text: str, fits: Callable[[str], bool]) -> str:
    return next((character for character in text if not fits(character)), "")
