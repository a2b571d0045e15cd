"""The seed's two scripts, and the packaged commands, by hand against the embedded BigQuery."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from end_to_end.conftest import ROOT, Person
from end_to_end.emulator import PROJECT
from end_to_end.reader import Reader
from soak.children import Forks

CREATE_TABLE = ROOT / "python/create_table.py"
DEMO_PIPELINE = ROOT / "python/demo_pipeline.py"
FIELDS = [
    {"name": "id", "type": "INT64", "mode": "REQUIRED", "description": "a key"},
    {"name": "tags", "type": "STRING", "mode": "REPEATED"},
    {"name": "place", "type": "STRUCT", "fields": [{"name": "zip", "type": "STRING"}]},
]


def define(person: Person, table: str, fields: object = FIELDS) -> None:
    config = person.folder / "config"
    config.mkdir(exist_ok=True)
    (config / f"{person.environ['DATASET_ID']}_{table}.json").write_text(json.dumps(fields), encoding="utf-8")


class TestCreateTable:
    def test_makes_the_dataset_and_the_table_from_the_file(self, person: Person, reader: Reader, dataset: str) -> None:
        define(person, "users")
        done = person.run(CREATE_TABLE, TABLE_ID="users")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"Created table {PROJECT}.{dataset}.users (")
        resource = reader.table(dataset, "users")
        assert resource is not None
        columns = [(f["name"], f["type"], f["mode"]) for f in resource["schema"]["fields"]]
        assert columns == [
            ("id", "INTEGER", "REQUIRED"), ("tags", "STRING", "REPEATED"), ("place", "RECORD", "NULLABLE"),
        ]  # fmt: skip

    def test_leaves_a_table_that_exists_alone_whatever_the_file_says(
        self, person: Person, reader: Reader, dataset: str
    ) -> None:
        define(person, "users")
        person.run(CREATE_TABLE, TABLE_ID="users")
        reader.query(f"INSERT INTO `{dataset}.users` (id, tags) VALUES (7, ['a'])")  # noqa: S608
        before = reader.table(dataset, "users")
        define(person, "users", [{"name": "other", "type": "STRING"}])
        done = person.run(CREATE_TABLE, TABLE_ID="users")
        assert done.returncode == 0
        assert "Already Exists" in done.stdout
        assert reader.table(dataset, "users") == before
        assert reader.query(f"SELECT id, tags FROM `{dataset}.users`") == [{"id": "7", "tags": ["a"]}]  # noqa: S608

    def test_needs_no_file_where_the_table_exists(self, person: Person, dataset: str) -> None:
        define(person, "users")
        person.run(CREATE_TABLE, TABLE_ID="users")
        (person.folder / "config" / f"{dataset}_users.json").unlink()
        done = person.run(CREATE_TABLE, TABLE_ID="users")
        assert (done.returncode, "Already Exists" in done.stdout) == (0, True)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            pytest.param(None, ["config/", "_users.json"], id="missing file"),
            pytest.param('[\n {"name": "id",}\n]', ["_users.json:2:15:"], id="bad JSON, with line and column"),
            pytest.param('[{"name": "id", "type": "STRNG"}]', ["STRNG", "id"], id="bad type"),
            pytest.param('[{"name": "id", "typ": "STRING"}]', ["typ", "type"], id="unknown key, with the nearest"),
            pytest.param("[]", ["_users.json"], id="no columns"),
        ],
    )
    def test_ends_with_one_line_and_changes_nothing_for_a_bad_definition(
        self, person: Person, reader: Reader, dataset: str, text: str | None, words: list[str]
    ) -> None:
        (person.folder / "config").mkdir()
        if text is not None:
            (person.folder / "config" / f"{dataset}_users.json").write_text(text, encoding="utf-8")
        done = person.run(CREATE_TABLE, TABLE_ID="users")
        assert done.returncode == 1
        assert done.stderr.startswith("bqsteps: ")
        assert done.stderr.count("\n") == 1
        for word in words:
            assert word in done.stderr
        assert reader.table(dataset, "users") is None


class TestDemoPipeline:
    def test_heals_from_nothing_and_appends_a_row_each_time(self, person: Person, reader: Reader, dataset: str) -> None:
        for _ in range(2):
            done = person.run(DEMO_PIPELINE)
            assert (done.returncode, done.stderr) == (0, "")
        rows = reader.query(f"SELECT * FROM `{dataset}.build_logs`")  # noqa: S608
        assert [(row["build_id"], row["status"], row["event"]) for row in rows] == [
            ("DEV-1", "SUCCESS", "finished")
        ] * 2
        for row in rows:
            age = datetime.now(UTC) - datetime.fromtimestamp(float(row["timestamp"]), UTC)
            assert timedelta(0) <= age < timedelta(minutes=5)
        resource = reader.table(dataset, "build_logs")
        assert resource is not None
        required = [f["name"] for f in resource["schema"]["fields"] if f["mode"] == "REQUIRED"]
        assert required == ["build_id", "timestamp", "status"]
        assert resource["timePartitioning"]["field"] == "timestamp"

    def test_a_table_of_the_three_columns_gains_the_others_and_keeps_its_rows(
        self, person: Person, reader: Reader, dataset: str
    ) -> None:
        columns = [("build_id", "STRING"), ("timestamp", "TIMESTAMP"), ("status", "STRING")]
        define(person, "build_logs", [{"name": name, "type": type_, "mode": "REQUIRED"} for name, type_ in columns])
        person.run(CREATE_TABLE, TABLE_ID="build_logs")
        reader.query(f"INSERT INTO `{dataset}.build_logs` VALUES ('1', '2025-01-01T00:00:00Z', 'OLD')")  # noqa: S608
        done = person.run(DEMO_PIPELINE, BUILD_NUMBER="2")
        assert (done.returncode, done.stderr) == (0, "")
        rows = reader.query(f"SELECT build_id, status, event FROM `{dataset}.build_logs` ORDER BY build_id")  # noqa: S608
        assert rows == [
            {"build_id": "1", "status": "OLD", "event": None},
            {"build_id": "2", "status": "SUCCESS", "event": "finished"},
        ]

    def test_without_a_project_fails_at_once(self, person: Person) -> None:
        done = person.run(DEMO_PIPELINE, PROJECT_ID="")
        assert done.returncode == 1
        assert done.stderr.startswith("bqsteps: PROJECT_ID is not set")
        assert done.stderr.count("\n") == 1


class TestLogBuild:
    JENKINS = {"JENKINS_URL": "https://ci.example.com/", "JOB_NAME": "team/app", "BUILD_NUMBER": "12"}  # noqa: RUF012

    @pytest.mark.parametrize("methods", [("insert", "load"), ("load", "insert")], ids=" then ".join)
    def test_both_ways_one_after_the_other_make_one_row(
        self, person: Person, reader: Reader, dataset: str, methods: tuple[str, str]
    ) -> None:
        statuses = []
        for method in methods:
            result = person.folder / "result.json"
            done = person.package("log-build", BQ_WRITE_METHOD=method, BQ_RESULT_FILE=str(result), **self.JENKINS)
            assert (done.returncode, done.stderr) == (0, "")
            statuses.append(json.loads(result.read_text())["status"])
        assert statuses == ["recorded", "already_recorded"]
        assert reader.query(f"SELECT build_id, job_name FROM `{dataset}.build_logs`") == [  # noqa: S608
            {"build_id": "12", "job_name": "team/app"}
        ]
        assert not list(person.folder.glob(".bqsteps/unsent/*"))

    def test_other_content_for_the_same_build_is_one_row_and_a_warning(
        self, person: Person, reader: Reader, dataset: str
    ) -> None:
        for extra in ("one", "two"):
            (person.folder / "build.json").write_text(json.dumps({"extra": {"note": extra}}))
            done = person.package("log-build", BQ_BUILD_FILE="build.json", **self.JENKINS)
            assert done.returncode == 0
        assert "other content" in done.stderr
        assert len(reader.query(f"SELECT build_id FROM `{dataset}.build_logs`")) == 1  # noqa: S608

    def test_another_event_is_another_row(self, person: Person, reader: Reader, dataset: str) -> None:
        for event in ("started", "finished", "finished"):
            assert person.package("log-build", BQ_EVENT=event, **self.JENKINS).returncode == 0
        rows = reader.query(f"SELECT event FROM `{dataset}.build_logs` ORDER BY event")  # noqa: S608
        assert [row["event"] for row in rows] == ["finished", "started"]

    def test_every_kind_of_value_arrives_as_it_was(self, person: Person, reader: Reader, dataset: str) -> None:
        awkward = "$HOME $(id) `id` \"'\\ \t\r\n % -é😀"
        (person.folder / "build.json").write_text(
            json.dumps({
                "job_name": awkward, "causes": ["a", awkward], "started_at": 1_700_000_000_123, "is_replay": True,
                "tests_total": 3, "extra": {awkward: [1, 2.5, None, {"deep": awkward}]},
            })
        )  # fmt: skip
        done = person.package("log-build", BQ_BUILD_FILE="build.json", BUILD_STATUS="-é😀 $(id)")
        assert (done.returncode, done.stderr) == (0, "")
        (row,) = reader.query(f"SELECT * FROM `{dataset}.build_logs`")  # noqa: S608
        assert (row["job_name"], row["causes"], row["status"]) == (awkward, ["a", awkward], "-é😀 $(id)")
        assert (float(row["started_at"]), row["is_replay"], row["tests_total"]) == (1_700_000_000.123, "true", "3")
        assert json.loads(row["extra"]) == {awkward: [1, 2.5, None, {"deep": awkward}]}

    def test_unreachable_ends_with_one_line_and_keeps_the_row(self, person: Person) -> None:
        done = person.package(
            "log-build", BIGQUERY_EMULATOR_HOST="http://127.0.0.1:1", BQ_DEADLINE_SECONDS="1", **self.JENKINS
        )
        assert done.returncode == 1
        assert done.stderr.startswith("bqsteps: ")
        assert done.stderr.count("\n") == 1
        (kept,) = person.folder.glob(".bqsteps/unsent/*.ndjson")
        assert kept.name in done.stderr
        assert json.loads(kept.read_text())["row"]["build_id"] == "12"

    def test_a_row_that_was_kept_is_replayed_once(self, person: Person, reader: Reader, dataset: str) -> None:
        person.package(
            "log-build", BIGQUERY_EMULATOR_HOST="http://127.0.0.1:1", BQ_DEADLINE_SECONDS="1", **self.JENKINS
        )
        (kept,) = person.folder.glob(".bqsteps/unsent/*.ndjson")
        content = kept.read_bytes()
        for said in ("1 recorded, 0 already", "0 recorded, 1 already"):
            kept.write_bytes(content)
            done = person.package("replay")
            assert (done.returncode, said in done.stdout) == (0, True), done
            assert not kept.exists()
        assert len(reader.query(f"SELECT build_id FROM `{dataset}.build_logs`")) == 1  # noqa: S608


class TestEnsureTable:
    CROWD = 32

    def test_a_crowd_that_ensures_one_absent_table_makes_one_and_all_succeed(
        self, tmp_path: Path, emulator: str, reader: Reader, dataset: str
    ) -> None:
        environ = {"BIGQUERY_EMULATOR_HOST": emulator, "PROJECT_ID": PROJECT, "DATASET_ID": dataset, "TABLE_ID": "t"}
        people = [Person(tmp_path / str(number), environ) for number in range(self.CROWD)]
        for person in people:
            person.folder.mkdir()
            define(person, "t")
        with Forks() as forks:
            children = [forks.start("ensure-table", person.folder, environ) for person in people]
            everyone = [child.wait() for child in children]
        assert [each.stderr for each in everyone if each.code != 0] == []
        statuses = Counter((each.result or {})["status"] for each in everyone)
        assert statuses.keys() <= {"created", "unchanged"}
        assert statuses["created"] == 1
        resource = reader.table(dataset, "t")
        assert resource is not None
        assert [field["name"] for field in resource["schema"]["fields"]] == ["id", "tags", "place"]
