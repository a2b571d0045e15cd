"""Builds resources/bqsteps/bqsteps.pyz from python/bqsteps and the hashed lists, with its checksum beside it.

The same sources give the same bytes with every Python and on every machine: sorted, stored, one date, one mode.
`--check` writes nothing, and exits 1 with one line if what is there is not what the sources give.
"""

import argparse
import hashlib
import io
import os
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

SOURCE = Path(__file__).resolve().parent
RESOURCES = SOURCE.parent / "resources" / "bqsteps"
REQUIREMENTS = ("requirements.txt", "report-requirements.txt")
SHEBANG = b"#!/usr/bin/env python3\n"
# The client names these, and does without them: it talks REST, and grpc would be near half of what an agent fetches and
# keeps in memory; it traces only with more of opentelemetry than it names; requests guesses charsets by
# charset-normalizer, where BigQuery's JSON is UTF-8; the others are for what nobody here asks of google-auth, protobuf
# and cffi.
LEFT_OUT = (
    "charset-normalizer",
    "grpcio",
    "grpcio-status",
    "opentelemetry-api",
    "proto-plus",
    "pyasn1",
    "pyasn1-modules",
    "pycparser",
)
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip can hold
UNIX = 3
MODE = 0o100644


def package(source: Path) -> bytes:
    """The archive: what Python starts, the modules and their templates, and the hashed lists of what they need."""
    archive = io.BytesIO()
    archive.write(SHEBANG)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as package:
        for name, content in _files(source):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = UNIX
            entry.external_attr = MODE << 16
            package.writestr(entry, content)
    return archive.getvalue()


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    package = source / "bqsteps"
    paths = sorted([*package.rglob("*.py"), *(package / "templates").iterdir()], key=Path.as_posix)
    files = {path.relative_to(source).as_posix(): path.read_bytes() for path in paths}
    for name in REQUIREMENTS:
        files[name] = _for_agents((source / name).read_text(encoding="utf-8")).encode()
    yield "__main__.py", (source / "archive_main.py").read_bytes()
    yield "digest.txt", _digest(files)
    yield from files.items()


def _for_agents(requirements: str) -> str:
    """A list for agents, which leaves out what their programs never use.

    The whole list stays what people install from: pip takes no hashed list from which something is missing.
    """
    names = "|".join(LEFT_OUT)
    return re.sub(rf"^({names})==.*\n(?:[ #].*\n)*", "", requirements, flags=re.MULTILINE)


def _digest(files: Mapping[str, bytes]) -> bytes:
    """What the archive's start names the folder after in which it lays these files out."""
    whole = hashlib.sha256(repr(sorted(files.items())).encode())
    return whole.hexdigest()[:16].encode()


def outputs(source: Path, resources: Path) -> dict[Path, bytes]:
    """Each file to write, with what it holds."""
    content = package(source)
    checksum = f"{hashlib.sha256(content).hexdigest()}  bqsteps.pyz\n"
    return {resources / "bqsteps.pyz": content, resources / "bqsteps.pyz.sha256": checksum.encode()}


def stale(wanted: dict[Path, bytes]) -> list[Path]:
    """The files that are missing or hold something else."""
    return [path for path, content in wanted.items() if not path.is_file() or path.read_bytes() != content]


def main() -> int:
    """Build, or check, and say so in a line."""
    parser = argparse.ArgumentParser(description="Build the package that the steps bring to the agent.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the package is stale")
    parser.add_argument("--source", type=Path, default=SOURCE, help="folder of bqsteps/ and requirements.txt")
    parser.add_argument("--resources", type=Path, default=RESOURCES, help="folder of the package")
    arguments = parser.parse_args()
    wanted = outputs(arguments.source, arguments.resources)
    found = stale(wanted)
    if arguments.check:
        if found:
            sys.stderr.write(f"stale: {', '.join(path.name for path in found)}; run `make package`\n")
        return int(bool(found))
    for path in found:
        arguments.resources.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_bytes(wanted[path])
        os.replace(new, path)  # noqa: PTH105 - says that it replaces
    sys.stdout.write(f"{'built' if found else 'up to date'}: {', '.join(path.name for path in wanted)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
