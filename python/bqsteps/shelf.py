"""Keeps the results of many tables out of memory, until they are written one after the other. Standard library only."""

import json
import tempfile
from collections.abc import Iterator
from typing import Any, Final

_IN_MEMORY: Final = 1 << 20  # bytes; only what exceeds that goes into a file


class Shelf:
    """JSON objects by their numbers, in a file without a name."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # it lives as long as this does
        self._places: dict[int, tuple[int, int]] = {}  # where each begins, and its length

    def __len__(self) -> int:
        return len(self._places)

    def close(self) -> None:
        """Give up all that is kept."""
        self._file.close()

    def put(self, number: int, value: dict[str, Any]) -> None:
        """Keep an object; the numbers say in which order they come back, not in which they are put."""
        text = json.dumps(value, sort_keys=True).encode("ascii")
        self._places[number] = (self._file.seek(0, 2), len(text))
        self._file.write(text)

    def texts(self) -> Iterator[bytes]:
        """Each object's JSON text, in ASCII."""
        for _, (start, length) in sorted(self._places.items()):
            self._file.seek(start)
            yield self._file.read(length)

    def values(self) -> Iterator[dict[str, Any]]:
        """Each object."""
        return map(json.loads, self.texts())
