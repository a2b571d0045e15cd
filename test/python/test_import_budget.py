"""How much a step imports, counted in modules: milliseconds differ from machine to machine, modules do not."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bqsteps import build
from processes import ROOT, environment
from stand_in import StandIn

PACKAGE = str(ROOT / "resources/bqsteps/bqsteps.pyz")
# Beyond what `from google.cloud import bigquery` imports by itself.
BEYOND_THE_CLIENT = {"gc", "runpy"}
# What reading settings and leaving a result needs of Python's own library, with all that these import themselves.
WITHOUT_THE_CLIENT = (
    "import importlib.machinery, importlib.util, json, pathlib, re, tempfile, threading, typing, unicodedata"
)
BEYOND_THESE = {"gc", "runpy", "zipimport"}
# Of this package's own: what is for a table that is missing, for XML, for a problem.
SPARED = {
    "log-build": {"build_table", "definition", "ensure", "installer", "plan"},
    "ensure-table": {"build", "build_log", "installer", "jobs", "junit"},
}


def imported(*arguments: str, folder: Path, **given: str) -> set[str]:
    """The modules that a Python imports, with those that every start of one does."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd=folder,
        env={**environment(folder, given), b"WORKSPACE_TMP": os.fsencode(folder / "tmp")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.fixture
def bq() -> Iterator[StandIn]:
    with StandIn() as bq:
        bq.create_table("p.jenkins_demo_db.build_logs", build.TABLE_RESOURCE["schema"]["fields"])
        bq.create_table("p.jenkins_demo_db.users", [{"name": "id", "type": "STRING"}])
        yield bq


def test_the_archive_starts_with_what_python_has_by_then(tmp_path: Path) -> None:
    main = ast.parse((ROOT / "python/archive_main.py").read_text(encoding="utf-8"))
    names = {name.name for statement in main.body if isinstance(statement, ast.Import) for name in statement.names}
    assert not any(isinstance(statement, ast.ImportFrom) for statement in main.body)
    assert names - set(sys.builtin_module_names) <= imported("-c", "pass", folder=tmp_path)


@pytest.mark.parametrize(("command", "table"), [("log-build", "build_logs"), ("ensure-table", "users")])
def test_a_step_imports_the_client_and_little_else(tmp_path: Path, bq: StandIn, command: str, table: str) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/jenkins_demo_db_users.json").write_text('[{"name": "id", "type": "STRING"}]')
    client = imported("-c", "from google.cloud import bigquery", folder=tmp_path)
    given = {"PROJECT_ID": "p", "DATASET_ID": "jenkins_demo_db", "TABLE_ID": table, "BIGQUERY_EMULATOR_HOST": bq.url}
    first, later = (imported(PACKAGE, command, folder=tmp_path, **given) for _ in range(2))
    assert bq.count() == 2
    assert "google.cloud.bigquery.client" in first & later
    ours = {name for name in later - client if name.partition(".")[0] != "bqsteps"}
    assert ours <= BEYOND_THE_CLIENT
    assert not {f"bqsteps.{name}" for name in SPARED[command]} & later


def test_a_setting_that_is_missing_is_told_before_much_is_imported(tmp_path: Path) -> None:
    imported(PACKAGE, "log-build", folder=tmp_path)  # lays the modules out
    found = imported(PACKAGE, "log-build", folder=tmp_path)
    assert "PROJECT_ID" in (tmp_path / "result.json").read_text()
    ours = {name for name in found if name.partition(".")[0] != "bqsteps"}
    assert ours - imported("-c", WITHOUT_THE_CLIENT, folder=tmp_path) <= BEYOND_THESE
