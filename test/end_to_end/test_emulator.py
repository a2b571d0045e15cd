"""The embedded BigQuery is gone with whoever started it, however that ends."""

import http.client
import json
import os
import signal
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from end_to_end.emulator import running

TEST = Path(__file__).parents[1]
PROGRAM = """
    import sys, time
    from end_to_end import emulator
    with emulator.running() as address:
        print(address, flush=True)
        {block}
"""


def start(block: str, folder: Path, **environ: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM).format(block=block)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TEST), "TMPDIR": str(folder), **environ},
        start_new_session=True,
    )


def gone(folder: Path) -> bool:
    """Whether nothing is left in the folder for temporary files; its keeper deletes it last."""
    return list(folder.iterdir()) == []


def answering(address: str) -> bool:
    url = urlsplit(address)
    connection = http.client.HTTPConnection(url.hostname or "", url.port)
    try:
        connection.request("GET", "/bigquery/v2/projects/p/datasets")
    except ConnectionRefusedError:
        return False
    with closing(connection):
        return connection.getresponse().status == 200


def wait_for_keeper(process: "subprocess.Popen[str]") -> str:
    """Until the keeper, which holds the pipe of the program's errors open, has ended; what it said."""
    assert process.stderr
    return process.stderr.read()


def test_it_answers_whatever_the_callers_proxy_is_and_is_gone_after_the_block(tmp_path: Path) -> None:
    process = start("pass", tmp_path, http_proxy="http://127.0.0.1:1")
    address = process.communicate()[0].strip()
    assert process.returncode == 0
    assert address.startswith("http://127.0.0.1:")
    assert not answering(address)
    assert gone(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_is_gone_after_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    process = start("time.sleep(600)", tmp_path)
    assert process.stdout
    address = process.stdout.readline().strip()
    assert answering(address)
    process.send_signal(number)
    wait_for_keeper(process)
    process.communicate()
    assert not answering(address)
    assert gone(tmp_path)


def test_it_is_gone_after_a_failure_in_the_block(tmp_path: Path) -> None:
    process = start("raise SystemExit(3)", tmp_path)
    address = process.communicate()[0].strip()
    assert process.returncode == 3
    assert not answering(address)
    assert gone(tmp_path)


def test_several_at_once_do_not_meet(emulator: str) -> None:
    with running() as other:
        assert emulator != other
        assert answering(emulator)
        assert answering(other)


def test_one_that_does_not_start_says_why(tmp_path: Path) -> None:
    server, folder = tmp_path / "serve.py", tmp_path / "temporary"
    server.write_text("raise SystemExit('no such luck')\n")
    folder.mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", f"from end_to_end import emulator; emulator.SERVE = {str(server)!r}; emulator.keep()"],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TEST), "TMPDIR": str(folder)},
    )
    assert json.loads(ran.stdout)["error"].endswith(" last lines:\nno such luck\n")
    assert gone(folder)
