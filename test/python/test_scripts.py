"""The two scripts, as a team's pipeline starts them: real processes, and a BigQuery that is a stand-in."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from processes import CREATE_TABLE, DEMO_PIPELINE, Ended, run
from stand_in import StandIn

TABLE = {"PROJECT_ID": "p", "DATASET_ID": "d", "TABLE_ID": "t"}
FIELDS = [{"name": "id", "type": "INTEGER", "mode": "REQUIRED"}, {"name": "name", "type": "STRING"}]
every_script = pytest.mark.parametrize("script", [CREATE_TABLE, DEMO_PIPELINE], ids=["create_table", "demo_pipeline"])


@pytest.fixture
def bq() -> Iterator[StandIn]:
    with StandIn() as served:
        yield served


def create(folder: Path, bq: StandIn, **more: str) -> Ended:
    return run(CREATE_TABLE, folder, **{**TABLE, "BIGQUERY_EMULATOR_HOST": bq.url, **more})


def log(folder: Path, bq: StandIn, **more: str) -> Ended:
    return run(DEMO_PIPELINE, folder, **{"PROJECT_ID": "p", "BIGQUERY_EMULATOR_HOST": bq.url, **more})


def define(folder: Path, content: str | bytes, name: str = "d_t.json") -> Path:
    path = folder / "config" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# Before anything is sent


@every_script
@pytest.mark.parametrize("arguments", [("--help",), ("-x",), ("a\nb",), ("",), ("a", "b")], ids=repr)
def test_arguments_are_refused(tmp_path: Path, script: tuple[str, ...], arguments: tuple[str, ...]) -> None:
    ended = run(script + arguments, tmp_path, **TABLE)
    assert f"no arguments are accepted, and {arguments[0]!r} is one" in ended.line
    assert ended.result is not None
    assert ended.result["error"]["kind"] == "config"


@every_script
def test_no_project_is_one_line(tmp_path: Path, script: tuple[str, ...]) -> None:
    assert "PROJECT_ID" in run(script, tmp_path, PROJECT_ID="").line


def test_create_table_names_everything_that_is_missing(tmp_path: Path) -> None:
    assert "PROJECT_ID, DATASET_ID, TABLE_ID are not set." in run(CREATE_TABLE, tmp_path).line


@every_script
@pytest.mark.parametrize(
    ("name", "value"),
    [("PROJECT_ID", "P"), ("DATASET_ID", "a,b"), ("TABLE_ID", "a\udcff"), ("BQ_DEADLINE_SECONDS", "soon")],
)
def test_a_wrong_value_is_one_line(tmp_path: Path, script: tuple[str, ...], name: str, value: str) -> None:
    assert f"{name} " in run(script, tmp_path, **{**TABLE, name: value}).line


@every_script
def test_a_result_file_that_cannot_be_written(tmp_path: Path, script: tuple[str, ...]) -> None:
    ended = run(script, tmp_path, BQ_RESULT_FILE=str(tmp_path / "none/result.json"))
    assert ended.code == 1
    first, second = ended.stderr.splitlines()
    assert first.startswith("bqsteps: PROJECT_ID")
    assert second.startswith("bqsteps: the result file ")


# create_table.py


def test_a_table_is_created_with_its_dataset_and_then_already_exists(tmp_path: Path, bq: StandIn) -> None:
    config = define(tmp_path, json.dumps(FIELDS))
    first = create(tmp_path, bq)
    assert (first.code, first.stderr) == (0, "")
    assert "Created table p.d.t" in first.stdout
    assert first.result == {"status": "created", "table": "p.d.t", "changes": []}
    assert [field["name"] for field in bq.tables["p.d.t"].fields] == ["id", "name"]

    config.write_text("this is no longer a definition")
    bq.log.clear()
    second = create(tmp_path, bq)
    assert (second.code, second.stderr) == (0, "")
    assert "Already Exists" in second.stdout
    assert second.result == {"status": "exists", "table": "p.d.t", "changes": []}
    assert set(bq.calls()) == {"tables.get"}


def test_a_table_that_exists_is_left_as_it_is(tmp_path: Path, bq: StandIn) -> None:
    bq.create_table("p.d.t", [{"name": "other", "type": "STRING"}], rows=[{"other": "kept"}])
    define(tmp_path, json.dumps(FIELDS))
    before = bq.state()
    assert create(tmp_path, bq, BQ_MODE="apply").code == 0
    assert bq.state() == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "config/d_t.json: there is no such file", id="missing"),
        pytest.param('[\n  {"name": "id",}\n]', "config/d_t.json:2:16: not JSON", id="a comma too many"),
        pytest.param(b"[\n\xff]", "config/d_t.json:2: not UTF-8", id="not UTF-8"),
        pytest.param("[" * 100_000, "levels of nesting", id="deep"),
        pytest.param('[{"name": "id", "type": "STRNG"}]', "STRING", id="unknown type"),
    ],
)
def test_a_bad_definition_is_one_line_and_nothing_is_made(
    tmp_path: Path, bq: StandIn, content: str | bytes | None, said: str
) -> None:
    if content is not None:
        define(tmp_path, content)
    (tmp_path / "config").mkdir(exist_ok=True)
    ended = create(tmp_path, bq)
    assert said in ended.line
    assert ended.result is not None
    assert ended.result["error"]["kind"] == "config"
    assert set(bq.calls()) <= {"tables.get"}


def test_another_config_folder(tmp_path: Path, bq: StandIn) -> None:
    define(tmp_path, json.dumps(FIELDS)).parent.rename(tmp_path / "other folder")
    assert create(tmp_path, bq, BQ_CONFIG_DIR="other folder").code == 0


def test_failing_a_config_folder_here_the_one_beside_the_scripts_is_used(tmp_path: Path, bq: StandIn) -> None:
    ended = create(tmp_path, bq, DATASET_ID="jenkins_demo_db", TABLE_ID="users_table")
    assert (ended.code, ended.stderr) == (0, "")


def test_a_config_folder_that_is_named_has_no_substitute(tmp_path: Path, bq: StandIn) -> None:
    named = {"DATASET_ID": "jenkins_demo_db", "TABLE_ID": "users_table", "BQ_CONFIG_DIR": "none"}
    assert "none/jenkins_demo_db_users_table.json: there is no such file" in create(tmp_path, bq, **named).line


# demo_pipeline.py


def test_the_build_log_is_made_and_gets_a_row_a_build(tmp_path: Path, bq: StandIn) -> None:
    first = log(tmp_path, bq)
    second = log(tmp_path, bq, BUILD_NUMBER="7", BUILD_STATUS="FAILURE")
    assert [(ended.code, ended.stderr) for ended in (first, second)] == [(0, "")] * 2
    (table,) = bq.tables.values()
    assert table.name.dotted == "p.jenkins_demo_db.build_logs"
    assert [(row["build_id"], row["status"]) for row in table.rows] == [("DEV-1", "SUCCESS"), ("7", "FAILURE")]
    assert first.result is not None
    assert first.result["status"] == "recorded"
    assert list((tmp_path / ".bqsteps/unsent").iterdir()) == []


def test_a_build_file_that_is_refused_is_one_line(tmp_path: Path, bq: StandIn) -> None:
    (tmp_path / "build.json").write_text('{"statsu": "x"}')
    assert "'statsu'" in log(tmp_path, bq, BQ_BUILD_FILE="build.json").line
    assert bq.requests == []
