"""Rows that are not confirmed: written, read, removed. Standard library only.

One file a row, so that parallel branches never share one: a line of JSON (NDJSON, so that files can be joined).
"""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bqsteps.errors import Failure

VERSION: Final = 1
SUFFIX: Final = ".ndjson"


@dataclass(frozen=True)
class Entry:
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
    path = folder / f"{entry.row['build_key']}{SUFFIX}"
    temporary = folder / f".{path.name}.{uuid.uuid4().hex}"  # a process id is not unique among a pod's containers
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="ascii") as file:
            file.write(json.dumps(asdict(entry), sort_keys=True) + "\n")
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


def remove(path: Path) -> None:
    """Take a confirmed row out of the spool."""
    path.unlink(missing_ok=True)


def read(folder: Path) -> Iterator[tuple[Path, Entry]]:
    """The folder's entries, oldest name first.

    Raises:
        Failure: of kind config, naming the file that is not an entry.
    """
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            line = path.read_bytes()
        except FileNotFoundError:
            continue  # a parallel branch has had it confirmed meanwhile
        yield path, parse(line, str(path))


def parse(line: bytes, source: str) -> Entry:
    """The entry that a line holds.

    Raises:
        Failure: of kind config, naming the source.
    """
    try:
        value = json.loads(line)
        entry = Entry(**value)
        texts = (entry.table, entry.job_project, entry.row["build_key"])
        if entry.version != VERSION or not all(isinstance(text, str) for text in texts):
            raise ValueError
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Failure(
            "config", f"{source} is not a spooled row of version {VERSION}.", "It was left as it is; look into it."
        ) from None
    return entry


def _sync(folder: Path) -> None:
    """The file's name is on disk only once its folder is."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
