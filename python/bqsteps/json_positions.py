"""Reads JSON and remembers where each value stands, so that a problem can name its line.

The standard reader keeps no positions, and it keeps the last of two equal keys without a word. Scalars are still read
by it: only the structure around them is read here. Standard library only.
"""

import json
import re
from bisect import bisect_right
from typing import Any, NamedTuple, NoReturn

# A table has at most 15 levels of records, and each takes two levels of JSON. The limit stands far above that, and far
# below what would exhaust Python's stack.
MAX_DEPTH = 100

_SPACE = re.compile(r"[ \t\n\r]*")

_READABLE = {
    "Expecting value": "a value is expected here",
    "Unterminated string": "the string that begins here has no end",
    "Invalid control character": "a line break or another control character inside a string",
    "Invalid \\escape": "an unknown escape inside a string",
    "Invalid \\uXXXX": "an incomplete \\uXXXX escape inside a string",
}


class MalformedError(ValueError):
    """The text is not JSON (RFC 8259), or is nested beyond all reason."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class Scalar(NamedTuple):
    """A string, a number, true, false or null."""

    line: int
    value: str | float | bool | None


class Array(NamedTuple):
    """An array and its items in order."""

    line: int
    items: "tuple[Node, ...]"


class Member(NamedTuple):
    """A key of an object with its value; the line is the key's."""

    line: int
    key: str
    value: "Node"


class Object(NamedTuple):
    """An object and its members in order. A key that is written twice is here twice."""

    line: int
    members: tuple[Member, ...]


Node = Scalar | Array | Object


def parse(text: str) -> Node:
    """Reads one JSON value that fills the whole text.

    Raises:
        MalformedError: with the line and the column (both from 1) where the reader had to stop.
    """
    return _Reader(text).document()


def parse_quickly(text: str) -> Node | None:
    """The same as parse, many times as fast, and with 0 for every line.

    None is: read it by parse, which knows what is wrong, if anything is.
    """
    if "\\u" in text:  # may be half a surrogate pair
        return None
    try:
        return _node(json.loads(text, object_pairs_hook=_Pairs, parse_constant=_refuse_constant), depth=1)
    except (ValueError, RecursionError, _ConstantError):
        return None


class _Pairs(list[tuple[str, Any]]):
    """The members of an object, which an array's items are told from by this type."""


def _node(value: Any, depth: int) -> Node:  # noqa: ANN401 - what json.loads returns
    if depth > MAX_DEPTH:
        raise RecursionError
    if isinstance(value, _Pairs):
        return Object(0, tuple([Member(0, key, _node(member, depth + 1)) for key, member in value]))
    if isinstance(value, list):
        return Array(0, tuple([_node(item, depth + 1) for item in value]))
    return Scalar(0, value)


def plain(node: Node) -> Any:  # noqa: ANN401 - it is what json.loads returns
    """The value as json.loads would have returned it: of two equal keys the last one counts."""
    match node:
        case Scalar():
            return node.value
        case Array():
            return [plain(item) for item in node.items]
        case Object():
            return {member.key: plain(member.value) for member in node.members}


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._scalars = json.JSONDecoder(parse_constant=_refuse_constant)

    def document(self) -> Node:
        start = self._skip(0)
        if start == len(self._text):
            self._fail("the file is empty", 0)
        node, end = self._node(start, depth=1)
        end = self._skip(end)
        if end != len(self._text):
            self._fail("something follows after the end of the JSON value", end)
        return node

    def _node(self, at: int, depth: int) -> tuple[Node, int]:
        if depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} levels of nesting", at)
        match self._text[at : at + 1]:
            case "[":
                return self._array(at, depth)
            case "{":
                return self._object(at, depth)
            case _:
                value, end = self._scalar(at)
                return Scalar(self._line(at), value), end

    def _array(self, start: int, depth: int) -> tuple[Array, int]:
        items: list[Node] = []
        at = self._skip(start + 1)
        if self._text.startswith("]", at):
            return Array(self._line(start), ()), at + 1
        while True:
            item, at = self._node(at, depth + 1)
            items.append(item)
            at, ended = self._separator(at, "]")
            if ended:
                return Array(self._line(start), tuple(items)), at

    def _object(self, start: int, depth: int) -> tuple[Object, int]:
        members: list[Member] = []
        at = self._skip(start + 1)
        if self._text.startswith("}", at):
            return Object(self._line(start), ()), at + 1
        while True:
            member, at = self._member(at, depth)
            members.append(member)
            at, ended = self._separator(at, "}")
            if ended:
                return Object(self._line(start), tuple(members)), at

    def _member(self, start: int, depth: int) -> tuple[Member, int]:
        if not self._text.startswith('"', start):
            self._fail("a key in double quotes is expected here", start)
        key, at = self._scalar(start)
        at = self._skip(at)
        if not self._text.startswith(":", at):
            self._fail("':' is expected here", at)
        value, at = self._node(self._skip(at + 1), depth + 1)
        return Member(self._line(start), str(key), value), at

    def _separator(self, at: int, closing: str) -> tuple[int, bool]:
        at = self._skip(at)
        if self._text.startswith(closing, at):
            return at + 1, True
        if not self._text.startswith(",", at):
            self._fail(f"',' or '{closing}' is expected here", at)
        after = self._skip(at + 1)
        if self._text.startswith(closing, after):
            self._fail(f"a ',' before '{closing}'", at)
        return after, False

    def _scalar(self, at: int) -> tuple[str | float | bool | None, int]:
        try:
            value, end = self._scalars.raw_decode(self._text, at)
        except json.JSONDecodeError as error:
            text = next((text for start, text in _READABLE.items() if error.msg.startswith(start)), error.msg)
            self._fail(text, error.pos)
        except _ConstantError as error:
            self._fail(f"{error} is not JSON", at)
        except ValueError:  # Python's own limit on the digits of an integer
            self._fail("a number with too many digits", at)
        if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            self._fail("half a surrogate pair inside a string", at)
        return value, end

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def _line(self, at: int) -> int:
        return bisect_right(self._line_starts, at)

    def _fail(self, message: str, at: int) -> NoReturn:
        line = self._line(at)
        raise MalformedError(message, line, at - self._line_starts[line - 1] + 1) from None


class _ConstantError(Exception):
    """NaN or Infinity, which Python reads and JSON does not know."""


def _refuse_constant(name: str) -> NoReturn:
    raise _ConstantError(name)
