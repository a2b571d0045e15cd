"""Rows that are not confirmed: written, read, removed, set aside. Standard library only.

One file a row, so that parallel branches never share one: a line of JSON (NDJSON, so that files can be joined).
"""

import contextlib
import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import Any, Final, NamedTuple

from bqsteps import build, references
from bqsteps.errors import Failure

VERSION: Final = 1
SUFFIX: Final = ".ndjson"
REJECTED: Final = "rejected"  # the folder, in that of the rows, for those that will not be sent again


class Entry(NamedTuple):
    """A row that waits to be confirmed, with all that its job's id depends on.

    Args:
        table: the table's full reference.
        job_project: the project that its jobs run in.
        row: the row, with its build_key.
        version: of this format.
    """

    table: str
    job_project: str
    row: dict[str, Any]
    version: int = VERSION


def write(folder: Path, entry: Entry) -> Path:
    """Put an entry into the folder, on disk for good before this returns; the file is named after the row's key.

    Raises:
        Failure: of kind config where the folder cannot be written.
    """
    line = json.dumps(entry._asdict(), sort_keys=True) + "\n"
    return _write(folder, f"{entry.row['build_key']}{SUFFIX}", line.encode("ascii"))


def remove(path: Path) -> None:
    """Take a confirmed row out of the spool."""
    path.unlink(missing_ok=True)


def parse(line: bytes, source: str) -> Entry:
    """The entry that a line holds, checked as if anybody could have written it.

    Raises:
        Failure: of kind config, naming the source.
    """
    try:
        entry = Entry(**json.loads(line))
        if entry.version != VERSION:
            raise ValueError(f"it is not of version {VERSION}")
        if not isinstance(entry.row, dict) or not isinstance(entry.job_project, str):
            raise TypeError("its parts are of other types")
        problem = references.reference_problem(entry.table) or references.project_problem(entry.job_project)
        if problem:
            raise ValueError(f"a name in it {problem}")
        problems = build.problems(entry.row, references.parse(entry.table))
        if problems:
            raise ValueError(problems[0])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        why = f": {error}" if type(error) is ValueError else ""  # in our words, not in a parser's
        raise Failure(
            "config", f"{source} is not a row that log-build wrote{why}.", "It was not sent; look into it."
        ) from None
    return entry


def set_aside(folder: Path, line: bytes, reason: str) -> Path:
    """Keep a line that will not be sent again as it is, and why, in a folder of such lines.

    Raises:
        Failure: of kind config where the folder cannot be written.
    """
    name = hashlib.sha256(line).hexdigest()[:32]
    _write(folder, f"{name}.reason.txt", f"{reason}\n".encode("utf-8", "backslashreplace"))
    return _write(folder, f"{name}{SUFFIX}", line.rstrip(b"\r\n") + b"\n")


def _write(folder: Path, name: str, content: bytes) -> Path:
    """Write a file so that it is whole, and on disk for good, once it has its name."""
    path = folder / name
    temporary = folder / f".{name}.{uuid.uuid4().hex}"  # a process id is not unique among a pod's containers
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(folder)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise Failure(
            "config", f"the spool {folder} cannot be written: {error.strerror}.", "Set BQ_SPOOL_DIR to another folder."
        ) from None
    return path


def _sync(folder: Path) -> None:
    """The file's name is on disk only once its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
