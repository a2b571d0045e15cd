"""Reads what the documents need of Groovy: a step's help, its declared parameters, and the calls of an example."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_HELPED = re.compile(r"^- (\w+): (.*(?:\n +\S.*)*)", re.MULTILINE)
_CHECKED = re.compile(r"Parameters\.check\(given,\s*(?=\[)")
_COLUMNS = re.compile(r"Map columns = (?=\[)")
# Leftmost first, so that a quote in a comment opens no text, and two slashes in a text open no comment.
_OPAQUE = re.compile(r"//[^\n]*|/\*.*?\*/|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"", re.DOTALL)
_STEP = re.compile(r"\bbq[A-Z]\w*")
_KEY = re.compile(r"(?<![\w.?])(\w+)\s*:")


class Call(NamedTuple):
    """A call of one of the library's steps."""

    step: str
    parameters: tuple[str, ...]


def helped(path: Path) -> dict[str, str]:
    """The parameters that a help file lists, with what it says of each."""
    return {name: " ".join(text.split()) for name, text in _HELPED.findall(path.read_text(encoding="utf-8"))}


def declared(path: Path) -> set[str]:
    """The parameters that a step checks for."""
    return _keys_of_map_behind(_CHECKED, path)


def columns(path: Path) -> set[str]:
    """The columns that Build.groovy fills."""
    return _keys_of_map_behind(_COLUMNS, path)


def _keys_of_map_behind(start: re.Pattern[str], path: Path) -> set[str]:
    code = _blank(path.read_text(encoding="utf-8"))
    return {key for found in start.finditer(code) for key in _keys(_within(code[found.end() :]))}


def calls(code: str) -> Iterator[Call]:
    """The calls in a piece of pipeline, with the names of their parameters."""
    code = _blank(code)
    for found in _STEP.finditer(code):
        rest = re.sub(r"^\.yaml\b", "", code[found.end() :]).lstrip(" ")
        given = _within(rest) if rest.startswith("(") else _line(rest)
        yield Call(found[0], tuple(_keys(given)))


def _blank(code: str) -> str:
    return _OPAQUE.sub(lambda text: "" if text[0].startswith("/") else "''", code)


def _within(text: str) -> str:
    """What is between the bracket that the text begins with and the one that closes it."""
    depth = 0
    for position, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0:
            return text[1:position]
    return text[1:]


def _line(text: str) -> str:
    """The rest of the line, and the lines behind it while they go on."""
    found = re.match(r"(?:[^\n]*,[ ]*\n)*[^\n;{}]*", text)
    return found[0] if found else ""


def _keys(text: str) -> Iterator[str]:
    """The keys of the outermost level."""
    outermost, depth = [], 0
    for character in text:
        depth -= character in ")]}"
        outermost.append(character if depth == 0 else " ")
        depth += character in "([{"
    yield from _KEY.findall("".join(outermost))
