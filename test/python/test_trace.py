"""BQ_LOG_LEVEL=debug: requests, retries and waits are shown, and nothing of what they hold."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from requests.adapters import HTTPAdapter

from bqsteps import build, connection
from bqsteps.deadline import Deadline
from processes import COMMAND, Ended, run
from stand_in import Fault, StandIn

PLANTED = "open-sesame"
LOG = "p.jenkins_demo_db.build_logs"


@pytest.fixture
def bq() -> Iterator[StandIn]:
    with StandIn() as served:
        served.create_table(LOG, build.TABLE_RESOURCE["schema"]["fields"])
        yield served


def log(bq: StandIn, folder: Path, **given: str) -> Ended:
    # The row holds what looks like the id of a job.
    (folder / "build.json").write_text(json.dumps({"extra": {"jobId": PLANTED, PLANTED: "x"}, "failed_stage": PLANTED}))
    jenkins = {"JENKINS_URL": "https://ci.example.com/", "JOB_NAME": "a", "BUILD_NUMBER": "1"}
    ended = run(
        (*COMMAND, "log-build"),
        folder,
        **{"PROJECT_ID": "p", "BIGQUERY_EMULATOR_HOST": bq.url, "BQ_BUILD_FILE": "build.json", **jenkins, **given},
    )
    assert ended.code == 0, ended
    assert PLANTED not in ended.stderr + ended.stdout
    return ended


def lines(ended: Ended) -> list[str]:
    shown = ended.stderr.splitlines()
    assert all(line.startswith("debug: ") for line in shown), ended.stderr
    return [re.sub(r"^debug: +[0-9]+\.[0-9]{3} s  ", "", line) for line in shown]


@pytest.mark.parametrize(("method", "path"), [("insert", "/bigquery/v2"), ("load", "/upload/bigquery/v2")])
def test_each_request_is_shown_with_its_job_status_and_time(
    bq: StandIn, tmp_path: Path, method: str, path: str
) -> None:
    ended = log(bq, tmp_path, BQ_LOG_LEVEL="debug", BQ_WRITE_METHOD=method)
    assert ended.result is not None
    server = bq.url.removeprefix("http://")
    first, second = lines(ended)[:2]
    assert first == f"#1 POST {server}{path}/projects/p/jobs, job {ended.result['job_id']}"
    assert re.fullmatch(r"#1 HTTP 200 after [0-9]+ ms", second)


def test_retries_and_waits_are_shown_with_their_reason(bq: StandIn, tmp_path: Path) -> None:
    bq.job_seconds = 0.5
    bq.faults.add(Fault("error", call="jobs.insert", status=503, message="Overloaded."))
    bq.faults.add(Fault("reset", call="jobs.insert", nth=2))
    shown = lines(log(bq, tmp_path, BQ_LOG_LEVEL="debug"))
    assert any(re.fullmatch(r"#2 no answer after [0-9]+ ms: no connection to .*", line) for line in shown), shown
    assert any(re.fullmatch(r"#1 HTTP 503 after [0-9]+ ms", line) for line in shown), shown
    assert any(re.fullmatch(r"to be tried again in [0-9.]+ s: Overloaded\. .*", line) for line in shown), shown
    assert any(re.fullmatch(r"job bqsteps-\w+ is RUNNING, to be looked at in 0\.3 s", line) for line in shown), shown


@pytest.mark.parametrize("level", ["", "info"])
def test_nothing_is_shown_unless_it_is_asked_for(bq: StandIn, tmp_path: Path, level: str) -> None:
    bq.faults.add(Fault("error", call="jobs.insert", status=503))
    assert log(bq, tmp_path, BQ_LOG_LEVEL=level).stderr == ""


def test_where_it_is_off_a_request_does_not_pass_through_it(bq: StandIn) -> None:
    linked = connection.connect("p", None, Deadline(60), {"BIGQUERY_EMULATOR_HOST": bq.url})
    assert {type(adapter) for adapter in linked.client._http.adapters.values()} == {HTTPAdapter}  # noqa: SLF001


def test_another_level_is_refused(tmp_path: Path) -> None:
    ended = run((*COMMAND, "log-build"), tmp_path, PROJECT_ID="p", BQ_LOG_LEVEL="loud")
    assert "BQ_LOG_LEVEL is 'loud', not one of info, debug" in ended.line
