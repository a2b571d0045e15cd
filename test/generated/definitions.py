"""Generated table definitions, in any spelling, and what BigQuery would make of them.

Nothing here comes from the package under test: the words are written out once more, so that a slip there shows here.
"""

import copy
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

# The spelling of tables.get, and the others.
SPELLINGS = {
    "STRING": ("STRING",),
    "BYTES": ("BYTES",),
    "INTEGER": ("INTEGER", "INT64", "INT", "BIGINT", "SMALLINT", "TINYINT", "BYTEINT"),
    "FLOAT": ("FLOAT", "FLOAT64"),
    "NUMERIC": ("NUMERIC", "DECIMAL"),
    "BIGNUMERIC": ("BIGNUMERIC", "BIGDECIMAL"),
    "BOOLEAN": ("BOOLEAN", "BOOL"),
    "TIMESTAMP": ("TIMESTAMP",),
    "DATE": ("DATE",),
    "TIME": ("TIME",),
    "DATETIME": ("DATETIME",),
    "INTERVAL": ("INTERVAL",),
    "GEOGRAPHY": ("GEOGRAPHY",),
    "JSON": ("JSON",),
    "RANGE": ("RANGE",),
    "RECORD": ("RECORD", "STRUCT"),
}
SCALARS = tuple(name for name in SPELLINGS if name not in ("RECORD", "RANGE"))
MODES = ("NULLABLE", "REQUIRED", "REPEATED")
CLUSTERS = frozenset(
    ("BIGNUMERIC", "BOOLEAN", "DATE", "DATETIME", "GEOGRAPHY", "INTEGER", "NUMERIC", "RANGE", "STRING", "TIMESTAMP")
)
KEY = "projects/keys/locations/eu/keyRings/ring/cryptoKeys/key"

_texts = st.text(max_size=20)
_said = _texts.map(str.strip).filter(bool)
_labels = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_-]{0,6}", fullmatch=True),
    st.from_regex(r"[a-z0-9_-]{0,6}", fullmatch=True),
    max_size=3,
)


def names(at_least: int = 1) -> st.SearchStrategy[list[str]]:
    """Names of columns that differ in more than the case of letters."""
    plain = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,5}", fullmatch=True)
    flexible = st.sampled_from(["größe", "列", "1st", "with space", "a&b", "x" * 300])
    return st.lists(plain | flexible, min_size=at_least, max_size=at_least + 2, unique_by=str.lower)


@st.composite
def columns(draw: st.DrawFn, name: str, levels: int) -> Json:
    """One column in canonical spelling, with whatever attributes its type takes."""
    kinds = [*SCALARS, "RANGE", *(["RECORD"] * 4 if levels else [])]
    column: Json = {"name": name, "type": draw(st.sampled_from(kinds)), "mode": draw(st.sampled_from(MODES))}
    if column["type"] == "RECORD":
        column["fields"] = draw(schemas(levels - 1))
    if column["type"] == "RANGE":
        column["rangeElementType"] = {"type": draw(st.sampled_from(["DATE", "DATETIME", "TIMESTAMP"]))}
    column |= draw(st.fixed_dictionaries({}, optional=_attributes(column["type"])))
    if "scale" in column:
        column["precision"] = column["scale"] + draw(st.integers(1, 29))
    return column


def _attributes(kind: str) -> dict[str, st.SearchStrategy[Any]]:
    attributes: dict[str, st.SearchStrategy[Any]] = {
        "description": _texts,
        "policyTags": st.just({"names": ["projects/p/locations/eu/taxonomies/1/policyTags/2"]}),
    }
    if kind in ("STRING", "BYTES"):
        attributes["maxLength"] = st.integers(1, 2**40)
    if kind == "STRING":
        attributes["collation"] = st.sampled_from(["", "und:ci"])
    if kind in ("NUMERIC", "BIGNUMERIC"):
        attributes["scale"] = st.integers(0, 9)
        attributes["roundingMode"] = st.sampled_from(["ROUND_HALF_EVEN", "ROUND_HALF_AWAY_FROM_ZERO"])
    if kind == "TIMESTAMP":
        attributes["timestampPrecision"] = st.sampled_from([6, 12])
    return attributes


