"""What doctor looks at on this machine: interpreter, packages, spool. Standard library only."""

import contextlib
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from bqsteps import dependencies, spool
from bqsteps.errors import Failure
from bqsteps.findings import Findings
from bqsteps.settings import Doctor

_PACKAGES: Final = ("google-cloud-bigquery", "click")
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))


def examine_settings(wanted: Doctor, findings: Findings) -> None:
    """Whether the variables are set as they must be."""
    if wanted.problems:
        hint = "export PROJECT_ID=my-project" if "PROJECT_ID is not set" in wanted.problems else "Correct them."
        findings.fail("settings", Failure("config", f"{'; '.join(wanted.problems)}.", hint))
    else:
        findings.note("settings", "ok", f"table {wanted.table}, jobs in project {wanted.job_project}")


def examine_python(findings: Findings) -> None:
    """Which interpreter it is; one that is too old does not come here."""
    findings.note("python", "ok", f"{platform.python_version()}, {sys.executable}")


@contextlib.contextmanager
def examine_packages(environ: Mapping[str, str], seconds: float, findings: Findings) -> Iterator[bool]:
    """Whether the packages are there, or can be had. Within it they can be imported, if it is True.

    Packages that are missing are installed as a step would do it, but in a temporary folder, and leave nothing behind.

    Args:
        environ: the environment.
        seconds: how long installing may take.
        findings: takes what was found.
    """
    with contextlib.ExitStack() as leaving:
        try:
            where = _find(environ, seconds, leaving)
        except Failure as failure:
            findings.fail("packages", failure)
            yield False
            return
        versions = " and ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)
        findings.note("packages", "ok", f"{versions}, {where}")
        yield True


def _find(environ: Mapping[str, str], seconds: float, leaving: contextlib.ExitStack) -> str:
    if dependencies.are_importable():
        return "of this Python"
    folder = dependencies.installed(environ)
    if folder:
        dependencies.use(folder)
        return f"installed in {folder}"
    said: list[str] = []
    temporary = Path(leaving.enter_context(tempfile.TemporaryDirectory(prefix="bqsteps-doctor-")))
    dependencies.use(dependencies.install(temporary, environ, seconds, said.append))
    how = said[-1].removeprefix("packages: ")
    return f"not here yet: each step would install them below {dependencies.place(environ)} (tried: {how})"


def examine_spool(folder: Path, findings: Findings) -> None:
    """Whether rows wait to be sent, and whether new ones can be kept."""
    try:
        waiting, aside = _rows(folder), _rows(folder / spool.REJECTED)
    except OSError as error:
        failure = Failure("config", f"{folder} cannot be read: {error.strerror}.", "Set BQ_SPOOL_DIR to a folder.")
        findings.fail("spool", failure)
        return
    if not waiting and not aside:
        findings.note("spool", "ok", f"no row waits in {folder}")
    if waiting:
        remedy = f"BQ_SPOOL_DIR={folder} python3 bqsteps.pyz replay"
        findings.note("spool", "warning", f"{_count(waiting, 'wait')} in {folder}, {_age(waiting)}", remedy)
    if aside:
        rejected = folder / spool.REJECTED
        remedy = (
            f"Read {rejected}/*.reason.txt, mend the rows, then: BQ_SPOOL_DIR={rejected} python3 bqsteps.pyz replay"
        )
        findings.note("spool", "warning", f"{_count(aside, 'lie')} set aside in {rejected}", remedy)


def _rows(folder: Path) -> list[float]:
    """For each row in a folder, when its file was written."""
    if not folder.is_dir():
        return []
    found: list[float] = []
    for path in folder.iterdir():
        if path.suffix == spool.SUFFIX and path.is_file():
            with path.open("rb") as file:
                found += [path.stat().st_mtime] * sum(1 for line in file if line.strip())
    return found


def _count(rows: list[float], do: str) -> str:
    return f"1 row {do}s" if len(rows) == 1 else f"{len(rows)} rows {do}"


def _age(rows: list[float]) -> str:
    seconds = max(0.0, time.time() - min(rows))
    shown = next((f"{seconds // size:.0f} {unit}" for size, unit in _UNITS if seconds >= size), "less than a minute")
    return f"the oldest for {shown}"
