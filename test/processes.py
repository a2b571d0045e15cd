"""Runs the package, and the scripts beside it, as people do: in processes of their own. For tests."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
COMMAND = ("-m", "bqsteps")
CREATE_TABLE = (str(ROOT / "python/create_table.py"),)
DEMO_PIPELINE = (str(ROOT / "python/demo_pipeline.py"),)
LONGEST = 60  # seconds that a process may take; none comes near it, on the slowest machine either


class Ended(NamedTuple):
    """How a process ended, and what it left."""

    code: int
    stdout: str
    stderr: str
    result: dict[str, Any] | None

    @property
    def line(self) -> str:
        """The one line that a failure says; all else that must hold of a failure is asserted."""
        assert self.code == 1, self
        assert "Traceback" not in self.stderr + self.stdout, self.stderr
        (line,) = [line for line in self.stderr.splitlines() if line.startswith("bqsteps: ")]
        if self.result is not None:
            error = self.result["error"]
            assert line == f"bqsteps: {error['message']} {error['hint']}".rstrip()
        return line


def environment(folder: Path, given: Mapping[str, str]) -> dict[bytes, bytes]:
    """The environment of a machine that has no credentials, and on which nothing is set but what is given."""
    base = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(ROOT / "python"),
        "NO_GCE_CHECK": "true",
        "BQ_RESULT_FILE": str(folder / "result.json"),
    }
    both = {**base, **given}
    return {name.encode(): value.encode("utf-8", "surrogateescape") for name, value in both.items()}


def run(program: tuple[str, ...], folder: Path, /, **given: str) -> Ended:
    """Run a program in a folder to its end, with these environment variables."""
    result = folder / "result.json"
    result.unlink(missing_ok=True)
    ended = subprocess.run(
        [sys.executable, *program],
        cwd=folder,
        env=environment(folder, given),
        capture_output=True,
        timeout=LONGEST,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    left = json.loads(result.read_text("ascii")) if result.exists() else None
    if left is not None:
        assert ("error" in left) == (ended.returncode != 0)
    return Ended(ended.returncode, ended.stdout.decode(), ended.stderr.decode(), left)
