"""Values of columns: read from JSON rows and query parameters, and written as the REST API writes them.

In memory a value is Python's own: int, float, bool, str, bytes, Decimal, date, time, datetime, dict for a RECORD,
list for a REPEATED column, and the parsed document for JSON.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from stand_in.schema import by_folded_name, mode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stand_in.schema import Field

INT64 = range(-(2**63), 2**63)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROS = 1_000_000
FRACTION = re.compile(r"(\.\d{6})\d+")


class BadValueError(Exception):
    """A value that its column cannot hold; says why in BigQuery's words."""


def _number(value: object) -> int | str | float:
    if isinstance(value, bool) or not isinstance(value, int | str | float):
        raise TypeError
    return value


def _integer(value: object) -> int:
    number = int(_number(value))
    if number not in INT64 or (isinstance(value, float) and value != number):
        raise ValueError
    return number


def _float(value: object) -> float:
    return float(_number(value))


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    raise ValueError


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _bytes(value: object) -> bytes:
    return base64.b64decode(_string(value), validate=True)


def _decimal(value: object) -> Decimal:
    number = Decimal(str(_number(value)))
    if not number.is_finite():
        raise ValueError
    return number


def _timestamp(value: object) -> datetime:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC)
    text = FRACTION.sub(r"\1", _string(value).strip())
    text = re.sub(r" ?(UTC|Z)$", "+00:00", text)
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _datetime(value: object) -> datetime:
    moment = datetime.fromisoformat(FRACTION.sub(r"\1", _string(value).strip()))
    if moment.tzinfo:
        raise ValueError
    return moment


def _date(value: object) -> date:
    return date.fromisoformat(_string(value).strip())


def _time(value: object) -> time:
    return time.fromisoformat(FRACTION.sub(r"\1", _string(value).strip()))


READERS: dict[str, Callable[[object], object]] = {
    "INTEGER": _integer,
    "FLOAT": _float,
    "BOOLEAN": _boolean,
    "STRING": _string,
    "BYTES": _bytes,
    "NUMERIC": _decimal,
    "BIGNUMERIC": _decimal,
    "TIMESTAMP": _timestamp,
    "DATETIME": _datetime,
    "DATE": _date,
    "TIME": _time,
}
BAD = (ValueError, TypeError, OverflowError, InvalidOperation, binascii.Error)


def read(kind: str, value: object) -> object:
    """Return value as a kind (a type's stored name), or raise ValueError; a type without a reader is kept as it is."""
    reader = READERS.get(kind)
    if reader is None:
        return value
    try:
        return reader(value)
    except BAD as error:
        raise ValueError(str(error)) from None


def row_from_json(
    fields: Sequence[Field], row: object, *, ignore_unknown: bool, json_as_text: bool, path: str = ""
) -> dict[str, object]:
    """Return a row for fields, as a load job (or with json_as_text a streaming insert) reads it."""
    if not isinstance(row, dict):
        raise BadValueError(f"Value is not an object. Field: {path.rstrip('.')}; Value: {_short(row)}")
    kept: dict[str, object] = {}
    columns = by_folded_name(fields)
    for name, value in row.items():
        field = columns.get(name.casefold())
        if field is None:
            if ignore_unknown:
                continue
            raise BadValueError(f"No such field: {path}{name}.")
        kept[field["name"]] = _column(field, value, path, ignore_unknown=ignore_unknown, json_as_text=json_as_text)
    return complete(fields, kept, path)


def complete(fields: Sequence[Field], row: dict[str, object], path: str = "") -> dict[str, object]:
    """Return row with all columns, or raise for one that is REQUIRED and missing."""
    for field in fields:
        if row.get(field["name"]) is None and mode(field) == "REQUIRED":
            raise BadValueError(f"Missing required field: {path}{field['name']}.")
    return {field["name"]: row.get(field["name"], [] if mode(field) == "REPEATED" else None) for field in fields}


def _column(field: Field, value: object, path: str, *, ignore_unknown: bool, json_as_text: bool) -> object:
    def one(item: object) -> object:
        if field["type"] == "RECORD":
            below = f"{path}{field['name']}."
            return row_from_json(
                field["fields"], item, ignore_unknown=ignore_unknown, json_as_text=json_as_text, path=below
            )
        if field["type"] == "JSON" and json_as_text:
            return _json_text(field, item, path)
        return _scalar(field, item, path)

    if mode(field) != "REPEATED":
        return None if value is None else one(value)
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadValueError(f"Array specified for non-repeated field or the reverse: {path}{field['name']}.")
    if None in value:
        raise BadValueError(f"Only optional fields can be set to NULL. Field: {path}{field['name']}; Value: NULL")
    return [one(item) for item in value]


def _scalar(field: Field, value: object, path: str) -> object:
    name = path + field["name"]
    if isinstance(value, dict | list) and field["type"] != "JSON":
        raise BadValueError(f"Nested or repeated value for a scalar field. Field: {name}; Value: {_short(value)}")
    try:
        kept = read(field["type"], value)
    except ValueError:
        raise BadValueError(
            f"Could not convert value to {field['type'].lower()}. Field: {name}; Value: {_short(value)}"
        ) from None
    check_length(field, kept, name)
    return kept


def check_length(field: Field, value: object, name: str) -> None:
    limit = field.get("maxLength")
    if limit is not None and isinstance(value, str | bytes) and len(value) > int(limit):
        raise BadValueError(
            f"Field {name}: {field['type']}({limit}) has maximum length {limit} but got a value with length"
            f" {len(value)}"
        )


def _json_text(field: Field, value: object, path: str) -> object:
    try:
        return json.loads(_string(value))
    except BAD:
        raise BadValueError(f"Invalid JSON. Field: {path}{field['name']}; Value: {_short(value)}") from None


def _short(value: object) -> str:
    return str(value)[:100]


def to_cell(field: Field, value: object, *, int64_timestamps: bool) -> dict[str, Any]:
    """Return {"v": …} as tabledata.list and query results have it."""
    if isinstance(value, list) and mode(field) == "REPEATED":
        single = {**field, "mode": "NULLABLE"}
        return {"v": [to_cell(single, item, int64_timestamps=int64_timestamps) for item in value]}
    if isinstance(value, dict) and field["type"] == "RECORD":
        return {"v": to_row(field["fields"], value, int64_timestamps=int64_timestamps)}
    if field["type"] == "JSON" and value is not None:
        return {"v": json.dumps(value, separators=(",", ":"), ensure_ascii=False)}
    return {"v": None if value is None else _text(field["type"], value, int64_timestamps=int64_timestamps)}


def to_row(fields: Sequence[Field], row: dict[str, object], *, int64_timestamps: bool) -> dict[str, Any]:
    return {"f": [to_cell(field, row.get(field["name"]), int64_timestamps=int64_timestamps) for field in fields]}


def _text(kind: str, value: object, *, int64_timestamps: bool) -> str:
    if kind == "TIMESTAMP" and isinstance(value, datetime):
        since = value - EPOCH
        micros = (since.days * 86_400 + since.seconds) * MICROS + since.microseconds
        return str(micros) if int64_timestamps else repr(micros / MICROS)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(plain(value))


def plain(value: object) -> Any:  # noqa: ANN401  it is JSON
    """Return value in a form that json.dumps can write, for people and for comparing states."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, date | time | datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value
