"""Which names are BigQuery's, and which are refused."""

from collections.abc import Callable

import pytest

from bqsteps import references
from bqsteps.references import TableReference

SURROGATE = "\udcff"  # what becomes of a byte that is not UTF-8


@pytest.mark.parametrize("value", ["p", "my-project-1", "example.com:my-project", "a.b.example.com:p"])
def test_a_project(value: str) -> None:
    assert references.project_problem(value) is None


@pytest.mark.parametrize(
    "value",
    ["", "P", "1p", "-p", "p-", "p.q", "p:q", "p/q", "p q", "p\n", "p$", "pé", "p٣", "`", SURROGATE, "p" * 64],
)
def test_not_a_project(value: str) -> None:
    assert "not a project ID" in (references.project_problem(value) or "")


@pytest.mark.parametrize("value", ["d", "D_1", "_", "1", "d" * 1024])
def test_a_dataset(value: str) -> None:
    assert references.dataset_problem(value) is None


@pytest.mark.parametrize(
    "value", ["", "d" * 1025, "d-d", "d.d", "d d", "d\n", "d/d", "d$d", "dé", "d٣", "d,d", "d`", "d\x00", SURROGATE]
)
def test_not_a_dataset(value: str) -> None:
    assert "not a dataset ID" in (references.dataset_problem(value) or "")


@pytest.mark.parametrize("value", ["t", "-t", "t t", "täglich_2026", "表", "t٣", "é", "t" * 1024, "ä" * 512])
def test_a_table(value: str) -> None:
    assert references.table_problem(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "t" * 1025,
        "ä" * 513,
        "t.t",
        "t/t",
        "t,t",
        "t\nt",
        "t\tt",
        "t`t",
        "t'",
        "t\\",
        "t\x00",
        "t:t",
        "t@1",
        SURROGATE,
    ],
)
def test_not_a_table(value: str) -> None:
    assert "not a table ID" in (references.table_problem(value) or "")


def test_a_partition_decorator_is_told_from_other_mistakes() -> None:
    assert "partition decorator" in (references.table_problem("t$20240101") or "")


@pytest.mark.parametrize("value", ["EU", "us", "europe-west1"])
def test_a_location(value: str) -> None:
    assert references.location_problem(value) is None


@pytest.mark.parametrize("value", ["", "E U", "EU\n", "eu/", "é", "x" * 65])
def test_not_a_location(value: str) -> None:
    assert "not a location" in (references.location_problem(value) or "")


@pytest.mark.parametrize(
    "value",
    ["http://127.0.0.1:9050", "https://bigquery.example.com", "http://localhost/", "http://[::1]:80", "http://b_q"],
)
def test_an_address(value: str) -> None:
    assert references.address_problem(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "localhost:9050",
        "ftp://h",
        "http://",
        "http://.h",
        "http://*",
        "http://a b",
        "http://h:0",
        "http://h:65536",
        "http://h:",
        "http://[",
        "http://h/path",
        "http://u:p@h",
        "http://h\n",
        "http://é",
    ],
)
def test_not_an_address(value: str) -> None:
    assert "not an address" in (references.address_problem(value) or "")


@pytest.mark.parametrize(
    "problem",
    [
        references.project_problem,
        references.dataset_problem,
        references.table_problem,
        references.location_problem,
        references.address_problem,
    ],
    ids=lambda problem: problem.__name__,
)
def test_what_is_refused_is_shown_readably_and_not_at_length(problem: Callable[[str], str | None]) -> None:
    said = problem("/" * 100_000) or ""
    assert "///" in said
    assert len(said) < 250
    assert "\n" not in (problem("/\n") or "")


def test_a_reference_is_written_with_dots() -> None:
    assert str(TableReference("example.com:p", "d", "t t")) == "example.com:p.d.t t"


@pytest.mark.parametrize("value", ["p.d.t", "example.com:p.d.t t"])
def test_a_reference_is_read_again(value: str) -> None:
    assert references.reference_problem(value) is None
    assert str(references.parse(value)) == value


@pytest.mark.parametrize(
    "value", ["", "d.t", "p:d.t", "p..t", "P.d.t", "p.d-d.t", "p.d.t$1", "p.d.t`", None, 5, ["p.d.t"]]
)
def test_not_a_reference(value: object) -> None:
    assert references.reference_problem(value)


@pytest.mark.parametrize(("value", "shown"), [("", ""), ("x" * 5, "xxxxx"), ("x" * 6, "xxxx…")])
def test_shorten_marks_what_it_cuts(value: str, shown: str) -> None:
    assert references.shorten(value, 5) == shown
