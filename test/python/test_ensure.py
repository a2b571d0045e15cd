"""ensure-table against the stand-in: what is applied, what is refused, what is only looked at, and what people read."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from processes import COMMAND, Ended, run
from stand_in import Limits, StandIn

FIELDS: list[dict[str, object]] = [
    {"name": "id", "type": "INTEGER", "mode": "REQUIRED"},
    {"name": "note", "type": "STRING"},
]
ROWS: list[dict[str, object]] = [{"id": 1, "note": "a"}, {"id": 2, "note": None}]


@dataclass(frozen=True)
class Team:
    """A team with a folder of definitions, and a BigQuery of their own."""

    bq: StandIn
    folder: Path

    def define(self, table: str, definition: object = FIELDS) -> None:
        (self.folder / "config").mkdir(exist_ok=True)
        (self.folder / "config" / f"d_{table}.json").write_text(json.dumps(definition), encoding="utf-8")

    def ensure(self, table: str = "t", **variables: str) -> Ended:
        base = {"BIGQUERY_EMULATOR_HOST": self.bq.url, "PROJECT_ID": "p", "BQ_DEADLINE_SECONDS": "20"}
        named = {} if "BQ_TABLES" in variables else {"DATASET_ID": "d", "TABLE_ID": table}
        return run((*COMMAND, "ensure-table"), self.folder, **(base | named | variables))

    def exists(self, fields: list[dict[str, object]] = FIELDS, **resource: object) -> None:
        self.bq.create_table("p.d.t", fields, rows=ROWS, **resource)

    @property
    def columns(self) -> list[tuple[str, str, str]]:
        fields = self.bq.tables["p.d.t"].resource["schema"]["fields"]
        return [(field["name"], field["type"], field.get("mode", "NULLABLE")) for field in fields]

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [{name: row.get(name) for name in ("id", "note")} for row in self.bq.tables["p.d.t"].rows]

    @property
    def writes(self) -> dict[str, int]:
        return {call: count for call, count in self.bq.calls().items() if not call.endswith(".get")}


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    with StandIn() as bq:
        yield Team(bq, tmp_path)


def untimed(ended: Ended) -> str:
    """What it said, without how long after its start."""
    return re.sub(r"\([0-9]+\.[0-9] s\)", "(… s)", ended.stdout)


def result(ended: Ended) -> dict[str, Any]:
    assert ended.result is not None
    return ended.result


def changes(ended: Ended) -> list[tuple[str, str]]:
    return [(change["class"], change["path"]) for change in result(ended)["changes"]]


class TestApply:
    def test_makes_the_dataset_and_the_table_where_nothing_is(self, team: Team) -> None:
        team.define("t")
        ended = team.ensure(BQ_LOCATION="europe-west1")
        assert (ended.code, untimed(ended), ended.stderr) == (0, "Created table p.d.t (2 columns) (… s)\n", "")
        assert team.bq.calls() == {"tables.get": 1, "datasets.get": 1, "datasets.insert": 1, "tables.insert": 1}
        assert team.bq.datasets["p.d"].location == "europe-west1"
        assert team.columns == [("id", "INTEGER", "REQUIRED"), ("note", "STRING", "NULLABLE")]

    def test_looks_once_where_all_is_as_wanted(self, team: Team) -> None:
        team.define("t")
        team.exists()
        ended = team.ensure()
        assert (result(ended)["status"], team.bq.calls()) == ("unchanged", {"tables.get": 1})
        assert untimed(ended) == "Table p.d.t Already Exists, as defined (… s)\n"

    def test_makes_all_changes_in_one_patch_and_keeps_the_rows(self, team: Team) -> None:
        team.exists(labels={"theirs": "1"})
        new = {"name": "new", "type": "RECORD", "mode": "REPEATED", "fields": [{"name": "deep", "type": "DATE"}]}
        fields = [
            new,
            {"name": "id", "type": "INT64", "mode": "nullable"},
            {"name": "note", "type": "STRING", "description": "said"},
        ]
        team.define("t", {"schema": {"fields": fields}, "labels": {"ours": "2"}, "description": "things"})
        ended = team.ensure()
        assert result(ended)["status"] == "updated"
        assert team.bq.calls() == {"tables.get": 2, "tables.patch": 1}
        assert team.columns == [
            ("id", "INTEGER", "NULLABLE"),
            ("note", "STRING", "NULLABLE"),
            ("new", "RECORD", "REPEATED"),
        ]
        assert team.rows == ROWS
        assert team.bq.tables["p.d.t"].resource["labels"] == {"theirs": "1", "ours": "2"}
        assert {kind for kind, _ in changes(ended)} == {"add", "relax", "metadata", "kept"}
        again = team.ensure()
        assert result(again)["status"] == "unchanged"

    def test_one_refused_difference_means_that_nothing_is_applied(self, team: Team) -> None:
        team.exists()
        before = team.bq.state()
        team.define(
            "t", [{"name": "id", "type": "STRING", "mode": "REQUIRED"}, *FIELDS[1:], {"name": "n", "type": "DATE"}]
        )
        ended = team.ensure()
        assert "p.d.t differs in schema.id" in ended.line
        assert result(ended)["error"]["kind"] == "refused"
        assert ("refused", "schema.id[type]") in changes(ended)
        assert team.bq.state() == before
        assert team.writes == {}

    def test_a_column_that_is_not_in_the_definition_is_told_and_kept(self, team: Team) -> None:
        team.exists()
        team.define("t", FIELDS[:1])
        ended = team.ensure()
        assert (result(ended)["status"], team.writes) == ("unchanged", {})
        assert changes(ended) == [("kept", "schema.note")]

    @pytest.mark.parametrize("location", ["US", "us"])
    def test_a_dataset_in_the_right_place_is_fine_in_any_case(self, team: Team, location: str) -> None:
        team.define("t")
        team.exists()
        assert team.ensure(BQ_LOCATION=location).code == 0

    @pytest.mark.parametrize("state", ["table", "dataset"])
    def test_a_dataset_elsewhere_is_refused(self, team: Team, state: str) -> None:
        team.define("t")
        if state == "table":
            team.exists()
        else:
            team.bq.create_dataset("p.d", location="US")
        ended = team.ensure(BQ_LOCATION="EU")
        assert "differs in location" in ended.line
        assert team.writes == {}

    def test_a_default_that_would_delete_the_table_is_warned_of(self, team: Team) -> None:
        team.define("t")
        team.bq.create_dataset("p.d", defaultTableExpirationMs="86400000")
        ended = team.ensure()
        assert ended.code == 0
        assert "it will be deleted after 1 days" in ended.stderr

    def test_a_partitioned_table_inherits_the_other_default(self, team: Team) -> None:
        fields = [*FIELDS, {"name": "at", "type": "TIMESTAMP"}]
        team.define("t", {"schema": {"fields": fields}, "timePartitioning": {"type": "DAY", "field": "at"}})
        team.bq.create_dataset("p.d", defaultTableExpirationMs="1", defaultPartitionExpirationMs="172800000")
        assert "its partitions will be deleted after 2 days" in team.ensure().stderr

    def test_an_existing_dataset_is_enough_without_the_right_to_make_or_see_one(self, team: Team) -> None:
        team.define("t")
        team.bq.create_dataset("p.d")
        team.bq.permissions.denied |= {"bigquery.datasets.create", "bigquery.datasets.get"}
        assert result(team.ensure())["status"] == "created"

    @pytest.mark.parametrize(
        ("denied", "state"),
        [
            ("bigquery.datasets.create", "nothing"),
            ("bigquery.tables.create", "dataset"),
            ("bigquery.tables.get", "table"),
            ("bigquery.tables.update", "older"),
        ],
    )
    def test_a_missing_permission_is_named(self, team: Team, denied: str, state: str) -> None:
        team.define("t")
        team.bq.permissions.denied.add(denied)
        if state == "dataset":
            team.bq.create_dataset("p.d")
        if state in ("table", "older"):
            team.bq.create_table("p.d.t", FIELDS[:1] if state == "older" else FIELDS)
        ended = team.ensure()
        assert denied in ended.line
        assert result(ended)["error"]["kind"] == "permission"


class TestLooking:
    @pytest.mark.parametrize("mode", ["plan", "check"])
    @pytest.mark.parametrize("state", ["absent", "older", "other", "equal"])
    def test_writes_nothing_and_only_check_fails_on_a_difference(self, team: Team, mode: str, state: str) -> None:
        team.define("t")
        if state != "absent":
            other: list[dict[str, object]] = [{"name": "id", "type": "STRING"}, FIELDS[1]]
            team.bq.create_table("p.d.t", {"older": FIELDS[:1], "other": other, "equal": FIELDS}[state], rows=[])
        before = team.bq.state()
        ended = team.ensure(BQ_MODE=mode)
        assert result(ended)["status"] == {
            "plan": "planned", "check": "planned",
        }[mode] if state != "equal" else "unchanged"  # fmt: skip
        assert ended.code == (1 if mode == "check" and state != "equal" else 0)
        assert (team.bq.state(), team.writes) == (before, {})
        if ended.code:
            assert "differs from its definition" in ended.line
            assert result(ended)["error"]["kind"] == "refused"
        assert ("mode apply would refuse it" in ended.stdout) == (state == "other")

    @pytest.mark.parametrize(
        ("type_", "advice"),
        [
            ("INTEGER", "Run it in mode apply, or change the definition."),
            ("STRING", "Mode apply would refuse schema.id"),
        ],
        ids=["what apply mends", "what apply refuses"],
    )
    def test_check_does_not_advise_to_apply_what_apply_refuses(self, team: Team, type_: str, advice: str) -> None:
        team.define("t")
        team.bq.create_table("p.d.t", [{"name": "id", "type": type_, "mode": "REQUIRED"}], rows=[])
        error = result(team.ensure(BQ_MODE="check"))["error"]
        assert error["hint"].startswith(advice)

    def test_the_plan_reads_line_by_line_without_colour_in_a_log(self, team: Team) -> None:
        team.define("t", [{"name": "id", "type": "INTEGER", "mode": "NULLABLE"}, {"name": "new", "type": "DATE"}])
        team.exists()
        lines = team.ensure(BQ_MODE="plan").stdout.splitlines()
        assert sorted(line[:4] for line in lines[:-1]) == ["  + ", "  = ", "  ~ "]
        assert "\x1b" not in "".join(lines)


class TestManyTables:
    def test_all_are_made_at_once_and_each_is_in_the_result(self, team: Team) -> None:
        names = [f"t{number}" for number in range(40)]
        for name in names:
            team.define(name)
        ended = team.ensure(BQ_TABLES="\n".join(f"d.{name}" for name in names))
        assert result(ended)["status"] == "created"
        assert [table["table"] for table in result(ended)["tables"]] == [f"p.d.{name}" for name in names]
        assert sorted(team.bq.tables) == sorted(f"p.d.{name}" for name in names)
        calls = team.bq.calls()
        assert (calls["datasets.get"], calls["datasets.insert"]) == (1, 1), "the dataset is looked at once"
        again = team.ensure(BQ_TABLES=",".join(f"d.{name}" for name in names))
        assert result(again)["status"] == "unchanged"

    def test_what_the_rate_leaves_no_time_for_hides_nothing_of_what_was_done(self, team: Team) -> None:
        names = [f"t{number}" for number in range(40)]
        for name in names:
            team.define(name)
            team.bq.create_table(f"p.d.{name}", FIELDS)
        tables = ",".join(f"d.{name}" for name in names)
        ended = team.ensure(BQ_TABLES=tables, BQ_REQUESTS_PER_SECOND="5", BQ_DEADLINE_SECONDS="2")
        assert ended.code == 1
        looked_at = [table for table in result(ended)["tables"] if table["status"] == "unchanged"]
        left = [table["error"] for table in result(ended)["tables"] if table["status"] == "failed"]
        assert looked_at
        assert left
        assert len(looked_at) + len(left) == len(names)
        assert {error["kind"] for error in left} == {"unavailable"}
        assert any("BQ_REQUESTS_PER_SECOND" in error["message"] for error in left)

    def test_one_bad_definition_means_that_nothing_is_sent_for_any(self, team: Team) -> None:
        team.define("good")
        team.define("bad", [{"name": "id", "type": "STRNG"}])
        ended = team.ensure(BQ_TABLES="d.good,d.bad,d.missing")
        assert "d_bad.json" in ended.line
        assert "d_missing.json" in ended.line
        assert team.bq.requests == []

    def test_what_is_refused_for_one_does_not_stop_the_others(self, team: Team) -> None:
        team.define("t", [{"name": "id", "type": "STRING"}])
        team.define("u")
        team.exists()
        ended = team.ensure(BQ_TABLES="d.t,d.u")
        assert ended.code == 1
        assert "p.d.t differs" in ended.line
        assert [table["status"] for table in result(ended)["tables"]] == ["failed", "created"]
        assert "p.d.u" in team.bq.tables

    def test_several_failures_are_each_a_line(self, team: Team) -> None:
        for name in ("t", "u"):
            team.define(name, [{"name": "id", "type": "STRING"}])
            team.bq.create_table(f"p.d.{name}", FIELDS, rows=[])
        ended = team.ensure(BQ_TABLES="d.t,d.u")
        lines = ended.stderr.splitlines()
        assert len(lines) == 3
        assert lines[-1] == "bqsteps: 2 of 2 tables are not as they should be, each named above."

    def test_a_star_takes_what_definitions_name_and_nothing_else(self, team: Team) -> None:
        team.define("bare")
        for name in ("one", "two"):
            reference = {"datasetId": "d", "tableId": name}
            team.define(name, {"tableReference": reference, "schema": {"fields": FIELDS}})
        assert team.ensure(BQ_TABLES="*").code == 0
        assert sorted(team.bq.tables) == ["p.d.one", "p.d.two"]

    def test_a_definition_under_another_name_is_refused(self, team: Team) -> None:
        team.define("one", {"tableReference": {"datasetId": "d", "tableId": "two"}, "schema": {"fields": FIELDS}})
        ended = team.ensure(BQ_TABLES="*")
        assert "d_one.json" in ended.line
        assert team.bq.requests == []

    def test_drift_is_a_failed_test(self, team: Team) -> None:
        team.define("t", [{"name": "id", "type": "STRING"}])
        team.define("u", [{"name": "a", "type": "STRING", "description": "<&>\x00\x1b"}])
        team.exists()
        team.ensure(BQ_TABLES="d.t,d.u", BQ_JUNIT_FILE="tables.xml", BQ_MODE="check")
        suite = ET.parse(team.folder / "tables.xml").getroot()  # noqa: S314  # ours
        assert (suite.get("tests"), suite.get("failures")) == ("2", "2")
        assert [(case.get("classname"), case.get("name")) for case in suite] == [("p.d", "t"), ("p.d", "u")]
        failure = suite[0].find("failure")
        assert failure is not None
        assert "schema.id" in (failure.text or "")

    def test_the_drift_of_a_table_is_told_as_its_plan_has_it(self, team: Team) -> None:
        team.define("t", {"schema": {"fields": FIELDS}, "description": 'a "b" <é>', "labels": {"a": "b"}})
        team.exists()
        team.ensure(BQ_TABLES="d.t", BQ_JUNIT_FILE="tables.xml", BQ_MODE="check")
        failure = ET.parse(team.folder / "tables.xml").find("testcase/failure")  # noqa: S314  # ours
        assert failure is not None
        assert (failure.text or "").splitlines()[:2] == [
            'metadata description: null -> "a \\"b\\" <é>"',
            'metadata labels.a: null -> "b"',
        ]

    def test_a_run_that_ends_early_leaves_no_report_of_the_one_before(self, team: Team) -> None:
        team.define("t")
        team.ensure(BQ_TABLES="d.t", BQ_JUNIT_FILE="tables.xml")
        assert (team.folder / "tables.xml").exists()
        team.define("t", [{"name": "id", "type": "NONE"}])
        assert team.ensure(BQ_TABLES="d.t", BQ_JUNIT_FILE="tables.xml").code == 1
        assert not (team.folder / "tables.xml").exists()
        (team.folder / "tables.xml").write_text("somebody's own")
        assert team.ensure(BQ_TABLES="d.t", BQ_JUNIT_FILE="tables.xml").code == 1
        assert (team.folder / "tables.xml").read_text() == "somebody's own"

    def test_a_report_that_cannot_be_left_does_not_hide_what_was_done(self, team: Team) -> None:
        team.define("t")
        ended = team.ensure(BQ_TABLES="d.t", BQ_JUNIT_FILE="no/such/folder.xml")
        assert "no/such/folder.xml cannot be written" in ended.line
        assert result(ended)["tables"][0]["status"] == "created"

    @pytest.mark.parametrize(("allowed", "given"), [(100, ""), (30, "28")], ids=["as usual", "a lower quota"])
    def test_bigquery_s_limits_are_kept(self, tmp_path: Path, allowed: int, given: str) -> None:
        with StandIn(limits=Limits(requests_a_second=allowed)) as bq:
            team = Team(bq, tmp_path)
            names = [f"t{number}" for number in range(allowed + 20)]
            for name in names:
                team.define(name)
            told = {"BQ_DEADLINE_SECONDS": "60", "BQ_REQUESTS_PER_SECOND": given}
            ended = team.ensure(BQ_TABLES=",".join(f"d.{name}" for name in names), **told)
            assert (ended.code, len(bq.tables)) == (0, len(names))
            assert [request for request in bq.requests if request.status == 403] == []
