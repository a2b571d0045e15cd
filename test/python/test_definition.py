"""What a definition's file may say, what each bad file is told, and the one form that all spellings end in."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bqsteps import definition
from bqsteps.definition import Definition, Field, RangePartitioning, TimePartitioning
from bqsteps.errors import Failure
from generated.definitions import resources, spelled

DEFINITIONS = Path(__file__).parent / "definitions"
CONFIG = Path(__file__).parents[2] / "config"
GOOD = sorted((DEFINITIONS / "good").glob("*.json"))
BAD = sorted((DEFINITIONS / "bad").glob("*.json"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config")


def read(path: Path) -> Definition:
    return definition.read(path, "d", "t", "p")


def good(name: str) -> Definition:
    return read(DEFINITIONS / "good" / f"{name}.json")


def problems_of(path: Path) -> str:
    """All the problems of a file, without its name in front of each."""
    with pytest.raises(Failure) as caught:
        read(path)
    assert caught.value.kind == "config"
    first, *others = caught.value.message.removesuffix(".").split(f"; {path}:")
    assert first.startswith(f"{path}:")
    return "\n".join([first.removeprefix(f"{path}:"), *others])


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "d_t.json"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_file_is_read_and_its_canonical_form_reads_back_the_same(path: Path, tmp_path: Path) -> None:
    found = read(path)
    resource = definition.to_resource(found)
    assert definition.from_resource(resource) == found
    assert read(written(tmp_path, json.dumps(resource))) == found


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_told_every_problem_with_line_and_place(path: Path) -> None:
    assert problems_of(path) == path.with_suffix(".txt").read_text(encoding="utf-8").rstrip("\n")


def test_every_message_belongs_to_a_bad_file() -> None:
    messages = {path.stem for path in (DEFINITIONS / "bad").glob("*.txt")}
    assert messages == {path.stem for path in BAD}
    assert GOOD


@pytest.mark.parametrize("path", [path for path in CONFIG.glob("*.json") if path.name != "table.schema.json"])
def test_the_definitions_of_this_project_are_good(path: Path) -> None:
    dataset, table = "jenkins_demo_db", path.stem.removeprefix("jenkins_demo_db_")
    assert definition.path_for(CONFIG, dataset, table) == path
    assert definition.read(path, dataset, table).fields


def test_every_spelling_of_a_type_ends_in_the_one_of_tables_get() -> None:
    found = [field.type for field in good("every_spelling_of_a_type").fields]
    assert found == [
        *("STRING", "BYTES"),
        *(["INTEGER"] * 7),
        *(["FLOAT"] * 2),
        *(["NUMERIC"] * 2),
        *(["BIGNUMERIC"] * 2),
        *(["BOOLEAN"] * 2),
        *("TIMESTAMP", "DATE", "TIME", "DATETIME", "INTERVAL", "GEOGRAPHY", "JSON", "RANGE", "RECORD", "RECORD"),
    ]


def test_every_attribute_of_a_column_is_read() -> None:
    assert good("every_attribute").fields == (
        Field(
            name="text",
            type="STRING",
            mode="REQUIRED",
            description="What it is.",
            max_length=10,
            collation="und:ci",
            default_value_expression="'x'",
            policy_tags=("projects/p/locations/eu/taxonomies/1/policyTags/2",),
        ),
        Field("amount", "NUMERIC", precision=10, scale=2, rounding_mode="ROUND_HALF_EVEN"),
        Field("big", "BIGNUMERIC", precision=76, scale=38),
        Field("raw", "BYTES", max_length=16, policy_tags=()),
        Field("plain", "STRING", description="", collation="", policy_tags=()),
        Field("fine", "TIMESTAMP", timestamp_precision=12),
        Field("span", "RANGE", range_element_type="TIMESTAMP"),
    )


def test_every_setting_of_a_table_is_read() -> None:
    found = good("table_resource")
    assert found == Definition(
        fields=found.fields,
        description="Rows of something.",
        friendly_name="Something",
        labels={"team": "data-platform", "größe": "", "stage": "2_b"},
        time_partitioning=TimePartitioning("HOUR", "AT", 86_400_000),
        clustering=("id", "day"),
        require_partition_filter=True,
        kms_key_name="projects/k/locations/eu/keyRings/r/cryptoKeys/c",
    )
    assert good("partitioned_by_ranges").range_partitioning == RangePartitioning("id", 0, 100_000, 10)
    assert good("partitioned_by_arrival").time_partitioning == TimePartitioning("MONTH")


def test_what_a_file_leaves_out_is_not_said() -> None:
    assert good("bare_array") == Definition((Field("id", "INTEGER", "REQUIRED"), Field("note", "STRING")))


def test_the_body_for_a_new_table_says_what_the_file_says_and_no_more() -> None:
    assert definition.to_resource(good("bare_array")) == {
        "schema": {
            "fields": [{"name": "id", "type": "INTEGER", "mode": "REQUIRED"}, {"name": "note", "type": "STRING"}]
        }
    }
    body = definition.to_resource(good("table_resource"))
    assert "tableReference" not in body
    assert body["timePartitioning"] == {"type": "HOUR", "field": "AT", "expirationMs": "86400000"}
    assert body["requirePartitionFilter"] is True
    ranges = definition.to_resource(good("partitioned_by_ranges"))["rangePartitioning"]
    assert ranges == {"field": "id", "range": {"start": "0", "end": "100000", "interval": "10"}}


@given(st.data())
def test_all_spellings_of_a_definition_are_the_same(folder: Path, data: st.DataObject) -> None:
    resource = data.draw(resources())
    document = data.draw(spelled(resource, modes_said=True))
    assert read(written(folder, json.dumps(document))) == definition.from_resource(resource)


@pytest.mark.parametrize(
    ("live", "canonical"),
    [
        ({"mode": "nullable"}, {"mode": "NULLABLE"}),
        ({"maxLength": "10"}, {"max_length": 10}),
        ({"ofNextYear": {"x": 1}, "dataPolicies": []}, {}),
        ({"policyTags": {}}, {"policy_tags": ()}),
        ({"roundingMode": "ROUNDING_MODE_UNSPECIFIED"}, {}),
        ({"type": "OF_NEXT_YEAR"}, {"type": "OF_NEXT_YEAR"}),
    ],
)
def test_a_live_column_is_read_leniently(live: Mapping[str, Any], canonical: Mapping[str, Any]) -> None:
    resource = {"schema": {"fields": [{"name": "a", "type": "STRING", **live}]}}
    (field,) = definition.from_resource(resource).fields
    assert field == Field(**{"name": "a", "type": "STRING", **canonical})


@pytest.mark.parametrize(
    ("live", "canonical"),
    [
        ({}, {}),
        ({"schema": {}}, {}),
        ({"etag": "x", "location": "EU", "numRows": "1", "ofNextYear": 1}, {}),
        ({"type": "VIEW"}, {"table_type": "VIEW"}),
        (
            {"timePartitioning": {"type": "DAY", "expirationMs": "0", "requirePartitionFilter": True}},
            {"time_partitioning": TimePartitioning("DAY"), "require_partition_filter": True},
        ),
        (
            {"timePartitioning": {"type": "DAY", "requirePartitionFilter": True}, "requirePartitionFilter": False},
            {"time_partitioning": TimePartitioning("DAY"), "require_partition_filter": False},
        ),
        (
            {"encryptionConfiguration": {"kmsKeyName": "projects/p/cryptoKeys/k/cryptoKeyVersions/3"}},
            {"kms_key_name": "projects/p/cryptoKeys/k"},
        ),
        ({"labels": {}}, {"labels": {}}),
        ({"clustering": {"fields": []}}, {}),
    ],
)
def test_a_live_table_is_read_leniently(live: Mapping[str, Any], canonical: Mapping[str, Any]) -> None:
    assert definition.from_resource(live) == Definition((), **canonical)


def test_the_columns_of_a_record_count_too(tmp_path: Path) -> None:
    inner = [{"name": f"c{index}", "type": "STRING"} for index in range(10_000)]
    path = written(tmp_path, json.dumps([{"name": "r", "type": "RECORD", "fields": inner}]))
    assert problems_of(path) == "1: 10,001 columns, those in records included; at most 10,000 are allowed"
    path = written(tmp_path, json.dumps([{"name": "r", "type": "RECORD", "fields": inner[1:]}]))
    assert len(read(path).fields[0].fields) == 9_999


def test_a_long_table_description_is_refused(tmp_path: Path) -> None:
    fields = [{"name": "a", "type": "STRING"}]
    path = written(tmp_path, json.dumps({"schema": {"fields": fields}, "description": "ä" * 16_385}))
    assert problems_of(path) == "1: description: has 16385 characters; at most 16,384 are allowed"


@pytest.mark.parametrize("text", ["[" * 100_000, '[{"fields":' * 50_000], ids=["arrays", "records"])
def test_hopeless_nesting_is_one_clear_line(tmp_path: Path, text: str) -> None:
    assert problems_of(written(tmp_path, text)).endswith(": not JSON: more than 100 levels of nesting")


def test_an_endless_number_is_one_clear_line(tmp_path: Path) -> None:
    text = '[{"name": "a", "type": "STRING", "maxLength": ' + "9" * 5000 + "}]"
    assert problems_of(written(tmp_path, text)) == "1:47: not JSON: a number with too many digits"


def test_a_missing_file_is_one_clear_line_with_a_hint(tmp_path: Path) -> None:
    path = definition.path_for(tmp_path, "d", "t")
    with pytest.raises(Failure) as caught:
        read(path)
    assert (caught.value.kind, caught.value.message) == ("config", f"{tmp_path}/d_t.json: there is no such file.")
    assert "DATASET_ID" in caught.value.hint


def test_a_missing_file_is_told_with_the_nearest_that_is_there(tmp_path: Path) -> None:
    for name in ("shop_orders.json", "hr_staff.json"):
        (tmp_path / name).write_text("[]", encoding="utf-8")
    with pytest.raises(Failure, match=r"there is no such file; the nearest is shop_orders\.json\."):
        read(definition.path_for(tmp_path, "shop", "order"))


def test_a_folder_in_its_place_is_one_clear_line(tmp_path: Path) -> None:
    path = definition.path_for(tmp_path, "d", "t")
    path.mkdir()
    with pytest.raises(Failure, match=r"d_t\.json: cannot be read: Is a directory\.$"):
        read(path)


def test_a_name_too_long_for_a_file_is_one_clear_line(tmp_path: Path) -> None:
    table = "t" * 1000
    with pytest.raises(Failure, match=r": cannot be read: File name too long\.$"):
        definition.read(definition.path_for(tmp_path, "d", table), "d", table)


def test_a_file_without_permission_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:  # root may read everything, so the permission itself cannot be taken away
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(Failure, match=r"d_t\.json: cannot be read: Permission denied\.$"):
        read(written(tmp_path, "[]"))


def test_bad_names_are_refused_before_any_file_is_touched(tmp_path: Path) -> None:
    with pytest.raises(Failure) as caught:
        definition.read(tmp_path / "x.json", "../d", "t$1", "P")
    assert caught.value.message.count("; ") == 2


def test_a_project_that_nobody_named_is_not_compared(tmp_path: Path) -> None:
    reference = {"projectId": "other", "datasetId": "d", "tableId": "t"}
    resource = {"tableReference": reference, "schema": {"fields": [{"name": "a", "type": "STRING"}]}}
    path = written(tmp_path, json.dumps(resource))
    assert definition.read(path, "d", "t").fields == (Field("a", "STRING"),)
    assert problems_of(path) == "1: tableReference.projectId: 'other' disagrees with 'p', which this file is read for"


@given(st.text(st.sampled_from("ab_")).filter(bool), st.text(st.sampled_from("ab_-1")).filter(bool))
def test_the_files_name_is_built_of_both_ids(dataset: str, table: str) -> None:
    assert definition.path_for(Path("config"), dataset, table) == Path(f"config/{dataset}_{table}.json")


@pytest.mark.parametrize(
    ("project", "dataset", "table", "wrong"),
    [
        ("my-project", "d", "t", []),
        ("example.com:my-project", "D_1", "a table-1 größe 列", []),
        ("my project", "d-d", "t$20240101", ["the project is", "the dataset is", "the table is"]),
        ("", "", "", ["the project is", "the dataset is", "the table is"]),
        ("p", "d" * 1025, "ä" * 513, ["the dataset is", "the table is"]),
        ("p", "d", "a,b", ["the table is"]),
        ("p", "d", "a/b", ["the table is"]),
        ("p", "d", "a`b", ["the table is"]),
        ("p", "d", "a\x00b", ["the table is"]),
        ("p", "d", "a\nb", ["the table is"]),
        ("p", "d\n", "a.b", ["the dataset is", "the table is"]),
    ],
)
def test_names_are_checked_all_at_once(project: str, dataset: str, table: str, wrong: list[str]) -> None:
    problems = definition.check_reference(project, dataset, table)
    assert len(problems) == len(wrong)
    for problem, start in zip(problems, wrong, strict=True):
        assert problem.startswith(start)
        assert "\n" not in problem


@pytest.mark.parametrize(
    ("field", "written_type"),
    [
        (Field("a", "STRING"), "STRING"),
        (Field("a", "STRING", max_length=10), "STRING(10)"),
        (Field("a", "NUMERIC", precision=10), "NUMERIC(10)"),
        (Field("a", "NUMERIC", precision=10, scale=2), "NUMERIC(10, 2)"),
        (Field("a", "RANGE", range_element_type="DATE"), "RANGE<DATE>"),
    ],
)
def test_a_type_is_shown_with_its_parameters(field: Field, written_type: str) -> None:
    assert field.sql_type == written_type


def test_a_definition_is_what_was_checked_whatever_becomes_of_its_file(tmp_path: Path) -> None:
    path = definition.path_for(tmp_path, "d", "t")
    path.write_text('[{"name": "a", "type": "STRING", "description": "é"}]', encoding="utf-8")
    checked = definition.check_file(path, "d", "t", "p")
    path.write_text('[{"name": "b", "type": "DATE"}]', encoding="utf-8")
    assert checked.read().fields == (Field("a", "STRING", description="é"),)
