"""The commands by their names. Standard library only.

What one needs is imported when it runs, so that whoever interrupts that leaves a result.
"""

import time
from collections.abc import Callable
from typing import Final

from bqsteps import report
from bqsteps.report import Result

Environ = dict[str, str]
Progress = Callable[[int, int], None]  # is told how many are done, of how many

_BETWEEN_LINES: Final = 10.0  # seconds; a build log is read afterwards, too


def run(name: str, progress: Callable[[str], Progress]) -> int:
    """Run a command, and return its exit code.

    Args:
        name: which, of settings.COMMANDS.
        progress: makes what shows how far it is, of what.
    """
    environ = report.environment()
    return report.run(environ, lambda: _WORK[name](environ, progress))


def lines(what: str) -> Progress:
    """Shows how far something long is by a line now and then."""
    last = time.monotonic()

    def line(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _BETWEEN_LINES:
            last = time.monotonic()
            report.say(f"{done} of {total} {what}")

    return line


def _ensure_table(environ: Environ, progress: Callable[[str], Progress]) -> Result:
    from bqsteps import table_commands  # noqa: PLC0415

    return table_commands.ensure_table(environ, progress("tables"))


def _log_build(environ: Environ, _: Callable[[str], Progress]) -> Result:
    from bqsteps import log_command  # noqa: PLC0415

    return log_command.log_build(environ)


def _replay(environ: Environ, progress: Callable[[str], Progress]) -> Result:
    from bqsteps import replay_command  # noqa: PLC0415

    return replay_command.replay(environ, progress("rows"))


def _doctor(environ: Environ, _: Callable[[str], Progress]) -> Result:
    from bqsteps import doctor_command  # noqa: PLC0415

    return doctor_command.doctor(environ)


def _report(environ: Environ, _: Callable[[str], Progress]) -> Result:
    from bqsteps import report_command  # noqa: PLC0415

    return report_command.build_report(environ)


_WORK: Final = {
    "ensure-table": _ensure_table,
    "log-build": _log_build,
    "replay": _replay,
    "report": _report,
    "doctor": _doctor,
}
