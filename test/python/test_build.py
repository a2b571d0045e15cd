"""The row of a build: whatever the environment and the build file hold, a row or one clear line, and never a secret."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from bqsteps import __version__, build, definition
from bqsteps.build import COLUMNS, HIDDEN, LONGEST_JSON, LONGEST_LIST, LONGEST_TEXT, MARK, Row
from bqsteps.errors import Failure
from bqsteps.references import TableReference

TABLE = TableReference("p", "d", "t")
NOW = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)
JENKINS = {
    "BUILD_NUMBER": "42",
    "JOB_NAME": "folder/job",
    "BUILD_URL": "https://ci.example.com/job/folder/job/job/42/",
    "JENKINS_URL": "https://ci.example.com/",
}
TOKEN = "ghp-Sesame-0pen"  # noqa: S105  # planted, to be looked for
NAMES = {column.name: column for column in COLUMNS}
VARIABLES = sorted({name for column in COLUMNS for name in column.variables})


class Maker(NamedTuple):
    """Makes rows, with a build file in a folder."""

    folder: Path

    def __call__(self, content: object = None, environ: Mapping[str, str] = JENKINS, now: datetime = NOW) -> Row:
        if content is None:
            return build.make(environ, None, TABLE, now)
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        path = self.folder / "build.json"
        path.write_bytes(data)
        return build.make(environ, path, TABLE, now)

    def refused(self, content: object) -> str:
        with pytest.raises(Failure) as refused:
            self(content)
        return one_line(refused.value)


def one_line(failure: Failure) -> str:
    assert failure.kind == "config"
    assert "BQ_BUILD_FILE" in failure.message
    assert len(failure.line.splitlines()) == 1
    assert len(failure.line) < 5000
    return failure.message


def check(row: Row) -> None:
    """The row is one that BigQuery takes."""
    json.dumps(row, allow_nan=False, ensure_ascii=False).encode("utf-8")
    assert [name for name in NAMES if name in row] == list(row)
    for name, value in row.items():
        column = NAMES[name]
        values = value if column.mode == "REPEATED" else [value]
        assert all(fits(column.type, each) for each in values), (name, value)
    assert [column.name for column in COLUMNS if column.mode == "REQUIRED" and not row.get(column.name)] == []


def fits(kind: str, value: object) -> bool:
    match kind:
        case "STRING":
            return isinstance(value, str) and len(value) <= LONGEST_TEXT
        case "INTEGER":
            return type(value) is int and -(2**63) <= value < 2**63
        case "BOOLEAN":
            return isinstance(value, bool)
        case "TIMESTAMP":
            return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", str(value)))
        case _:
            return len(json.dumps(value)) <= LONGEST_JSON


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    return Maker(tmp_path)


# Where values come from


def test_an_empty_environment_gives_the_seed_s_row(make: Maker) -> None:
    row = make(environ={})
    check(row)
    wanted = {
        "build_id": "DEV-1",
        "timestamp": "2026-01-31T12:00:00.123456Z",
        "status": "SUCCESS",
        "event": "finished",
        "schema_version": 1,
        "library_version": __version__,
    }
    assert row == {**wanted, "build_key": row["build_key"]}
    assert make(environ=dict.fromkeys(VARIABLES, "")).keys() == row.keys()


def test_jenkins_variables_are_used_where_they_are_set(make: Maker) -> None:
    environ = {
        **JENKINS,
        "BUILD_STATUS": "FAILURE",
        "BQ_EVENT": "started",
        "NODE_NAME": "agent-1",
        "GIT_COMMIT": "abc",
        "GIT_BRANCH": "origin/main",
        "CHANGE_ID": "7",
        "TAG_NAME": "v1",
    }
    row = make(environ=environ)
    check(row)
    wanted = {
        "build_id": "42",
        "build_number": 42,
        "job_name": "folder/job",
        "status": "FAILURE",
        "event": "started",
        "node_name": "agent-1",
        "commit_id": "abc",
        "branch": "origin/main",
        "change_id": "7",
        "tag": "v1",
    }
    assert {name: row[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("event", "status"), [("started", "RUNNING"), ("finished", "SUCCESS"), ("", "SUCCESS"), (None, "SUCCESS")]
)
def test_a_build_that_starts_is_running_unless_it_is_said(make: Maker, event: str | None, status: str) -> None:
    environ = {**JENKINS, "BQ_EVENT": event} if event is not None else JENKINS
    assert make(environ=environ)["status"] == status
    assert make(environ={**environ, "BUILD_STATUS": "MINE"})["status"] == "MINE"
    assert make({"status": "MINE"}, environ)["status"] == "MINE"
    if event:
        assert make({"event": event})["status"] == status


def test_the_first_variable_that_is_set_counts(make: Maker) -> None:
    assert make(environ={"GIT_BRANCH": "origin/main", "BRANCH_NAME": "main"})["branch"] == "main"
    assert make(environ={"GIT_BRANCH": "origin/main", "BRANCH_NAME": ""})["branch"] == "origin/main"


def test_the_build_file_wins_over_the_environment(make: Maker) -> None:
    row = make({"status": "ABORTED", "job_name": "other", "node_name": None}, {**JENKINS, "NODE_NAME": "agent-1"})
    assert (row["status"], row["job_name"], row["node_name"]) == ("ABORTED", "other", "agent-1")


@pytest.mark.parametrize(
    ("number", "is_number"),
    [("1", True), ("9" * 18, True), ("DEV-1", False), ("9" * 19, False), ("-1", False), ("1.5", False), ("٣", False)],
)
def test_a_build_number_is_an_id_first(make: Maker, number: str, is_number: bool) -> None:  # noqa: FBT001  # a column of the table
    row = make(environ={"BUILD_NUMBER": number})
    assert row["build_id"] == number
    assert row.get("build_number") == (int(number) if is_number else None)


def test_every_column_can_be_given_by_the_build_file(make: Maker) -> None:
    examples = {"STRING": "text", "INTEGER": 5, "BOOLEAN": True, "TIMESTAMP": 0, "JSON": {"a": [1, None, "x"]}}
    given_ = {
        column.name: [examples[column.type]] if column.mode == "REPEATED" else examples[column.type]
        for column in COLUMNS
    } | {"event": "started"}
    row = make(given_)
    check(row)
    computed = {"timestamp", "build_key", "schema_version", "library_version"}
    kept = {name: value for name, value in given_.items() if name not in computed and NAMES[name].type != "TIMESTAMP"}
    assert {name: row[name] for name in kept} == kept


# What the build file may not be


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "is not JSON: line 1, column 1", id="empty"),
        pytest.param(b'{\n "a": ]}', "is not JSON: line 2, column 7", id="position"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\xff", "is not JSON", id="binary"),
        pytest.param(b"[]", "is not a JSON object", id="array"),
        pytest.param(b'"text"', "is not a JSON object", id="string"),
        pytest.param(b"null", "is not a JSON object", id="null"),
        pytest.param(b"[" * 200_000, "is nested too deeply", id="deep"),
        pytest.param(b'{"extra":' * 200_000, "is nested too deeply", id="deep objects"),
        pytest.param(b'{"a":"' + b"x" * build.LARGEST_FILE, "is larger than 10 MiB", id="huge"),
        pytest.param({"stauts": "x"}, "unknown column 'stauts'", id="near"),
        pytest.param({"zzz\n\ud800": "x"}, "unknown column 'zzz\\n\\ud800'", id="unprintable"),
        pytest.param({"": 1}, "unknown column ''", id="no name"),
        pytest.param({"x" * 10**6: 1}, "unknown column 'xxx", id="long name"),
        pytest.param({"status": {}}, "status: not text", id="object for text"),
        pytest.param({"status": ""}, "status: is empty", id="empty status"),
        pytest.param({"build_id": "", "event": ""}, "event: is empty", id="two are empty"),
        pytest.param({"build_number": 1.5}, "build_number: not a whole number", id="fraction"),
        pytest.param({"build_number": True}, "build_number: not a whole number", id="boolean for number"),
        pytest.param({"build_number": "12x"}, "build_number: not a whole number", id="text for number"),
        pytest.param({"build_number": 2**63}, "build_number: not a 64-bit number", id="too big"),
        pytest.param(b'{"build_number": 1' + b"0" * 5000 + b"}", "build_number: not a whole number", id="far too big"),
        pytest.param({"is_replay": "true"}, "is_replay: not true or false", id="text for boolean"),
        pytest.param({"is_replay": 1}, "is_replay: not true or false", id="number for boolean"),
        pytest.param({"causes": "x"}, "causes: not a list", id="text for list"),
        pytest.param({"causes": [{}]}, "causes: not text", id="objects in list"),
        pytest.param({"started_at": "yesterday"}, "started_at: not a time such as", id="words for time"),
        pytest.param({"started_at": "secret " * 10**5}, "started_at: not a time such as", id="long words for time"),
        pytest.param({"started_at": "2026-01-31T12:00:00"}, "started_at: a time without its zone", id="no zone"),
        pytest.param({"started_at": 10**18}, "started_at: not in the years 1 to 9999", id="milliseconds after 9999"),
        pytest.param({"started_at": -(10**15)}, "started_at: not in the years 1 to 9999", id="milliseconds before 1"),
        pytest.param(
            {"started_at": "0001-01-01T00:00:00+01:00"}, "started_at: not in the years 1 to 9999", id="time before 1"
        ),
        pytest.param(
            {"started_at": "9999-12-31T23:59:59-01:00"}, "started_at: not in the years 1 to 9999", id="time after 9999"
        ),
        pytest.param({"started_at": 1.5e300}, "started_at: not a whole number", id="float for time"),
        pytest.param({"started_at": []}, "started_at: not a whole number", id="list for time"),
    ],
)
def test_a_build_file_that_is_refused(make: Maker, content: object, said: str) -> None:
    assert said in make.refused(content)


def test_every_problem_is_named(make: Maker) -> None:
    said = make.refused({"statsu": 1, "is_replay": 1, "causes": 1, "status": ""})
    assert [part for part in ("'statsu'", "is_replay:", "causes:", "status: is empty") if part not in said] == []


def test_many_problems_are_still_one_line(make: Maker) -> None:
    assert "and 99990 more" in make.refused({f"status{number}": 1 for number in range(100_000)})


@pytest.mark.parametrize("kind", ["missing", "folder", "in a file"])
def test_a_build_file_that_cannot_be_read(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").touch()
    path = {"missing": tmp_path / "none", "folder": tmp_path, "in a file": tmp_path / "file/none"}[kind]
    with pytest.raises(Failure) as refused:
        build.make(JENKINS, path, TABLE, NOW)
    assert f"{path} cannot be read: " in one_line(refused.value)


# What is odd and loses no row


def test_the_second_of_two_equal_keys_counts(make: Maker) -> None:
    assert make(b'{"status": "A", "status": "B"}')["status"] == "B"


def test_a_byte_order_mark_is_no_problem(make: Maker) -> None:
    assert make(b'\xef\xbb\xbf{"status": "A"}')["status"] == "A"


def test_what_json_calls_no_number_is_kept_as_text(make: Maker) -> None:
    row = make(b'{"extra": [NaN, Infinity, -Infinity, 1e999, -1e999, 1]}')
    check(row)
    assert row["extra"] == ["NaN", "Infinity", "-Infinity", "inf", "-inf", 1]


def test_wide_numbers_keep_their_value(make: Maker) -> None:
    row = make({"build_number": -(2**63), "extra": [2**63 - 1, -(2**63), 10**30]})
    check(row)
    assert row["build_number"] == -(2**63)
    assert row["extra"] == [2**63 - 1, -(2**63), 1e30]
    assert math.isclose(make({"extra": 10**300})["extra"], 1e300)


@pytest.mark.parametrize(("given_", "kept"), [(5, "5"), (True, "true"), (1.5, "1.5"), ("", ""), ("a\nb\tc", "a\nb\tc")])
def test_simple_values_become_text(make: Maker, given_: object, kept: str) -> None:
    assert make({"failed_stage": given_})["failed_stage"] == kept


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        pytest.param(b'{"branch": "a\\ud800b"}', "a\ufffdb", id="half a pair"),
        pytest.param(b'{"branch": "a\xffb"}', "a\ufffdb", id="a byte that is not UTF-8"),
        pytest.param('{"branch": "ä\\ud83d\\ude00"}'.encode(), "ä\U0001f600", id="a whole pair"),
    ],
)
def test_broken_text_is_repaired(make: Maker, content: bytes, kept: str) -> None:
    row = make(content)
    check(row)
    assert row["branch"] == kept


def test_broken_text_in_the_environment_is_repaired(make: Maker) -> None:
    row = make(environ={**JENKINS, "JOB_NAME": "a\udcffb"})
    check(row)
    assert row["job_name"] == "a\ufffdb"


def test_broken_text_inside_json_is_repaired_keys_too(make: Maker) -> None:
    row = make(b'{"extra": {"a\\ud800": ["\\udfff"]}}')
    check(row)
    assert row["extra"] == {"a\ufffd": ["\ufffd"]}


@pytest.mark.parametrize("length", [LONGEST_TEXT, LONGEST_TEXT + 1, LONGEST_TEXT * 100])
def test_long_text_is_cut_with_a_mark(make: Maker, length: int) -> None:
    text = make({"branch": "ä" * length})["branch"]
    assert len(text) == LONGEST_TEXT
    assert text.endswith(MARK) == (length > LONGEST_TEXT)


def test_long_lists_are_cut_with_a_mark(make: Maker) -> None:
    causes = [str(number) for number in range(LONGEST_LIST + 1)]
    assert make({"causes": causes[:-1]})["causes"] == causes[:-1]
    assert make({"causes": causes})["causes"] == [*causes[: LONGEST_LIST - 1], MARK]


def test_long_json_says_that_it_was_cut(make: Maker) -> None:
    row = make({"extra": ["ä" * 60_000] * 20, "parameters": {"k" * LONGEST_JSON: 1}})
    check(row)
    assert list(row["extra"]) == list(row["parameters"]) == ["cut"]


@pytest.mark.parametrize("depth", [50, 99, 100, 101, 900])
def test_deep_json_is_cut_with_a_mark(make: Maker, depth: int) -> None:
    row = make(b'{"extra":' + b'[{"a":' * depth + b"1" + b"}]" * depth + b"}")
    check(row)
    text = json.dumps(row["extra"])
    assert (json.dumps(MARK) in text) == (depth > build.DEEPEST_JSON // 2)


# Times


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        pytest.param(0, "1970-01-01T00:00:00.000000Z", id="epoch"),
        pytest.param(1769860800123, "2026-01-31T12:00:00.123000Z", id="Jenkins' milliseconds"),
        pytest.param(-62135596800000, "0001-01-01T00:00:00.000000Z", id="first"),
        pytest.param(253402300799999, "9999-12-31T23:59:59.999000Z", id="last"),
        pytest.param("2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00.000000Z", id="another zone"),
        pytest.param("2026-01-31T12:00:00.5Z", "2026-01-31T12:00:00.500000Z", id="UTC"),
    ],
)
def test_times_are_utc(make: Maker, given_: object, kept: str) -> None:
    row = make({"scheduled_at": given_})
    check(row)
    assert row["scheduled_at"] == kept


def test_the_row_s_time_is_utc_wherever_it_is_made(make: Maker) -> None:
    now = NOW.astimezone(timezone(timedelta(hours=-9, minutes=-30)))
    assert make(now=now)["timestamp"] == "2026-01-31T12:00:00.123456Z"


@pytest.mark.parametrize(
    ("content", "duration", "ended"),
    [
        pytest.param({}, None, None, id="no start"),
        pytest.param({"started_at": 1769860790000}, 10123, "2026-01-31T12:00:00.123456Z", id="until now"),
        pytest.param({"started_at": 1769860790000, "event": "started"}, None, None, id="it has only begun"),
        pytest.param(
            {"started_at": 1769860790000, "ended_at": 1769860795000},
            5000,
            "2026-01-31T11:59:55.000000Z",
            id="until then",
        ),
        pytest.param({"started_at": 1769860801000}, 0, "2026-01-31T12:00:00.123456Z", id="clocks that differ"),
        pytest.param({"started_at": 0, "duration_ms": 7}, 7, "2026-01-31T12:00:00.123456Z", id="given"),
        pytest.param(
            {"started_at": -62135596800000}, 63905457600123, "2026-01-31T12:00:00.123456Z", id="since the year 1"
        ),
    ],
)
def test_duration(make: Maker, content: Row, duration: int | None, ended: str | None) -> None:
    row = make(content)
    check(row)
    assert (row.get("duration_ms"), row.get("ended_at")) == (duration, ended)


# Urls


@pytest.mark.parametrize("column", [column for column in COLUMNS if column.is_url], ids=lambda column: column.name)
@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://ci.example.com/job/a/1/", "https://ci.example.com/job/a/1/"),
        ("https://ci.example.com:8443/job/feature@2/", "https://ci.example.com:8443/job/feature@2/"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("file:///srv/git/x.git", "file:///srv/git/x.git"),
        ("/srv/git/x@2.git", "/srv/git/x@2.git"),
        (f"https://user:{TOKEN}@h.example/x.git", "https://h.example/x.git"),
        (f"https://{TOKEN}@h.example", "https://h.example"),
        (f"https://a@b:{TOKEN}@h.example/x", "https://h.example/x"),
        (f"https://h.example/x?token={TOKEN}", "https://h.example/x"),
        (f"https://h.example/x#{TOKEN}", "https://h.example/x"),
        (f"https://u:{TOKEN}@h.example/x?a#{TOKEN}", "https://h.example/x"),
        (f"https://h.example/x\n?{TOKEN}\n{TOKEN}", "https://h.example/x\n"),
        (f"  https://u:{TOKEN}@h.example/x", "  https://h.example/x"),
        (f"scm:git:https://u:{TOKEN}@h.example/x", "scm:git:https://h.example/x"),
        (f"//u:{TOKEN}@h.example/x", "//h.example/x"),
        ("git@h.example:o/x.git", "h.example:o/x.git"),
        (f"user:{TOKEN}@h.example:o/x.git", "h.example:o/x.git"),
        (f"ssh://git:{TOKEN}@h.example:22/x", "ssh://h.example:22/x"),
        (f"https://u:1?{TOKEN}@h.example/x", HIDDEN),
        (f"https://u:#{TOKEN}@h.example/x", HIDDEN),
        (f"https://u:{TOKEN}/x@h.example/x", HIDDEN),
        (f"https://u:{TOKEN}", HIDDEN),
        (f"u:{TOKEN}?@h.example:x", HIDDEN),
    ],
)
def test_urls_lose_what_may_be_a_secret(make: Maker, column: build.Column, url: str, kept: str) -> None:
    row = make(environ={column.variables[0]: url})
    assert row[column.name] == kept
    assert make({column.name: url})[column.name] == kept


userinfo = st.text("aé:%.-_~!$&'()*+,;=@ \\?#[]", max_size=6)
place = st.sampled_from(
    [
        "https://{a}{token}{b}@host/x",
        "ssh://git:{a}{token}{b}@host:22/x",
        "{a}{token}{b}@host:x/y",
        "https://host/x?{a}{token}{b}",
        "https://host#{a}{token}{b}",
        "scm:git:http://{a}{token}{b}@host",
        "//{a}{token}{b}@host",
    ]
)


@given(place, userinfo, userinfo)
def test_a_token_in_a_url_never_stays(where: str, before: str, after: str) -> None:
    url = where.format(a=before, token=TOKEN, b=after)
    assert TOKEN not in json.dumps(build.make({"GIT_URL": url, "BUILD_URL": url}, None, TABLE, NOW))


@given(st.dictionaries(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", min_size=1), st.just(TOKEN)))
def test_a_token_in_any_other_variable_is_in_no_row(others: dict[str, str]) -> None:
    secrets = {name: value for name, value in others.items() if name not in VARIABLES}
    environ = {**JENKINS, **secrets, "GITHUB_TOKEN": TOKEN, "GOOGLE_APPLICATION_CREDENTIALS": TOKEN, "BQ_SECRET": TOKEN}
    assert TOKEN not in json.dumps(build.make(environ, None, TABLE, NOW))


# Anything at all

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    environ=st.dictionaries(st.sampled_from(VARIABLES), st.text(st.characters(exclude_characters="\x00"), max_size=30)),
    content=st.dictionaries(st.sampled_from(sorted(NAMES)) | st.text(max_size=5), json_values, max_size=5),
)
def test_any_environment_and_build_file_give_a_row_or_one_line(
    make: Maker, environ: dict[str, str], content: dict[str, Any]
) -> None:
    try:
        row = make(content, environ)
    except Failure as failure:
        refused = failure
    else:
        check(row)
        return
    one_line(refused)


@hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.from_regex(rb'\A[{}\[\]",:0-9eENaITtruefalsn \\u+-]{0,40}\Z'))
def test_any_bytes_in_the_build_file_give_a_row_or_one_line(make: Maker, content: bytes) -> None:
    try:
        row = make(content)
    except Failure as failure:
        refused = failure
    else:
        check(row)
        return
    one_line(refused)


# The key

SAME: dict[str, Any] = {"started_at": 1769860790000, "status": "SUCCESS", "event": "finished"}


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="again"),
        pytest.param({"node_name": "another", "image": "x"}, id="on another agent"),
        pytest.param({"result": "FAILURE", "extra": {"a": 1}}, id="with other content"),
        pytest.param({"controller_url": "https://u:p@ci.example.com/?x"}, id="with a secret in the url"),
    ],
)
def test_the_same_build_has_the_same_key(make: Maker, more: Row) -> None:
    later = NOW + timedelta(hours=1)
    assert make({**SAME, **more}, now=later)["build_key"] == make(SAME)["build_key"]


@pytest.mark.parametrize(
    "other",
    [
        {"status": "FAILURE"},
        {"event": "started"},
        {"started_at": 1769860790001},
        {"started_at": None},
        {"build_id": "43"},
        {"job_name": "folder/other"},
        {"controller_url": "https://other.example.com/"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_record_has_another_key(make: Maker, other: Row) -> None:
    assert make({**SAME, **other})["build_key"] != make(SAME)["build_key"]


@pytest.mark.parametrize("other", [TABLE._replace(project="q"), TABLE._replace(dataset="e"), TABLE._replace(table="u")])
def test_another_table_has_another_key(other: TableReference) -> None:
    keys = [build.make(JENKINS, None, table, NOW)["build_key"] for table in (TABLE, other)]
    assert keys[0] != keys[1]


def test_values_do_not_run_into_each_other(make: Maker) -> None:
    one = make({"job_name": 'a", "1', "build_id": "2"})
    other = make({"job_name": "a", "build_id": '1", "2'})
    assert one["build_key"] != other["build_key"]


@pytest.mark.parametrize(
    ("environ", "is_one"),
    [
        ({"BUILD_NUMBER": "42"}, False),
        ({"BUILD_NUMBER": "42", "BUILD_URL": "", "JENKINS_URL": ""}, False),
        ({"BUILD_NUMBER": "42", "BUILD_URL": "https://ci.example.com/job/a/42/"}, True),
        ({"BUILD_NUMBER": "42", "JENKINS_URL": "https://ci.example.com/"}, True),
    ],
)
def test_outside_jenkins_each_run_appends(make: Maker, environ: dict[str, str], is_one: bool) -> None:  # noqa: FBT001  # a column of the table
    keys = {make(environ=environ)["build_key"] for _ in range(3)}
    assert len(keys) == (1 if is_one else 3)


def test_an_empty_url_in_the_build_file_is_not_jenkins(make: Maker) -> None:
    content = {"controller_url": "", "build_url": "?"}
    assert make(content, {})["build_key"] != make(content, {})["build_key"]


def test_the_key_is_a_sha256(make: Maker) -> None:
    assert re.fullmatch("[0-9a-f]{64}", make()["build_key"])


# The hash of the content

PASSING = ("node_name", "node_labels", "pod_name", "pod_namespace", "image")


def test_what_another_try_says_differently_is_not_in_the_hash(make: Maker) -> None:
    first = make(SAME)
    again = make({**SAME, **dict.fromkeys(PASSING, "x"), "result_is_final": True}, now=NOW + timedelta(hours=1))
    assert again != first
    assert build.content_hash(again) == build.content_hash(first)


@pytest.mark.parametrize("name", sorted(set(NAMES) - build._PASSING))  # noqa: SLF001  # all the others
def test_every_other_column_is_in_the_hash(make: Maker, name: str) -> None:
    row = make(SAME)
    assert build.content_hash({**row, name: "different"}) != build.content_hash(row)


def test_the_hash_is_fit_for_a_label(make: Maker) -> None:
    assert re.fullmatch("[0-9a-z]{1,63}", build.content_hash(make()))


# The table


def test_the_seed_s_columns_are_required_and_all_others_are_not() -> None:
    fields = build.TABLE_RESOURCE["schema"]["fields"]
    required = [(field["name"], field["type"]) for field in fields if field["mode"] == "REQUIRED"]
    assert required == [("build_id", "STRING"), ("timestamp", "TIMESTAMP"), ("status", "STRING")]
    assert [field["name"] for field in fields] == list(NAMES)


def test_the_table_is_partitioned_and_clustered_and_keeps_what_it_has() -> None:
    assert build.TABLE_RESOURCE["timePartitioning"] == {"type": "DAY", "field": "timestamp"}
    assert build.TABLE_RESOURCE["clustering"] == {"fields": ["job_name", "status", "branch"]}
    assert "expiration" not in json.dumps(build.TABLE_RESOURCE).lower()


def test_the_table_passes_the_rules_for_definitions(tmp_path: Path) -> None:
    path = definition.path_for(tmp_path, "d", "t")
    path.write_text(json.dumps(build.TABLE_RESOURCE))
    assert [field.name for field in definition.read(path, "d", "t").fields] == list(NAMES)
