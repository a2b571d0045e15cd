"""Fixtures of the end-to-end tests."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from end_to_end.emulator import PROJECT, running
from end_to_end.reader import Reader

ROOT = Path(__file__).resolve().parents[2]
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def emulator() -> Iterator[str]:
    """The address of an embedded BigQuery that the whole test session shares: use datasets of your own."""
    with running() as address:
        yield address


@pytest.fixture
def reader(emulator: str) -> Reader:
    return Reader(emulator, PROJECT)


@pytest.fixture
def dataset() -> str:
    """A dataset that no other test has, and that does not exist yet."""
    return f"ds_{next(_numbers)}"


@dataclass(frozen=True)
class Person:
    """Somebody who runs the Python by hand, in a folder of their own.

    Args:
        folder: the working directory.
        environ: their variables, beside PATH and HOME.
    """

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a Python program with these variables on top."""
        base = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=base | self.environ | variables,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    def package(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the package as it travels."""
        return self.run(ROOT / "resources/bqsteps/bqsteps.pyz", command, **variables)


@pytest.fixture
def person(tmp_path: Path, emulator: str, dataset: str) -> Person:
    return Person(tmp_path, {"BIGQUERY_EMULATOR_HOST": emulator, "PROJECT_ID": PROJECT, "DATASET_ID": dataset})


@pytest.fixture
def agent(emulator: str) -> Mapping[str, str]:
    """The variables of an agent that reaches the emulator."""
    return {"BIGQUERY_EMULATOR_HOST": emulator, "PROJECT_ID": PROJECT}