@st.composite
def schemas(draw: st.DrawFn, levels: int = 2) -> list[Json]:
    """A list of columns, with records down to so many levels."""
    return [draw(columns(name, levels)) for name in draw(names())]


@st.composite
def resources(draw: st.DrawFn) -> Json:
    """A Table resource in canonical spelling."""
    fields = draw(schemas())
    for column in fields:
        if draw(st.integers(0, 5)) == 0:
            column["defaultValueExpression"] = draw(_said)
    settings: dict[str, st.SearchStrategy[Any]] = {
        "description": _texts,
        "friendlyName": _texts,
        "labels": _labels,
        "encryptionConfiguration": st.just({"kmsKeyName": KEY}),
    }
    resource = {"schema": {"fields": fields}, **draw(st.fixed_dictionaries({}, optional=settings))}
    clusters = [column["name"] for column in fields if column["type"] in CLUSTERS and column["mode"] != "REPEATED"]
    if clusters and _coin(draw):
        resource["clustering"] = {"fields": draw(st.permutations(clusters))[:4]}
    return resource | draw(_partitioning(fields))


@st.composite
def _partitioning(draw: st.DrawFn, fields: list[Json]) -> Json:
    times = [c["name"] for c in fields if c["type"] in ("TIMESTAMP", "DATETIME") and c["mode"] != "REPEATED"]
    numbers = [c["name"] for c in fields if c["type"] == "INTEGER" and c["mode"] != "REPEATED"]
    kind = draw(st.sampled_from(["none", "time", "range"]))
    setting: Json = {}
    if kind == "time":
        time: Json = {"type": draw(st.sampled_from(["HOUR", "DAY", "MONTH", "YEAR"]))}
        if times and _coin(draw):
            time["field"] = draw(st.sampled_from(times))
        if _coin(draw):
            time["expirationMs"] = draw(st.integers(1, 2**40))
        setting["timePartitioning"] = time
    elif kind == "range" and numbers:
        start = draw(st.integers(-1000, 1000))
        bounds = {"start": start, "end": start + draw(st.integers(1, 9000)), "interval": draw(st.integers(1, 100))}
        setting["rangePartitioning"] = {"field": draw(st.sampled_from(numbers)), "range": bounds}
    if setting and _coin(draw):
        setting["requirePartitionFilter"] = draw(st.booleans())
    return setting


@st.composite
def spelled(draw: st.DrawFn, resource: Json, *, modes_said: bool = False) -> Json | list[Json]:
    """The same definition as a person or a tool might have written it.

    Args:
        draw: what hypothesis gives.
        resource: the definition in canonical spelling.
        modes_said: never leave out a NULLABLE. To leave it out is no wish to relax a column that is REQUIRED.
    """
    document: Json = copy.deepcopy(resource)
    fields = document["schema"]["fields"]
    document["schema"]["fields"] = [_respelled(draw, column, modes_said=modes_said) for column in fields]
    if time := document.get("timePartitioning"):
        time["type"] = draw(_any_case(time["type"]))
        _respell_numbers(draw, time, ("expirationMs",))
        if "requirePartitionFilter" in document and _coin(draw):
            time["requirePartitionFilter"] = document.pop("requirePartitionFilter")
    if ranges := document.get("rangePartitioning"):
        _respell_numbers(draw, ranges["range"], ("start", "end", "interval"))
    if set(document) == {"schema"} and _coin(draw):
        return list(document["schema"]["fields"])
    return _shuffled(draw, document)


def _respelled(draw: st.DrawFn, column: Json, *, modes_said: bool) -> Json:
    column = dict(column)
    column["type"] = draw(st.sampled_from(SPELLINGS[column["type"]]).flatmap(_any_case))
    if column["mode"] == "NULLABLE" and not modes_said and _coin(draw):
        del column["mode"]
    else:
        column["mode"] = draw(_any_case(column["mode"]))
    _respell_numbers(draw, column, ("maxLength", "precision", "scale", "timestampPrecision"))
    if "defaultValueExpression" in column and _coin(draw):
        column["defaultValueExpression"] = f" {column['defaultValueExpression']}\n"
    if "fields" in column:
        column["fields"] = [_respelled(draw, nested, modes_said=modes_said) for nested in column["fields"]]
    return _shuffled(draw, column)


