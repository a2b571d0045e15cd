"""Rows that wait: what was written is read again, half a file is never seen, and a broken one is named."""

import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from bqsteps import build, spool
from bqsteps.errors import Failure
from bqsteps.references import TableReference
from bqsteps.spool import Entry
from processes import ROOT

TABLE = TableReference("example.com:p", "d", "täglich")
JENKINS = {"JENKINS_URL": "https://ci.example.com/", "JOB_NAME": "ä", "BUILD_NUMBER": "7"}


def make(folder: Path, content: dict[str, Any] | None = None, environ: dict[str, str] | None = None) -> Entry:
    path = folder / "build.json"
    path.write_text(json.dumps(content or {}))
    row = build.make(environ or JENKINS, path, TABLE, datetime(2026, 1, 31, tzinfo=UTC))
    path.unlink()
    return Entry(str(TABLE), "q", row)


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    return make(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a/b c"


def read(path: Path) -> Entry:
    return spool.parse(path.read_bytes(), str(path))


EXTREMES: dict[str, dict[str, Any]] = {
    "plain": {},
    "every kind": {"causes": ["a"], "is_replay": True, "tests_total": 5, "started_at": 0, "extra": {"a": [None, 1.5]}},
    "broken text": {"branch": "a\ud800", "extra": {"\udfff": "\udfff"}},
    "long": {"branch": "ä" * 10_000, "causes": ["a"] * 1000, "extra": "ä" * 1_000_000},
    "deep": {"extra": json.loads("[" * 300 + "]" * 300)},
    "numbers": {"extra": [1e999, float("nan"), 10**40, -(2**63)]},
    "urls": {"scm_url": "https://u:p@h/x", "build_url": "https://u:1?p@h", "controller_url": "a@//b@c"},
    "years": {"scheduled_at": "0001-01-01T00:00:00Z", "started_at": "9999-12-31T23:59:59Z"},
}


@pytest.mark.parametrize("content", EXTREMES.values(), ids=EXTREMES)
def test_what_was_written_is_read(tmp_path: Path, folder: Path, content: dict[str, Any]) -> None:
    entry = make(tmp_path, content)
    assert read(spool.write(folder, entry)) == entry


@hypothesis(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from([name for column in build.COLUMNS for name in column.variables if column.name != "event"]),
        st.text(st.characters(exclude_characters="\x00")),
    )
)
def test_whatever_row_is_made_is_read_again(tmp_path: Path, environ: dict[str, str]) -> None:
    entry = make(tmp_path, environ={**JENKINS, **environ})
    assert spool.parse(json.dumps(entry._asdict()).encode(), "here") == entry


def test_the_file_is_one_line_named_after_the_key(folder: Path, entry: Entry) -> None:
    path = spool.write(folder, entry)
    assert path == folder / f"{entry.row['build_key']}.ndjson"
    (line,) = path.read_bytes().splitlines()
    assert path.read_bytes().endswith(b"\n")
    assert json.loads(line.decode("ascii")) == {"table": str(TABLE), "job_project": "q", "row": entry.row, "version": 1}
    assert [child.name for child in path.parent.iterdir()] == [path.name]


def test_writing_again_replaces_the_row_of_that_key(folder: Path, entry: Entry) -> None:
    spool.write(folder, entry)
    newer = Entry(entry.table, entry.job_project, {**entry.row, "result": "FAILURE"})
    assert read(spool.write(folder, newer)) == newer
    assert len(list(folder.iterdir())) == 1


def test_a_confirmed_row_is_removed_once_or_twice(folder: Path, entry: Entry) -> None:
    path = spool.write(folder, entry)
    spool.remove(path)
    spool.remove(path)
    assert list(folder.iterdir()) == []


def test_a_killed_writer_leaves_no_half_row(tmp_path: Path) -> None:
    program = f"""
import os
from bqsteps import spool
os.fsync = lambda _: os._exit(9)
spool.write(spool.Path({str(tmp_path)!r}), spool.Entry("p.d.t", "p", {{"build_key": "k"}}))
"""
    ended = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(ROOT / "python")}, check=False)
    assert ended.returncode == 9
    assert list(tmp_path.glob(f"*{spool.SUFFIX}")) == []


