"""Finds the pinned packages, or has them installed for this pod. Standard library only; cheap where they are there."""

import os
import stat
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from bqsteps.errors import Failure

# What guesses charsets is not among what is installed for agents (LEFT_OUT in build_package), and requests, at its
# import, asks for it.
warnings.filterwarnings("ignore", "Unable to find acceptable character detection")


class Packages(NamedTuple):
    """Packages that are installed together.

    Args:
        requirements: the hashed list of them, a file beside the package.
        names: what a person knows of them by.
        modules: what shows that they are there.
    """

    requirements: str
    names: tuple[str, ...]
    modules: tuple[str, ...]


CLIENT = Packages("requirements.txt", ("google-cloud-bigquery", "click"), ("click", "google.cloud.bigquery"))
REPORT = Packages("report-requirements.txt", ("matplotlib", "jinja2"), ("matplotlib", "jinja2"))


def provide(environ: Mapping[str, str], seconds: float, say: Callable[[str], None], *wanted: Packages) -> None:
    """Make packages importable by this process: click and google.cloud.bigquery, and the others that are wanted.

    The interpreter's own packages are used if it has them. Otherwise the pinned ones are put in one folder below the
    workspace's temp folder (without a workspace: below the system's), once, and that folder goes first on `sys.path`.
    Each list has a folder of its own, so that who needs one alone does not pay for another.

    Args:
        environ: the environment: where to install, and what people tell pip (PIP_*, pip.conf).
        seconds: how long installing may take in all, waiting for a parallel step that does it included.
        say: takes the one line that tells of an installation.
        wanted: what the command needs beside the client.

    Raises:
        Failure: the packages are not there and could not be installed.
    """
    end = time.monotonic() + seconds
    for packages in (CLIENT, *wanted):
        if not are_importable(packages):
            folder = installed(environ, packages)
            use(folder or install(_parent(environ), environ, end - time.monotonic(), say, packages))


def are_importable(packages: Packages = CLIENT) -> bool:
    """Whether this interpreter has the packages."""
    return all(_found(name) for name in packages.modules)


def installed(environ: Mapping[str, str], packages: Packages = CLIENT) -> Path | None:
    """The folder into which an earlier run has installed the packages, or None.

    Raises:
        Failure: it is there, and may be another user's.
    """
    folder = place(environ) / folder_name(_requirements(packages))
    return _parent(environ) / folder.name if folder.is_dir() else None


def install(
    parent: Path,
    environ: Mapping[str, str],
    seconds: float,
    say: Callable[[str], None],
    packages: Packages = CLIENT,
) -> Path:
    """Install the packages in a folder below `parent`, and return it.

    Raises:
        Failure: they could not be installed.
    """
    from bqsteps import installer  # noqa: PLC0415 - seldom needed, and long to import

    requirements = _requirements(packages)
    folder = parent / folder_name(requirements)
    installer.install(packages.names, requirements, folder, environ, seconds, say)
    return folder


def folder_name(requirements: bytes) -> str:
    """The folder of a list of packages, for this kind of interpreter and machine.

    The suffix of extension modules names the interpreter, its version, the platform and the C library:
    `.cpython-313-x86_64-linux-gnu.so`.
    """
    import hashlib  # noqa: PLC0415 - the prepared image never comes here, and it is long to import

    digest = hashlib.sha256(requirements).hexdigest()[:16]
    return f"{digest}-{EXTENSION_SUFFIXES[0].split('.')[1]}-{os.uname().machine}"


def _found(name: str) -> bool:
    """Whether a module can be imported. Looking below `google` and `google.cloud`, mere namespaces, is cheap."""
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _requirements(packages: Packages) -> bytes:
    """The hashed list, which lies beside the package both in the archive and in the source."""
    path = Path(__file__).parent.parent / packages.requirements
    loader: Any = __spec__.loader if __spec__ else None  # of files, or of a zip: both read beside themselves
    data: bytes = loader.get_data(str(path))
    return data


def place(environ: Mapping[str, str]) -> Path:
    """The folder that holds installations: below the workspace's temp folder, else one of this user's."""
    workspace_tmp = environ.get("WORKSPACE_TMP")
    if workspace_tmp:
        return Path(workspace_tmp).absolute() / "bqsteps"
    import tempfile  # noqa: PLC0415 - only a run by hand comes here, and it is long to import

    return Path(tempfile.gettempdir()) / f"bqsteps-{os.geteuid()}"


def _parent(environ: Mapping[str, str]) -> Path:
    """That folder, which exists now; below the system's temp folder it is private."""
    folder = place(environ)
    try:
        if environ.get("WORKSPACE_TMP"):
            folder.mkdir(parents=True, exist_ok=True)
            return folder
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise Failure("config", f"no folder for the Python packages: {error}", "Set WORKSPACE_TMP.") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        # In a temp folder that everyone writes, another user may have put it there, with code of theirs.
        raise Failure("config", f"{folder} is not a folder that only this user can write", "Remove it.")
    return folder


def use(folder: Path) -> None:
    """Have this process import the packages from a folder."""
    sys.path.insert(0, str(folder))
    # Files named *-nspkg.pth of old packages make a module `google` at the interpreter's start that looks nowhere else.
    for name in [name for name in sys.modules if name.partition(".")[0] == "google"]:
        del sys.modules[name]
    # The folder is ours and is made without .pyc files: the first run compiles what it imports, for those that follow.
    sys.dont_write_bytecode = False
