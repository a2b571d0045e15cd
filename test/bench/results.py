"""All that a bench found, and whether each goal is met."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.comparisons import Comparison
from bench.measure import Sample


@dataclass(frozen=True)
class Goal:
    """One goal, and what was found.

    Args:
        name: what it is about.
        bound: the number to keep to.
        found: the number that was found; None where it could not be measured.
        is_least: whether the bound is the least that is wanted, not the most.
    """

    name: str
    bound: float
    found: float | None
    is_least: bool = False

    @property
    def verdict(self) -> str:
        """Passed, failed, or not measured."""
        if self.found is None:
            return "not measured"
        is_met = self.found >= self.bound if self.is_least else self.found <= self.bound
        return "pass" if is_met else "FAIL"

    @property
    def wanted(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {self.bound:g}"


@dataclass
class Results:
    """What one bench found."""

    machine: str
    date: str
    is_quick: bool
    comparisons: list[Comparison] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    growth: dict[str, dict[int, list[Sample]]] = field(default_factory=dict)
    jenkins: dict[str, int | list[str]] | str = ""
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        document = asdict(self)
        document["goals"] = [asdict(goal) | {"verdict": goal.verdict} for goal in self.goals]
        return document

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Results":
        """What as_json gave."""
        goals = [{name: value for name, value in goal.items() if name != "verdict"} for goal in document["goals"]]
        comparisons = [
            Comparison(**{**each, "sides": {name: [Sample(**s) for s in runs] for name, runs in each["sides"].items()}})
            for each in document["comparisons"]
        ]
        growth = {
            name: {int(count): [Sample(**sample) for sample in runs] for count, runs in points.items()}
            for name, points in document["growth"].items()
        }
        return cls(
            **{
                **document,
                "comparisons": comparisons,
                "goals": [Goal(**goal) for goal in goals],
                "growth": growth,
            }
        )


def median(samples: Sequence[Sample], value: Callable[[Sample], float]) -> float:
    return statistics.median(value(sample) for sample in samples)


def peak(samples: Sequence[Sample]) -> float:
    """The memory of the run that took most, in MB."""
    return max(sample.peak for sample in samples)


def wall(sample: Sample) -> float:
    return sample.wall


def own(sample: Sample) -> float:
    return sample.own


def ratios(ours: Sequence[Sample], theirs: Sequence[Sample], value: Callable[[Sample], float] = wall) -> list[float]:
    """What each run costs as a share of the other side's run beside it, which a slow moment strikes alike."""
    return [value(one) / value(other) for one, other in zip(ours, theirs, strict=True)]


def ratio(comparison: Comparison, side: str, other: str, value: Callable[[Sample], float] = wall) -> float | None:
    """The median of what a side costs as a share of another; None where one was not measured."""
    ours, theirs = comparison.sides[side], comparison.sides[other]
    return statistics.median(ratios(ours, theirs, value)) if ours and theirs else None
