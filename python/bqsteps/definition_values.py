"""Checks single values of a definition's file: each says what is wrong, on which line and at which place.

Standard library only.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from bqsteps import vocabulary
from bqsteps.json_positions import Array, Member, Node, Object, Scalar
from bqsteps.names import shown
from bqsteps.spelling import nearest

_INT64 = re.compile(r"-?[0-9]{1,19}")


class Place(NamedTuple):
    """Where in the file, as a person says it: schema.fields[3].type (address.zip).

    A right file has a place for each of its values and shows none, so that the words are put together at the end.
    """

    above: "Place | None" = None
    step: str | int = ""
    column: str = ""

    def key(self, key: str) -> "Place":
        """One key further down."""
        return Place(self, key, self.column)

    def item(self, index: int) -> "Place":
        """One item further down."""
        return Place(self, index, self.column)

    def of_column(self, column: str) -> "Place":
        """The same place, with the column that it belongs to."""
        return Place(self.above, self.step, column)

    @property
    def pointer(self) -> str:
        """The place without the column."""
        if self.above is None:
            return ""
        before = self.above.pointer
        if isinstance(self.step, int):
            return f"{before}[{self.step}]"
        if not re.fullmatch(r"\w+", self.step):
            return f"{before}[{shown(self.step)}]"
        return f"{before}.{self.step}" if before else self.step

    def __str__(self) -> str:
        column = f"({self.column})" if self.column else ""
        return " ".join(part for part in (self.pointer, column) if part)


class Problems:
    """What is wrong, each with its line and place."""

    def __init__(self) -> None:
        self._found: list[tuple[int, str]] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, line: int, place: Place, text: str) -> None:
        """Notes one more."""
        where = str(place)
        self._found.append((line, f"{line}: {where}: {text}" if where else f"{line}: {text}"))

    def in_order(self) -> list[str]:
        """By line; on one line in the order of checking."""
        return [text for _, text in sorted(self._found, key=lambda problem: problem[0])]


class ValueRules:
    """Checks of single values, which say what they found and return it where it can be used."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def text(self, node: Node, place: Place) -> str | None:
        """A string, empty or not."""
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        self.wrong(node, place, "a string")
        return None

    def some_text(self, node: Node, place: Place) -> str | None:
        """A string that says something."""
        text = self.text(node, place)
        if text is not None and not text.strip():
            self.problems.add(node.line, place, "is empty; leave it out instead")
            return None
        return text

    def short_text(self, node: Node, place: Place, limit: int) -> None:
        """A string of at most so many characters."""
        text = self.text(node, place)
        if text is not None and len(text) > limit:
            self.problems.add(node.line, place, f"has {len(text)} characters; at most {limit:,} are allowed")

    def boolean(self, node: Node, place: Place) -> bool | None:
        """True or false."""
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        self.wrong(node, place, "true or false")
        return None

    def integer(self, node: Node, place: Place, low: int | None = None, high: int | None = None) -> int | None:
        """An int64, which the API and `bq show` write as a string."""
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, str) and _INT64.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            self.wrong(node, place, "a whole number")
            return None
        if not -vocabulary.MAX_INT64 - 1 <= value <= vocabulary.MAX_INT64:
            self.problems.add(node.line, place, "does not fit into 64 bits")
        elif low is not None and high is not None and not low <= value <= high:
            self.problems.add(node.line, place, f"must be from {low:,} to {high:,}, not {value:,}")
        elif low is not None and value < low:
            self.problems.add(node.line, place, f"must be at least {low:,}, not {value:,}")
        else:
            return value
        return None

    def word(self, node: Node, place: Place, known: Sequence[str], what: str, *, any_case: bool = True) -> str | None:
        """One of the known words, in the spelling in which it is known."""
        text = self.text(node, place)
        if text is None:
            return None
        word = text.upper() if any_case and text.isascii() else text
        if word in known:
            return word
        meant = nearest(word, known)
        options = ", ".join(option or "''" for option in known)
        help_text = f"the nearest is {meant}" if meant else f"known are {options}"
        self.problems.add(node.line, place, f"unknown {what} {shown(text)}; {help_text}")
        return None

    def array(self, node: Node, place: Place) -> tuple[Node, ...] | None:
        """The items of an array."""
        if isinstance(node, Array):
            return node.items
        self.wrong(node, place, "an array")
        return None

    def texts(self, node: Node, place: Place) -> list[tuple[Node, Place, str]]:
        """The strings of an array that say something, each with where it stands."""
        items = [(item, place.item(index)) for index, item in enumerate(self.array(node, place) or ())]
        texts = [(item, at, self.some_text(item, at)) for item, at in items]
        return [(item, at, text) for item, at, text in texts if text is not None]

    def members(
        self,
        node: Node,
        place: Place,
        known: Sequence[str],
        required: Sequence[str] = (),
        explain: Callable[[str], str] = lambda _: "",
    ) -> dict[str, Member]:
        """The known members of an object; unknown, doubled and missing keys are reported."""
        if not isinstance(node, Object):
            self.wrong(node, place, "an object")
            return {}
        members = self.members_once(node, place)
        for key in [key for key in members if key not in known]:
            text = explain(key) or _unknown_key(key, known)
            self.problems.add(members.pop(key).line, place.key(key), text)
        for key in [key for key in required if key not in members]:
            self.problems.add(node.line, place, f"{key} is missing")
        return members

    def members_once(self, node: Object, place: Place) -> dict[str, Member]:
        """The members of an object by key; a second one of the same key is reported."""
        members: dict[str, Member] = {}
        for member in node.members:
            if first := members.get(member.key):
                text = f"this key stands here twice, first on line {first.line}"
                self.problems.add(member.line, place.key(member.key), text)
            else:
                members[member.key] = member
        return members

    def wrong(self, node: Node, place: Place, expected: str) -> None:
        """Reports a value of the wrong kind."""
        self.problems.add(node.line, place, f"must be {expected}, not {kind_of(node)}")


def member_of(node: Node, key: str) -> Member | None:
    """The first member of that key, if the node is an object and has one."""
    members: Iterable[Member] = node.members if isinstance(node, Object) else ()
    return next((member for member in members if member.key == key), None)


def kind_of(node: Node) -> str:
    """What a value is, as a person says it."""
    match node:
        case Array():
            return "an array"
        case Object():
            return "an object"
        case Scalar(value=None):
            return "null"
        case Scalar(value=bool(value)):
            return "true" if value else "false"
        case Scalar(value=str(text)):
            return f"the string {shown(text)}"
        case _:
            return f"the number {node.value:,}"


def _unknown_key(key: str, known: Sequence[str]) -> str:
    by_folded = {_folded(word): word for word in known}
    meant = nearest(_folded(key), by_folded)
    return f"unknown key; the nearest is {by_folded[meant]}" if meant else f"unknown key; known are {', '.join(known)}"


def _folded(key: str) -> str:
    """So that max_length finds maxLength."""
    return key.replace("_", "").lower()
