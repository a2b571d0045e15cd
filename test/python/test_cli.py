"""The debugging command line: help that tells what each variable is now, and exit codes."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bqsteps import __main__ as program
from bqsteps import __version__, dependencies, report, settings
from processes import COMMAND, LONGEST, Ended, environment, run

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
every_command = pytest.mark.parametrize("command", settings.COMMANDS)


def cli(folder: Path, *arguments: str, **given: str) -> Ended:
    return run(COMMAND + arguments, folder, **given)


def entries(ended: Ended) -> dict[str, str]:
    """What the help says of each variable."""
    assert (ended.code, ended.stderr) == (0, "")
    _, _, section = ended.stdout.partition("Environment variables:\n")
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line[:3].strip():
            name, _, line = line.strip().partition(" ")  # noqa: PLW2901  # the rest of the line belongs to the name
        found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found


@every_command
def test_help_lists_each_variable_with_its_default_and_its_present_value(tmp_path: Path, command: str) -> None:
    variables = settings.COMMANDS[command].variables
    values = {variable.name: f"now-{number}" for number, variable in enumerate(variables)}
    said = entries(cli(tmp_path, command, "--help", **values))
    assert list(said) == [variable.name for variable in variables]
    for variable in variables:
        default = "Required" if variable.required else f"Default: {variable.default or 'none'}"
        assert said[variable.name] == f"{variable.help}. {default}; now: {values[variable.name]}"


@every_command
def test_help_tells_what_is_not_set(tmp_path: Path, command: str) -> None:
    said = entries(cli(tmp_path, command, "--help", PROJECT_ID=""))
    assert said["PROJECT_ID"].endswith("Required; now: not set")
    assert said["BQ_LOCATION"].endswith("Default: none; now: not set")


@pytest.mark.parametrize("environ", [{}, ASCII], ids=["UTF-8", "ASCII"])
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\nb", "'a\\nb'"),
        ("a\x1b[31m", "'a\\x1b[31m'"),
        ("a\udcff", "'a\\udcff'"),
        ("ä", "'\\xe4'"),
        ("$HOME", "$HOME"),
        ("x" * 500, "x" * 40),
    ],
    ids=ascii,
)
def test_help_shows_any_value_on_any_terminal(tmp_path: Path, environ: dict[str, str], value: str, shown: str) -> None:
    assert shown in entries(cli(tmp_path, "log-build", "--help", **environ, TABLE_ID=value))["TABLE_ID"]


def test_help_names_the_commands(tmp_path: Path) -> None:
    ended = cli(tmp_path, "--help")
    assert ended.code == 0
    assert [name for name in settings.COMMANDS if f"  {name}  " not in ended.stdout] == []


def test_version(tmp_path: Path) -> None:
    assert cli(tmp_path, "--version").stdout.strip().endswith(__version__)


@pytest.mark.parametrize("arguments", [("--help",), ("log-build", "--help"), ("--version",)])
def test_a_help_that_finds_no_place_is_one_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, *COMMAND, *arguments],
            env=environment(tmp_path, {}),
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=LONGEST,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (1, b"bqsteps: the system refused: No space left on device.\n")


@pytest.mark.parametrize(
    "arguments",
    [(), ("ensure-tables",), ("ensure-table", "d.t"), ("log-build", "--status", "x"), ("\udcff",), ("",)],
    ids=ascii,
)
def test_a_usage_error_is_clicks_own(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = cli(tmp_path, *arguments, PROJECT_ID="p")
    assert ended.code == 2
    assert "Usage: bqsteps" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.result is None


@pytest.mark.parametrize("command", [name for name, command in settings.COMMANDS.items() if not command.is_bare])
def test_wrong_settings_are_one_line(tmp_path: Path, command: str) -> None:
    ended = cli(tmp_path, command, BQ_DEADLINE_SECONDS="soon")
    assert "PROJECT_ID" in ended.line
    assert "BQ_DEADLINE_SECONDS is 'soon'" in ended.line
    assert "--help lists the variables" in ended.line
    assert ended.result is not None
    assert ended.result["error"]["kind"] == "config"


@pytest.mark.parametrize(
    ("problem", "said"),
    [(KeyboardInterrupt(), "interrupted."), (OSError(28, "No space left"), "the system refused: No space left.")],
    ids=["interrupt", "full disk"],
)
def test_what_stops_the_installation_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], problem: BaseException, said: str
) -> None:
    def provide(*_: object) -> None:
        raise problem

    monkeypatch.setattr(dependencies, "provide", provide)
    monkeypatch.setattr(report, "_ended", threading.Lock())
    monkeypatch.setattr(sys, "argv", ["bqsteps", "--version"])
    monkeypatch.delenv("BQ_RESULT_FILE", raising=False)
    assert program.main() == 1
    assert capsys.readouterr().err.startswith(f"bqsteps: {said}")