def test_the_row_is_on_disk_before_it_has_its_name_and_the_name_is_too(
    folder: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[list[str]] = []
    fsync = os.fsync

    def watch(handle: int) -> None:
        synced.append([child.name for child in folder.iterdir()])
        fsync(handle)

    monkeypatch.setattr(os, "fsync", watch)
    path = spool.write(folder, entry)
    before, after = synced
    assert path.name not in before
    assert path.name in after


def test_writers_of_one_key_at_once_leave_one_whole_row(folder: Path, entry: Entry) -> None:
    entries = [
        Entry(entry.table, entry.job_project, {**entry.row, "extra": str(number) * 9_000 * number})
        for number in range(7)
    ]
    threads = [threading.Thread(target=spool.write, args=(folder, each)) for each in entries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (path,) = folder.iterdir()
    assert read(path) in entries


# What is not a row


GOOD = {"table": "p.d.t", "job_project": "q", "version": 1}


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
        pytest.param(b"[" * 200_000, id="deep"),
        pytest.param({"row": {}}, id="no key"),
        pytest.param({"row": []}, id="list for row"),
        pytest.param({"row": None}, id="null for row"),
        pytest.param({"table": 1}, id="number for table"),
        pytest.param({"table": "d.t"}, id="no project"),
        pytest.param({"table": "p.d.t`; DROP"}, id="injected table"),
        pytest.param({"job_project": {}}, id="object for project"),
        pytest.param({"job_project": "P/x"}, id="no project's name"),
        pytest.param({"version": 2}, id="later version"),
        pytest.param({"version": "1"}, id="text for version"),
        pytest.param({"x": 1}, id="unknown key"),
        pytest.param({"key": "../../etc/passwd"}, id="a path for a key"),
        pytest.param({"key": 5}, id="number for key"),
        pytest.param({"status": None}, id="null for status"),
        pytest.param({"status": ""}, id="empty status"),
        pytest.param({"timestamp": "now"}, id="no time"),
        pytest.param({"surprise": 1}, id="unknown column"),
        pytest.param({"branch": {}}, id="object for text"),
        pytest.param({"scm_url": "https://u:p@h"}, id="a secret in a url"),
    ],
)
def test_what_is_not_a_row_is_named(entry: Entry, content: bytes | dict[str, Any]) -> None:
    if isinstance(content, dict):
        row: dict[str, Any] = dict(entry.row)
        columns = {"build_key" if name == "key" else name: value for name, value in content.items()}
        whole = {**GOOD, "row": row}
        for name, value in columns.items():
            target = whole if name in {"table", "job_project", "version", "row", "x"} else row
            target[name] = value
        content = json.dumps(whole).encode()
    with pytest.raises(Failure) as refused:
        spool.parse(content, "FILE")
    assert refused.value.kind == "config"
    assert refused.value.message.startswith("FILE is not a row that log-build wrote")
    assert len(refused.value.line) < 1000


def test_a_line_that_is_set_aside_is_kept_with_its_reason(folder: Path) -> None:
    path = spool.set_aside(folder, b'{"half\xff\r\n', "it is \udcff")
    assert path.read_bytes() == b'{"half\xff\n'
    (reason,) = (child for child in folder.iterdir() if child != path)
    assert reason.read_bytes() == b"it is \\udcff\n"


# A folder that cannot be written


@pytest.mark.parametrize("kind", ["a file", "below a file"])
def test_a_spool_that_cannot_be_written_is_one_failure(tmp_path: Path, entry: Entry, kind: str) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / {"a file": "file", "below a file": "file/spool"}[kind]
    with pytest.raises(Failure) as refused:
        spool.write(folder, entry)
    assert refused.value.kind == "config"
    assert f"the spool {folder} cannot be written: " in refused.value.message
    assert "BQ_SPOOL_DIR" in refused.value.hint


def test_a_full_disk_leaves_nothing_behind(folder: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Failure, match="No space left on device"):
        spool.write(folder, entry)
    assert list(folder.iterdir()) == []
