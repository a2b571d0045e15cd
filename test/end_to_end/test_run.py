"""`make run`: a team's own Jenkinsfile against the embedded BigQuery, beside which its files stay as they are."""

import os
import re
import subprocess
import sys
from pathlib import Path

from end_to_end.conftest import ROOT

PIPELINE = """
@Library('bqsteps@v1') _
node {
    bqEnsureTable dataset: 'shop', table: 'orders'
    sh 'echo changed > note.txt'
    bqLogBuild dataset: 'ci', extra: [note: readFile('note.txt').trim()]
    LAST
}
"""


def team(folder: Path, last: str = "") -> Path:
    (folder / "config").mkdir(parents=True)
    (folder / "config/shop_orders.json").write_text('[{"name": "id", "type": "STRING"}]', encoding="utf-8")
    (folder / "note.txt").write_text("as it was\n", encoding="utf-8")
    (folder / "Jenkinsfile").write_text(PIPELINE.replace("LAST", last), encoding="utf-8")
    return folder / "Jenkinsfile"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "end_to_end.run", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "test")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_it_shows_the_builds_and_what_they_left_and_changes_no_file(tmp_path: Path) -> None:
    jenkinsfile = team(tmp_path / "shop")
    before = {path: path.read_bytes() for path in jenkinsfile.parent.rglob("*") if path.is_file()}
    done = run(jenkinsfile, "--builds", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Finished: SUCCESS") == 2
    assert "shop.orders: id STRING\nno rows" in done.stdout
    assert done.stdout.count('{"note":"changed"}') == 2
    assert {path: path.read_bytes() for path in jenkinsfile.parent.rglob("*") if path.is_file()} == before


def test_a_build_that_fails_ends_it_and_its_tests_are_counted_by_junit(tmp_path: Path) -> None:
    last = "bqLogBuild dataset: 'tested', tests: junit('report.xml')\n    noSuchStep()"
    jenkinsfile = team(tmp_path / "shop", last)
    cases = '<testcase name="a"/><testcase name="b"><failure/></testcase><testcase name="c"><skipped/></testcase>'
    (jenkinsfile.parent / "report.xml").write_text(f"<testsuite>{cases}</testsuite>", encoding="utf-8")
    done = run(jenkinsfile, "--builds", "2")
    assert done.returncode == 1
    assert "No such DSL method 'noSuchStep'" in done.stdout
    assert done.stdout.count("Finished: FAILURE") == 1
    assert "ci.build_logs: " in done.stdout
    for shown in (r"status +UNSTABLE", r"tests_total +3", r"tests_failed +1", r"tests_skipped +1"):
        assert re.search(shown, done.stdout), shown


def test_a_jenkinsfile_that_is_not_there_is_told_in_a_line(tmp_path: Path) -> None:
    done = run(tmp_path / "Jenkinsfile")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"make run: error: there is no file {tmp_path / 'Jenkinsfile'}"