def _any_case(word: str) -> st.SearchStrategy[str]:
    return st.sampled_from([word, word.lower(), word.capitalize()])


def _respell_numbers(draw: st.DrawFn, holder: Json, keys: tuple[str, ...]) -> None:
    for key in keys:
        if key in holder and _coin(draw):
            holder[key] = str(holder[key])


def _shuffled(draw: st.DrawFn, document: Json) -> Json:
    return {key: document[key] for key in draw(st.permutations(sorted(document)))}


@st.composite
def echoes(draw: st.DrawFn, resource: Json) -> Json:
    """What tables.get answers for a table created from that definition: int64 as text, and much that nobody asked for.

    The order of columns is the table's own; another team may have created it.
    """
    live: Json = copy.deepcopy(resource)
    live["schema"]["fields"] = [_echoed(draw, column) for column in draw(st.permutations(live["schema"]["fields"]))]
    if time := live.get("timePartitioning"):
        _texts_for_numbers(time, ("expirationMs",))
        if "requirePartitionFilter" in live:
            time["requirePartitionFilter"] = live["requirePartitionFilter"]
    if ranges := live.get("rangePartitioning"):
        _texts_for_numbers(ranges["range"], ("start", "end", "interval"))
    if key := live.get("encryptionConfiguration"):
        key["kmsKeyName"] += draw(st.sampled_from(["", "/cryptoKeyVersions/7"]))
    return live | {
        "kind": "bigquery#table",
        "etag": "x==",
        "id": "p:d.t",
        "tableReference": {"projectId": "p", "datasetId": "d", "tableId": "t"},
        "type": "TABLE",
        "location": "EU",
        "numRows": "12",
        "numBytes": "345",
        "creationTime": "1700000000000",
        "expirationTime": "1900000000000",
        "defaultCollation": "",
        "somethingOfNextYear": {"x": 1},
    }


def _echoed(draw: st.DrawFn, column: Json) -> Json:
    column = dict(column)
    if column["mode"] == "NULLABLE" and _coin(draw):
        del column["mode"]
    _texts_for_numbers(column, ("maxLength", "precision", "scale", "timestampPrecision"))
    if column.get("scale") == "0" and _coin(draw):
        del column["scale"]
    if column["type"] == "STRING":
        column.setdefault("collation", "")
    if column["type"] == "NUMERIC" and _coin(draw):
        column.setdefault("roundingMode", "ROUNDING_MODE_UNSPECIFIED")
    if _coin(draw):
        column.setdefault("policyTags", draw(st.sampled_from([{}, {"names": []}])))
    column["dataPolicies"] = [{"name": f"of {column['name']}"}]
    if "fields" in column:
        column["fields"] = [_echoed(draw, nested) for nested in draw(st.permutations(column["fields"]))]
    return column


def _texts_for_numbers(holder: Json, keys: tuple[str, ...]) -> None:
    for key in keys:
        if key in holder:
            holder[key] = str(holder[key])


def patched(live: Json, body: Json) -> Json:
    """What tables.get answers after tables.patch took that body.

    Objects merge but the schema, which is replaced, as the service does it. Raises AssertionError for what the service
    refuses, or would lose.
    """
    assert set(body) <= {
        "schema",
        "description",
        "friendlyName",
        "labels",
        "clustering",
        "timePartitioning",
        "requirePartitionFilter",
    }
    after = copy.deepcopy(live)
    for key, value in copy.deepcopy(body).items():
        if key == "schema":
            _accepts(live["schema"]["fields"], value["fields"])
            after["schema"] = value
        elif isinstance(value, dict):
            after[key] = {**after.get(key, {}), **value}
        else:
            after[key] = value
    for key in ("type", "field"):
        assert after.get("timePartitioning", {}).get(key) == live.get("timePartitioning", {}).get(key)
    return after


