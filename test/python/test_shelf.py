"""Results of many tables come back as they were put, in the order of their numbers, in memory or out of it."""

import contextlib
from collections.abc import Iterator

import pytest

from bqsteps.shelf import Shelf


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with contextlib.closing(Shelf()) as shelf:
        yield shelf


@pytest.mark.parametrize("size", [10, 300_000], ids=["small", "beyond what is kept in memory"])
def test_what_is_put_in_any_order_comes_back_by_number(shelf: Shelf, size: int) -> None:
    values = [{"number": number, "text": "é" * size} for number in range(5)]
    for number in (3, 0, 4, 1, 2):
        shelf.put(number, values[number])
        assert values[number] in list(shelf.values())  # reading in between does not disturb
    assert list(shelf.values()) == values
    assert len(shelf) == 5


def test_texts_are_ascii_whatever_they_hold(shelf: Shelf) -> None:
    shelf.put(0, {"a": "\ud800 é"})
    assert list(shelf.texts()) == [b'{"a": "\\ud800 \\u00e9"}']
