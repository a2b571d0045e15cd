"""The command line for debugging: the same commands that the steps run, configured by the environment alone."""

import sys
from typing import Final

import click

from bqsteps import __version__, commands, report, settings
from bqsteps.commands import Progress
from bqsteps.references import shorten

_UNSET: Final = "not set"


class _Command(click.Command):
    """A command whose help lists the variables that configure it."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        environ = report.environment()
        del ctx
        with formatter.section("Environment variables"):
            formatter.write_dl(
                [
                    (
                        variable.name,
                        f"{variable.help}. {_default(variable)}; now: {_present(environ.get(variable.name))}",
                    )
                    for variable in settings.COMMANDS[self.name or ""].variables
                ]
            )


def _default(variable: settings.Variable) -> str:
    if variable.required:
        return "Required"
    return f"Default: {variable.default or 'none'}"


def _present(value: str | None) -> str:
    """A value on one line of plain ASCII, which every terminal and every locale can show."""
    if not value:
        return _UNSET
    return shorten(value if value.isascii() and value.isprintable() else ascii(value))


def _progress(what: str) -> Progress:
    """Shows how far something long is: a bar on a terminal, a line now and then elsewhere."""
    return _bar(what) if sys.stderr is not None and sys.stderr.isatty() else commands.lines(what)


def _bar(what: str) -> Progress:
    bar = click.progressbar(length=1, label=what, file=sys.stderr)

    def show(done: int, total: int) -> None:
        bar.length = total
        bar.update(done - bar.pos)
        if done == total:
            bar.render_finish()

    return show


@click.group(
    help=f"bqsteps {__version__}. BigQuery for Jenkins builds, configured by environment variables: --help of a command"
    " lists them.",
    context_settings={"max_content_width": 120},
)
@click.version_option(__version__, prog_name="bqsteps")
def main() -> None:
    """Start here: the command line's commands."""


@main.command("ensure-table", cls=_Command)
def ensure_table() -> None:
    """Bring a table, or several, to the definition in the config folder. Never harms one that exists."""
    sys.exit(commands.run("ensure-table", _progress))


@main.command("log-build", cls=_Command)
def log_build() -> None:
    """Put this build on record, exactly once, as one row of the build log."""
    sys.exit(commands.run("log-build", _progress))


@main.command("replay", cls=_Command)
def replay() -> None:
    """Send rows that could not be confirmed before: each one is on record once, however often it is sent."""
    sys.exit(commands.run("replay", _progress))


@main.command("doctor", cls=_Command)
def doctor() -> None:
    """Tell what works here and what does not, with the command that mends it. Changes nothing."""
    sys.exit(commands.run("doctor", _progress))


@main.command("report", cls=_Command)
def report_builds() -> None:
    """Draw what the build log says of the last days, as a page with pictures in a folder."""
    sys.exit(commands.run("report", _progress))
