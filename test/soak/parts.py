"""The parts of the soak that are matrices, and which of their cases a run plays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from soak import ensure_matrix, log_matrix

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    from soak.children import Starter
    from soak.tally import Seen

OF_CORE: Final = 0.7  # of the cases at most; the others are of further scenarios, with several misfortunes
PER_SCENARIO: Final = 6  # wild cases of one scenario, of which a fault-free run is recorded first
PER_ARCHIVE: Final = 50  # cases for one that is played with the real archive, which is slow to start


class Scenario(Protocol):
    """What is there before."""

    @property
    def runner(self) -> str:
        """Return what starts the processes."""


S = TypeVar("S", bound=Scenario)
C = TypeVar("C", log_matrix.Case, ensure_matrix.Case)


@dataclass(frozen=True)
class Part(Generic[S, C]):
    """One matrix.

    Args:
        name: its name, with which its cases begin.
        share: of all cases.
        core: the scenarios of which every case is played, as far as there is room.
        variations: all others.
        record: tells the requests of a scenario.
        matrix: makes every case of a scenario.
        wild: makes a case of several misfortunes.
        run: plays a case.
        parse: reads a case's name.
    """

    name: str
    share: float
    core: Sequence[S]
    variations: Sequence[S]
    record: Callable[[S, Starter], list[str]]
    matrix: Callable[[S, list[str], random.Random], list[C]]
    wild: Callable[[S, list[str], random.Random], C]
    run: Callable[[C, Starter], Seen]
    parse: Callable[[str], C]

    def play(self, name: str, starter: Starter) -> Seen:
        """Play the case of this name."""
        return self.run(self.parse(name), starter)

    def cases(self, count: int, chance: random.Random, starter: Starter, pool: Executor) -> list[str]:
        """Return the names of so many cases: of the core matrix in any order, then wild ones."""
        found = [
            case
            for scenario, calls in self._recorded(self.core, starter, pool)
            for case in self.matrix(scenario, calls, chance)
        ]
        chance.shuffle(found)
        del found[round(count * OF_CORE) :]
        wanted = count - len(found)
        scenarios = chance.choices(self.variations, k=wanted // PER_SCENARIO + 1)
        wild = [
            self.wild(scenario, calls, chance)
            for scenario, calls in self._recorded(scenarios, starter, pool)
            for _ in range(PER_SCENARIO)
        ]
        found += wild[:wanted]
        return [str(_in_archive(case) if number % PER_ARCHIVE == 0 else case) for number, case in enumerate(found, 1)]

    def _recorded(self, scenarios: Sequence[S], starter: Starter, pool: Executor) -> list[tuple[S, list[str]]]:
        def one(scenario: S) -> tuple[S, list[str]]:
            return scenario, self.record(scenario, starter)

        return list(pool.map(one, scenarios))


def _in_archive(case: C) -> C:
    return replace(case, scenario=replace(case.scenario, runner="archive"))


LOG: Final = Part(
    "log",
    0.5,
    log_matrix.CORE,
    log_matrix.variations(),
    log_matrix.record,
    log_matrix.matrix,
    log_matrix.pair,
    log_matrix.run,
    log_matrix.Case.parse,
)
KILL: Final = Part(
    "kill",
    0.3,
    log_matrix.CORE,
    [*log_matrix.CORE, *log_matrix.variations()],
    log_matrix.record,
    log_matrix.kills,
    log_matrix.wild_kill,
    log_matrix.run,
    log_matrix.Case.parse,
)
ENSURE: Final = Part(
    "ensure",
    0.2,
    ensure_matrix.CORE,
    ensure_matrix.variations(),
    ensure_matrix.record,
    ensure_matrix.matrix,
    ensure_matrix.wild,
    ensure_matrix.run,
    ensure_matrix.Case.parse,
)


class Playable(Protocol):
    """A part, whatever its cases are made of."""

    @property
    def share(self) -> float: ...

    def cases(self, count: int, chance: random.Random, starter: Starter, pool: Executor) -> list[str]: ...

    def play(self, name: str, starter: Starter) -> Seen: ...


PARTS: Final[dict[str, Playable]] = {"log": LOG, "kill": KILL, "ensure": ENSURE}
