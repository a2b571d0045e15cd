"""Rows that wait: what was written is read again, half a file is never seen, and a broken one is named."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from bqsteps import spool
from bqsteps.errors import Failure
from bqsteps.spool import Entry
from processes import ROOT

KEY = "0a" * 32
ENTRY = Entry("p.d.t", "q", {"build_key": KEY, "status": "SUCCESS", "extra": {"ä": ["\n", None]}})

rows = st.dictionaries(
    st.text(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=5,
)


def problem(folder: Path, content: bytes) -> str:
    path = folder / f"broken{spool.SUFFIX}"
    path.write_bytes(content)
    with pytest.raises(Failure) as refused:
        list(spool.read(folder))
    assert refused.value.kind == "config"
    assert path.read_bytes() == content
    return refused.value.message.replace(str(path), "FILE")


@hypothesis(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])  # each waits for the disk
@given(rows)
def test_what_was_written_is_read(tmp_path: Path, row: dict[str, Any]) -> None:
    entry = Entry("p.d.täglich", "example.com:q", {**row, "build_key": KEY})
    path = spool.write(tmp_path, entry)
    assert list(spool.read(tmp_path)) == [(path, entry)]


def test_the_file_is_one_line_named_after_the_key(tmp_path: Path) -> None:
    path = spool.write(tmp_path / "a/b c", ENTRY)
    assert path == tmp_path / f"a/b c/{KEY}.ndjson"
    (line,) = path.read_bytes().splitlines()
    assert path.read_bytes().endswith(b"\n")
    assert json.loads(line.decode("ascii")) == {"table": "p.d.t", "job_project": "q", "row": ENTRY.row, "version": 1}
    assert [child.name for child in path.parent.iterdir()] == [path.name]


def test_writing_again_replaces_the_row_of_that_key(tmp_path: Path) -> None:
    spool.write(tmp_path, ENTRY)
    newer = Entry("p.d.t", "q", {"build_key": KEY, "status": "FAILURE"})
    path = spool.write(tmp_path, newer)
    assert list(spool.read(tmp_path)) == [(path, newer)]


def test_rows_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    keys = ["c", "a", "b"]
    for key in keys:
        spool.write(tmp_path, Entry("p.d.t", "p", {"build_key": key}))
    assert [entry.row["build_key"] for _, entry in spool.read(tmp_path)] == sorted(keys)


def test_a_confirmed_row_is_removed_once_or_twice(tmp_path: Path) -> None:
    path = spool.write(tmp_path, ENTRY)
    spool.remove(path)
    spool.remove(path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_read_where_there_is_no_spool(tmp_path: Path) -> None:
    assert list(spool.read(tmp_path / "none")) == []


def test_a_row_that_is_confirmed_meanwhile_is_passed_over(tmp_path: Path) -> None:
    paths = [spool.write(tmp_path, Entry("p.d.t", "p", {"build_key": key})) for key in ("a", "b", "c")]
    found = []
    for path, _ in spool.read(tmp_path):
        found.append(path)
        paths[1].unlink(missing_ok=True)
    assert found == [paths[0], paths[2]]


def test_a_killed_writer_leaves_no_half_row(tmp_path: Path) -> None:
    program = f"""
import os, sys
from bqsteps import spool
os.fsync = lambda _: os._exit(9)
spool.write(spool.Path({str(tmp_path)!r}), spool.Entry("p.d.t", "p", {{"build_key": "k"}}))
"""
    ended = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(ROOT / "python")}, check=False)
    assert ended.returncode == 9
    assert list(spool.read(tmp_path)) == []


def test_the_row_is_on_disk_before_it_has_its_name_and_the_name_is_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[list[str]] = []
    fsync = os.fsync

    def watch(handle: int) -> None:
        synced.append([child.name for child in tmp_path.iterdir()])
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watch)
    path = spool.write(tmp_path, ENTRY)
    before, after = synced
    assert path.name not in before
    assert path.name in after


def test_writers_of_one_key_at_once_leave_one_whole_row(tmp_path: Path) -> None:
    entries = [Entry("p.d.t", "p", {"build_key": KEY, "extra": str(number) * 10_000 * number}) for number in range(8)]
    threads = [threading.Thread(target=spool.write, args=(tmp_path, entry)) for entry in entries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ((path, entry),) = spool.read(tmp_path)
    assert entry in entries
    assert [child.name for child in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n", id="empty line"),
        pytest.param(b"\xff\xfe", id="binary"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{}", id="nothing in it"),
        pytest.param(b'{"table": "t", "job_project": "p", "row": {}, "version": 1}', id="no key"),
        pytest.param(
            b'{"table": "t", "job_project": "p", "row": {"build_key": 1}, "version": 1}', id="no text for key"
        ),
        pytest.param(b'{"table": "t", "job_project": "p", "row": [], "version": 1}', id="list for row"),
        pytest.param(
            b'{"table": 1, "job_project": "p", "row": {"build_key": "k"}, "version": 1}', id="no text for table"
        ),
        pytest.param(
            b'{"table": "t", "job_project": {}, "row": {"build_key": "k"}, "version": 1}', id="object for project"
        ),
        pytest.param(
            b'{"table": "t", "job_project": "p", "row": {"build_key": "k"}, "version": 2}', id="later version"
        ),
        pytest.param(b'{"table": "t", "job_project": "p", "row": {"build_key": "k"}, "x": 1}', id="unknown key"),
        pytest.param(b"[" * 200_000, id="deep"),
    ],
)
def test_a_broken_file_is_named_and_left(tmp_path: Path, content: bytes) -> None:
    assert problem(tmp_path, content) == "FILE is not a spooled row of version 1."


@pytest.mark.parametrize("kind", ["a file", "below a file"])
def test_a_spool_that_cannot_be_written_is_one_failure(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / {"a file": "file", "below a file": "file/spool"}[kind]
    with pytest.raises(Failure) as refused:
        spool.write(folder, ENTRY)
    assert refused.value.kind == "config"
    assert f"the spool {folder} cannot be written: " in refused.value.message
    assert "BQ_SPOOL_DIR" in refused.value.hint


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Failure, match="No space left on device"):
        spool.write(tmp_path, ENTRY)
    assert list(tmp_path.iterdir()) == []
