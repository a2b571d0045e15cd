"""How a command ends: one line for a person, a result file for a pipeline, an exit code. Standard library only."""

import contextlib
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bqsteps.errors import Failure
from bqsteps.settings import BQ_RESULT_FILE
from bqsteps.shelf import Shelf

Result = dict[str, Any]  # the JSON object of the result file; a Shelf in it becomes an array

_began = time.monotonic()  # of the command, nearly: this is among the first modules that are imported
_ended = threading.Lock()  # taken once, by whoever ends the command: the command itself, or the deadline's backstop


def environment() -> dict[str, str]:
    """This process' environment as UTF-8 text, whatever the locale is; bytes that are not UTF-8 stay recognisable."""
    return {
        name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
        for name, value in os.environb.items()
    }


def say(line: str) -> None:
    """Tell a person on stdout."""
    _write(sys.stdout, line)


def done(line: str) -> None:
    """Tell a person what is done, and how long after the command's start."""
    say(f"{line} ({time.monotonic() - _began:.1f} s)")


def warn(line: str) -> None:
    """Tell a person on stderr."""
    _write(sys.stderr, line)


def _write(stream: Any, line: str) -> None:  # noqa: ANN401  # a text stream that has a buffer; None if it was closed
    # The locale of a pod may be plain ASCII: a name outside it must not end in an encoding error.
    data = (line + "\n").encode("utf-8", "backslashreplace")
    if stream is not None:
        with _unread(stream):
            stream.flush()
            stream.buffer.write(data)
            stream.flush()


@contextlib.contextmanager
def _unread(stream: Any) -> Iterator[None]:  # noqa: ANN401  # the same
    """Within it, a stream may be one that nobody reads any more, or a file on a full disk.

    What was done stays done, and what is left in the buffer must not fail once more at the interpreter's end.
    """
    try:
        yield
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def has_colour() -> bool:
    """Whether a person sees stdout on a terminal that shows colours (https://no-color.org)."""
    return sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def run(environ: Mapping[str, str], command: Callable[[], Result]) -> int:
    """Run a command, report how it ended, and return its exit code.

    This is the one place in which a failure becomes a line, and the last one in which an exception may be seen.
    """
    try:
        with failures():
            result = command()
    except Failure as failure:
        return end(environ, failed(failure))
    return end(environ, result)


@contextlib.contextmanager
def failures() -> Iterator[None]:
    """Within it, what the system or a person does to stop a command is a Failure. So is a defect, told as one."""
    try:
        yield
    except Failure:
        raise
    except KeyboardInterrupt:
        raise Failure("unavailable", "interrupted.", "Nothing more was sent.") from None
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise Failure("config", f"the system refused{where}: {error.strerror or error}.") from None
    except UnicodeEncodeError as error:
        # A file's name, in a locale whose encoding does not have all of its characters.
        raise Failure(
            "config", f"this locale ({error.encoding}) has no {error.object!r} as a file's name.", "Set PYTHONUTF8=1."
        ) from None
    except Exception as defect:  # noqa: BLE001  # the last place before a person, who is owed a line and a result
        # Nothing is known of it but where it is: its words may hold a value that must not be shown.
        import traceback  # noqa: PLC0415  # long to import

        place = traceback.extract_tb(defect.__traceback__)[-1]
        where = f"{type(defect).__name__} in {Path(place.filename).name}:{place.lineno}"
        raise Failure(
            "unavailable", f"a defect of this library: {where}.", "Please report it with this line."
        ) from None


def failed(failure: Failure, **more: object) -> Result:
    """The result of a command that failed."""
    error = {"kind": failure.kind, "message": failure.message, "hint": failure.hint}
    return {"status": "failed", **more, "error": error}


def end(environ: Mapping[str, str], result: Result) -> int:
    """Say why it failed, if it did; leave the result file; return the exit code. Only the first call does anything."""
    if not _ended.acquire(blocking=False):
        threading.Event().wait()  # the backstop is ending the process at this moment
    if sys.stdout is not None:
        with _unread(sys.stdout):
            sys.stdout.flush()
    error = result.get("error")
    if error:
        warn(f"bqsteps: {error['message']} {error['hint']}".rstrip())
    target = environ.get(BQ_RESULT_FILE.name)
    if target:
        try:
            replace(Path(target), _written(result))
        except (OSError, UnicodeEncodeError) as problem:
            why = getattr(problem, "strerror", None) or problem
            warn(f"bqsteps: the result file {target} cannot be written: {why}")
            return 1
    return 1 if error else 0


def expire(environ: Mapping[str, str], result: Callable[[], Result]) -> None:
    """End the process at once: for the deadline's backstop, when some wait did not end by itself."""
    os._exit(end(environ, result()))


def _written(result: Result) -> Iterator[bytes]:
    """A result as JSON text, in ASCII; of a shelf, one object after the other."""
    separator = b"{"
    for key, value in sorted(result.items()):
        yield separator + json.dumps(key).encode("ascii") + b": "
        if isinstance(value, Shelf):
            yield from _listed(value.texts())
        else:
            yield json.dumps(value, sort_keys=True).encode("ascii")
        separator = b", "
    yield b"}\n"


def _listed(texts: Iterable[bytes]) -> Iterator[bytes]:
    separator = b"["
    for text in texts:
        yield separator + text
        separator = b", "
    yield b"]"


def replace(path: Path, content: Iterable[bytes]) -> None:
    """Write a file so that a reader sees all of it or nothing."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        _write_device(path, content)  # /dev/stdout is to be written, never replaced by a file
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(content)
        Path(temporary).chmod(0o644)  # the container that reads it may run as another user
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def _write_device(path: Path, content: Iterable[bytes]) -> None:
    """Write what is no regular file, without waiting for somebody to open the other end of a pipe."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK, 0o644)
    os.set_blocking(handle, True)
    with os.fdopen(handle, "wb") as file:
        file.writelines(content)
