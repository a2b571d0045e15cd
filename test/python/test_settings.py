"""The environment contract: every problem at once, and each value unchanged or refused whole."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bqsteps import settings
from bqsteps.errors import Failure
from bqsteps.references import TableReference

Environ = Mapping[str, str]
Reader = Callable[[Environ], Any]

TABLE = {"PROJECT_ID": "p", "DATASET_ID": "d", "TABLE_ID": "t"}
SEVERAL = {"PROJECT_ID": "p", "BQ_TABLES": "d.t"}
READERS: dict[str, tuple[Reader, Environ]] = {
    "ensure-table": (settings.ensure_table, TABLE),
    "ensure-table, several": (settings.ensure_table, SEVERAL),
    "create_table.py": (settings.create_table, TABLE),
    "log-build": (settings.log_build, {"PROJECT_ID": "p"}),
    "replay": (settings.replay, {"PROJECT_ID": "p"}),
}
every_reader = pytest.mark.parametrize(("read", "least"), READERS.values(), ids=READERS)


def problems(read: Reader, environ: Environ) -> str:
    with pytest.raises(Failure) as refused:
        read(environ)
    assert refused.value.kind == "config"
    assert len(refused.value.line.splitlines()) == 1
    assert len(refused.value.line) < 2000
    return refused.value.message


def tables(value: str) -> tuple[TableReference, ...]:
    return settings.ensure_table({"PROJECT_ID": "p", "BQ_TABLES": value}).tables


# What is missing


@pytest.mark.parametrize(
    ("read", "given_", "missing"),
    [
        pytest.param(settings.create_table, {}, "PROJECT_ID, DATASET_ID, TABLE_ID are not set.", id="script, all"),
        pytest.param(settings.create_table, {"DATASET_ID": "d"}, "PROJECT_ID, TABLE_ID are not set.", id="script, two"),
        pytest.param(
            settings.create_table,
            {"PROJECT_ID": "p", "BQ_TABLES": "d.t"},
            "DATASET_ID, TABLE_ID are not set.",
            id="the script knows one table only",
        ),
        pytest.param(settings.ensure_table, {}, "PROJECT_ID, DATASET_ID, TABLE_ID are not set.", id="ensure, all"),
        pytest.param(
            settings.ensure_table, {"BQ_TABLES": "d.t"}, "PROJECT_ID is not set.", id="ensure, several tables"
        ),
        pytest.param(settings.log_build, {}, "PROJECT_ID is not set.", id="log-build"),
    ],
)
def test_everything_that_is_missing_is_named_in_one_message(read: Reader, given_: Environ, missing: str) -> None:
    assert problems(read, given_) == missing
    assert problems(read, {"PROJECT_ID": "", "DATASET_ID": "", "TABLE_ID": "", **given_}) == missing


@every_reader
def test_empty_is_the_same_as_unset(read: Reader, least: Environ) -> None:
    names = {variable.name for command in settings.COMMANDS.values() for variable in command.variables}
    assert read(dict.fromkeys(names, "") | dict(least)) == read(least)


def test_what_is_missing_and_what_is_wrong_come_together() -> None:
    said = problems(
        settings.ensure_table,
        {"DATASET_ID": "d-d", "BQ_MODE": "aply", "BQ_LOCATION": "E U", "BQ_DEADLINE_SECONDS": "soon"},
    )
    wanted = ["PROJECT_ID, TABLE_ID are not set", "DATASET_ID is 'd-d'", "BQ_MODE is", "BQ_LOCATION is", "'soon'"]
    assert [part for part in wanted if part not in said] == []


def test_the_build_log_s_problems_come_together() -> None:
    wrong = {
        "PROJECT_ID": "P",
        "DATASET_ID": "a/b",
        "TABLE_ID": "a.b",
        "BQ_EVENT": "done",
        "BQ_WRITE_METHOD": "stream",
        "BQ_JOB_PROJECT_ID": "Q",
        "BQ_LOCATION": "?",
        "BQ_DEADLINE_SECONDS": "0",
        "BQ_INSTALL_SECONDS": "-1",
        "BQ_SPOOL_DIR": "a\nb",
        "BQ_BUILD_FILE": "a\x1bb",
        "BIGQUERY_EMULATOR_HOST": "localhost",
    }
    said = problems(settings.log_build, wrong)
    assert [name for name in wrong if f"{name} " not in said] == []


# Defaults


def test_defaults_of_ensure_table() -> None:
    read = settings.ensure_table(TABLE)
    assert read.tables == (TableReference("p", "d", "t"),)
    assert (read.config_dir, read.config_dir_is_default) == (Path("config"), True)
    assert (read.mode, read.location, read.requests_per_second) == ("apply", None, 95.0)
    assert (read.limits.deadline, read.limits.install) == (120.0, 300.0)


def test_defaults_of_log_build() -> None:
    read = settings.log_build({"PROJECT_ID": "p"})
    assert read.table == TableReference("p", "jenkins_demo_db", "build_logs")
    assert (read.job_project, read.location, read.method) == ("p", None, "insert")
    assert (read.spool_dir, read.build_file) == (Path(".bqsteps/unsent"), None)
    assert (read.limits.deadline, read.limits.install) == (120.0, 300.0)


@pytest.mark.parametrize(
    ("given_", "source", "is_stdin"),
    [("", ".bqsteps/unsent", False), ("-", "-", True), ("a b.ndjson", "a b.ndjson", False), ("./-", "-", False)],
)
def test_what_replay_reads(given_: str, source: str, is_stdin: bool) -> None:  # noqa: FBT001  # a column of the table
    read = settings.replay({"PROJECT_ID": "p", "BQ_SPOOL_DIR": given_})
    assert (read.source, read.is_stdin) == (Path(source), is_stdin)
    assert (read.method, read.location) == ("insert", None)


def test_what_is_given_is_taken_as_it_is() -> None:
    read = settings.log_build(
        {
            "PROJECT_ID": "example.com:p",
            "DATASET_ID": "D_1",
            "TABLE_ID": "-Täglich 1",
            "BQ_JOB_PROJECT_ID": "q",
            "BQ_LOCATION": "europe-west1",
            "BQ_WRITE_METHOD": "load",
            "BQ_SPOOL_DIR": "/a b/$HOME/$(id)/`x`",
            "BQ_BUILD_FILE": "-é'\"\\",
            "BQ_DEADLINE_SECONDS": "0.5",
            "BQ_INSTALL_SECONDS": "86400",
            "BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:9050",
        }
    )
    assert read.table == TableReference("example.com:p", "D_1", "-Täglich 1")
    assert (read.job_project, read.location, read.method) == ("q", "europe-west1", "load")
    assert (str(read.spool_dir), str(read.build_file)) == ("/a b/$HOME/$(id)/`x`", "-é'\"\\")
    assert (read.limits.deadline, read.limits.install) == (0.5, 86400.0)


def test_a_config_folder_that_is_given_is_not_the_default_one() -> None:
    assert settings.ensure_table({**TABLE, "BQ_CONFIG_DIR": "config"}).config_dir_is_default is False


# Numbers and choices


@every_reader
@pytest.mark.parametrize("name", ["BQ_DEADLINE_SECONDS", "BQ_INSTALL_SECONDS"])
@pytest.mark.parametrize(
    "value",
    ["0", "0.0", "-1", "+1", "1e3", "1,5", "nan", "inf", "86400.1", "999999999", "1 ", " 1", "1s", "٣", "0x1", "."],
)
def test_not_a_number_of_seconds(read: Reader, least: Environ, name: str, value: str) -> None:
    assert f"{name} is {value!r}, not a number of seconds" in problems(read, {**least, name: value})


@pytest.mark.parametrize("value", ["0", "10001", "many"])
def test_not_a_rate(value: str) -> None:
    for read, least in ((settings.ensure_table, TABLE), (settings.replay, {"PROJECT_ID": "p"})):
        said = problems(read, {**least, "BQ_REQUESTS_PER_SECOND": value})
        assert f"BQ_REQUESTS_PER_SECOND is {value!r}, not a number of requests" in said


@pytest.mark.parametrize(
    ("read", "name", "value"),
    [
        pytest.param(settings.ensure_table, "BQ_MODE", "Apply", id="upper case"),
        pytest.param(settings.ensure_table, "BQ_MODE", "plan ", id="space"),
        pytest.param(settings.log_build, "BQ_EVENT", "begun", id="event"),
        pytest.param(settings.log_build, "BQ_WRITE_METHOD", "insert,load", id="two"),
    ],
)
def test_not_a_choice(read: Reader, name: str, value: str) -> None:
    assert f"{name} is {value!r}, not one of" in problems(read, {**TABLE, name: value})


@pytest.mark.parametrize("mode", ["apply", "plan", "check"])
def test_modes(mode: str) -> None:
    assert settings.ensure_table({**TABLE, "BQ_MODE": mode}).mode == mode


# Characters that are not meant for a name


NASTY = {
    "comma": "a,b",
    "newline": "a\nb",
    "trailing newline": "a\n",
    "carriage return": "a\rb",
    "NUL": "a\x00b",
    "escape": "a\x1b[31mb",
    "not UTF-8": "a\udcff",
    "half a pair": "a\ud800",
    "dollar": "a$b",
    "substitution": "$(id)",
    "slash": "a/b",
    "quote": "a'b",
    "backtick": "a`b",
    "dot": "a.b",
    "line separator": "a\u2028b",
}


@pytest.mark.parametrize("value", NASTY.values(), ids=NASTY)
@pytest.mark.parametrize("name", ["PROJECT_ID", "DATASET_ID", "TABLE_ID", "BQ_LOCATION"])
def test_names_are_refused_whole(name: str, value: str) -> None:
    for read in (settings.ensure_table, settings.create_table, settings.log_build):
        said = problems(read, {**TABLE, name: value})
        assert re.match(rf"{name} (is|holds characters that cannot be printed)", said)
        assert said.isprintable()


@pytest.mark.parametrize("value", ["a\nb", "a\x00b", "a\x1bb", "a\udcff", "a\u2028b"])
@pytest.mark.parametrize(
    ("read", "name"),
    [
        (settings.ensure_table, "BQ_CONFIG_DIR"),
        (settings.log_build, "BQ_SPOOL_DIR"),
        (settings.replay, "BQ_SPOOL_DIR"),
        (settings.log_build, "BQ_BUILD_FILE"),
    ],
)
def test_paths_that_cannot_be_printed_are_refused(read: Reader, name: str, value: str) -> None:
    said = problems(read, {**TABLE, name: value})
    assert f"{name} holds characters that cannot be printed" in said
    assert said.isprintable()


@every_reader
@given(data=st.data())
def test_any_environment_is_read_or_refused_in_one_line(read: Reader, least: Environ, data: st.DataObject) -> None:
    names = sorted({variable.name for command in settings.COMMANDS.values() for variable in command.variables})
    values = st.text(st.characters(exclude_characters="\x00")) | st.sampled_from(
        ["d.t", "p", "1", "apply", "load", "*"]
    )
    environ = {**least, **data.draw(st.dictionaries(st.sampled_from(names), values))}
    try:
        read(environ)
    except Failure as failure:
        refused = failure
    else:
        return
    assert refused.kind == "config"
    assert len(refused.line.splitlines()) == 1
    assert refused.line.encode("utf-8")


# Several tables


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        pytest.param("d.t", [("d", "t")], id="one"),
        pytest.param("d.t,e.u", [("d", "t"), ("e", "u")], id="commas"),
        pytest.param("d.t\ne.u\n", [("d", "t"), ("e", "u")], id="newlines"),
        pytest.param("d.t\r\n\r\n , e.u ,", [("d", "t"), ("e", "u")], id="both, with space around"),
        pytest.param("d.t t,d.-u", [("d", "t t"), ("d", "-u")], id="names with a space or a dash"),
        pytest.param("e.t,d.t", [("e", "t"), ("d", "t")], id="the order is kept"),
    ],
)
def test_lists_of_tables(value: str, wanted: list[tuple[str, str]]) -> None:
    assert tables(value) == tuple(TableReference("p", dataset, table) for dataset, table in wanted)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param(",", "BQ_TABLES names no table", id="only a comma"),
        pytest.param(" \n ", "BQ_TABLES names no table", id="only space"),
        pytest.param("t", "'t' is not dataset.table", id="no dot"),
        pytest.param("p.d.t", "the table of 'p.d.t' is 'd.t', not a table ID", id="with a project"),
        pytest.param(".t", "the dataset of '.t' is '', not a dataset ID", id="no dataset"),
        pytest.param("d.", "the table of 'd.' is '', not a table ID", id="no table"),
        pytest.param("d.t$1", "a partition decorator", id="decorator"),
        pytest.param("d.t,d.t", "BQ_TABLES names 'd.t' more than once", id="twice"),
        pytest.param("d.t;d.u", "the table of 'd.t;d.u'", id="semicolon"),
        pytest.param("d.t\x0c", "the table of 'd.t\\x0c'", id="form feed"),
        pytest.param("d.\udcff", "the table of 'd.\\udcff'", id="not UTF-8"),
        pytest.param("d." + "t" * 50_000, "not a table ID", id="huge"),
    ],
)
def test_lists_that_are_refused(value: str, said: str) -> None:
    assert said in problems(settings.ensure_table, {"PROJECT_ID": "p", "BQ_TABLES": value})


def test_every_entry_that_is_wrong_is_named() -> None:
    said = problems(settings.ensure_table, {"BQ_TABLES": "a,d.t,b.c.d,d.t"})
    wanted = ["PROJECT_ID is not set", "'a' is", "'b.c.d' is", "'d.t' more than once"]
    assert [part for part in wanted if part not in said] == []


def test_the_two_forms_exclude_each_other() -> None:
    assert "BQ_TABLES and DATASET_ID, TABLE_ID are set" in problems(
        settings.ensure_table, {**TABLE, "BQ_TABLES": "d.t"}
    )


def test_a_thousand_tables() -> None:
    assert len(tables(",".join(f"d.t{number}" for number in range(1000)))) == 1000


# The declaration


@pytest.mark.parametrize("command", settings.COMMANDS.values(), ids=settings.COMMANDS)
def test_each_variable_is_declared_once_and_explained(command: settings.Command[Any]) -> None:
    names = [variable.name for variable in command.variables]
    assert len(names) == len(set(names))
    assert all(variable.help and not variable.help.endswith(".") for variable in command.variables)
    assert not any(variable.required and variable.default for variable in command.variables)


@pytest.mark.parametrize("command", settings.COMMANDS.values(), ids=settings.COMMANDS)
def test_a_command_asks_for_nothing_that_it_does_not_declare(command: settings.Command[Any]) -> None:
    environ = Watched()
    command.read(environ)
    assert environ.asked <= {variable.name for variable in command.variables}


class Watched(Mapping[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        return TABLE[name]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("settings are read by name")

    def __len__(self) -> int:
        return len(TABLE)
