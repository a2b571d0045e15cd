"""Reads what the checks need of Markdown: fenced blocks, headings, links and inline code."""

import re
from typing import NamedTuple

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


class Block(NamedTuple):
    """A fenced block: the words behind its fence, what it holds, and the line it starts on."""

    info: str
    code: str
    line: int


def blocks(text: str) -> list[Block]:
    """The fenced blocks, in order."""
    return [
        Block(found["info"].strip(), found["code"], text.count("\n", 0, found.start()) + 1)
        for found in _FENCE.finditer(text)
    ]


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return _FENCE.sub("", text)


def links(text: str) -> list[str]:
    """Where the links point."""
    return _LINK.findall(prose(text))


def anchors(text: str) -> set[str]:
    """What a link may name behind #: each heading in lower case, its punctuation left out, its spaces dashes."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(prose(text))}


def code(text: str) -> set[str]:
    """The texts in backticks."""
    return set(_CODE.findall(prose(text)))