def _accepts(before: list[Json], after: list[Json]) -> None:
    """The documented conditions for a new schema, and: no attribute of a live column is lost on the way."""
    count = len(before)
    assert [column["name"] for column in after[:count]] == [column["name"] for column in before]
    for old, new in zip(before, after[:count], strict=True):
        assert set(old) <= set(new)
        modes = (old.get("mode", "NULLABLE"), new.get("mode", "NULLABLE"))
        assert modes[0] == modes[1] or modes == ("REQUIRED", "NULLABLE")
        for key in ("type", "maxLength", "precision", "scale", "timestampPrecision", "rangeElementType"):
            assert old.get(key) == new.get(key)
        _accepts(old.get("fields", []), new.get("fields", []))
    for new in after[count:]:
        assert new.get("mode", "NULLABLE") != "REQUIRED"
        assert "defaultValueExpression" not in new


Step = tuple[str, str]


@st.composite
def grown(draw: st.DrawFn, resource: Json) -> tuple[Json, set[Step]]:
    """The definition with more wishes that one patch can fulfil, and the class and path of each of them."""
    wanted: Json = copy.deepcopy(resource)
    wishes = _Wishes()
    _grow_columns(draw, wanted["schema"]["fields"], "schema", wishes)
    if _coin(draw):
        wishes.set(wanted, "description", draw(_said), "description")
    if _coin(draw):
        wishes.set(wanted, "friendlyName", draw(_said), "friendlyName")
    if _coin(draw):
        key = draw(st.sampled_from([*wanted.get("labels", {}), "newer"]))
        wishes.set(wanted.setdefault("labels", {}), key, "changed-value", f"labels.{key}")
    # A first expiration deletes what is older, so that only one that is there may become longer.
    if "expirationMs" in wanted.get("timePartitioning", {}) and _coin(draw):
        time = wanted["timePartitioning"]
        wishes.set(time, "expirationMs", draw(st.integers(2**41, 2**42)), "timePartitioning.expirationMs")
    if "timePartitioning" in wanted or "rangePartitioning" in wanted:
        wishes.set(wanted, "requirePartitionFilter", _coin(draw), "requirePartitionFilter")
    clusters = [c["name"] for c in resource["schema"]["fields"] if c["type"] in CLUSTERS and c["mode"] != "REPEATED"]
    if clusters and _coin(draw):
        wishes.set(wanted, "clustering", {"fields": [draw(st.sampled_from(clusters))]}, "clustering")
    return wanted, wishes.steps


class _Wishes:
    def __init__(self) -> None:
        self.steps: set[Step] = set()

    def set(self, holder: Json, key: str, value: object, path: str) -> None:
        """Sets what is metadata; to say what holds anyway (false is the default) is no step."""
        if holder.get(key, False if value is False else None) != value:
            self.steps.add(("metadata", path))
        holder[key] = value


def _grow_columns(draw: st.DrawFn, fields: list[Json], path: str, wishes: _Wishes) -> None:
    for column in fields:
        _grow_column(draw, column, f"{path}.{column['name']}", wishes)
        if path == "schema" and _seldom(draw):
            at = f"{path}.{column['name']}[defaultValueExpression]"
            wishes.set(column, "defaultValueExpression", draw(_said), at)
    taken = {column["name"].lower() for column in fields}
    for name in draw(names(0)):
        if name.lower() not in taken and _coin(draw):
            column = draw(columns(name, levels=1))
            if column["mode"] == "REQUIRED":
                column["mode"] = draw(st.sampled_from(["NULLABLE", "REPEATED"]))
            fields.insert(draw(st.integers(0, len(fields))), column)
            wishes.steps.add(("add", f"{path}.{name}"))


def _grow_column(draw: st.DrawFn, column: Json, at: str, wishes: _Wishes) -> None:
    if "fields" in column:
        _grow_columns(draw, column["fields"], at, wishes)
    if column["mode"] == "REQUIRED" and _coin(draw):
        column["mode"] = "NULLABLE"
        wishes.steps.add(("relax", f"{at}[mode]"))
    if _seldom(draw):
        wishes.set(column, "description", draw(_said), f"{at}[description]")
    if column["type"] == "NUMERIC" and _coin(draw):
        wishes.set(column, "roundingMode", "ROUND_HALF_EVEN", f"{at}[roundingMode]")
    if "policyTags" not in column and _seldom(draw):
        wishes.set(column, "policyTags", {"names": ["t"]}, f"{at}[policyTags]")


