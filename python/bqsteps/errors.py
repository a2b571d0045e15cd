"""The few kinds of failure, and what a person does about each. Standard library only."""

from collections.abc import Sequence
from typing import Final, Literal

Kind = Literal["config", "auth", "permission", "not_found", "refused", "rejected", "quota", "unavailable"]

SEE_DOCTOR: Final = "The command doctor (step bqDoctor) tells more."
"""The end of a hint where the cause is the identity, its rights, the names or the way to the service."""


class Failure(Exception):
    """Something that could not be done, told in one line.

    Args:
        kind: what sort of failure it is; a pipeline may decide by it.
        message: what failed, on what. One line; line breaks are folded into spaces.
        hint: what to do next, or empty.
    """

    def __init__(self, kind: Kind, message: str, hint: str = "") -> None:
        self.kind: Kind = kind
        self.message = " ".join(message.split())
        self.hint = " ".join(hint.split())
        super().__init__(self.line)

    @property
    def line(self) -> str:
        """The message and the hint as one line."""
        return f"{self.message} {self.hint}".rstrip()

    @property
    def bare_hint(self) -> str:
        """The hint, without who tells more."""
        return self.hint.removesuffix(SEE_DOCTOR).rstrip()


def config(problems: Sequence[str], hint: str = "") -> Failure:
    """A failure that names every problem of the input at once."""
    return Failure("config", f"{'; '.join(problems)}.", hint)
