"""Rows that are sent again, against the stand-in: each is on record once, and none is lost, whatever happens."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bqsteps import build
from bqsteps.references import TableReference
from bqsteps.spool import Entry
from processes import COMMAND, environment
from stand_in import Fault, StandIn

TABLE = TableReference("p", "d", "build_logs")


def lines(count: int, table: TableReference = TABLE) -> list[str]:
    made = []
    for number in range(count):
        environ = {"JENKINS_URL": "https://ci.example.com/", "JOB_NAME": "a/b", "BUILD_NUMBER": str(number)}
        entry = Entry(str(table), table.project, build.make(environ, None, table, datetime.now(UTC)))
        made.append(json.dumps(entry._asdict()) + "\n")
    return made


@dataclass(frozen=True)
class Sender:
    """Somebody who replays rows from a folder of their own, to a BigQuery of their own."""

    bq: StandIn
    folder: Path

    def start(self, **variables: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, *COMMAND, "replay"],
            cwd=self.folder,
            env=environment(
                self.folder,
                {
                    "BIGQUERY_EMULATOR_HOST": self.bq.url,
                    "PROJECT_ID": "p",
                    "BQ_SPOOL_DIR": "spool",
                    "BQ_DEADLINE_SECONDS": "60",
                    **variables,
                },
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def replay(self, given: str = "", **variables: str) -> tuple[dict[str, Any], str]:
        """The result, and what stood on stderr."""
        with self.start(**variables) as process:
            _, errors = process.communicate(given.encode(), timeout=120)
        result: dict[str, Any] = json.loads((self.folder / "result.json").read_text())
        assert process.returncode == (1 if "error" in result else 0)
        assert b"Traceback" not in errors
        return result, errors.decode()

    def write(self, name: str, rows: list[str]) -> Path:
        path = self.folder / "spool" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(rows), encoding="ascii")
        return path

    @property
    def recorded(self) -> list[str]:
        """The build ids on record, sorted."""
        return sorted((str(row["build_id"]) for row in self.bq.tables[str(TABLE)].rows), key=int)

    @property
    def left(self) -> list[str]:
        spool = self.folder / "spool"
        return sorted(str(path.relative_to(spool)) for path in spool.rglob("*") if path.is_file())


@pytest.fixture
def sender(tmp_path: Path) -> Iterator[Sender]:
    with StandIn() as bq:
        yield Sender(bq, tmp_path)


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


def test_a_folder_is_sent_and_emptied(sender: Sender) -> None:
    rows = lines(7)
    sender.write("one.ndjson", rows[:1])
    sender.write("many.ndjson", rows[1:])
    result, errors = sender.replay()
    assert result == {"status": "replayed", "recorded": 7, "already_recorded": 0, "set_aside": 0}
    assert (sender.recorded, sender.left, errors) == (numbers(7), [], "")


def test_a_file_is_sent_and_the_others_stay(sender: Sender) -> None:
    rows = lines(3)
    path = sender.write("one.ndjson", rows[:2])
    sender.write("other.ndjson", rows[2:])
    assert sender.replay(BQ_SPOOL_DIR=str(path))[0]["recorded"] == 2
    assert sender.left == ["other.ndjson"]


def test_standard_input_is_sent(sender: Sender) -> None:
    assert sender.replay("".join(lines(3)), BQ_SPOOL_DIR="-")[0]["recorded"] == 3
    assert sender.recorded == numbers(3)


def test_rows_that_are_on_record_are_not_sent_twice(sender: Sender) -> None:
    rows = lines(4)
    sender.write("rows.ndjson", rows[:2])
    sender.replay()
    sender.write("rows.ndjson", rows + rows)
    sender.bq.log.clear()
    result, _ = sender.replay()
    assert (result["recorded"], result["already_recorded"]) == (2, 6)
    assert sender.bq.count("datasets.get") == 1, "where the jobs are is looked up once"
    assert sender.recorded == numbers(4)


def test_rows_that_are_sent_at_the_same_time_make_their_table_once(sender: Sender) -> None:
    sender.write("rows.ndjson", lines(10))
    sender.bq.faults.add(Fault("delay", call="jobs.insert", times=None, seconds=0.2))  # so that all 10 are under way
    assert sender.replay()[0]["recorded"] == 10
    calls = sender.bq.calls()
    assert (calls["datasets.get"], calls["datasets.insert"], calls["tables.insert"]) == (1, 1, 1)
    assert calls["tables.get"] <= 10


def test_nothing_to_send_is_done_at_once(sender: Sender) -> None:
    assert sender.replay(BQ_SPOOL_DIR="")[0]["status"] == "replayed"
    assert sender.bq.requests == []


@pytest.mark.parametrize("name", ["none.ndjson", "none"])
def test_a_source_that_is_not_there_is_one_line(sender: Sender, name: str) -> None:
    result, errors = sender.replay(BQ_SPOOL_DIR=name)
    assert result["error"]["kind"] == "config"
    assert errors.count("\n") == 1


def test_a_kill_in_the_middle_loses_and_doubles_nothing(sender: Sender) -> None:
    sender.write("rows.ndjson", lines(160))
    sender.bq.job_seconds = 0.05
    for wanted in (20, 60, 140):
        process = sender.start()
        with process:
            while str(TABLE) not in sender.bq.tables or len(sender.bq.tables[str(TABLE)].rows) < wanted:
                assert process.poll() is None
                time.sleep(0.01)
            process.kill()
    sender.bq.log.clear()
    result, _ = sender.replay()
    assert result["status"] == "replayed"
    assert sender.recorded == numbers(160)
    assert sender.left == []
    assert sender.bq.count("jobs.insert") < 110, "it goes on near where it stopped"


def test_what_is_no_row_is_set_aside_as_it_was_and_the_others_are_sent(sender: Sender) -> None:
    sender.write("rows.ndjson", [*lines(2), "not JSON at all\n"])
    result, errors = sender.replay()
    assert (result["recorded"], result["set_aside"], result["error"]["kind"]) == (2, 1, "rejected")
    assert sender.recorded == numbers(2)
    aside, reason = (sender.folder / "spool" / name for name in sender.left)
    assert aside.read_text() == "not JSON at all\n"
    assert "is not a row that log-build wrote" in reason.read_text()
    assert errors.startswith("Set aside as spool/rejected/")


def test_what_the_service_rejects_is_set_aside_with_its_reason(sender: Sender) -> None:
    other = TableReference("p", "d", "other")
    sender.bq.create_table(str(other), [{"name": "a", "type": "STRING"}])
    sender.write("rows.ndjson", lines(1, other) + lines(2))
    sender.bq.permissions.denied.add("bigquery.tables.update")
    result, _ = sender.replay()
    assert (result["recorded"], result["set_aside"]) == (2, 1)
    assert [row for row in sender.left if row.startswith("rejected/")] == sender.left
    assert any("is no build log" in (sender.folder / "spool" / name).read_text() for name in sender.left)
    assert sender.bq.tables[str(other)].rows == []


def test_a_failure_that_is_not_a_row_s_own_stops_it_and_the_next_run_goes_on(sender: Sender) -> None:
    sender.write("rows.ndjson", lines(50))
    quota = Fault("error", call="jobs.insert", nth=20, times=None, status=403, reason="quotaExceeded")
    sender.bq.faults.add(quota)
    result, errors = sender.replay()
    assert result["error"]["kind"] == "quota"
    assert errors.count("\n") == 1
    assert sender.bq.count("jobs.insert") < 50, "it does not ask on behalf of every row"
    sender.bq.faults.clear()
    assert sender.replay()[0]["status"] == "replayed"
    assert sender.recorded == numbers(50)


def test_the_deadline_ends_it_and_the_next_run_goes_on(sender: Sender) -> None:
    sender.write("rows.ndjson", lines(30))
    sender.bq.faults.add(Fault("hang", call="jobs.get", nth=1, times=None))
    sender.bq.job_seconds = 0.01
    result, errors = sender.replay(BQ_DEADLINE_SECONDS="2")
    assert result["error"]["kind"] == "unavailable"
    assert [line for line in errors.splitlines() if line.startswith("bqsteps: ")] == errors.splitlines()
    sender.bq.faults.clear()
    assert sender.replay()[0]["status"] == "replayed"
    assert sender.recorded == numbers(30)


@pytest.mark.parametrize("source", ["spool", "spool/notes.ndjson"])
def test_a_file_without_any_row_of_ours_is_left_as_it_is(sender: Sender, source: str) -> None:
    path = sender.write("notes.ndjson", ['{"a": 1}\n', "\n", "text\n", '{"a": 1}\n'])
    before = path.read_bytes()
    result, errors = sender.replay(BQ_SPOOL_DIR=source)
    assert result["error"]["message"] == "spool/notes.ndjson holds no spooled row, and was left as it is."
    assert (sender.left, path.read_bytes(), errors.count("\n")) == (["notes.ndjson"], before, 1)


def test_rows_below_the_folder_that_is_named_are_not_passed_over(sender: Sender) -> None:
    sender.write("rows.ndjson", lines(1))
    (sender.folder / "artifacts/.bqsteps").mkdir(parents=True)
    (sender.folder / "spool").rename(sender.folder / "artifacts/.bqsteps/unsent")
    result, errors = sender.replay(BQ_SPOOL_DIR="artifacts")
    assert result["error"]["message"] == "artifacts holds no row itself, artifacts/.bqsteps/unsent does."
    assert errors.count("\n") == 1
    assert sender.replay(BQ_SPOOL_DIR="artifacts/.bqsteps/unsent")[0]["status"] == "replayed"


def test_files_of_another_kind_in_the_folder_are_left_alone(sender: Sender) -> None:
    sender.write("notes.txt", ["hello\n"])
    assert sender.replay()[0]["recorded"] == 0
    assert sender.left == ["notes.txt"]


def test_a_row_whose_table_was_changed_by_hand_is_not_taken_for_the_one_on_record(sender: Sender) -> None:
    (line,) = lines(1)
    sender.write("rows.ndjson", [line])
    sender.replay()
    sender.write("rows.ndjson", [line.replace('"p.d.build_logs"', '"p.d.other"'), *lines(2)])
    result, _ = sender.replay()
    assert (result["recorded"], result["already_recorded"], result["set_aside"]) == (1, 1, 1)


def test_an_outcome_that_is_not_known_leaves_the_row_where_it_is(sender: Sender) -> None:
    sender.write("rows.ndjson", lines(2))
    result, _ = sender.replay(
        BIGQUERY_EMULATOR_HOST=sender.bq.url.replace("http://", "https://"), BQ_DEADLINE_SECONDS="2"
    )
    assert (result["error"]["kind"], sender.left) == ("unavailable", ["rows.ndjson"])
