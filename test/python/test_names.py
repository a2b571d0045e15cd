"""How columns and labels may be named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bqsteps import names

_NEVER_IN_A_COLUMN = '!"$()*,./;?@[\\]^`{}~\x00\t\n\x7f\u2028\U0001f600'


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,299}", fullmatch=True))
def test_plain_names_fit_a_column(name: str) -> None:
    assert names.check_column(name) == []


@given(st.text(st.characters(categories=("L", "M", "N", "Pc", "Pd")) | st.sampled_from("&%=+:'<>#| "), min_size=1))
def test_flexible_names_fit_a_column_unless_bigquery_keeps_them_for_itself(name: str) -> None:
    reserved = name.upper().startswith(names.RESERVED_COLUMN_PREFIXES)
    assert bool(names.check_column(name)) == reserved


@given(st.text(max_size=5), st.sampled_from(_NEVER_IN_A_COLUMN), st.text(max_size=5))
def test_some_characters_fit_no_column(before: str, character: str, after: str) -> None:
    assert len(names.check_column(before + character + after)) == 1


@pytest.mark.parametrize("prefix", names.RESERVED_COLUMN_PREFIXES)
def test_reserved_prefixes_are_refused_in_any_case(prefix: str) -> None:
    (problem,) = names.check_column(prefix.title() + "x")
    assert problem.endswith(f"begins with {prefix}, which BigQuery keeps for itself")


@pytest.mark.parametrize(("length", "fits"), [(300, True), (301, False)])
def test_a_column_has_300_characters_at_most(length: int, *, fits: bool) -> None:
    assert (names.check_column("ä" * length) == []) == fits


@given(st.from_regex(r"[a-zß-öø-ÿ][a-z0-9_ß-öø-ÿ-]{0,62}", fullmatch=True))
def test_lower_case_fits_a_label(text: str) -> None:
    assert names.check_label_key(text) == []
    assert names.check_label_value(text) == []


@pytest.mark.parametrize("text", ["1a", "_a", "-a"])
def test_a_label_may_not_begin_with_that_but_its_value_may(text: str) -> None:
    assert len(names.check_label_key(text)) == 1
    assert names.check_label_value(text) == []


@pytest.mark.parametrize("text", ["Team", "a b", "a.b", "a" * 64, "É"])
def test_neither_a_label_nor_its_value_may_be_that(text: str) -> None:
    assert len(names.check_label_key(text)) == 1
    assert len(names.check_label_value(text)) == 1


def test_a_label_has_a_key_but_need_not_have_a_value() -> None:
    assert len(names.check_label_key("")) == 1
    assert names.check_label_value("") == []
