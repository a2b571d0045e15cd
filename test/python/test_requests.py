"""How many requests each way through a command takes: docs/performance.md says it, and the wire has the last word."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bqsteps import build
from processes import COMMAND, CREATE_TABLE, DEMO_PIPELINE, ROOT, Ended, run
from stand_in import StandIn

DOCUMENT = ROOT / "docs/performance.md"
LOG = "p.jenkins_demo_db.build_logs"
FIELDS: list[dict[str, Any]] = build.TABLE_RESOURCE["schema"]["fields"]
USERS = [{"name": "id", "type": "STRING"}, {"name": "name", "type": "STRING"}]
IN_JENKINS = {"JENKINS_URL": "https://ci.example.com/", "JOB_NAME": "a", "BUILD_NUMBER": "1"}


@dataclass(frozen=True)
class Scene:
    bq: StandIn
    folder: Path

    def log(self, program: tuple[str, ...] = (*COMMAND, "log-build"), **given: str) -> Ended:
        return self._run(program, **given)

    def ensure(self, program: tuple[str, ...] = (*COMMAND, "ensure-table"), **given: str) -> Ended:
        return self._run(program, DATASET_ID="jenkins_demo_db", TABLE_ID="users", **given)

    def have_log(self, leave_out: str = "") -> None:
        self.bq.create_table(LOG, [field for field in FIELDS if field["name"] != leave_out])

    def have_users(self, columns: int = 2) -> None:
        self.bq.create_table("p.jenkins_demo_db.users", USERS[:columns])

    def _run(self, program: tuple[str, ...], **given: str) -> Ended:
        ended = run(program, self.folder, PROJECT_ID="p", BIGQUERY_EMULATOR_HOST=self.bq.url, **{**IN_JENKINS, **given})
        assert ended.result is not None
        return ended


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/jenkins_demo_db_users.json").write_text(json.dumps(USERS))
    with StandIn() as bq:
        yield Scene(bq, tmp_path)


def log_steady(scene: Scene) -> Ended:
    scene.have_log()
    return scene.log()


def log_first(scene: Scene) -> Ended:
    return scene.log()


def log_table_missing(scene: Scene) -> Ended:
    scene.bq.create_dataset("p.jenkins_demo_db")
    return scene.log()


def log_column_missing(scene: Scene) -> Ended:
    scene.have_log(leave_out="job_name")
    return scene.log()


def log_adopted(scene: Scene) -> Ended:
    scene.have_log()
    scene.log()
    scene.bq.log.clear()
    return scene.log()


def log_adopted_in_a_location(scene: Scene) -> Ended:
    scene.have_log()
    scene.log()
    scene.bq.log.clear()
    return scene.log(BQ_LOCATION="US")


def log_load(scene: Scene) -> Ended:
    scene.have_log()
    return scene.log(BQ_WRITE_METHOD="load")


def demo_steady(scene: Scene) -> Ended:
    scene.have_log()
    return scene.log(DEMO_PIPELINE)


def ensure_steady(scene: Scene) -> Ended:
    scene.have_users()
    return scene.ensure()


def ensure_first(scene: Scene) -> Ended:
    return scene.ensure()


def ensure_table_missing(scene: Scene) -> Ended:
    scene.bq.create_dataset("p.jenkins_demo_db")
    return scene.ensure()


def ensure_updated(scene: Scene) -> Ended:
    scene.have_users(columns=1)
    return scene.ensure()


def ensure_planned(scene: Scene) -> Ended:
    scene.have_users(columns=1)
    return scene.ensure(BQ_MODE="plan")


def ensure_checked(scene: Scene) -> Ended:
    scene.have_users(columns=1)
    return scene.ensure(BQ_MODE="check")


def create_exists(scene: Scene) -> Ended:
    scene.have_users()
    return scene.ensure(CREATE_TABLE)


def create_first(scene: Scene) -> Ended:
    return scene.ensure(CREATE_TABLE)


WAYS: dict[str, tuple[Callable[[Scene], Ended], str]] = {
    "`log-build`, steady": (log_steady, "recorded"),
    "`log-build` by load job, steady": (log_load, "recorded"),
    "`log-build`, the row is on record": (log_adopted, "already_recorded"),
    "`log-build` with BQ_LOCATION, the row is on record": (log_adopted_in_a_location, "already_recorded"),
    "`log-build`, a column is missing": (log_column_missing, "recorded"),
    "`log-build`, the table is missing": (log_table_missing, "recorded"),
    "`log-build`, the dataset is missing": (log_first, "recorded"),
    "`ensure-table`, steady": (ensure_steady, "unchanged"),
    "`ensure-table`, a column is missing": (ensure_updated, "updated"),
    "`ensure-table`, the table is missing": (ensure_table_missing, "created"),
    "`ensure-table`, the dataset is missing": (ensure_first, "created"),
    "`ensure-table` with BQ_MODE=plan": (ensure_planned, "planned"),
    "`ensure-table` with BQ_MODE=check": (ensure_checked, "planned"),
    "`demo_pipeline.py`, steady": (demo_steady, "recorded"),
    "`create_table.py`, the table exists": (create_exists, "exists"),
    "`create_table.py`, the dataset is missing": (create_first, "created"),
}


def documented() -> dict[str, list[str]]:
    rows = re.findall(r"^\| (`.+?) \| (\d+) \| (.+?) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    found = {way: re.findall(r"[\w.]+", calls) for way, _, calls in rows}
    assert {way: len(calls) for way, calls in found.items()} == {way: int(count) for way, count, _ in rows}
    return found


@pytest.mark.parametrize("way", WAYS)
def test_each_way_takes_the_requests_that_are_documented_over_one_connection(scene: Scene, way: str) -> None:
    go, status = WAYS[way]
    ended = go(scene)
    assert ended.result is not None
    assert ended.result["status"] == status
    assert [entry.call for entry in scene.bq.requests] == documented()[way]
    assert len({entry.connection for entry in scene.bq.requests}) == 1


def test_every_documented_way_is_tested() -> None:
    assert documented().keys() == WAYS.keys()
