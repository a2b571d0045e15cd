"""The stand-in from outside: its own pages, its command line, and its documentation."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from stand_in import StandIn, evidence
from stand_in.support import FIELDS, T, insert_job, raw, submit

HERE = Path(__file__).parent


def test_the_state_is_json_and_complete() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", [*FIELDS, {"name": "b", "type": "BYTES"}], rows=[{"id": "x", "b": "AP8="}])
        submit(bq, insert_job("y", "j1"))
        state = raw(bq, "GET", "/stand-in/state").json
        assert state == bq.state()
        assert [row["id"] for row in state["tables"]["p:d.t"]["rows"]] == ["x", "y"]
        assert state["tables"]["p:d.t"]["rows"][0]["b"] == "AP8="
        assert (list(state["datasets"]), list(state["jobs"])) == (["p:d"], ["p:US.j1"])


def test_the_log_has_requests_but_not_the_pages_own() -> None:
    with StandIn() as bq:
        raw(bq, "GET", T)
        (entry,) = raw(bq, "GET", "/stand-in/requests").json["requests"]
        assert (entry["number"], entry["call"], entry["path"], entry["status"]) == (1, "tables.get", T, 404)
        raw(bq, "DELETE", "/stand-in/requests")
        assert bq.requests == []


def test_bodies_are_kept_on_demand() -> None:
    for keep, body in ((False, b""), (True, b'{"description": "x"}')):
        with StandIn(keep_bodies=keep) as bq:
            raw(bq, "PATCH", T, {"description": "x"}, {"If-Match": "etag"})
            assert (bq.requests[0].body, bq.requests[0].headers["if-match"]) == (body, "etag")


def test_faults_and_settings_can_be_set_from_another_process() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        given = [{"kind": "error", "call": "tables.get", "status": 500}, {"kind": "error", "nth": 2}]
        assert len(raw(bq, "POST", "/stand-in/faults", given).json["faults"]) == 2
        assert [raw(bq, "GET", T).status for _ in range(3)] == [500, 503, 200]
        raw(bq, "DELETE", "/stand-in/faults")
        assert raw(bq, "GET", "/stand-in/faults").json == {"faults": []}
        changed = {
            "billing": False,
            "denied": ["bigquery.tables.get"],
            "limits": {"table_updates": 5},
            "job_seconds": 3,
        }
        settings = raw(bq, "POST", "/stand-in/settings", changed).json
        assert (settings["billing"], settings["job_seconds"], settings["limits"]["table_updates"]) == (False, 3, 5)
        assert raw(bq, "GET", T).reason == "accessDenied"
        assert submit(bq, insert_job()).json["status"]["errorResult"]["reason"] == "billingNotEnabled"


@pytest.mark.parametrize(
    ("page", "body"),
    [
        ("/stand-in/faults", {"kind": "explode"}),
        ("/stand-in/faults", {"kind": "error", "colour": "red"}),
        ("/stand-in/faults", {}),
        ("/stand-in/settings", {"colour": "red"}),
        ("/stand-in/settings", {"limits": {"colour": "red"}}),
        ("/stand-in/settings", []),
        ("/stand-in/faults", b"{"),
    ],
)
def test_what_it_does_not_know_it_refuses(page: str, body: object) -> None:
    with StandIn() as bq:
        assert raw(bq, "POST", page, body).status == 400
        assert raw(bq, "GET", "/stand-in/nonsense").status == 404
        assert bq.faults.all() == []


def test_the_command_line_prints_the_address_serves_and_ends_in_good_order() -> None:
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, "-m", "stand_in", "--no-billing", "--limits", "--deny", "bigquery.tables.get"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            name, _, url = process.stdout.readline().strip().partition("=")
            assert name == "BIGQUERY_EMULATOR_HOST"
            with urllib.request.urlopen(f"{url}/stand-in/settings", timeout=10) as answer:  # noqa: S310  http
                settings = answer.read().decode()
            assert '"billing": false' in settings
            assert '"denied": ["bigquery.tables.get"]' in settings
            assert '"requests_a_second": 100' in settings
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_every_documented_behaviour_has_a_test_and_every_test_names_a_documented_one() -> None:
    for path in HERE.glob("test_*.py"):
        importlib.import_module(f"stand_in.{path.stem}")
    documented = evidence.documented()
    assert len(documented) > 30
    assert set(evidence.CITED) == documented