@st.composite
def harmed(draw: st.DrawFn, resource: Json, richer: Json | None = None) -> tuple[Json, Step]:
    """The definition with one wish that no patch may fulfil, and where it is refused.

    Args:
        draw: what hypothesis gives.
        resource: the table as it is.
        richer: what else is wanted of it, from grown().
    """
    wanted: Json = copy.deepcopy(richer or resource)
    harm = draw(st.sampled_from([_harm_a_column, _harm_partitions, _harm_the_key, _harm_by_adding]))
    return wanted, ("refused", harm(draw, wanted, resource))


def _harm_a_column(draw: st.DrawFn, wanted: Json, resource: Json) -> str:
    for setting in ("clustering", "timePartitioning", "rangePartitioning", "requirePartitionFilter"):
        wanted.pop(setting, None)  # the column may no longer serve them
    there = _all_columns(resource["schema"]["fields"], "schema")
    at = draw(st.sampled_from(sorted(there)))
    old, new = there[at], _all_columns(wanted["schema"]["fields"], "schema")[at]
    harm = draw(st.sampled_from(["type", "mode", "length", "tags", "collation"]))
    if harm == "mode":
        new["mode"] = draw(st.sampled_from(_FORBIDDEN_MODES[old["mode"]]))
        return f"{at}[mode]"
    if harm == "length" and old.get("maxLength", 0) > 1:
        new["maxLength"] = old["maxLength"] + draw(st.sampled_from([1, -1]))
        return f"{at}[type]"
    if harm == "tags" and "policyTags" in old:
        new["policyTags"] = {"names": draw(st.sampled_from([[], ["projects/p/another"]]))}
        return f"{at}[policyTags]"
    if harm == "collation" and old["type"] == "STRING":
        new["collation"] = "" if old.get("collation") else "und:ci"
        return f"{at}[collation]"
    name = new["name"]
    new.clear()
    kind = draw(st.sampled_from([kind for kind in SCALARS if kind != old["type"]]))
    new.update({"name": name, "type": kind, "mode": old["mode"]})
    return f"{at}[type]"


_FORBIDDEN_MODES = {
    "NULLABLE": ("REQUIRED", "REPEATED"),
    "REQUIRED": ("REPEATED",),
    "REPEATED": ("NULLABLE", "REQUIRED"),
}


def _harm_partitions(draw: st.DrawFn, wanted: Json, resource: Json) -> str:
    now = resource.get("timePartitioning", {}).get("type")
    wanted.pop("rangePartitioning", None)
    unit = draw(st.sampled_from([unit for unit in ("HOUR", "DAY", "MONTH", "YEAR") if unit != now]))
    wanted["timePartitioning"] = {"type": unit}
    return "timePartitioning"


def _harm_the_key(_draw: st.DrawFn, wanted: Json, _resource: Json) -> str:
    wanted["encryptionConfiguration"] = {"kmsKeyName": KEY + "2"}
    return "encryptionConfiguration.kmsKeyName"


def _harm_by_adding(draw: st.DrawFn, wanted: Json, _resource: Json) -> str:
    column = draw(st.sampled_from([{"mode": "REQUIRED"}, {"defaultValueExpression": "'x'"}]))
    wanted["schema"]["fields"].append({"name": "a_new_column", "type": "STRING", "mode": "NULLABLE", **column})
    return "schema.a_new_column"


def _all_columns(fields: list[Json], path: str) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for column in fields:
        at = f"{path}.{column['name']}"
        found |= {at: column, **_all_columns(column.get("fields", []), at)}
    return found


def _coin(draw: st.DrawFn) -> bool:
    return draw(st.booleans())


def _seldom(draw: st.DrawFn) -> bool:
    return draw(st.integers(0, 3)) == 3
