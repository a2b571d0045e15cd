"""A Jenkinsfile of anybody's, tried: builds of it against the embedded BigQuery, then what is in BigQuery.

python -m end_to_end.run ../shop/Jenkinsfile --builds 2
"""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from end_to_end import demo, emulator
from end_to_end.reader import Reader

MOST_ROWS = 10
IGNORED = shutil.ignore_patterns(".git", ".build", ".bqsteps", "__pycache__")

console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def main() -> int:
    """Run the builds until one fails, show what they left, and return the last one's exit code."""
    parser = argparse.ArgumentParser(prog="make run", description="Run a Jenkinsfile against an embedded BigQuery.")
    parser.add_argument("jenkinsfile", type=Path)
    parser.add_argument("--builds", type=int, default=1, metavar="N", help="how many builds, one after the other")
    arguments = parser.parse_args()
    jenkinsfile: Path = arguments.jenkinsfile.resolve()
    if not jenkinsfile.is_file():
        parser.error(f"there is no file {arguments.jenkinsfile}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="bqsteps run ") as folder, emulator.running() as address:
        workspace = Path(folder) / jenkinsfile.parent.name
        shutil.copytree(jenkinsfile.parent, workspace, ignore=IGNORED)
        code = 0
        for number in range(1, arguments.builds + 1):
            console.rule(f"Console of team/app #{number}")
            code = demo.build(jenkinsfile, workspace, number, address)
            if code:
                break
        show(Reader(address, emulator.PROJECT))
    return code


def show(reader: Reader) -> None:
    """Every table, with its columns and its last rows."""
    console.rule("In BigQuery now")
    tables = [(dataset, table) for dataset in reader.datasets() for table in reader.tables(dataset)]
    if not tables:
        console.print("nothing")
    for dataset, table in tables:
        _show_table(reader, dataset, table)


def _show_table(reader: Reader, dataset: str, table: str) -> None:
    resource = reader.table(dataset, table)
    assert resource is not None, "it was listed"
    fields = resource["schema"]["fields"]
    console.print(f"\n{dataset}.{table}: {', '.join(map(_column, fields))}")
    rows = reader.query(f"SELECT * FROM `{dataset}.{table}` LIMIT {MOST_ROWS}")  # noqa: S608  # names that were listed
    names = [field["name"] for field in fields if any(row[field["name"]] not in (None, []) for row in rows)]
    for row in rows:
        grid = Table(show_header=False, box=None, padding=(0, 1))
        for name in names:
            grid.add_row(name, str(row[name]))
        console.print(grid)
    console.print("no rows" if not rows else "")


def _column(field: dict[str, Any]) -> str:
    mode = field.get("mode", "NULLABLE")
    return f"{field['name']} {field['type']}{'' if mode == 'NULLABLE' else f' {mode}'}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
