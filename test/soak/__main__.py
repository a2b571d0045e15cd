"""Runs the matrices: `python -m soak`. Exit code 1 if anything was not as it must be, with each such case's name."""

from __future__ import annotations

import argparse
import random
import secrets
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from soak import crowd, replays
from soak.children import Forks
from soak.parts import PARTS
from soak.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soak.tally import Seen

LANES = 12  # cases at a time: most of what one takes is waiting
# What is no matrix, by its name: what plays it, and how large it is.
WHOLE = {"crowd": (crowd.all_of, 1_000), "replay": (replays.all_of, 10_000)}
PROGRESS = 500  # cases between two lines


def main() -> int:
    arguments = _arguments()
    with Forks() as forks, ThreadPoolExecutor(arguments.lanes) as pool:
        if arguments.case:
            return _rerun(arguments.case, forks)
        _say(f"seed {arguments.seed}")
        names = [arguments.only] if arguments.only else [*PARTS, *WHOLE]
        share = sum(PARTS[name].share for name in names if name in PARTS)
        tallies = []
        for name in names:
            if name in WHOLE:
                play, size = WHOLE[name]
                found: Iterable[Seen] = play(forks, min(size, arguments.runs))
            else:
                part = PARTS[name]
                chance = random.Random(f"{arguments.seed}:{name}")  # noqa: S311  which cases, not whose secrets
                cases = part.cases(round(arguments.runs * part.share / share), chance, forks, pool)
                futures = [pool.submit(part.play, case, forks) for case in cases]
                found = (future.result() for future in as_completed(futures))
            tallies.append(_count(name, found))
    for tally in tallies:
        _say(str(tally))
    _say(f"seed {arguments.seed}")
    return int(any(tally.failed for tally in tallies))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description="Run the fault-injection matrices.")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="repeats a run; chosen and printed if not given")
    parser.add_argument("--runs", type=int, default=10_000, help="cases of the matrices, in all (default: 10000)")
    parser.add_argument("--only", choices=[*PARTS, *WHOLE], help="one part instead of all")
    parser.add_argument("--lanes", type=int, default=LANES, help=f"cases at a time (default: {LANES})")
    parser.add_argument("--case", help="one case again, by its name")
    return parser.parse_args()


def _rerun(name: str, forks: Forks) -> int:
    part = PARTS[name.partition(":")[0]]
    seen = part.play(name, forks)
    for problem in seen.problems:
        _say(problem)
    _say(f"{seen.processes} processes, {seen.found} of {seen.wanted} rows, {seen.doubled} doubled")
    return int(bool(seen.problems))


def _count(name: str, found: Iterable[Seen]) -> Tally:
    tally = Tally(name)
    for seen in found:
        tally.add(seen)
        for problem in seen.problems:
            _say(f"VIOLATION --case '{seen.case}': {problem}")
        if tally.runs % PROGRESS == 0:
            _say(str(tally))
    return tally


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
