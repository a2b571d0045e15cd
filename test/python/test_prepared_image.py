"""A step in the prepared image: what resources/bqsteps/Dockerfile puts there, as a virtual environment.

The image's packages are compiled. A step installs nothing, writes nothing outside of its workspace, and talks to
BigQuery alone. Python itself says what it opens, makes and connects to.
"""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from processes import LONGEST, ROOT, environment
from stand_in import StandIn

PACKAGE = ROOT / "resources/bqsteps/bqsteps.pyz"
WHEELS = ROOT / ".build/wheels"
COMMANDS = {
    "a row": ("log-build", {}),
    "a row by a load job": ("log-build", {"BQ_WRITE_METHOD": "load"}),
    "a table": ("ensure-table", {"DATASET_ID": "jenkins_demo_db", "TABLE_ID": "users"}),
    "rows again": ("replay", {}),
}
WATCHED = """
import os, runpy, sys

log = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def watch(event, given):
    if event == "open" and isinstance(given[0], (str, bytes)) and given[2] & (os.O_WRONLY | os.O_RDWR):
        os.write(log, f"wrote {os.path.abspath(os.fsdecode(given[0]))}\\n".encode())
    elif event in ("os.mkdir", "os.rename", "os.link", "os.symlink"):
        os.write(log, f"wrote {os.path.abspath(os.fsdecode(given[0 if event == 'os.mkdir' else 1]))}\\n".encode())
    elif event == "socket.connect":
        os.write(log, f"connected {given[1][0]}:{given[1][1]}\\n".encode())
    elif event in ("subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.exec"):
        os.write(log, f"started {event}\\n".encode())

sys.addaudithook(watch)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's interpreter."""
    image = tmp_path_factory.mktemp("image")
    with zipfile.ZipFile(PACKAGE) as archive:
        wanted = archive.extract("requirements.txt", image)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", image / "python"], check=True)
    installed = image / "python/bin/python"
    options = ["--quiet", "--compile", "--require-hashes", "--no-deps", "--no-index", "--find-links", str(WHEELS)]
    quiet = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    pip = [sys.executable, "-m", "pip", "--python", str(installed), "install"]
    subprocess.run([*pip, *options, "-r", wanted], check=True, env=quiet)
    return installed


@pytest.fixture
def bq() -> Iterator[StandIn]:
    with StandIn() as bq:
        yield bq


@pytest.mark.parametrize("command", COMMANDS)
def test_a_step_there_needs_bigquery_and_its_workspace_and_nothing_else(
    tmp_path: Path, python: Path, bq: StandIn, command: str
) -> None:
    workspace, log, program = tmp_path / "workspace", tmp_path / "log", tmp_path / "watched.py"
    (workspace / "config").mkdir(parents=True)
    (workspace / "config/jenkins_demo_db_users.json").write_text('[{"name": "id", "type": "STRING"}]')
    program.write_text(WATCHED)
    name, given = COMMANDS[command]
    told = {"PROJECT_ID": "p", "BIGQUERY_EMULATOR_HOST": bq.url, "WORKSPACE_TMP": str(workspace / "tmp"), **given}
    environ = environment(workspace, told)
    environ[b"HOME"] = b"/nonexistent"
    del environ[b"PYTHONPATH"]
    argv = [str(each) for each in (python, program, log, PACKAGE, name)]
    ended = subprocess.run(
        argv, cwd=workspace, env=environ, capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=LONGEST
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert json.loads((workspace / "result.json").read_text("ascii"))["status"] in {"recorded", "created", "replayed"}
    assert b"packages" not in ended.stdout
    events = log.read_text().splitlines()
    inside = f"wrote {workspace}/"
    service = f"connected {bq.url.removeprefix('http://')}"
    assert f"{inside}tmp/bqsteps" in events
    assert {event for event in events if not event.startswith(inside)} <= {service, "wrote /dev/null"}


def test_its_packages_are_compiled(python: Path) -> None:
    (packages,) = (python.parents[1] / "lib").glob("python*/site-packages")
    sources = {path for path in packages.rglob("*.py") if "-" not in path.stem}
    compiled = {path.parents[1] / f"{path.name.partition('.')[0]}.py" for path in packages.rglob("*.pyc")}
    assert len(sources) > 500
    assert sources - compiled == set()
