"""config/table.schema.json tells an editor what the reader tells a pipeline: one set of files holds them together."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from bqsteps import definition, names, vocabulary
from bqsteps.errors import Failure
from generated.definitions import resources, spelled

DEFINITIONS = Path(__file__).parent / "definitions"
SCHEMA = json.loads((Path(__file__).parents[2] / "config" / "table.schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft7Validator(SCHEMA)

# What the reader refuses and a JSON Schema cannot express. All else that is bad, the schema must refuse too.
BEYOND_A_SCHEMA = {
    # it is handed values, and never sees the text
    "duplicate_key",
    "duplicate_column_key",
    "half_a_surrogate",
    # it cannot compare two values with each other
    "duplicate_names",
    "duplicate_names_in_a_record",
    "clustering_columns",
    "hours_of_a_date",
    "partition_column_missing",
    "partition_column_nested",
    "partition_column_repeated",
    "partition_column_type",
    "partition_filters_disagree",
    "range_partition_column",
    "too_many_partitions",
    # it cannot count levels
    "sixteen_levels_of_records",
    # it does not know the file's name
    "another_table",
}
# The same for a single column of a file that has more bad ones.
COLUMNS_BEYOND_A_SCHEMA = {
    ("names", "line\u2028break"),
    # the bounds of precision move with the scale
    ("numbers_out_of_range", "e"),
    # a number written as a string can only be bounded by its digits
    ("numbers_out_of_range", "d"),
    ("numbers_out_of_range", "f"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config")


def load(path: Path) -> Any:  # noqa: ANN401 - it is what json.loads returns
    """The value in a file, or None where it holds none."""
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except ValueError:
        return None


def files(kind: str) -> list[Path]:
    return sorted((DEFINITIONS / kind).glob("*.json"))


def test_it_is_a_schema_of_the_draft_that_it_names() -> None:
    assert SCHEMA["$schema"] == Draft7Validator.META_SCHEMA["$id"]
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", files("good"), ids=lambda path: path.stem)
def test_it_accepts_each_good_file(path: Path) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(load(path))] == []


@pytest.mark.parametrize("path", [path for path in files("bad") if load(path) is not None], ids=lambda path: path.stem)
def test_it_refuses_each_bad_file_that_a_schema_can(path: Path) -> None:
    assert VALIDATOR.is_valid(load(path)) == (path.stem in BEYOND_A_SCHEMA)


def test_what_a_schema_cannot_is_only_said_of_files_that_are_there() -> None:
    assert {path.stem for path in files("bad")} >= BEYOND_A_SCHEMA


@pytest.mark.parametrize(
    "path",
    [path for path in files("bad") if isinstance(load(path), list) and path.stem not in BEYOND_A_SCHEMA],
    ids=lambda path: path.stem,
)
def test_both_agree_on_each_single_column_of_a_bad_file(path: Path, tmp_path: Path) -> None:
    """A file may be refused for one of its columns: the other bad ones must be seen as well."""
    for column in load(path):
        name = column.get("name") if isinstance(column, dict) else None
        if (path.stem, name) not in COLUMNS_BEYOND_A_SCHEMA:
            assert VALIDATOR.is_valid([column]) == reads(tmp_path, [column]), column


def reads(folder: Path, document: object) -> bool:
    path = definition.path_for(folder, "d", "t")
    path.write_text(json.dumps(document), encoding="utf-8")
    try:
        definition.read(path, "d", "t")
    except Failure:
        return False
    return True


@given(st.data())
def test_it_accepts_any_definition_in_any_spelling(data: st.DataObject) -> None:
    document = data.draw(spelled(data.draw(resources())))
    assert [error.message for error in VALIDATOR.iter_errors(document)] == []


@given(st.data())
def test_whatever_it_refuses_the_reader_refuses_too(folder: Path, data: st.DataObject) -> None:
    spoilt = data.draw(_spoilt(data.draw(spelled(data.draw(resources())))))
    if not VALIDATOR.is_valid(spoilt):
        assert not reads(folder, spoilt)


_OTHER: tuple[object, ...] = (None, True, 0, -1, 1.5, "", "x", "REQUIRED", "RECORD", "9", [], {}, ["x"], {"x": "y"})


@st.composite
def _spoilt(draw: st.DrawFn, document: object) -> object:
    """The document with one of its values left out, or replaced by another one."""
    if not isinstance(document, (dict, list)) or not document or draw(st.integers(0, 4)) == 0:
        return draw(st.sampled_from(_OTHER))
    changed: Any = document.copy()
    key: Any = draw(st.sampled_from(list(document) if isinstance(document, dict) else range(len(document))))
    if draw(st.integers(0, 3)) == 0:
        del changed[key]
    else:
        changed[key] = draw(_spoilt(changed[key]))
    return changed


def test_it_offers_an_editor_the_words_that_the_reader_knows() -> None:
    field, table = SCHEMA["definitions"]["field"]["properties"], SCHEMA["definitions"]["table"]["properties"]
    assert list(field) == list(vocabulary.FIELD_KEYS)
    assert list(table) == list(vocabulary.TABLE_KEYS)
    assert field["type"]["anyOf"][0]["enum"] == list(vocabulary.TYPES)
    assert field["mode"]["anyOf"][0]["enum"] == list(vocabulary.MODES)
    assert field["roundingMode"]["enum"] == list(vocabulary.ROUNDING_MODES)
    assert field["collation"]["enum"] == list(vocabulary.COLLATIONS)
    assert field["name"]["maxLength"] == names.MAX_COLUMN_NAME
    assert table["labels"]["maxProperties"] == vocabulary.MAX_LABELS
    assert table["clustering"]["properties"]["fields"]["maxItems"] == vocabulary.MAX_CLUSTERING_COLUMNS


@pytest.mark.parametrize("prefix", names.RESERVED_COLUMN_PREFIXES)
def test_it_knows_each_reserved_prefix(prefix: str) -> None:
    assert not VALIDATOR.is_valid([{"name": prefix.lower() + "x", "type": "STRING"}])
    assert VALIDATOR.is_valid([{"name": "x" + prefix, "type": "STRING"}])


def test_it_keeps_to_the_keywords_of_its_draft_for_editors_know_little_of_later_ones() -> None:
    assert _keywords(SCHEMA) <= set(Draft7Validator.META_SCHEMA["properties"])


def _keywords(schema: Any) -> set[str]:  # noqa: ANN401 - any JSON
    """The keywords of a schema and of those in it; the names of properties are none."""
    if not isinstance(schema, dict):
        return set()
    inner = [child for name in ("properties", "definitions") for child in schema.get(name, {}).values()]
    inner += [child for name in ("allOf", "anyOf", "oneOf") for child in schema.get(name, [])]
    inner += [schema.get(name) for name in ("items", "additionalProperties", "propertyNames", "not", "if", "then")]
    return set(schema).union(*map(_keywords, [*inner, schema.get("else")]))


def test_a_reference_stands_alone_for_its_draft_passes_over_what_is_beside_it() -> None:
    def references(value: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
        found = [value] if isinstance(value, dict) and "$ref" in value else []
        return found + [reference for child in children for reference in references(child)]

    assert references(SCHEMA)
    assert all(set(reference) == {"$ref"} for reference in references(SCHEMA))
