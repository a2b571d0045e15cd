"""Images, as folders: a bare one has an interpreter with pip and nothing else, the others packages, too, compiled."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

from bench.measure import BrokenMeasurement

ROOT = Path(__file__).resolve().parents[2]
WHEELS = ROOT / ".build/wheels"
PYZ = ROOT / "resources/bqsteps/bqsteps.pyz"
REQUIREMENTS = ROOT / "python/requirements.txt"
LEFT_OUT = ("__pycache__", "site-packages", "dist-packages", "test", "idlelib", "tkinter", "turtledemo", "EXTERNALLY-*")


def bare(folder: Path) -> Path:
    """An interpreter as in the official image: with pip, without .pyc files, and its user may not write any.

    Returns:
        The interpreter.
    """
    python = _interpreter(folder)
    _run(python, "-m", "ensurepip", "--default-pip")
    for cache in list(folder.rglob("__pycache__")):
        shutil.rmtree(cache)
    for inside in list(folder.rglob("*.py")):
        inside.with_name("__pycache__").touch()  # a file: no .pyc can be written, not even by root
    return python


def prepared(folder: Path) -> Path:
    """An interpreter with the packages that agents get: what resources/bqsteps/Dockerfile makes.

    Returns:
        The interpreter.
    """
    return _with_packages(folder, agents_list())


def plain(folder: Path) -> Path:
    """An interpreter with all that python/requirements.txt names: what `pip install -r` gives a plain script.

    Returns:
        The interpreter.
    """
    return _with_packages(folder, REQUIREMENTS.read_bytes())


def agents_list() -> bytes:
    """The hashed list that the package carries for agents."""
    with zipfile.ZipFile(PYZ) as archive:
        return archive.read("requirements.txt")


def _with_packages(folder: Path, requirements: bytes) -> Path:
    python = _interpreter(folder)
    wanted = folder / "requirements.txt"
    wanted.write_bytes(requirements)
    _run(python, "-m", "ensurepip", "--default-pip")
    _run(
        python, "-m", "pip", "install", "--quiet", "--compile", "--require-hashes", "--no-deps", "--no-index",
        "--find-links", str(WHEELS), "-r", wanted,
    )  # fmt: skip
    _run(python, "-m", "compileall", "-q", sysconfig.get_path("stdlib", vars={"installed_base": str(folder)}))
    return python


def _interpreter(folder: Path) -> Path:
    """A copy of this interpreter's own, not of the venv that it may run in."""
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, folder / "lib" / library.name, ignore=shutil.ignore_patterns(*LEFT_OUT))
    (folder / "bin").mkdir()
    python = folder / "bin/python3"
    shutil.copy2(base, python)
    (folder / "lib" / library.name / "site-packages").mkdir()
    return python


def _run(*argv: str | Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    environ["PIP_ROOT_USER_ACTION"] = "ignore"  # which ensurepip does not pass on
    done = subprocess.run(list(argv), check=False, env=environ, capture_output=True, text=True)
    if done.returncode:
        raise BrokenMeasurement(f"no image: {shlex.join(map(str, argv))}: exit code {done.returncode}\n{done.stderr}")
