"""A file of rows that is sent in parts: what is done is remembered, and never more than that."""

import errno
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from bqsteps import backlog
from bqsteps.backlog import Backlog


def send(path: Path, most: int, rng: random.Random) -> list[bytes]:
    """Send at most so many lines, a few at a time and done in any order, then stop as a kill does: without a word."""
    log, sent, given_out = Backlog(path), [], []
    for line in log.lines():
        given_out.append(line)
        if len(given_out) > 5 or rng.random() < 0.5:
            done = given_out.pop(rng.randrange(len(given_out)))
            sent.append(done.content)
            log.done(done)
        if len(sent) >= most:
            return sent
    for line in given_out:
        sent.append(line.content)
        log.done(line)
    log.close()
    return sent


@hypothesis(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 40), st.lists(st.integers(1, 25), max_size=4), st.integers())
def test_whatever_stops_it_every_line_is_sent_and_the_file_goes_at_the_end(
    tmp_path: Path, lines: int, stops: list[int], seed: int
) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_bytes(b"".join(b"line %d\n" % number for number in range(lines)))
    rng, sent = random.Random(seed), []  # noqa: S311  # not for secrets
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(backlog, "_NOTE_EVERY", 3)
        for most in [*stops, 1_000]:
            if path.exists():
                sent += send(path, most, rng)
    assert set(sent) == {b"line %d\n" % number for number in range(lines)}
    assert list(tmp_path.iterdir()) == []


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_bytes(b"a\nb\nc\n")
    log = Backlog(path)
    lines = log.lines()
    log.done(next(lines))
    log.close()
    assert [line.content for line in Backlog(path).lines()] == [b"b\n", b"c\n"]


def test_a_line_that_is_not_done_holds_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_bytes(b"a\nb\nc\n")
    log = Backlog(path)
    first, *others = log.lines()
    for line in others:
        log.done(line)
    log.close()
    assert path.exists()
    assert [line.content for line in Backlog(path).lines()] == [b"a\n", b"b\n", b"c\n"]
    log.done(first)
    assert not path.exists()


@pytest.mark.parametrize(
    "note",
    [
        pytest.param('{"bytes": 2, "sha256": "0"}', id="of another file"),
        pytest.param('{"bytes": 999, "sha256": "0"}', id="of a longer file"),
        pytest.param('{"bytes": -1, "sha256": "e3b0"}', id="of less than nothing"),
        pytest.param("{", id="cut off"),
        pytest.param("[1]", id="of another kind"),
        pytest.param("\xff", id="binary"),
    ],
)
def test_a_note_that_does_not_fit_the_file_is_no_note(tmp_path: Path, note: str) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_bytes(b"a\nb\n")
    (tmp_path / ".rows.ndjson.sent").write_bytes(note.encode("latin-1"))
    assert [line.content for line in Backlog(path).lines()] == [b"a\n", b"b\n"]


def test_empty_lines_and_a_missing_last_newline_are_nothing_special(tmp_path: Path) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_bytes(b"\n\na\n\nb")
    log = Backlog(path)
    lines = []
    for line in log.lines():
        lines.append(line.content)
        log.done(line)
    assert lines == [b"a\n", b"b"]
    assert not path.exists()


def test_lines_that_are_added_meanwhile_are_kept_for_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_bytes(b"a\n")
    log = Backlog(path)
    (first,) = log.lines()
    with path.open("ab") as file:
        file.write(b"b\n")
    log.done(first)
    log.close()
    assert [line.content for line in Backlog(path).lines()] == [b"b\n"]


def test_a_folder_that_is_read_only_does_not_stop_what_comes_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_bytes(b"a\n")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "unlink", refuse)  # root may write everywhere
    log = Backlog(path)
    for line in log.lines():
        log.done(line)
    log.close()
    said = capfd.readouterr().err
    assert said == f"bqsteps: the rows of {path} are on record, and it cannot be removed: Read-only file system.\n"
