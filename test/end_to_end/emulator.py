"""The embedded BigQuery (local-bigquery) for the length of a `with` block.

It takes the ports the system gives it (`--port 0`), and says which in its log: no port is guessed, none can be lost to
another process. A keeper process holds it and its data, and ends both when the pipe from its parent closes. That
happens however the parent ends: at the end of the block, by a signal, or killed.

Run as a program, this module is the keeper.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

PROJECT = "emulated-project"
ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".build/emulator"  # `make emulator` makes it, with DuckDB's extensions in the folder `home`
START_SECONDS = 60.0
SERVE = Path(__file__).resolve().with_name("serve.py")
LISTENING = re.compile(r"Uvicorn running on (http://127\.0\.0\.1:\d+)")


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Start the emulator, and give its address, which is what BIGQUERY_EMULATOR_HOST takes."""
    keeper = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the parent; the keeper notices the parent's end
    )
    with keeper:  # closes the pipe and waits, also when the block fails
        assert keeper.stdout is not None
        said = json.loads(keeper.stdout.readline() or '{"error": "the emulator\'s keeper ended without a word"}')
        if "error" in said:
            raise RuntimeError(said["error"])
        yield said["address"]


def keep() -> None:
    """Hold an emulator until standard input ends, then end it and delete its data."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="bqsteps-emulator-"))
    try:
        _serve(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(folder: Path) -> None:
    with (folder / "log").open("w") as log:
        emulator = subprocess.Popen(
            [HOME / "bin/python", SERVE, *_arguments(folder / "data")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            # Nothing of the caller's: the emulator takes settings from the environment.
            env={"PATH": os.defpath, "HOME": str(HOME / "home"), "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
            process_group=0,
        )
    try:
        said = _wait(emulator, folder / "log")
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        if "address" in said:
            sys.stdin.read()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(emulator.pid, signal.SIGKILL)
        emulator.wait()


def _arguments(data: Path) -> list[str]:
    return ["--host=127.0.0.1", "--port=0", "--grpc-port=0", f"--project={PROJECT}", f"--data-dir={data}", "serve"]


def _wait(emulator: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    """Wait until the emulator answers, and say where; or what it wrote instead."""
    deadline = time.monotonic() + START_SECONDS
    while emulator.poll() is None and time.monotonic() < deadline:
        found = LISTENING.search(log.read_text())
        if found:
            return {"address": found[1]} if _answers(found[1]) else _failed(log)
        time.sleep(0.05)
    return _failed(log)


def _failed(log: Path) -> dict[str, str]:
    return {
        "error": f"the emulator did not start (`make emulator` sets it up). Its last lines:\n{log.read_text()[-1500:]}"
    }


def _answers(address: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{address}/bigquery/v2/projects/{PROJECT}/datasets", timeout=START_SECONDS):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    keep()
