"""What is planned, what is refused, and what one patch makes of a table."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bqsteps import definition, plan
from bqsteps.definition import Definition, Field, RangePartitioning, TimePartitioning
from generated.definitions import Json, echoes, grown, harmed, patched, resources, spelled

REFERENCE = "p.d.t"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config")


def wanted_from(folder: Path, document: Json | list[Json]) -> Definition:
    path = definition.path_for(folder, "d", "t")
    path.write_text(json.dumps(document), encoding="utf-8")
    return definition.read(path, "d", "t")


def planned(wanted: Definition, live: Json) -> plan.Plan:
    return plan.compare(REFERENCE, wanted, definition.from_resource(live))


def table_of(column: Json) -> Json:
    return {"schema": {"fields": [{"name": "c", "type": "STRING", **column}]}}


def steps(changes: tuple[plan.Change, ...]) -> set[tuple[str, str]]:
    found = [(change.class_, change.path) for change in changes]
    assert len(found) == len(set(found))
    return set(found)


@given(st.data())
def test_a_definition_in_any_spelling_plans_to_nothing_against_itself(folder: Path, data: st.DataObject) -> None:
    resource = data.draw(resources())
    found = planned(wanted_from(folder, data.draw(spelled(resource))), data.draw(echoes(resource)))
    assert found.changes == ()
    assert found.is_empty
    assert found.patch({}) == {}


@given(st.data())
def test_every_wish_that_a_patch_can_fulfil_is_planned_and_one_patch_fulfils_all(
    folder: Path, data: st.DataObject
) -> None:
    resource = data.draw(resources())
    live = data.draw(echoes(resource))
    richer, expected = data.draw(grown(resource))
    wanted = wanted_from(folder, data.draw(spelled(richer, modes_said=True)))

    found = planned(wanted, live)

    assert steps(found.changes) == expected
    assert not found.refused
    before = copy.deepcopy(live)
    after = patched(live, found.patch(live))
    assert live == before
    assert planned(wanted, after).changes == ()


@given(st.data())
def test_what_could_harm_a_table_is_refused_together_with_all_the_rest(folder: Path, data: st.DataObject) -> None:
    resource = data.draw(resources())
    live = data.draw(echoes(resource))
    richer, _ = data.draw(grown(resource))
    harmful, refusal = data.draw(harmed(resource, richer))
    wanted = wanted_from(folder, data.draw(spelled(harmful)))

    found = planned(wanted, live)

    assert refusal in steps(found.changes)
    assert not found.is_empty
    with pytest.raises(ValueError, match="refused"):
        found.patch(live)


@given(st.data())
def test_what_a_definition_leaves_out_is_kept_and_is_no_difference(folder: Path, data: st.DataObject) -> None:
    resource = data.draw(resources())
    live = data.draw(echoes(resource))
    column = resource["schema"]["fields"][0]
    bare = {key: column[key] for key in ("name", "type", "mode", "fields", "rangeElementType") if key in column}

    found = planned(wanted_from(folder, [bare]), live)

    assert {change.class_ for change in found.changes} <= {"kept"}
    assert found.is_empty
    assert found.patch(live) == {}


@given(st.data())
def test_every_plan_renders_to_one_printable_line_a_change_and_to_json(folder: Path, data: st.DataObject) -> None:
    resource = data.draw(resources())
    other, _ = data.draw(harmed(resource))
    found = planned(wanted_from(folder, other), data.draw(echoes(resource)))
    plain = plan.render(found, colour=False)
    assert len(plain) == len(found.changes)
    assert all(line.isprintable() for line in plain)
    for line, coloured in zip(plain, plan.render(found, colour=True), strict=True):
        assert coloured.startswith("\x1b[")
        assert coloured.endswith(f"{line}\x1b[0m")
    for change in found.changes:
        assert set(json.loads(json.dumps(change.as_json()))) == {"class", "path", "before", "after", "reason"}


SET_C = "ALTER TABLE `p.d.t` ALTER COLUMN `c` SET DATA TYPE"


@pytest.mark.parametrize(
    ("wanted", "live", "line"),
    [
        pytest.param(
            {"type": "NUMERIC"},
            {"type": "INTEGER"},
            f"! schema.c[type]: INTEGER -> NUMERIC  Only SQL can widen a type. Run {SET_C} NUMERIC",
            id="a type that only SQL widens",
        ),
        pytest.param(
            {"type": "FLOAT64"},
            {"type": "INTEGER"},
            f"! schema.c[type]: INTEGER -> FLOAT  Only SQL can widen a type. Run {SET_C} FLOAT64",
            id="SQL has a name of its own for it",
        ),
        pytest.param(
            {"type": "STRING"},
            {"type": "INTEGER"},
            "! schema.c[type]: INTEGER -> STRING  A column keeps its type. "
            "Add a column of another name with the new type, or query the data into a new table.",
            id="another type",
        ),
        pytest.param(
            {"type": "RANGE", "rangeElementType": {"type": "DATE"}},
            {"type": "RANGE", "rangeElementType": {"type": "DATETIME"}},
            "! schema.c[type]: RANGE<DATETIME> -> RANGE<DATE>  A column keeps its type. "
            "Add a column of another name with the new type, or query the data into a new table.",
            id="another range",
        ),
        pytest.param(
            {"maxLength": 20},
            {"maxLength": "10"},
            f"! schema.c[type]: STRING(10) -> STRING(20)  Only SQL can widen a type. Run {SET_C} STRING(20)",
            id="longer",
        ),
        pytest.param(
            {"maxLength": 5},
            {"maxLength": "10"},
            "! schema.c[type]: STRING(10) -> STRING(5)  A column's type cannot be narrowed. "
            "Write it as it is, or query the data into a new table.",
            id="shorter",
        ),
        pytest.param(
            {"maxLength": 5},
            {},
            "! schema.c[type]: STRING -> STRING(5)  A column's type cannot be narrowed. "
            "Write it as it is, or query the data into a new table.",
            id="bounded where it was not",
        ),
        pytest.param(
            {"type": "NUMERIC", "precision": 12, "scale": 2},
            {"type": "NUMERIC", "precision": "10", "scale": "2"},
            "! schema.c[type]: NUMERIC(10, 2) -> NUMERIC(12, 2)  Only SQL can widen a type. "
            f"Run {SET_C} NUMERIC(12, 2)",
            id="more digits",
        ),
        pytest.param(
            {"type": "NUMERIC", "precision": 10, "scale": 4},
            {"type": "NUMERIC", "precision": "10", "scale": "2"},
            "! schema.c[type]: NUMERIC(10, 2) -> NUMERIC(10, 4)  A column's type cannot be narrowed. "
            "Write it as it is, or query the data into a new table.",
            id="more digits after the point at the cost of those before it",
        ),
        pytest.param(
            {"type": "NUMERIC", "precision": 12, "scale": 1},
            {"type": "NUMERIC", "precision": "10", "scale": "2"},
            "! schema.c[type]: NUMERIC(10, 2) -> NUMERIC(12, 1)  A column's type cannot be narrowed. "
            "Write it as it is, or query the data into a new table.",
            id="fewer digits after the point",
        ),
        pytest.param(
            {"type": "TIMESTAMP", "timestampPrecision": 12},
            {"type": "TIMESTAMP"},
            f"! schema.c[type]: TIMESTAMP -> TIMESTAMP(12)  Only SQL can widen a type. Run {SET_C} TIMESTAMP(12)",
            id="picoseconds",
        ),
        pytest.param(
            {"collation": "und:ci"},
            {"collation": ""},
            '! schema.c[collation]: "" -> und:ci  How a column compares belongs to its type. '
            f"Run {SET_C} STRING COLLATE 'und:ci'",
            id="compared without regard to case",
        ),
        pytest.param(
            {"collation": ""},
            {"collation": "und:ci"},
            '! schema.c[collation]: und:ci -> ""  How a column compares belongs to its type. '
            "Write it as it is, or query the data into a new table.",
            id="compared with regard to case again",
        ),
        pytest.param(
            {"mode": "REQUIRED"},
            {"mode": "NULLABLE"},
            "! schema.c[mode]: NULLABLE -> REQUIRED  BigQuery cannot make a column REQUIRED once it was not. "
            "Leave it NULLABLE in the definition, or query the data into a new table.",
            id="tightened",
        ),
        pytest.param(
            {"mode": "REPEATED"},
            {},
            "! schema.c[mode]: NULLABLE -> REPEATED  A column stays single or repeated. "
            "Add a column of another name, or query the data into a new table.",
            id="repeated where it is single",
        ),
        pytest.param(
            {},
            {"mode": "REPEATED"},
            "! schema.c[mode]: REPEATED -> NULLABLE  A column stays single or repeated. "
            "Add a column of another name, or query the data into a new table.",
            id="single where it is repeated, even if only by default",
        ),
        pytest.param(
            {"mode": "NULLABLE"},
            {"mode": "REQUIRED"},
            "~ schema.c[mode]: REQUIRED -> NULLABLE  (Cannot be undone.)",
            id="relaxed",
        ),
        pytest.param(
            {},
            {"mode": "REQUIRED"},
            '= schema.c[mode]: REQUIRED  (Not in the definition; "mode": "NULLABLE" relaxes it for good.)',
            id="a mode that is left out relaxes nothing",
        ),
        pytest.param(
            {"policyTags": {"names": ["new"]}},
            {"policyTags": {"names": ["old"]}},
            '! schema.c[policyTags]: ["old"] -> ["new"]  Another policy tag, or none, may open the column to new '
            "readers. Have someone with the right to do so change it in the console, or by bq update --schema.",
            id="another policy tag",
        ),
        pytest.param(
            {"policyTags": {"names": ["new"]}},
            {},
            '~ schema.c[policyTags]: [] -> ["new"]',
            id="a first policy tag",
        ),
        pytest.param(
            {"description": ""},
            {"description": "old\x1b[31m\n"},
            '~ schema.c[description]: old\\x1b[31m\\n -> ""',
            id="a description taken away by saying so",
        ),
        pytest.param(
            {},
            {"description": "x" * 100},
            f"= schema.c[description]: {'x' * 57}...  (Not in the definition.)",
            id="a description that is left out",
        ),
        pytest.param(
            {"defaultValueExpression": "0"},
            {"defaultValueExpression": "1"},
            "~ schema.c[defaultValueExpression]: 1 -> 0",
            id="another default",
        ),
        pytest.param({"name": "C"}, {}, None, id="a name in another case"),
        pytest.param(
            {"type": "NUMERIC", "precision": 5, "scale": 0},
            {"type": "NUMERIC", "precision": "5"},
            None,
            id="a scale of 0 is the default",
        ),
        pytest.param(
            {"type": "NUMERIC", "precision": 5},
            {"type": "NUMERIC", "precision": "5", "scale": "2"},
            "= schema.c[scale]: 2  (Not in the definition.)",
            id="a scale that is left out",
        ),
        pytest.param(
            {"roundingMode": "ROUNDING_MODE_UNSPECIFIED", "type": "NUMERIC"},
            {"type": "NUMERIC"},
            None,
            id="an unspecified rounding mode",
        ),
        pytest.param(
            {"type": "TIMESTAMP", "timestampPrecision": 6},
            {"type": "TIMESTAMP"},
            None,
            id="microseconds are the default",
        ),
    ],
)
def test_a_column_that_differs(wanted: Json, live: Json, line: str | None) -> None:
    found = planned(definition.from_resource(table_of(wanted)), table_of(live))
    assert plan.render(found, colour=False) == ([line] if line else [])


def test_the_way_out_of_a_nested_type_names_the_column_that_sql_can_alter() -> None:
    def table(kind: str) -> Definition:
        return Definition((Field("a", "RECORD", fields=(Field("b", "RECORD", fields=(Field("c", kind),)),)),))

    (change,) = plan.compare(REFERENCE, table("NUMERIC"), table("INTEGER")).changes
    assert change.path == "schema.a.b.c[type]"
    assert change.way_out == "Run ALTER TABLE `p.d.t` ALTER COLUMN `a` SET DATA TYPE with the whole new STRUCT."


def test_a_required_field_may_come_inside_a_new_record_but_not_inside_an_old_one() -> None:
    required = Field("b", "STRING", "REQUIRED")
    new = plan.compare(REFERENCE, Definition((Field("a", "RECORD", fields=(required,)),)), Definition(()))
    assert plan.render(new, colour=False) == ["+ schema.a: RECORD NULLABLE (b STRING REQUIRED)"]
    live = Definition((Field("a", "RECORD", fields=(Field("c", "STRING"),)),))
    old = plan.compare(REFERENCE, Definition((Field("a", "RECORD", fields=(required,)),)), live)
    reason = "A REQUIRED column cannot be added to a table that exists."
    assert plan.render(old, colour=False) == [
        f'! schema.a.b: (none) -> STRING REQUIRED  {reason} Make it "mode": "NULLABLE".',
        "= schema.a.c: STRING NULLABLE  (Not in the definition.)",
    ]


def test_a_column_never_comes_together_with_its_default() -> None:
    wanted = Definition((Field("a", "STRING", default_value_expression="'x'"),))
    (change,) = plan.compare(REFERENCE, wanted, Definition(())).changes
    assert (change.class_, change.way_out) == (
        "refused",
        "Add the column without defaultValueExpression first, and its default in a second step.",
    )


BY_DAY = TimePartitioning("DAY", "at")
BY_RANGE = RangePartitioning("id", 0, 10, 1)


@pytest.mark.parametrize(
    ("wanted", "live", "line"),
    [
        pytest.param(
            {"time_partitioning": BY_DAY},
            {},
            "! timePartitioning: (none) -> DAY of at  A table is partitioned when it is created, and stays so. "
            "Write it as it is, or query the data into a new table.",
            id="partitioned afterwards",
        ),
        pytest.param(
            {"time_partitioning": TimePartitioning("DAY")},
            {"time_partitioning": BY_DAY},
            "! timePartitioning: DAY of at -> DAY of arrival  A table is partitioned when it is created, and stays so. "
            "Write it as it is, or query the data into a new table.",
            id="by arrival where it is by a column",
        ),
        pytest.param(
            {"range_partitioning": BY_RANGE},
            {"time_partitioning": BY_DAY},
            "! rangePartitioning: DAY of at -> id from 0 to 10 by 1  A table is partitioned when it is created, and "
            "stays so. Write it as it is, or query the data into a new table.",
            id="by ranges where it is by time",
        ),
        pytest.param(
            {"range_partitioning": BY_RANGE},
            {"range_partitioning": RangePartitioning("id", 0, 20, 1)},
            "! rangePartitioning: id from 0 to 20 by 1 -> id from 0 to 10 by 1  A table is partitioned when it is "
            "created, and stays so. Write it as it is, or query the data into a new table.",
            id="other ranges",
        ),
        pytest.param(
            {},
            {"time_partitioning": BY_DAY},
            "= timePartitioning: DAY of at  (Not in the definition.)",
            id="partitions that are left out",
        ),
        pytest.param(
            {"time_partitioning": BY_DAY},
            {"time_partitioning": TimePartitioning("DAY", "AT", 5)},
            "= timePartitioning.expirationMs: 5  (Not in the definition.)",
            id="an expiration that is left out",
        ),
        pytest.param(
            {"time_partitioning": TimePartitioning("DAY", "at", 43_200_000)},
            {"time_partitioning": BY_DAY},
            "! timePartitioning.expirationMs: (none) -> 43200000  BigQuery deletes at once the partitions that are "
            "older. Run ALTER TABLE `p.d.t` SET OPTIONS (partition_expiration_days = 0.5)",
            id="a first expiration",
        ),
        pytest.param(
            {"time_partitioning": TimePartitioning("DAY", "at", 86_400_000)},
            {"time_partitioning": TimePartitioning("DAY", "at", 172_800_000)},
            "! timePartitioning.expirationMs: 172800000 -> 86400000  BigQuery deletes at once the partitions that are "
            "older. Run ALTER TABLE `p.d.t` SET OPTIONS (partition_expiration_days = 1)",
            id="a shorter expiration",
        ),
        pytest.param(
            {"time_partitioning": TimePartitioning("DAY", "at", 7)},
            {"time_partitioning": TimePartitioning("DAY", "at", 5)},
            "~ timePartitioning.expirationMs: 5 -> 7",
            id="a longer expiration",
        ),
        pytest.param(
            {"clustering": ("a", "b")},
            {"clustering": ("b", "a")},
            '~ clustering: ["b", "a"] -> ["a", "b"]  (Sorts what is written from now on.)',
            id="the order of clustering counts",
        ),
        pytest.param({"clustering": ("a",)}, {"clustering": ("A",)}, None, id="the case of clustering does not"),
        pytest.param(
            {}, {"clustering": ("a",)}, '= clustering: ["a"]  (Not in the definition.)', id="clustering left out"
        ),
        pytest.param({"require_partition_filter": False}, {}, None, id="no filter is the default"),
        pytest.param(
            {},
            {"require_partition_filter": True},
            "= requirePartitionFilter: true  (Not in the definition.)",
            id="a filter that is left out",
        ),
        pytest.param({"labels": {"a": "1"}}, {"labels": {"a": "2"}}, "~ labels.a: 2 -> 1", id="another label"),
        pytest.param({"labels": {"a": ""}}, {}, '~ labels.a: (none) -> ""', id="a label without a value"),
        pytest.param(
            {"labels": {}}, {"labels": {"a": "1"}}, "= labels.a: 1  (Not in the definition.)", id="label kept"
        ),
        pytest.param({"description": ""}, {}, None, id="no description is the default"),
        pytest.param({"description": ""}, {"description": "x"}, '~ description: x -> ""', id="description taken away"),
        pytest.param({}, {"friendly_name": "x"}, "= friendlyName: x  (Not in the definition.)", id="name left out"),
        pytest.param(
            {"kms_key_name": "k"},
            {},
            "! encryptionConfiguration.kmsKeyName: (none) -> k  A table takes on a key only by being copied. "
            "Run bq cp -f --destination_kms_key, from p.d.t onto itself.",
            id="a first key",
        ),
        pytest.param(
            {"kms_key_name": "k2"},
            {"kms_key_name": "k"},
            "! encryptionConfiguration.kmsKeyName: k -> k2  A wrong key locks the table. "
            "Run ALTER TABLE `p.d.t` SET OPTIONS (kms_key_name = 'k2')",
            id="another key",
        ),
        pytest.param(
            {},
            {"kms_key_name": "k"},
            "= encryptionConfiguration.kmsKeyName: k  (Not in the definition.)",
            id="a key that is left out",
        ),
        pytest.param(
            {},
            {"table_type": "VIEW"},
            "! type: VIEW -> TABLE  p.d.t is a VIEW, and a definition is for a table. Give the table another name.",
            id="a view",
        ),
    ],
)
def test_a_setting_that_differs(wanted: dict[str, Any], live: dict[str, Any], line: str | None) -> None:
    found = plan.compare(REFERENCE, Definition((), **wanted), Definition((), **live))
    assert plan.render(found, colour=False) == ([line] if line else [])


def test_the_patch_has_labels_of_both_sides_and_leaves_all_else_out() -> None:
    live = {"schema": {"fields": [{"name": "a", "type": "STRING"}]}, "labels": {"theirs": "1", "ours": "old"}}
    wanted = Definition((Field("a", "STRING"),), labels={"ours": "new"})
    assert planned(wanted, live).patch(live) == {"labels": {"theirs": "1", "ours": "new"}}


def test_the_patch_sends_the_live_partitioning_with_nothing_but_the_expiration_changed() -> None:
    time = {"type": "DAY", "field": "at", "expirationMs": "5", "ofNextYear": True}
    live: Json = {"schema": {"fields": [{"name": "at", "type": "DATE"}]}, "timePartitioning": time}
    wanted = Definition((Field("at", "DATE"),), time_partitioning=TimePartitioning("DAY", "at", 7))
    assert planned(wanted, live).patch(live) == {"timePartitioning": {**time, "expirationMs": "7"}}


def test_the_patch_keeps_both_places_of_the_partition_filter_in_step() -> None:
    live: Json = {"schema": {"fields": []}, "timePartitioning": {"type": "DAY", "requirePartitionFilter": True}}
    wanted = Definition((), require_partition_filter=False)
    assert planned(wanted, live).patch(live) == {
        "requirePartitionFilter": False,
        "timePartitioning": {"type": "DAY", "requirePartitionFilter": False},
    }


def test_the_patch_appends_columns_and_sends_live_ones_back_as_they_are() -> None:
    nested = [{"name": "x", "type": "INTEGER", "ofNextYear": 1}]
    live = {
        "schema": {
            "fields": [
                {"name": "theirs", "type": "STRING", "dataPolicies": [{"name": "p"}]},
                {"name": "Record", "type": "RECORD", "mode": "REPEATED", "fields": nested},
            ],
            "ofNextYear": 2,
        }
    }
    record = Field("record", "RECORD", "REPEATED", fields=(Field("y", "DATE", "NULLABLE"), Field("X", "INTEGER")))
    found = planned(Definition((Field("new", "JSON"), record)), live)
    assert found.patch(live)["schema"] == {
        "fields": [
            {"name": "theirs", "type": "STRING", "dataPolicies": [{"name": "p"}]},
            {
                "name": "Record",
                "type": "RECORD",
                "mode": "REPEATED",
                "fields": [*nested, {"name": "y", "type": "DATE", "mode": "NULLABLE"}],
            },
            {"name": "new", "type": "JSON"},
        ],
        "ofNextYear": 2,
    }


@pytest.mark.parametrize(("wanted", "live"), [("EU", "eu"), ("europe-west1", "europe-west1")])
def test_the_same_location_in_another_case_is_no_change(wanted: str, live: str) -> None:
    assert plan.location_change(wanted, live) is None


def test_another_location_is_refused_and_makes_the_plan_so() -> None:
    change = plan.location_change("EU", "US")
    found = plan.compare(REFERENCE, Definition(()), Definition(())).including([change, None])
    assert found.refused == (change,)
    assert not found.is_empty
    way_out = "Set BQ_LOCATION to where the dataset is, or name another dataset."
    assert plan.render(found, colour=False) == [f"! location: US -> EU  A dataset never moves. {way_out}"]


def test_a_change_as_json_has_its_reason_and_the_way_out() -> None:
    change = plan.refused("location", "US", "EU", "A dataset never moves.", "Name another.")
    assert change.as_json() == {
        "class": "refused",
        "path": "location",
        "before": "US",
        "after": "EU",
        "reason": "A dataset never moves. Name another.",
    }
