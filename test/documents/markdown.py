"""Reads what the checks need of Markdown, as CommonMark with tables has it."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

_PARSER = MarkdownIt("commonmark").enable("table")
_MARKER = re.compile(r"<!-- [^\n]+ -->")


class Block(NamedTuple):
    """A fenced block: the words behind its fence, what it holds, and the line it starts on."""

    info: str
    code: str
    line: int


def blocks(text: str) -> list[Block]:
    """The fenced blocks, in order."""
    return [
        Block(token.info.strip(), token.content, (token.map or [0])[0] + 1)
        for token in _tokens(text)
        if token.type == "fence"
    ]


def links(text: str) -> list[str]:
    """Where the links and pictures point."""
    return [
        str(token.attrGet("href") or token.attrGet("src"))
        for token in _tokens(text)
        if token.type in {"link_open", "image"}
    ]


def anchors(text: str) -> set[str]:
    """What a link may name behind #: each heading in lower case, its punctuation left out, its spaces dashes."""
    found: Counter[str] = Counter()
    slugs: set[str] = set()
    for heading in headings(text):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        slugs.add(f"{slug}-{found[slug]}" if found[slug] else slug)
        found[slug] += 1
    return slugs


def headings(text: str) -> list[str]:
    """The headings, without their markup."""
    tokens = _PARSER.parse(text)
    return [
        "".join(child.content for child in inline.children or [])
        for opening, inline in pairwise(tokens)
        if opening.type == "heading_open"
    ]


def code(text: str) -> set[str]:
    """The texts in backticks."""
    return {token.content for token in _tokens(text) if token.type == "code_inline"}


def html(text: str) -> list[str]:
    """Everything that is HTML, beside comments of a line, such as the markers of the parts that come from the code."""
    found = [token.content.strip() for token in _tokens(text) if token.type in {"html_block", "html_inline"}]
    return [content for content in found if not _MARKER.fullmatch(content)]


def indented(text: str) -> list[str]:
    """The blocks of code that have no fence, and so no language."""
    return [token.content for token in _tokens(text) if token.type == "code_block"]


def items(text: str) -> int:
    """How many items the lists have."""
    return sum(token.type == "list_item_open" for token in _tokens(text))


def _tokens(text: str) -> Iterator[Token]:
    for token in _PARSER.parse(text):
        yield token
        yield from token.children or []
