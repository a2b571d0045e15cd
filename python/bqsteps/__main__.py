"""Starts the package: `python3 bqsteps.pyz COMMAND`. Finds its dependencies first; standard library only until then."""

import sys
from collections.abc import Mapping

from bqsteps import commands, dependencies, report, settings
from bqsteps.errors import Failure


def main() -> int:
    """Run the command line, and return its exit code."""
    environ = report.environment()
    command = _command()
    if command and command.is_bare:
        return commands.run(sys.argv[1], commands.lines)
    try:
        with report.failures():
            dependencies.provide(environ, _install_seconds(environ), report.say, *_extra())
    except Failure as failure:
        return report.end(environ, report.failed(failure))
    if command and not _is_watched():
        return commands.run(sys.argv[1], commands.lines)
    from bqsteps.cli import main as command_line  # noqa: PLC0415  # click was not there before

    try:
        with report.failures():
            command_line(prog_name="bqsteps")
    except Failure as failure:  # a help that nobody can take
        return report.end(environ, report.failed(failure))
    return 0


def _command() -> settings.AnyCommand | None:
    """The command, if it is all that is asked for: a pipeline asks so, and a parser would cost it a tenth."""
    return settings.COMMANDS.get(sys.argv[1]) if len(sys.argv) == 2 else None  # noqa: PLR2004  # itself and a name


def _extra() -> tuple[dependencies.Packages, ...]:
    """What the command needs beside the client; its help needs nothing."""
    return (dependencies.REPORT,) if sys.argv[1:] == ["report"] else ()


def _is_watched() -> bool:
    """Whether a person looks on, at a terminal that can show a bar."""
    return sys.stderr is not None and sys.stderr.isatty()


def _install_seconds(environ: Mapping[str, str]) -> float:
    """How long installing may take. A command whose settings are wrong fails here, before anything is installed."""
    command = _command()
    if command:
        return command.read(environ).limits.install
    return float(settings.BQ_INSTALL_SECONDS.default or 0)


if __name__ == "__main__":
    sys.exit(main())
