"""The package under resources/: fresh, the same everywhere, and started by an interpreter that has nothing."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from build_package import LEFT_OUT

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "python/build_package.py"
PACKAGE = ROOT / "resources/bqsteps/bqsteps.pyz"


def build(
    source: Path, resources: Path, *options: str, python: str = sys.executable, **environ: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [python, BUILD, "--source", source, "--resources", resources, *options],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
    )


def interpreters() -> list[str]:
    """Every Python from 3.11 on that this machine has, one of each version."""
    found = {}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    named = [path for minor in range(11, 20) if (path := shutil.which(f"python3.{minor}"))]
    for candidate in [*map(str, pyenv.glob("*/bin/python3")), *named, "/usr/bin/python3", sys.executable]:
        script = "import sys; print(sys.version_info[:2] >= (3, 11) and sys.version)"
        try:
            ran = subprocess.run([candidate, "-c", script], check=False, capture_output=True, text=True)
        except OSError:
            continue
        if ran.returncode == 0 and ran.stdout.strip() != "False":
            found[ran.stdout] = candidate
    return sorted(found.values())


def packages(requirements: str) -> set[str]:
    return set(re.findall(r"^([\w-]+)==", requirements, re.MULTILINE))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A copy of the sources, for changes."""
    folder = tmp_path / "source"
    shutil.copytree(ROOT / "python", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_the_package_is_what_the_sources_give() -> None:
    ran = build(ROOT / "python", PACKAGE.parent, "--check")
    assert ran.stderr == ""
    assert ran.returncode == 0


@pytest.mark.parametrize(
    "file", ["bqsteps/errors.py", "bqsteps/templates/index.html", "requirements.txt", "report-requirements.txt"]
)
def test_one_touched_line_makes_it_stale_until_it_is_built(source: Path, tmp_path: Path, file: str) -> None:
    assert build(source, tmp_path).returncode == 0
    assert build(source, tmp_path, "--check").returncode == 0
    with (source / file).open("a") as touched:
        touched.write("# one more line\n")
    ran = build(source, tmp_path, "--check")
    assert ran.returncode == 1
    assert ran.stderr == "stale: bqsteps.pyz, bqsteps.pyz.sha256; run `make package`\n"
    assert build(source, tmp_path).returncode == 0
    assert build(source, tmp_path, "--check").returncode == 0


def test_every_interpreter_builds_the_same_bytes(source: Path, tmp_path: Path) -> None:
    for path in source.rglob("*.py"):  # another checkout: other times and permissions
        path.chmod(0o600)
        os.utime(path, (0, 0))
    built = {}
    for number, python in enumerate(interpreters()):
        ran = build(source, tmp_path / str(number), python=python, TZ=f"UTC{number:+d}", LANG="C")
        assert ran.returncode == 0, ran.stderr
        built[python] = (tmp_path / str(number) / PACKAGE.name).read_bytes()
    build(ROOT / "python", tmp_path)
    assert set(built.values()) == {(tmp_path / PACKAGE.name).read_bytes()}, sorted(built)


def test_the_checksum_is_of_the_package_as_sha256sum_writes_it(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path)
    digest = hashlib.sha256((tmp_path / PACKAGE.name).read_bytes()).hexdigest()
    assert (tmp_path / f"{PACKAGE.name}.sha256").read_text() == f"{digest}  {PACKAGE.name}\n"


def test_it_holds_every_module_and_the_hashed_lists_stored(source: Path, tmp_path: Path) -> None:
    (source / "bqsteps/__pycache__").mkdir()
    (source / "bqsteps/__pycache__/errors.cpython-313.pyc").write_bytes(b"")
    build(source, tmp_path)
    with zipfile.ZipFile(tmp_path / PACKAGE.name) as archive:
        entries = archive.infolist()
        listed = packages(archive.read("requirements.txt").decode())
        extra = packages(archive.read("report-requirements.txt").decode())
        assert archive.read("__main__.py") == (source / "archive_main.py").read_bytes()
    assert packages((source / "requirements.txt").read_text()) - listed == set(LEFT_OUT)
    assert {"jinja2", "matplotlib"} <= extra
    assert not {"jinja2", "matplotlib"} & listed
    modules = {f"bqsteps/{path.name}" for path in (source / "bqsteps").glob("*.py")}
    templates = {f"bqsteps/templates/{name}" for name in ("index.html", "style.css")}
    lists = {"requirements.txt", "report-requirements.txt"}
    assert {entry.filename for entry in entries} == {"__main__.py", "digest.txt", *lists, *modules, *templates}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert (tmp_path / PACKAGE.name).read_bytes().startswith(b"#!/usr/bin/env python3\n")


def test_an_interpreter_that_is_too_old_is_told_so_in_a_line(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path)
    program = f"import runpy, sys; sys.version_info = (3, 10, 9); runpy.run_path({str(tmp_path / PACKAGE.name)!r})"
    ran = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    assert ran.returncode == 1
    assert ran.stderr == f"bqsteps needs Python 3.11 or newer; {sys.executable} is 3.10\n"


def test_a_bare_interpreter_gets_the_packages_and_runs(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path)
    venv.create(tmp_path / "bare", with_pip=False)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/uv").symlink_to(Path(sys.executable).with_name("uv"))
    ran = subprocess.run(
        [tmp_path / "bare/bin/python3", tmp_path / PACKAGE.name, "--help"],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            "PATH": f"{tmp_path / 'bin'}:{os.defpath}",
            "HOME": str(tmp_path),
            "WORKSPACE_TMP": str(tmp_path / "a job@tmp"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(ROOT / ".build/wheels"),
        },
    )
    assert ran.returncode == 0, ran.stderr
    assert "ensure-table" in ran.stdout
    assert "packages: installed with uv" in ran.stdout
