"""Table schemas: what is accepted, what is echoed, and which changes are refused in place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stand_in.errors import ServiceError, invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stand_in.names import TableName

Field = dict[str, Any]

LEGACY_NAME = {
    "INT64": "INTEGER",
    "FLOAT64": "FLOAT",
    "BOOL": "BOOLEAN",
    "STRUCT": "RECORD",
    "DECIMAL": "NUMERIC",
    "BIGDECIMAL": "BIGNUMERIC",
}
TYPES = frozenset(
    {
        "STRING",
        "BYTES",
        "INTEGER",
        "FLOAT",
        "BOOLEAN",
        "TIMESTAMP",
        "DATE",
        "TIME",
        "DATETIME",
        "INTERVAL",
        "GEOGRAPHY",
        "NUMERIC",
        "BIGNUMERIC",
        "JSON",
        "RECORD",
        "RANGE",
    }
)
MODES = frozenset({"NULLABLE", "REQUIRED", "REPEATED"})
INT64_ATTRIBUTES = ("maxLength", "precision", "scale")
ATTRIBUTES = frozenset(
    {
        *INT64_ATTRIBUTES,
        "name",
        "type",
        "mode",
        "fields",
        "description",
        "policyTags",
        "roundingMode",
        "collation",
        "defaultValueExpression",
        "rangeElementType",
        "dataPolicies",
        "timestampPrecision",
        "foreignTypeDefinition",
        "categories",
    }
)
# With flexible column names, which a table has by itself: any script, these signs, and a digit may come first.
COLUMN_NAME = re.compile(r"[\w\- &%=+:'<>#|]{1,300}")
DEEPEST = 15
LONGEST_DESCRIPTION = 1024


def stored(fields: object, *, adorn: bool, path: str = "", depth: int = 1) -> list[Field]:
    """Return fields as the service keeps and echoes them, or refuse them."""
    if not isinstance(fields, list):
        raise invalid("Invalid value for schema.fields: not a list")
    if depth > DEEPEST:
        raise invalid(f"Field {path} is nested too deeply; the limit is {DEEPEST} levels.")
    seen: set[str] = set()
    kept = []
    for field in fields:
        kept.append(_stored_field(field, adorn=adorn, path=path, depth=depth))
        folded = kept[-1]["name"].casefold()
        if folded in seen:
            raise invalid(f"Field {path}{kept[-1]['name']} already exists in schema")
        seen.add(folded)
    return kept


def _stored_field(field: object, *, adorn: bool, path: str, depth: int) -> Field:
    name = _check_field(field, path)
    if not isinstance(field, dict):  # _check_field has refused that
        raise TypeError
    kept = {key: value for key, value in field.items() if value is not None}
    kept["type"] = _legacy_type(kept.get("type"), path + name)
    if "mode" in kept or adorn:
        kept["mode"] = str(kept.get("mode") or "NULLABLE").upper()
    if kept.get("mode", "NULLABLE") not in MODES:
        raise invalid(f"Invalid value for mode: {kept['mode']} is not a valid value")
    for attribute in INT64_ATTRIBUTES:
        if attribute in kept:
            kept[attribute] = str(kept[attribute])
    if kept["type"] == "RECORD":
        if not kept.get("fields"):
            raise invalid(f"Field {path}{name} is type RECORD but has no schema")
        kept["fields"] = stored(kept["fields"], adorn=adorn, path=f"{path}{name}.", depth=depth + 1)
    else:
        kept.pop("fields", None)
    if adorn:
        kept.setdefault("policyTags", {"names": []})
        if kept["type"] == "STRING":
            kept.setdefault("collation", "")
    return kept


def _check_field(field: object, path: str) -> str:
    if not isinstance(field, dict):
        raise invalid("Invalid value for schema.fields: not an object")
    unknown = sorted(set(field) - ATTRIBUTES)
    if unknown:
        raise invalid(
            f"Invalid JSON payload received. Unknown name \"{unknown[0]}\" at 'schema.fields': Cannot find field."
        )
    name = field.get("name")
    if not isinstance(name, str) or not COLUMN_NAME.fullmatch(name):
        raise invalid(f'Invalid field name "{path}{name}".')
    if len(str(field.get("description") or "")) > LONGEST_DESCRIPTION:
        raise invalid(f"The description of field {path}{name} is longer than {LONGEST_DESCRIPTION} characters.")
    return name


def _legacy_type(kind: object, path: str) -> str:
    if not isinstance(kind, str) or not kind:
        raise invalid(f"Field {path} has no type")
    legacy = LEGACY_NAME.get(kind.upper(), kind.upper())
    if legacy not in TYPES:
        raise invalid(f"Invalid value for type: {kind} is not a valid value")
    return legacy


def mode(field: Field) -> str:
    return str(field.get("mode", "NULLABLE"))


def find(fields: Sequence[Field], name: str) -> Field | None:
    """Return the column called name; names differ in more than case."""
    folded = name.casefold()
    return next((field for field in fields if field["name"].casefold() == folded), None)


def by_folded_name(fields: Sequence[Field]) -> dict[str, Field]:
    return {field["name"].casefold(): field for field in fields}


def full_type(field: Field) -> str:
    """Return the type with its parameters, which are as hard to change in place as the type itself."""
    parameters = [str(field[attribute]) for attribute in INT64_ATTRIBUTES if attribute in field]
    element = (field.get("rangeElementType") or {}).get("type")
    if element:
        parameters.append(LEGACY_NAME.get(element, element))
    return f"{field['type']}({', '.join(parameters)})" if parameters else str(field["type"])


def evolve(table: TableName, old: Sequence[Field], new: Sequence[Field], path: str = "") -> list[Field]:
    """Return the schema after a patch with new: columns keep their places, added ones go to the end."""
    for field in old:
        if find(new, field["name"]) is None:
            raise _mismatch(table, f"Field {path}{field['name']} is missing in new schema")
    changed = {field["name"].casefold(): field for field in new}
    kept = [_evolve_field(table, field, changed.pop(field["name"].casefold()), path) for field in old]
    for field in changed.values():
        if mode(field) == "REQUIRED":
            raise _mismatch(table, f"Cannot add required fields to an existing schema. (field: {path}{field['name']})")
    return kept + list(changed.values())


def _evolve_field(table: TableName, old: Field, new: Field, path: str) -> Field:
    name = path + old["name"]
    if full_type(new) != full_type(old):
        raise _mismatch(table, f"Field {name} has changed type from {full_type(old)} to {full_type(new)}")
    if mode(new) != mode(old) and (mode(old), mode(new)) != ("REQUIRED", "NULLABLE"):
        raise _mismatch(table, f"Field {name} has changed mode from {mode(old)} to {mode(new)}")
    if (new.get("collation") or "") != (old.get("collation") or ""):
        raise _mismatch(table, f"Field {name} has changed collation")
    kept = {**new, "name": old["name"]}
    if old["type"] == "RECORD":
        kept["fields"] = evolve(table, old["fields"], new["fields"], f"{name}.")
    return kept


def _mismatch(table: TableName, reason: str) -> ServiceError:
    return invalid(f"Provided Schema does not match Table {table}. {reason}")
