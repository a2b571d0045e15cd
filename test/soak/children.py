"""Starts the package's commands in processes that can be killed at any moment: forked, or by the real archive."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
ARCHIVE = ROOT / "resources/bqsteps/bqsteps.pyz"
LONGEST = 900.0  # seconds after which a process is taken to hang; its deadline is a small part of that
RESULT = "result.json"


@dataclass(frozen=True)
class Ended:
    """How a process ended, and what it left; a signal's code is negative. The most memory that it had is in KiB."""

    code: int
    stdout: str
    stderr: str
    result: dict[str, Any] | None
    peak: int = 0


class Child(Protocol):
    """A process that runs a command."""

    def kill(self) -> None:
        """Kill it, and return when it is dead."""

    def wait(self) -> Ended:
        """Return how it ended."""


class Starter(Protocol):
    """What starts processes."""

    def start(self, command: str, folder: Path, environ: Mapping[str, str]) -> Child:
        """Start a command in a folder, with this environment and no other."""


def environment(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a machine without credentials, and what is given."""
    base = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_GCE_CHECK": "true", "BQ_RESULT_FILE": RESULT}
    return {**base, **given}


def _left(folder: Path, code: int, peak: int = 0) -> Ended:
    result = folder / RESULT
    left = json.loads(result.read_text("ascii")) if result.exists() else None
    return Ended(code, (folder / "stdout").read_text("utf-8"), (folder / "stderr").read_text("utf-8"), left, peak)


class _Forked:
    def __init__(self, forks: Forks, number: int, folder: Path) -> None:
        self._forks = forks
        self._number = number
        self._folder = folder
        self._ended = threading.Event()
        self._code = 0
        self._peak = 0

    def kill(self) -> None:
        self._forks.order({"kill": self._number})
        self._ended.wait(LONGEST)

    def wait(self) -> Ended:
        if not self._ended.wait(LONGEST):
            self.kill()
            raise TimeoutError(f"a process did not end within {LONGEST:g} s")
        return _left(self._folder, self._code, self._peak)

    def end(self, code: int, peak: int) -> None:
        self._code, self._peak = code, peak
        self._ended.set()


class Forks:
    """Starts children of a zygote. May be used by many threads."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._children: dict[int, _Forked] = {}

    def __enter__(self) -> Self:
        path = os.pathsep.join(str(ROOT / each) for each in ("python", "test"))
        self._zygote = subprocess.Popen(
            # What Google's packages say of the interpreter's age, as they are imported, is nobody's failure.
            [sys.executable, "-W", "ignore", "-m", "soak.zygote"],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._zygote.stdin and self._zygote.stdout:
            self._zygote.stdin.close()
            self._zygote.wait(LONGEST)
            self._reader.join(LONGEST)
            self._zygote.stdout.close()

    def start(self, command: str, folder: Path, environ: Mapping[str, str]) -> Child:
        number = next(self._numbers)
        child = _Forked(self, number, folder)
        (folder / RESULT).unlink(missing_ok=True)
        with self._lock:
            self._children[number] = child
        self.order({"id": number, "command": command, "folder": str(folder), "environ": environment(folder, environ)})
        return child

    def order(self, order: Mapping[str, object]) -> None:
        """Send an order to the zygote."""
        line = json.dumps(order).encode() + b"\n"
        with self._lock:
            if self._zygote.stdin:
                self._zygote.stdin.write(line)
                self._zygote.stdin.flush()

    def _read(self) -> None:
        for line in self._zygote.stdout or ():
            answer = json.loads(line)
            with self._lock:
                child = self._children.pop(answer["id"])
            child.end(answer["code"], answer["peak"])


class _Process:
    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._process = process
        self._folder = folder

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(LONGEST)

    def wait(self) -> Ended:
        try:
            return _left(self._folder, self._process.wait(LONGEST))
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"a process did not end within {LONGEST:g} s") from None


class Archive:
    """Starts the archive that travels to agents, in an interpreter that has its dependencies.

    Args:
        folder: where the archive is put, as a step does: the original may be built anew meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        self._archive = Path(shutil.copy(ARCHIVE, folder))

    def start(self, command: str, folder: Path, environ: Mapping[str, str]) -> Child:
        (folder / RESULT).unlink(missing_ok=True)
        with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, str(self._archive), command],
                cwd=folder,
                env=environment(folder, environ),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        return _Process(process, folder)
