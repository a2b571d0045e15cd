"""Installs the pinned packages into a folder of their own, once, with uv or else pip. Standard library only."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from bqsteps import pip_settings
from bqsteps.errors import Failure

WAYS_OUT = (
    "Run in the prepared image (resources/bqsteps/Dockerfile of the library), which has them, "
    "or with a Python that has pip."
)
SOURCE_HINT = f"Check the package index, proxy and certificates that pip is told of (pip.conf, PIP_*). {WAYS_OUT}"

_PARTIAL = ".partial"
_NETWORK = re.compile(
    r"connection|connect error|tcp connect|timed? ?out|dns|name resolution|unreachable|proxy|certificate|\bssl|\btls|"
    r"error sending request|max retries|\b(429|50[0-9])\b",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(?<=://)[^/\s'\"`]*@")
_ADDRESS = re.compile(r"\w+://\S+")
_OBJECT = re.compile(r"<[^<>]* object at 0x[0-9a-f]+>:? ?")
_PIP_CAUSE = re.compile(r"connection broken by '(.*)': |Could not fetch URL \S+: (.*) - skipping")
_UV_CAUSE = re.compile("(?:error:|cause:|hint: (?=An index)|[\u00d7\u2500-\u257f\u25b6 ]+)(.*)")  # new style; old style
_LONGEST_LINE = 400
_PATIENCE = 3.0  # seconds of silence; with uv it is over before that


class _Tool(NamedTuple):
    name: str
    command: list[str]
    environ: dict[str, str]


def install(  # noqa: PLR0913, PLR0917  # what is installed, where, and how
    names: Sequence[str],
    requirements: bytes,
    folder: Path,
    environ: Mapping[str, str],
    seconds: float,
    say: Callable[[str], None],
) -> None:
    """Make `folder` with the packages of a hashed list in it, unless a parallel step does so first.

    A folder that is there is whole: it is filled under another name, then renamed. Only one process at a time installs
    below the same parent.

    Raises:
        Failure: there is no tool, it failed, or the time is over; nothing is left behind that a later run would use.
    """
    start = time.monotonic()
    deadline = start + seconds
    try:
        with _locked(folder.parent / "install.lock", deadline):
            if folder.is_dir():
                say(f"packages: waited {time.monotonic() - start:.1f} s for a parallel step to install them")
                return
            for leftover in folder.parent.glob(f"*{_PARTIAL}"):  # of a run that was killed: we hold the lock
                shutil.rmtree(leftover, ignore_errors=True)
            tool = _fill(names, folder, requirements, environ, deadline, say)
    except OSError as error:
        raise Failure("config", f"the Python packages could not be installed in {folder.parent}: {error}") from None
    say(f"packages: installed with {tool} in {time.monotonic() - start:.1f} s")


@contextlib.contextmanager
def _locked(path: Path, deadline: float) -> Iterator[None]:
    """Hold a lock that ends with this process, however it ends."""
    with path.open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise _late("a parallel step was still installing them") from None
                time.sleep(0.05)
        yield


def _fill(  # noqa: PLR0913, PLR0917  # what is installed, where, and how
    names: Sequence[str],
    folder: Path,
    requirements: bytes,
    environ: Mapping[str, str],
    deadline: float,
    say: Callable[[str], None],
) -> str:
    """Install into a temporary neighbour of `folder`, and rename it; say with which tool."""
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=_PARTIAL, dir=folder.parent))
    try:
        (partial / "requirements.txt").write_bytes(requirements)
        (partial / "tmp").mkdir()
        tool = _tool(names, environ, partial)
        _run(tool, partial, deadline, say)
        (partial / "packages").rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return tool.name


def _tool(names: Sequence[str], environ: Mapping[str, str], partial: Path) -> _Tool:
    """The command and its environment: uv if it is on PATH, else this interpreter's pip."""
    try:
        settings = pip_settings.read(environ)
    except ValueError as error:
        raise Failure("config", _one_line(str(error))) from None
    environ = {**environ, **_writable(environ, partial)}
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--target", "packages", "-r", "requirements.txt"]
    if uv := shutil.which("uv", path=environ.get("PATH", os.defpath)):
        # All indexes count, as with pip: the hashes say what may come from them.
        options += ["--index-strategy=unsafe-best-match", *pip_settings.uv_options(settings)]
        command = [uv, "pip", "install", "--python", sys.executable, *options]
        return _Tool("uv", command, pip_settings.for_uv(environ, settings))
    if find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", "--no-compile", *options]
        return _Tool("pip", command, pip_settings.for_pip(environ, settings))
    raise Failure(
        "config",
        f"the packages {' and '.join(names)} are not there, and {sys.executable} has no pip to install them",
        WAYS_OUT,
    )


