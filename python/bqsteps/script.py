"""Runs the two scripts beside the package: no arguments, the environment alone. Standard library only at first."""

import sys
from collections.abc import Callable, Mapping
from typing import Any

from bqsteps import dependencies, errors, report
from bqsteps.references import shorten
from bqsteps.settings import EnsureTable, LogBuild

Environ = Mapping[str, str]


def main(check: Callable[[Environ], EnsureTable | LogBuild], run: Callable[[Environ], dict[str, Any]]) -> int:
    """Check the settings, find the packages, run the command, and return its exit code.

    Args:
        check: reads the settings, before anything is installed or imported for them.
        run: the command; it may import the client.
    """
    environ = report.environment()

    def command() -> dict[str, Any]:
        if len(sys.argv) > 1:
            raise errors.config(
                [f"no arguments are accepted, and {shorten(sys.argv[1])!r} is one"], "Set environment variables."
            )
        dependencies.provide(environ, check(environ).limits.install, report.say)
        return run(environ)

    return report.run(environ, command)
