"""Where the library's version is seen, by those who ask which version did something."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bqsteps import __version__
from bqsteps.connection import JOB_LABELS
from stand_in import StandIn

PACKAGE = Path(__file__).resolve().parents[2] / "resources/bqsteps/bqsteps.pyz"


def run(folder: Path, *arguments: str, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, PACKAGE, *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "PROJECT_ID": "p", **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_it_is_three_numbers() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)


def test_the_command_line_tells_it(tmp_path: Path) -> None:
    assert run(tmp_path, "--version") == f"bqsteps, version {__version__}\n"
    assert f"bqsteps {__version__}." in run(tmp_path, "--help")


def test_a_label_holds_it_as_bigquery_takes_labels() -> None:
    assert JOB_LABELS["bqsteps_version"] == __version__.replace(".", "-")
    for text in (*JOB_LABELS, *JOB_LABELS.values()):
        assert re.fullmatch(r"[a-z0-9_-]{1,63}", text)


@pytest.mark.parametrize("method", ["insert", "load"])
def test_row_job_and_requests_carry_it(tmp_path: Path, method: str) -> None:
    with StandIn() as bq:
        run(tmp_path, "log-build", BIGQUERY_EMULATOR_HOST=bq.url, BQ_WRITE_METHOD=method)
        (row,) = bq.tables["p.jenkins_demo_db.build_logs"].rows
        jobs = [job.configuration for job in bq.jobs]
        headers = [{name.lower(): value for name, value in entry.headers.items()} for entry in bq.requests]
    assert row["library_version"] == __version__
    assert jobs
    assert all(JOB_LABELS.items() <= job["labels"].items() for job in jobs)
    assert all(f"bqsteps/{__version__}" in header["user-agent"] for header in headers)
