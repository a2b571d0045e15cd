"""Where it is measured: the service, the images, and what people would put into a workspace."""

import hashlib
import itertools
import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import image
from bench.image import PYZ, ROOT, WHEELS
from bench.measure import Program, Sample, Stopwatch
from bqsteps import build
from bqsteps.references import TableReference
from bqsteps.spool import Entry
from stand_in import StandIn

PROJECT = "p"
DATASET = "jenkins_demo_db"
LOG = TableReference(PROJECT, DATASET, "build_logs")
PLAIN_LOG = TableReference(PROJECT, DATASET, "plain_logs")
TABLE = "users_table"
PLAIN = Path(__file__).with_name("plain")
UV = Path(sys.executable).with_name("uv")
COLUMNS = 12  # of each of many tables


class Scene:
    """One service and the folders that programs run in.

    Args:
        bq: the service.
        watch: measures against it.
        folder: what is made for the runs lies below it.
    """

    def __init__(self, bq: StandIn, watch: Stopwatch, folder: Path) -> None:
        self.bq = bq
        self.watch = watch
        self._folder = folder
        self._numbers = itertools.count(1)
        with ThreadPoolExecutor() as pool:
            images = pool.map(self._image, (image.bare, image.prepared, image.plain))
            self.bare, self.prepared, self.plain_image = images
        self.clear()
        create_logs(bq)

    def clear(self) -> None:
        """Remove what the runs left: each from a bare image has its own packages."""
        shutil.rmtree(self._folder / "runs", ignore_errors=True)

    def _image(self, make: Callable[[Path], Path]) -> Path:
        """The interpreter of an image, which is made once: the next bench finds it."""
        lists = image.REQUIREMENTS.read_bytes() + image.agents_list()
        digest = hashlib.sha256(lists + sys.version.encode()).hexdigest()[:12]
        folder = self._folder / "images" / f"{make.__name__}-{digest}"
        if not folder.is_dir():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            make(partial)
            partial.rename(folder)
        return folder / "bin/python3"

    def workspace(self) -> Path:
        """A new folder for a pod: a workspace with the library's package and the definition of one table in it."""
        folder = self._folder / "runs" / str(next(self._numbers))
        (folder / "tmp/bqsteps").mkdir(parents=True)
        shutil.copy(PYZ, folder / "tmp/bqsteps/bqsteps.pyz")
        shutil.copytree(ROOT / "config", folder / "config")
        shutil.copytree(PLAIN, folder / "plain", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(image.REQUIREMENTS, folder / "requirements.txt")
        return folder

    def environ(self, python: Path, folder: Path, **more: str) -> dict[str, str]:
        """The environment of a step in a build of Jenkins; packages come from a folder, the same for everybody."""
        number = str(next(self._numbers))
        return {
            "PATH": f"{python.parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(WHEELS),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
            "NO_GCE_CHECK": "true",
            "WORKSPACE_TMP": str(folder / "tmp"),
            "JENKINS_URL": "https://ci.example.com/",
            "JOB_NAME": "team/app",
            "BUILD_URL": f"https://ci.example.com/job/team/job/app/{number}/",
            "BUILD_NUMBER": number,
            "PROJECT_ID": PROJECT,
            "PYTHONUNBUFFERED": "1",
            "PYTHONUTF8": "1",
            **more,
        }

    def command(self, python: Path, folder: Path, command: str, **more: str) -> Program:
        """A command of the library, as the step runs it."""
        result = {"BQ_RESULT_FILE": str(folder / "tmp/bqsteps/result.json")}
        argv = ["python3", str(folder / "tmp/bqsteps/bqsteps.pyz"), command]
        return _found(Program(argv, folder, self.environ(python, folder, **result, **more)))

    def plain(self, python: Path, folder: Path, script: str, **more: str) -> Program:
        """A plain script."""
        names = {"DATASET_ID": PLAIN_LOG.dataset, "TABLE_ID": PLAIN_LOG.table}
        return _found(Program(["python3", f"plain/{script}"], folder, self.environ(python, folder, **names, **more)))

    def shell(self, python: Path, folder: Path, script: str) -> Program:
        """Lines of a shell that run a plain script in the end."""
        names = {"DATASET_ID": PLAIN_LOG.dataset, "TABLE_ID": PLAIN_LOG.table}
        return Program(["/bin/sh", "-euc", script], folder, self.environ(python, folder, **names))

    def logging(self, program: Program, table: TableReference = LOG, rows: int = 1) -> Sample:
        """Run it, which has to put so many rows into the table."""
        before = len(self.bq.tables[str(table)].rows)
        return self.watch.run(program, lambda: len(self.bq.tables[str(table)].rows) == before + rows)


def create_logs(bq: StandIn) -> None:
    """Make the tables that rows go into, of the library and of plain scripts."""
    bq.create_table(str(LOG), build.TABLE_RESOURCE["schema"]["fields"])
    bq.create_table(str(PLAIN_LOG), build.TABLE_RESOURCE["schema"]["fields"][:3])


def _found(program: Program) -> Program:
    """With its interpreter's full path: a search on PATH is nobody's to win."""
    python = Path(program.environ["PATH"].split(":")[0], program.argv[0])
    return Program([str(python), *program.argv[1:]], program.folder, program.environ, program.code)


def with_uv(program: Program) -> Program:
    """The same where uv is on PATH."""
    tools = program.folder / "uv"
    tools.mkdir(exist_ok=True)
    if not (tools / "uv").exists():
        (tools / "uv").hardlink_to(UV)
    return Program(
        program.argv, program.folder, {**program.environ, "PATH": f"{program.environ['PATH']}:{tools}"}, program.code
    )


def define_tables(folder: Path, count: int) -> list[str]:
    """Write so many definitions into a workspace, and return their tables."""
    names = [f"many.t{number:05d}" for number in range(count)]
    fields: list[Mapping[str, Any]] = [
        {"name": f"c{number}", "type": "STRING" if number else "INTEGER", "description": f"Column {number}"}
        for number in range(COLUMNS)
    ]
    for name in names:
        (folder / "config" / f"{name.replace('.', '_')}.json").write_text(json.dumps(fields), encoding="utf-8")
    return names


def spooled(count: int, job: str) -> Iterator[str]:
    """Lines of a spool, each the row of another build of a job."""
    for number in range(count):
        environ = {"JENKINS_URL": "https://ci.example.com/", "JOB_NAME": job, "BUILD_NUMBER": str(number)}
        entry = Entry(str(LOG), PROJECT, build.make(environ, None, LOG, datetime.now(UTC)))
        yield json.dumps(entry._asdict()) + "\n"