def _writable(environ: Mapping[str, str], partial: Path) -> dict[str, str]:
    """A temp folder on the target's file system, so that files are moved; a cache if there is no home for one."""
    changed = {"TMPDIR": str(partial / "tmp")}
    home = environ.get("HOME")
    cache = environ.get("XDG_CACHE_HOME") or (home and str(Path(home, ".cache")))
    if not cache or not _can_write(Path(cache)):
        changed["XDG_CACHE_HOME"] = str(partial / "tmp")
    return changed


def _can_write(folder: Path) -> bool:
    # Not Path.exists, which fails below a folder that may not be read, such as root's home.
    nearest = next((parent for parent in (folder, *folder.parents) if os.access(parent, os.F_OK)), folder)
    return os.access(nearest, os.W_OK | os.X_OK)


def _run(tool: _Tool, partial: Path, deadline: float, say: Callable[[str], None]) -> None:
    """Run the tool to its end, in a group of its own that does not outlive the deadline or this process."""
    process = subprocess.Popen(  # noqa: S603 - the tool, with options of ours
        tool.command,
        cwd=partial,  # a module `pip` or a pyproject.toml in the team's folder is none of ours
        env=tool.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        process_group=0,
        preexec_fn=_die_with_parent(),  # noqa: PLW1509 - no threads run yet
    )
    try:
        output = _output(process, deadline, lambda: say(f"packages: installing with {tool.name}, once a workspace"))
    except subprocess.TimeoutExpired:
        _kill(process)
        output, _ = process.communicate()
        raise _late(f"{tool.name} was still at work. {_reason(output)}") from None
    finally:
        _kill(process)
    if process.returncode:
        reason = _reason(output) or f"it ended with {process.returncode} and said nothing"
        raise Failure(
            "unavailable" if _NETWORK.search(_ADDRESS.sub("", reason)) else "config",
            f"{tool.name} could not install the Python packages: {reason}",
            SOURCE_HINT,
        )


def _output(process: subprocess.Popen[str], deadline: float, tell: Callable[[], None]) -> str:
    """What the process says until its end; a person who waits is told why."""
    patience = time.monotonic() + _PATIENCE
    if patience < deadline:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=_PATIENCE)[0]
        tell()
    return process.communicate(timeout=max(0.0, deadline - time.monotonic()))[0]


def _kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _die_with_parent() -> Callable[[], None] | None:
    """What has Linux kill the child when this process ends, even by SIGKILL; elsewhere nothing does."""
    try:
        import ctypes  # noqa: PLC0415 - some Pythons are built without it

        prctl = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    set_death_signal = 1  # PR_SET_PDEATHSIG
    return lambda: prctl(set_death_signal, signal.SIGKILL)


def _late(what: str) -> Failure:
    return Failure(
        "unavailable",
        f"installing the Python packages took longer than BQ_INSTALL_SECONDS: {what}",
        SOURCE_HINT,
    )


def _reason(output: str) -> str:
    """The tool's own words on why it failed, as one line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:") for line in lines if line.startswith("ERROR:")]
    if errors and errors[-1].strip() != "Exception:":
        # pip. That the connection failed stands above, in a warning.
        causes = [first or second for first, second in _PIP_CAUSE.findall(output)]
        return _one_line(f"{errors[-1]} {f'({causes[-1]})' if causes else ''}")
    # uv: a chain, from what was to be done down to what failed.
    chain = [found[1].strip() for line in lines if (found := _UV_CAUSE.match(line))]
    return _one_line(": ".join([*chain[:2], *chain[2:][-1:]] if chain else lines[-1:]))


def _one_line(text: str) -> str:
    return " ".join(_USERINFO.sub("****@", _OBJECT.sub("", text)).split())[:_LONGEST_LINE]
