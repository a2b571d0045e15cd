"""A planted token is nowhere in what a build leaves: no row, no request, no line, no spool, no result."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from processes import COMMAND, Ended, run
from stand_in import Fault, StandIn

TOKEN = "ghp-Sesame-0pen"  # noqa: S105  # planted, to be looked for
PLANTED = {
    # Where a pipeline has its secrets, and a parameter of the build that nobody named.
    **dict.fromkeys(("GITHUB_TOKEN", "DEPLOY_KEY", "NPM_PASSWORD", "params", "BQ_SECRET", "KUBECONFIG"), TOKEN),
    "GIT_URL": f"https://user:{TOKEN}@git.example.com/x.git?token={TOKEN}#{TOKEN}",
    "BUILD_URL": f"https://{TOKEN}@ci.example.com/job/a/7/?t={TOKEN}",
    "JENKINS_URL": f"https://user:{TOKEN}@ci.example.com/",
    "JOB_NAME": "a",
    "BUILD_NUMBER": "7",
    "PROJECT_ID": "p",
}


@pytest.fixture
def bq() -> Iterator[StandIn]:
    with StandIn() as served:
        yield served


def expect_none(ended: Ended, folder: Path, bq: StandIn) -> None:
    assert TOKEN not in ended.stdout + ended.stderr + json.dumps(ended.result)
    for path in folder.rglob("*"):
        assert TOKEN not in path.name
        assert not path.is_file() or path.name == "build.json" or TOKEN.encode() not in path.read_bytes(), path
    assert TOKEN not in repr([(entry.path, entry.headers, entry.body) for entry in bq.requests])
    assert TOKEN not in repr([table.rows for table in bq.tables.values()])


@pytest.mark.parametrize("level", ["info", "debug"])
@pytest.mark.parametrize("method", ["insert", "load"])
def test_of_a_build_that_is_recorded(tmp_path: Path, bq: StandIn, method: str, level: str) -> None:
    given = {**PLANTED, "BIGQUERY_EMULATOR_HOST": bq.url, "BQ_WRITE_METHOD": method, "BQ_LOG_LEVEL": level}
    ended = run((*COMMAND, "log-build"), tmp_path, **given)
    assert ended.result is not None
    assert ended.result["status"] == "recorded"
    expect_none(ended, tmp_path, bq)


@pytest.mark.parametrize("level", ["info", "debug"])
@pytest.mark.parametrize("status", [403, 404, 500])
def test_of_a_build_that_is_not_confirmed_and_replayed(tmp_path: Path, bq: StandIn, status: int, level: str) -> None:
    bq.faults.add(Fault("error", call="jobs.insert", times=None, status=status))
    given = {**PLANTED, "BIGQUERY_EMULATOR_HOST": bq.url, "BQ_LOG_LEVEL": level, "BQ_DEADLINE_SECONDS": "2"}
    ended = run((*COMMAND, "log-build"), tmp_path, **given)
    assert ended.line
    assert list(tmp_path.glob(".bqsteps/unsent/*.ndjson"))
    expect_none(ended, tmp_path, bq)
    bq.faults.clear()
    ended = run((*COMMAND, "replay"), tmp_path, **{**given, "BQ_DEADLINE_SECONDS": "60"})
    assert ended.code == 0
    expect_none(ended, tmp_path, bq)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"started_at": TOKEN}, id="a time"),
        pytest.param({"build_number": TOKEN}, id="a number"),
        pytest.param({"causes": TOKEN}, id="a list"),
        pytest.param({"status": {"a": TOKEN}}, id="a text"),
        pytest.param(TOKEN, id="the file"),
    ],
)
def test_of_a_build_file_that_is_refused(tmp_path: Path, bq: StandIn, content: object) -> None:
    (tmp_path / "build.json").write_text(json.dumps(content))
    given = {**PLANTED, "BIGQUERY_EMULATOR_HOST": bq.url, "BQ_BUILD_FILE": "build.json"}
    ended = run((*COMMAND, "log-build"), tmp_path, **given)
    assert ended.line
    expect_none(ended, tmp_path, bq)
