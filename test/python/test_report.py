"""How a command ends: one line, a whole result file, an exit code, and never a traceback."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from bqsteps import report
from bqsteps.errors import Failure
from processes import ROOT

FAILURE = Failure("refused", "It failed.", "Do this.")
Run = Callable[[Callable[[], report.Result]], int]


@pytest.fixture(autouse=True)
def _not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test be a process of its own, in which nothing has ended yet."""
    monkeypatch.setattr(report, "_ended", threading.Lock())


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "result.json"


@pytest.fixture
def run(target: Path) -> Run:
    return lambda command: report.run({"BQ_RESULT_FILE": str(target)}, command)


def raising(error: BaseException) -> Callable[[], report.Result]:
    def command() -> report.Result:
        raise error

    return command


def program(
    code: str, environ: Mapping[str, str] | None = None, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> "subprocess.CompletedProcess[bytes]":
    """Run code that has `report` in a process whose streams are real ones."""
    return subprocess.run(
        [sys.executable, "-c", f"from bqsteps import report\n{textwrap.dedent(code)}"],
        env={"PYTHONPATH": str(ROOT / "python"), **(environ or {})},
        stdout=stdout,
        stderr=stderr,
        timeout=60,
        check=False,
    )


# The result


def test_done(run: Run, target: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(lambda: {"status": "created", "table": "p.d.täglich\udcff", "changes": []}) == 0
    assert json.loads(target.read_bytes().decode("ascii")) == {
        "status": "created",
        "table": "p.d.täglich\udcff",
        "changes": [],
    }
    assert capsysbinary.readouterr() == (b"", b"")


def test_not_done(run: Run, target: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(raising(FAILURE)) == 1
    assert json.loads(target.read_text()) == {
        "status": "failed",
        "error": {"kind": "refused", "message": "It failed.", "hint": "Do this."},
    }
    assert capsysbinary.readouterr() == (b"", b"bqsteps: It failed. Do this.\n")


def test_a_result_that_holds_an_error_is_not_done(run: Run, target: Path) -> None:
    result = {**report.failed(FAILURE, table="p.d.t"), "status": "spooled"}
    assert run(lambda: result) == 1
    assert json.loads(target.read_text()) == result


@pytest.mark.parametrize(
    ("error", "kind", "line"),
    [
        pytest.param(KeyboardInterrupt(), "unavailable", "interrupted. Nothing more was sent.", id="interrupted"),
        pytest.param(PermissionError(13, "Denied", "/x"), "config", "the system refused /x: Denied.", id="file"),
        pytest.param(OSError(28, "No space"), "config", "the system refused: No space.", id="no file"),
        pytest.param(OSError("words only"), "config", "the system refused: words only.", id="no number"),
        pytest.param(
            UnicodeEncodeError("ascii", "/tä", 2, 3, "ordinal not in range"),
            "config",
            "this locale (ascii) has no '/tä' as a file's name. Set PYTHONUTF8=1.",
            id="locale",
        ),
    ],
)
def test_what_stops_a_command_is_one_line(  # noqa: PLR0913, PLR0917  # the table's columns, and fixtures
    run: Run, target: Path, capsys: pytest.CaptureFixture[str], error: BaseException, kind: str, line: str
) -> None:
    assert run(raising(error)) == 1
    assert json.loads(target.read_text())["error"]["kind"] == kind
    assert capsys.readouterr().err == f"bqsteps: {line}\n"


def test_a_defect_is_one_line_that_says_where_and_shows_no_value(run: Run, target: Path) -> None:
    assert run(raising(ZeroDivisionError("hunter2"))) == 1
    told = target.read_text()
    assert "a defect of this library: ZeroDivisionError in test_report.py:" in told
    assert "hunter2" not in told


@pytest.mark.parametrize("environ", [{}, {"BQ_RESULT_FILE": ""}], ids=["unset", "empty"])
def test_nobody_wants_a_result(environ: dict[str, str]) -> None:
    assert report.run(environ, lambda: {"status": "created"}) == 0


# The result file


def test_the_result_replaces_an_older_one_and_leaves_nothing_beside_it(run: Run, target: Path) -> None:
    target.write_text("old " * 1000)
    assert run(lambda: {"status": "unchanged"}) == 0
    assert json.loads(target.read_text()) == {"status": "unchanged"}
    assert list(target.parent.iterdir()) == [target]


def test_a_reader_sees_the_old_result_or_the_new_one(run: Run, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target.write_text("old")
    seen: list[str] = []
    replace = Path.replace

    def watch(self: Path, to: Path) -> Path:
        seen.extend([target.read_text(), json.loads(self.read_text())["status"]])
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", watch)
    run(lambda: {"status": "created"})
    assert seen == ["old", "created"]


def test_another_user_may_read_it(run: Run, target: Path) -> None:
    run(lambda: {"status": "created"})
    assert target.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("where", ["none/result.json", "file/result.json", "folder"])
@pytest.mark.parametrize("command", [lambda: {"status": "created"}, raising(FAILURE)], ids=["done", "not done"])
def test_a_result_file_that_cannot_be_written_is_not_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], where: str, command: Callable[[], report.Result]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    assert report.run({"BQ_RESULT_FILE": str(tmp_path / where)}, command) == 1
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith(f"bqsteps: the result file {tmp_path / where} cannot be written: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_result_that_cannot_take_its_place_leaves_nothing(
    run: Run, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", busy)
    assert run(lambda: {"status": "created"}) == 1
    assert list(target.parent.iterdir()) == []


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    device = tmp_path / "device"
    device.symlink_to("/dev/stdout")
    ended = program(f'report.run({{"BQ_RESULT_FILE": {str(device)!r}}}, lambda: {{"status": "created"}})')
    assert json.loads(ended.stdout) == {"status": "created"}
    assert device.is_symlink()


@pytest.mark.parametrize("is_read", [False, True], ids=["nobody reads", "somebody reads"])
def test_a_pipe_is_written_to_and_never_waited_for(tmp_path: Path, is_read: bool) -> None:  # noqa: FBT001  # a column
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK) if is_read else None
    ended = program(
        f'raise SystemExit(report.run({{"BQ_RESULT_FILE": {str(pipe)!r}}}, lambda: {{"status": "created"}}))'
    )
    assert ended.returncode == (0 if is_read else 1)
    if reader is not None:
        assert json.loads(os.read(reader, 1_000)) == {"status": "created"}
        os.close(reader)
    else:
        assert ended.stderr.startswith(f"bqsteps: the result file {pipe} cannot be written: ".encode())


# Only one end


def test_only_the_first_end_counts(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environ = {"BQ_RESULT_FILE": str(target)}
    assert report.end(environ, {"status": "created"}) == 0
    late = threading.Thread(target=report.end, args=(environ, report.failed(FAILURE)), daemon=True)
    late.start()
    late.join(0.2)
    assert late.is_alive()  # for ever: it leaves the process to whoever ends it
    assert json.loads(target.read_text()) == {"status": "created"}
    assert capsys.readouterr().err == ""


def test_the_backstop_ends_the_process_from_another_thread(target: Path) -> None:
    ended = program(
        f"""
        import threading
        from bqsteps.errors import Failure
        environ = {{"BQ_RESULT_FILE": {str(target)!r}}}
        late = report.failed(Failure("unavailable", "too late."))
        threading.Thread(target=report.expire, args=(environ, lambda: late)).start()
        threading.Event().wait()
        """
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, b"", b"bqsteps: too late.\n")
    assert json.loads(target.read_text())["error"]["kind"] == "unavailable"


def test_a_real_interrupt(target: Path) -> None:
    ended = program(
        f"""
        import os, signal, sys
        command = lambda: os.kill(os.getpid(), {int(signal.SIGINT)})
        sys.exit(report.run({{"BQ_RESULT_FILE": {str(target)!r}}}, command))
        """
    )
    assert (ended.returncode, ended.stderr) == (1, b"bqsteps: interrupted. Nothing more was sent.\n")
    assert json.loads(target.read_text())["status"] == "failed"


# What people see


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("environ", [ASCII, {**ASCII, "PYTHONIOENCODING": "ascii:strict"}], ids=["C", "strict"])
def test_lines_are_utf_8_in_an_ascii_locale_too(environ: dict[str, str]) -> None:
    ended = program(r"report.say('\xe4\udcff'); report.warn('\u8868')", environ)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "ä\\udcff\n".encode(), "表\n".encode())


def test_the_environment_is_utf_8_in_an_ascii_locale_too() -> None:
    environ = {**ASCII, "NAME": "ä"}
    ended = program("print(ascii(report.environment()['NAME']))", environ)
    assert ended.stdout == b"'\\xe4'\n"


def test_a_file_name_that_the_locale_has_not_is_one_line(tmp_path: Path) -> None:
    code = f"""
        import sys
        command = lambda: open({str(tmp_path)!r} + "/t\\xe4")
        sys.exit(report.run({{"BQ_RESULT_FILE": {str(tmp_path)!r} + "/r\\xe4"}}, command))
        """
    ended = program(code, ASCII)
    lines = ended.stderr.decode().splitlines()
    assert ended.returncode == 1
    assert "Set PYTHONUTF8=1." in lines[0]
    assert "cannot be written" in lines[1]
    assert len(lines) == 2


def test_what_is_done_is_told_with_the_seconds_since_the_start() -> None:
    ended = program("report._began -= 61.5; report.done('Made it')")
    assert re.fullmatch(rb"Made it \(6[1-9]\.[0-9] s\)\n", ended.stdout)


def test_lines_of_print_and_ours_stay_in_order() -> None:
    ended = program("print('a'); report.say('b'); print('c'); report.say('d')")
    assert ended.stdout == b"a\nb\nc\nd\n"


@pytest.fixture
def nobody() -> Iterator[int]:
    """A pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_what_was_done_stays_done_where_nobody_reads(stream: str, nobody: int, target: Path) -> None:
    code = f"""
        import sys
        def command():
            print("before"); report.say("done"); report.warn("careful"); report.say("still done")
            return {{"status": "created"}}
        sys.exit(report.run({{"BQ_RESULT_FILE": {str(target)!r}}}, command))
        """
    ended = program(code, stdout=nobody) if stream == "stdout" else program(code, stderr=nobody)
    assert ended.returncode == 0
    assert b"Traceback" not in (ended.stderr or b"")
    assert json.loads(target.read_text()) == {"status": "created"}


def test_streams_that_are_closed_are_no_problem(target: Path) -> None:
    code = f"""
        import sys
        sys.stdout = sys.stderr = None
        report.say("a"); report.warn("b")
        sys.exit(report.end({{"BQ_RESULT_FILE": {str(target)!r}}}, {{"status": "created"}}))
        """
    assert program(code).returncode == 0


@pytest.mark.parametrize(
    ("environ", "is_terminal", "wanted"),
    [({}, True, True), ({}, False, False), ({"NO_COLOR": "1"}, True, False), ({"NO_COLOR": ""}, True, True)],
)
def test_colour_is_for_terminals(
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    is_terminal: bool,  # noqa: FBT001  # the table's columns
    wanted: bool,  # noqa: FBT001  # the same
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    assert report.has_colour() is wanted
