"""What was seen: runs, rows, and every case in which something was not as it must be."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Seen:
    """What became of one case.

    Args:
        case: its name, by which it can be run again.
        processes: how many there were.
        wanted: rows that must be there.
        found: rows that are there, none counted twice.
        doubled: rows that are there although another is the same.
        problems: what was not as it must be.
    """

    case: str
    processes: int = 0
    wanted: int = 0
    found: int = 0
    doubled: int = 0
    problems: list[str] = field(default_factory=list)

    def count(self, wanted: int, found: int) -> None:
        """Count the rows of one key, or of rows that must not change."""
        self.wanted += wanted
        self.found += min(wanted, found)
        self.doubled += max(0, found - wanted)
        if found != wanted:
            self.problems.append(f"{found} rows instead of {wanted}")


@dataclass
class Tally:
    """What became of all cases of a part."""

    part: str
    runs: int = 0
    processes: int = 0
    wanted: int = 0
    found: int = 0
    doubled: int = 0
    failed: list[Seen] = field(default_factory=list)

    def add(self, seen: Seen) -> None:
        self.runs += 1
        self.processes += seen.processes
        self.wanted += seen.wanted
        self.found += seen.found
        self.doubled += seen.doubled
        if seen.problems:
            self.failed.append(seen)

    def __str__(self) -> str:
        return (
            f"{self.part}: {self.runs} runs, {self.processes} processes, rows: {self.wanted} wanted,"
            f" {self.found} found, {self.wanted - self.found} lost, {self.doubled} doubled;"
            f" {len(self.failed)} violations"
        )
