"""Golden runs: the steps that pipelines take, and what is in BigQuery afterwards, as a person accepted it.

The pipelines and the accepted texts are in test/groovy/golden. `make golden` accepts what they do now; the change is in
the diff.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from end_to_end import jenkins
from end_to_end.conftest import ROOT
from end_to_end.emulator import running
from end_to_end.reader import Reader

GOLDEN = ROOT / "test/groovy/golden"
ACCEPT = bool(os.environ.get("ACCEPT_GOLDEN"))
# The datasets that each build works in.
DATASETS = {
    "example": ["jenkins_demo_db"],
    "replayed": ["jenkins_demo_db"],
    "scripted": ["golden_scripted"],
    "matrix": ["golden_eu", "golden_us"],
    "folder": ["golden_folder"],
    "lost_pod": ["golden_lost_pod"],
}
# Those columns of a row that are the same on every machine and every day.
COLUMNS = (
    "build_id", "event", "status", "result", "job_name", "build_number", "build_url", "causes", "is_replay",
    "user_name", "node_name", "failed_stage", "tests_total", "tests_failed", "tests_skipped", "parameters", "extra",
)  # fmt: skip


@pytest.fixture
def emulator() -> Iterator[str]:
    """A BigQuery in which Jenkinsfile.example, whose dataset has one name, was never built."""
    with running() as address:
        yield address


def test_each_build_takes_the_steps_and_leaves_the_rows_that_were_accepted(
    agent: Mapping[str, str], reader: Reader, tmp_path: Path
) -> None:
    # One test, so that one process runs all builds.
    code, console = jenkins.golden_runs(tmp_path, environ=agent)
    assert code == 0, console
    assert {file.stem for file in tmp_path.glob("*.txt")} == set(DATASETS)
    changed = []
    for name, datasets in DATASETS.items():
        steps = (tmp_path / f"{name}.txt").read_text(encoding="utf-8")
        now = f"Steps\n-----\n{steps}\nIn BigQuery\n-----------\n{_state(reader, name, datasets)}"
        accepted = GOLDEN / f"{name}.txt"
        if ACCEPT:
            accepted.write_text(now, encoding="utf-8")
        elif accepted.read_text(encoding="utf-8") != now:
            changed.append(_difference(accepted, now, tmp_path))
    assert not changed, "\n".join([*changed, "If this is as it should be: make golden"])


def _state(reader: Reader, name: str, datasets: list[str]) -> str:
    """The tables, and the rows that the build has put on record."""
    lines = []
    for dataset in datasets:
        for table in sorted(reader.tables(dataset)):
            if table == "build_logs":
                lines += _rows(reader, name, dataset)
            else:
                resource = reader.table(dataset, table)
                assert resource is not None
                fields = [f"{field['name']} {field['type']}" for field in resource["schema"]["fields"]]
                lines.append(f"{dataset}.{table}: {', '.join(fields)}")
    return "\n".join(lines) + "\n"


def _rows(reader: Reader, name: str, dataset: str) -> list[str]:
    rows = reader.query(
        f"SELECT * FROM `{dataset}.build_logs` WHERE job_name = 'golden/{name}' ORDER BY event"  # noqa: S608
    )
    lines = []
    for row in rows:
        lines.append(f"{dataset}.build_logs:")
        lines += [f"    {column}: {row[column]}" for column in COLUMNS if row.get(column) is not None]
    return lines


def _difference(accepted: Path, now: str, folder: Path) -> str:
    new = folder / f"{accepted.name}.now"
    new.write_text(now, encoding="utf-8")
    command = ["diff", "--unified=2", f"--label={accepted.name}", "--label=now", str(accepted), str(new)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False).stdout
