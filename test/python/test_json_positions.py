"""The reader that keeps positions reads what json.loads reads, and knows the line of every value."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bqsteps.json_positions import (
    MAX_DEPTH,
    Array,
    MalformedError,
    Member,
    Node,
    Object,
    Scalar,
    parse,
    parse_quickly,
    plain,
)

_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_documents: st.SearchStrategy[object] = st.recursive(
    _scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)
# Mostly what JSON is made of, so that many of the texts are nearly JSON.
_nearly = st.text(st.sampled_from('[]{}:,"\\ \n\t-+.0123eEtrufalsn/b\ud83d\u00e4'), max_size=30)


@given(_documents, st.sampled_from([None, 0, 3]), st.data())
def test_what_json_writes_is_read_as_json_reads_it(document: object, indent: int | None, data: st.DataObject) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=data.draw(st.booleans()))
    assert plain(parse(text)) == json.loads(text)


@given(_nearly)
def test_any_text_is_read_or_refused_as_json_does(text: str) -> None:
    try:
        expected = json.loads(text, parse_constant=_refuse)
    except ValueError:
        with pytest.raises(MalformedError) as caught:
            parse(text)
        assert 1 <= caught.value.line <= text.count("\n") + 1
        assert caught.value.column >= 1
        return
    if _has_surrogate(expected):  # stricter than json.loads: nothing could ever write it as UTF-8
        with pytest.raises(MalformedError, match="half a surrogate pair inside a string"):
            parse(text)
    else:
        assert plain(parse(text)) == expected


@given(_nearly | _documents.map(json.dumps))
def test_what_is_read_quickly_is_the_same_without_lines(text: str) -> None:
    assume(not _has_surrogate(text))  # it was decoded from UTF-8
    found = parse_quickly(text)
    assert found is None or found == _without_lines(parse(text))


def test_reading_quickly_leaves_to_the_other_what_needs_a_message() -> None:
    for text in ("", "{", "[NaN]", '["\\ud83d"]', "[" * 100_000, "9" * 10_000):
        assert parse_quickly(text) is None
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        texts = [opening * levels + "1" + closing * levels for levels in (MAX_DEPTH - 1, MAX_DEPTH, 1500)]
        assert [parse_quickly(text) is None for text in texts] == [False, True, True]
    assert parse_quickly('[{"a": 1, "a": []}]') == Array(
        0, (Object(0, (Member(0, "a", Scalar(0, 1)), Member(0, "a", Array(0, ())))),)
    )


def _without_lines(node: Node) -> Node:
    match node:
        case Scalar():
            return Scalar(0, node.value)
        case Array():
            return Array(0, tuple(map(_without_lines, node.items)))
        case Object():
            return Object(0, tuple(Member(0, member.key, _without_lines(member.value)) for member in node.members))


def _has_surrogate(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _refuse(name: str) -> None:
    raise ValueError(name)


@given(st.data())
def test_each_value_knows_its_line(data: st.DataObject) -> None:
    document = data.draw(st.lists(st.dictionaries(st.text(max_size=3), _scalars, max_size=4), max_size=5))
    text = json.dumps(document, indent=data.draw(st.integers(0, 3)))
    lines = text.split("\n")
    for line, start in _starts(parse(text)):
        assert lines[line - 1].lstrip().startswith(start)


def _starts(node: Node) -> list[tuple[int, str]]:
    """The lines of all keys, and how they begin in the indented text."""
    match node:
        case Array():
            return [found for item in node.items for found in _starts(item)]
        case Object():
            keys = [(member.line, f"{json.dumps(member.key)}: ") for member in node.members]
            return keys + [found for member in node.members for found in _starts(member.value)]
        case Scalar():
            return []


def test_a_key_that_stands_twice_is_there_twice() -> None:
    node = parse('{"a": 1,\n "a": 2}')
    assert node == Object(1, (Member(1, "a", Scalar(1, 1)), Member(2, "a", Scalar(2, 2))))
    assert plain(node) == {"a": 2}


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":'])
def test_deep_nesting_is_refused_and_never_exhausts_the_stack(opening: str) -> None:
    with pytest.raises(MalformedError, match=f"more than {MAX_DEPTH} levels of nesting"):
        parse(opening * 200_000)


def test_nesting_up_to_the_limit_is_read() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert plain(parse(text)) == json.loads(text)


@pytest.mark.parametrize("text", [r'"\ud83d"', r'"\udca9\ud83d"', '{"\ud83d": 1}'])
def test_half_a_surrogate_pair_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="half a surrogate pair inside a string"):
        parse(text)


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert plain(parse(r'"\ud83d\udca9"')) == "\U0001f4a9"


def test_a_number_beyond_pythons_digits_is_refused() -> None:
    with pytest.raises(MalformedError, match="too many digits"):
        parse("9" * 5000)
