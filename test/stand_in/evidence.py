"""Ties each test to the behaviours that it shows, so that README.md cannot claim what nothing tests."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Test = TypeVar("Test", bound="Callable[..., None]")

README = Path(__file__).with_name("README.md")
ROW = re.compile(r"^\| `([a-z-]+)` \| .+ \| .*(?:doc|client|reported|assumed).* \|$", re.MULTILINE)
CITED: dict[str, list[str]] = {}


def cites(*behaviours: str) -> Callable[[Test], Test]:
    """Name the lines of README.md, and so their sources, that a test relies on."""

    def note(test: Test) -> Test:
        for behaviour in behaviours:
            CITED.setdefault(behaviour, []).append(f"{test.__module__}.{test.__name__}")
        return test

    return note


def documented() -> set[str]:
    text = README.read_text(encoding="utf-8")
    return set(ROW.findall(text[text.index("## What it does, and how") :]))
