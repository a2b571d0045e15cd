"""Who may import whom, in processes of their own: what is imported once stays imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from processes import COMMAND, CREATE_TABLE, DEMO_PIPELINE, ROOT, environment

MODULES = sorted(path.stem for path in (ROOT / "python/bqsteps").glob("*.py") if path.stem != "__main__")
NEED_GOOGLE = {
    "build_log",
    "build_table",
    "connection",
    "credentials",
    "doctor_service",
    "ensure",
    "jobs",
    "log_command",
    "network",
    "replay_command",
    "report_command",
    "service_errors",
    "sessions",
    "table_commands",
    "trace",
}
NEED_CLICK = {"cli"}
NEED_MATPLOTLIB = {"charts", "report_command"}
NEED_JINJA = {"page", "report_command"}
FOREIGN = ("click", "google", "jinja2", "matplotlib", "requests", "urllib3")


def foreign(program: str, folder: Path, *flags: str, arguments: tuple[str, ...] = (), **given: str) -> list[str]:
    """Which of other people's packages are imported when the program has ended; it must end without a word."""
    report = f"""
import atexit, json, pathlib, sys
@atexit.register
def tell():
    found = {{name.partition(".")[0] for name, module in sys.modules.items() if getattr(module, "__file__", None)}}
    pathlib.Path("imported.json").write_text(json.dumps(sorted(found)))
sys.argv = {["program", *arguments]!r}
{program}
"""
    ended = subprocess.run(
        [sys.executable, *flags, "-c", report],
        cwd=folder,
        env=environment(folder, given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in ended.stderr, ended.stderr
    return [name for name in json.loads((folder / "imported.json").read_text()) if name in FOREIGN]


@pytest.mark.parametrize("module", MODULES)
def test_each_module_imports_alone_and_only_what_its_room_allows(tmp_path: Path, module: str) -> None:
    # google's packages warn when they are imported by a Python that they will soon give up.
    flags = ("-W", "error") if module not in NEED_GOOGLE else ("-W", "error", "-W", "ignore::FutureWarning")
    found = foreign(f"import bqsteps.{module}", tmp_path, *flags)
    assert ("click" in found) == (module in NEED_CLICK)
    assert bool({"google", "requests"} & set(found)) == (module in NEED_GOOGLE)
    assert ("matplotlib" in found) == (module in NEED_MATPLOTLIB)
    assert ("jinja2" in found) == (module in NEED_JINJA)


RUN = "import runpy; runpy.run_{}({!r}, run_name='__main__')"
PROGRAMS = {
    "ensure-table": (RUN.format("module", COMMAND[1]), ("ensure-table",)),
    "log-build": (RUN.format("module", COMMAND[1]), ("log-build",)),
    "report": (RUN.format("module", COMMAND[1]), ("report",)),
    "create_table.py": (RUN.format("path", CREATE_TABLE[0]), ()),
    "demo_pipeline.py": (RUN.format("path", DEMO_PIPELINE[0]), ()),
}


@pytest.mark.parametrize(("program", "arguments"), PROGRAMS.values(), ids=PROGRAMS)
def test_without_a_project_it_fails_before_anything_is_imported(
    tmp_path: Path, program: str, arguments: tuple[str, ...]
) -> None:
    assert foreign(program, tmp_path, arguments=arguments) == []
    assert "PROJECT_ID" in json.loads((tmp_path / "result.json").read_text())["error"]["message"]


def test_help_does_not_wait_for_the_client(tmp_path: Path) -> None:
    program, _ = PROGRAMS["log-build"]
    assert foreign(program, tmp_path, arguments=("log-build", "--help")) == ["click"]
