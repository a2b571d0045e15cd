"""How the package starts from its archive: laid out as files once in a workspace, and right where that cannot be."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from processes import ROOT, environment

PACKAGE = ROOT / "resources/bqsteps/bqsteps.pyz"


def start(folder: Path, flag: str = "-q", /, *, package: Path = PACKAGE, **given: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, flag, str(package), "log-build"],
        cwd=folder,
        env=environment(folder, {"PYTHONPATH": "", **given}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fails_for_its_project(process: "subprocess.Popen[str]") -> None:
    """What every start in these tests comes to: the package runs, and misses a setting."""
    with process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert err.splitlines()[-1].startswith("bqsteps: PROJECT_ID is not set")


def origin(folder: Path, **given: str) -> str:
    """Where the modules come from."""
    with start(folder, "-v", package=PACKAGE, **given) as process:
        _, err = process.communicate(timeout=60)
    (line,) = [line for line in err.splitlines() if line.startswith("import 'bqsteps.settings'")]
    return line


def below(folder: Path, pattern: str) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.glob(pattern))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "a job@tmp/bqsteps"


def test_the_first_start_lays_the_modules_out_and_the_next_finds_them_compiled(tmp_path: Path, home: Path) -> None:
    fails_for_its_project(start(tmp_path, WORKSPACE_TMP="a job@tmp"))
    (folder,) = home.glob("modules*")
    assert len(below(folder, "bqsteps/*.py")) == len(below(ROOT / "python", "bqsteps/*.py"))
    compiled = {path: path.stat().st_mtime_ns for path in folder.glob("bqsteps/__pycache__/settings.*.pyc")}
    assert len(compiled) == 1
    assert "SourceFileLoader" in origin(tmp_path, WORKSPACE_TMP="a job@tmp")
    assert {path: path.stat().st_mtime_ns for path in compiled} == compiled
    assert list(home.glob("modules*")) == [folder]


def before_rename(folder: Path, action: str) -> str:
    """A folder for PYTHONPATH with which something happens before the modules get their place."""
    customize = f"""
import os, shutil
rename = os.rename
def replaced(source, target):
    if "modules" in target:
        {action}
    rename(source, target)
os.rename = replaced
"""
    (folder / "python path").mkdir()
    (folder / "python path/sitecustomize.py").write_text(customize)
    return str(folder / "python path")


def test_another_start_may_be_quicker(tmp_path: Path, home: Path) -> None:
    quicker = before_rename(tmp_path, "shutil.copytree(source, target)")
    assert "SourceFileLoader" in origin(tmp_path, WORKSPACE_TMP=str(home.parent), PYTHONPATH=quicker)
    assert len(below(home, "modules*")) == 1


def test_a_start_that_is_killed_leaves_no_half_folder(tmp_path: Path, home: Path) -> None:
    killed = before_rename(tmp_path, "os.kill(os.getpid(), 9)")
    with start(tmp_path, WORKSPACE_TMP=str(home.parent), PYTHONPATH=killed) as process:
        process.communicate(timeout=60)
    assert (process.returncode, below(home, "modules-*")) == (-9, [])
    fails_for_its_project(start(tmp_path, WORKSPACE_TMP=str(home.parent)))
    assert len(below(home, "modules-*")) == 1


def test_parallel_first_starts_leave_one_whole_folder(tmp_path: Path, home: Path) -> None:
    starts = [start(tmp_path, WORKSPACE_TMP=str(home.parent), BQ_RESULT_FILE="") for _ in range(6)]
    for process in starts:
        fails_for_its_project(process)
    (folder,) = home.glob("modules*")
    assert len(below(folder, "bqsteps/*.py")) == len(below(ROOT / "python", "bqsteps/*.py"))


def test_another_package_has_a_folder_of_its_own(tmp_path: Path, home: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "python", source, ignore=shutil.ignore_patterns("__pycache__"))
    with (source / "bqsteps/errors.py").open("a") as changed:
        changed.write("# changed\n")
    build: list[str | Path] = [
        sys.executable,
        ROOT / "python/build_package.py",
        "--source",
        source,
        "--resources",
        tmp_path,
    ]
    subprocess.run(build, check=True, capture_output=True)
    for package in (PACKAGE, tmp_path / "bqsteps.pyz"):
        fails_for_its_project(start(tmp_path, package=package, WORKSPACE_TMP=str(home.parent)))
    assert len(below(home, "modules*")) == 2


def test_without_a_workspace_it_leaves_nothing_anywhere(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    package = Path(shutil.copy(PACKAGE, folder))
    fails_for_its_project(start(tmp_path, package=package))
    assert below(tmp_path, "**/*") == ["elsewhere", "elsewhere/bqsteps.pyz", "result.json"]


def test_where_nothing_can_be_laid_out_it_runs_from_the_archive(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    fails_for_its_project(start(tmp_path, WORKSPACE_TMP="file"))
    assert "zipimporter" in origin(tmp_path, WORKSPACE_TMP="file")


def test_a_python_without_compiled_modules_gets_them_kept_in_the_workspace(tmp_path: Path, home: Path) -> None:
    bare = "-Xpycache_prefix=" + str(tmp_path / "nothing there")
    fails_for_its_project(start(tmp_path, bare, WORKSPACE_TMP=str(home.parent), PYTHONDONTWRITEBYTECODE="1"))
    assert below(home, "compiled-*/**/json/decoder.*.pyc")
    assert below(home, "compiled-*/**/bqsteps/settings.*.pyc")
    assert not (tmp_path / "nothing there").exists()


def test_what_was_said_is_said_in_full_before_it_ends(tmp_path: Path) -> None:
    read, write = os.pipe()
    with os.fdopen(read) as said:
        process = subprocess.Popen(
            [sys.executable, PACKAGE, "log-build"], cwd=tmp_path, env=environment(tmp_path, {}), stderr=write
        )
        os.close(write)
        text = said.read()
    assert process.wait(timeout=60) == 1
    result = json.loads((tmp_path / "result.json").read_text())["error"]
    assert text == f"bqsteps: {result['message']} {result['hint']}\n"
