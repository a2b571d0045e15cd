"""A file of spooled rows that are being sent: which of its lines are done, kept over a kill. Standard library only.

What is known to be done is a beginning of the file, so that neither memory nor the note grows with the file. Lines
after it may be done as well; they are sent again and found to be on record.
"""

import contextlib
import hashlib
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bqsteps.report import warn

LONGEST_LINE: Final = 32 * 1_048_576  # bytes; a row is much shorter, so that more is no spool
_NOTE_EVERY: Final = 100  # lines


@dataclass
class Line:
    """A line of a file.

    Args:
        source: where it stands, for people.
        content: its bytes.
        is_done: whether it needs not be sent again.
    """

    source: str
    content: bytes
    is_done: bool = False


class Backlog:
    """The lines of one file, of which a beginning may be done already.

    Args:
        path: the file. It is removed once all of it is done.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._note = path.with_name(f".{path.name}.sent")
        self._open: deque[Line] = deque()  # given out, from the first that is not done
        self._done = 0  # bytes
        self._digest = hashlib.sha256()  # of these bytes: the note must not be taken for another file's
        self._lines_done = 0
        self._is_read = False
        self._is_removed = False

    def lines(self) -> Iterator[Line]:
        """The lines that are not known to be done. Each must be given back by `done`, once it is."""
        with self._path.open("rb") as file:
            self._done = self._noted()
            file.seek(self._done)
            while content := file.readline(LONGEST_LINE):
                line = Line(f"{self._path}", content, is_done=not content.strip())
                self._open.append(line)
                if not line.is_done:
                    yield line
        self._is_read = True
        self._advance()

    def done(self, line: Line) -> None:
        """A line needs not be sent again."""
        line.is_done = True
        self._advance()

    def close(self) -> None:
        """Leave a note of what is done, or remove the file if that is all."""
        if self._is_read and not self._open and self._is_all():
            self._remove()
        elif self._done:
            self._write_note()

    def _remove(self) -> None:
        """A file that stays does no harm: its rows are found to be on record the next time."""
        if self._is_removed:
            return
        self._is_removed = True
        try:
            self._path.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
        except OSError as problem:
            warn(f"bqsteps: the rows of {self._path} are on record, and it cannot be removed: {problem.strerror}.")

    def _is_all(self) -> bool:
        """Whether nothing was added to the file since it was read."""
        try:
            return self._path.stat().st_size == self._done
        except FileNotFoundError:
            return True  # it is gone, and its note should be

    def _advance(self) -> None:
        while self._open and self._open[0].is_done:
            content = self._open.popleft().content
            self._done += len(content)
            self._digest.update(content)
            self._lines_done += 1
            if self._lines_done % _NOTE_EVERY == 0:
                self._write_note()
        if self._is_read and not self._open:
            self.close()

    def _noted(self) -> int:
        """How many bytes the note says are done, if it is about this file."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            note = json.loads(self._note.read_text(encoding="ascii"))
            digest = hashlib.sha256()
            with self._path.open("rb") as file:
                left = int(note["bytes"])
                while left and (content := file.read(min(left, 1_048_576))):
                    digest.update(content)
                    left -= len(content)
            if not left and digest.hexdigest() == note["sha256"]:
                self._digest = digest
                return int(note["bytes"])
        return 0

    def _write_note(self) -> None:
        """For the next run; without it that one only does more than it needs to."""
        temporary = self._note.with_name(f"{self._note.name}.new")
        with contextlib.suppress(OSError):
            temporary.write_text(json.dumps({"bytes": self._done, "sha256": self._digest.hexdigest()}), "ascii")
            temporary.replace(self._note)
