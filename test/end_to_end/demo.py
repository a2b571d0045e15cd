"""The main job, shown: two builds of Jenkinsfile.example against the embedded BigQuery, then what is in BigQuery,
and a report of generated builds.

Everything that it starts ends with it, also on Ctrl-C.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from end_to_end import build_logs, emulator, jenkins
from end_to_end.reader import Reader
from generated import builds

ROOT = jenkins.ROOT
DATASET = "jenkins_demo_db"
GENERATED = "generated_builds"
REPORT = ROOT / ".build/report"
REPORTED_DAYS = 30
SHOWN = ("build_id", "timestamp", "status", "event", "job_name", "result", "duration_ms", "causes", "library_version")

console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def main() -> int:
    """Run the demo, and return its exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="bqsteps demo ") as folder, emulator.running() as address:
        workspace = Path(folder) / "team app"
        shutil.copytree(ROOT / "config", workspace / "config")
        for number in (1, 2):
            console.rule(f"Console of team/app #{number}")
            code = build(ROOT / "Jenkinsfile.example", workspace, number, address)
            if code:
                console.print(f"Build {number} failed with exit code {code}.", style="red")
                return code
        reader = Reader(address, emulator.PROJECT)
        _show(reader)
        return _report(reader, address)


def build(jenkinsfile: Path, workspace: Path, number: int, address: str) -> int:
    """Run a build with its console on this one's, and return its exit code."""
    environ = {"BIGQUERY_EMULATOR_HOST": address, "PROJECT_ID": emulator.PROJECT}
    sys.stdout.flush()
    with jenkins.build(
        jenkinsfile, workspace, "--job", "team/app", "--number", str(number), environ=environ
    ) as process:
        return process.wait()


def _report(reader: Reader, address: str) -> int:
    """Draw a build log of generated builds, as the builds of this demo are too few for a picture."""
    console.rule("A report of generated builds")
    resource = reader.table(DATASET, "build_logs")
    assert resource is not None, "the builds have made the table"
    rows = builds.rows(datetime.now(UTC), REPORTED_DAYS)
    build_logs.fill(address, emulator.PROJECT, (GENERATED, "build_logs"), resource["schema"], rows)
    settings = {
        "PROJECT_ID": emulator.PROJECT,
        "DATASET_ID": GENERATED,
        "BIGQUERY_EMULATOR_HOST": address,
        "BQ_REPORT_DIR": str(REPORT),
        "BQ_REPORT_TITLE": "Generated builds: an example, nobody's real ones",
        "MPLCONFIGDIR": str(ROOT / ".build/matplotlib"),  # its list of fonts takes seconds to make
    }
    sys.stdout.flush()
    package = ROOT / "resources/bqsteps/bqsteps.pyz"
    ended = subprocess.run([sys.executable, package, "report"], env={**os.environ, **settings}, check=False)
    if not ended.returncode:
        console.print(f"Open {REPORT / 'index.html'} in a browser.", soft_wrap=True)
    return ended.returncode


def _show(reader: Reader) -> None:
    console.rule("In BigQuery now")
    resource = reader.table(DATASET, "users_table")
    assert resource is not None, "the builds have made the table"
    schema = Table("column", "type", "mode", "description", title=f"{DATASET}.users_table")
    _add_fields(schema, resource["schema"]["fields"], "")
    console.print(schema)

    rows = reader.query(f"SELECT {', '.join(SHOWN)} FROM `{DATASET}.build_logs` ORDER BY timestamp")  # noqa: S608
    log = Table(*SHOWN, title=f"{DATASET}.build_logs")
    for row in rows:
        log.add_row(*(_text(name, row[name]) for name in SHOWN))
    console.print(log)


def _add_fields(table: Table, fields: list[dict[str, Any]], indent: str) -> None:
    for field in fields:
        table.add_row(
            f"{indent}{field['name']}", field["type"], field.get("mode", "NULLABLE"), field.get("description", "")
        )
        _add_fields(table, field.get("fields", []), f"{indent}  ")


def _text(name: str, value: Any) -> str:  # noqa: ANN401  # as the API has it
    if name == "timestamp":
        return datetime.fromtimestamp(float(value), UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return ", ".join(value) if isinstance(value, list) else "" if value is None else str(value)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
