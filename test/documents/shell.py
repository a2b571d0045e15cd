"""Runs the shell examples of a document, as a reader would type them: one after the other, in one shell.

What cannot run in a test (the cloud's tools, and make) is a stub that knows the commands and flags it may be given.
Python is real, and so is the package: it talks to whatever the environment's BIGQUERY_EMULATOR_HOST names.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from bqsteps import build, spool
from bqsteps.references import TableReference
from documents import stub
from documents.markdown import Block

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("config", "python", "resources", "Jenkinsfile.example", "Makefile")
_MARK = "@@ example"


class Output(NamedTuple):
    """What the examples printed, by the line on which each starts, and what ended them."""

    printed: Mapping[int, str]
    code: int


def reader(folder: Path) -> Path:
    """A reader's copy of this repository, with a row in `unsent` that some build has kept, and the stubs beside it."""
    home = folder / "bqsteps"
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, home / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            home.mkdir(exist_ok=True)
            shutil.copy(source, home / name)
    table = TableReference("my-project", "jenkins_demo_db", "build_logs")
    row = build.make(
        {"JOB_NAME": "shop", "JENKINS_URL": "https://jenkins.example.com/"}, None, table, datetime.now(UTC)
    )
    spool.write(home / "unsent", spool.Entry(str(table), table.project, row))
    tools = folder / "bin"
    tools.mkdir()
    for name in stub.KNOWN:
        program = tools / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stub.__file__}" {name} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    return home


def run(examples: Iterable[Block], home: Path, environ: Mapping[str, str]) -> Output:
    """Run the examples until one fails."""
    script = "set -euo pipefail\n" + "".join(f"echo '{_MARK} {block.line}'\n{block.code}\n" for block in examples)
    path = os.pathsep.join([str(home.parent / "bin"), str(Path(sys.executable).parent), "/usr/bin", "/bin"])
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=home,
        env={"PATH": path, "HOME": str(home.parent), "PYTHONDONTWRITEBYTECODE": "1", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    parts = done.stdout.split(f"{_MARK} ")[1:]
    return Output({int(part.partition("\n")[0]): part.partition("\n")[2] for part in parts}, done.returncode)
