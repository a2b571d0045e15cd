"""What doctor finds: one check after another, as lines for a person and as a result for a program. Pure."""

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

from bqsteps.errors import Failure, Kind

Status = Literal["ok", "warning", "unknown", "failed"]

_COLOURS: Final = {"ok": "32", "warning": "33", "unknown": "36", "failed": "31"}  # as terminals number them
_NAME: Final = len("bigquery.tables.updateData")  # the longest name
_STATUS: Final = max(map(len, _COLOURS))


class Check(NamedTuple):
    """What one check found.

    Args:
        name: what was looked at.
        status: ok; warning: it works, with a limit; unknown: it cannot be told; failed: it does not work.
        detail: what was found, on one line.
        remedy: the command, or the deed, that mends it; empty where nothing is to be done.
        kind: of a failure, the sort.
    """

    name: str
    status: Status
    detail: str
    remedy: str = ""
    kind: Kind | None = None

    def lines(self, *, colour: bool = False) -> list[str]:
        """It for a person, aligned with the others; the remedy has a line of its own."""
        status = self.status.ljust(_STATUS)
        if colour:
            status = f"\x1b[{_COLOURS[self.status]}m{status}\x1b[0m"
        shown = [f"{self.name.ljust(_NAME)}  {status}  {self.detail}"]
        return [*shown, f"{' ' * _NAME}  -> {self.remedy}"] if self.remedy else shown

    def as_json(self) -> dict[str, Any]:
        """It for a program."""
        kind = {"kind": self.kind} if self.kind else {}
        return {"name": self.name, "status": self.status, "detail": self.detail, "remedy": self.remedy, **kind}


class Findings:
    """The checks that were made.

    Args:
        tell: is told each one at once.
    """

    def __init__(self, tell: Callable[[Check], None]) -> None:
        self.checks: list[Check] = []
        self._tell = tell

    def note(self, name: str, status: Status, detail: str, remedy: str = "") -> None:
        """Take down what a check found."""
        self._add(Check(name, status, detail, remedy))

    def fail(self, name: str, failure: Failure, remedy: str = "") -> None:
        """Take down that a check failed, with the failure's own hint for a remedy unless there is a better one."""
        self._add(Check(name, "failed", failure.message, remedy or failure.bare_hint, failure.kind))

    def _add(self, check: Check) -> None:
        self.checks.append(check)
        self._tell(check)

    @property
    def failure(self) -> Failure | None:
        """What all that failed comes to, or None."""
        bad = [check for check in self.checks if check.status == "failed"]
        if not bad:
            return None
        names = ", ".join(check.name for check in bad)
        words = f"{len(bad)} of {len(self.checks)} checks failed: {names}."
        return Failure(bad[0].kind or "config", words, "What mends it stands beside each, above.")
