"""One case: a stand-in, a folder, and processes of which each suffers an act, until one suffers nothing."""

from __future__ import annotations

import tempfile
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from soak.children import Archive
from soak.misfortunes import RIVAL, Act, Stage
from soak.tally import Seen
from stand_in import Limits, StandIn, WallClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from soak.children import Ended, Starter

PROJECT, DATASET = "p", "ds"
UNHURRIED = 60.0  # seconds; the deadline of a process that has nothing to wait for, on a machine that is busy
SHORT = 1.0  # seconds; of one that has to wait until it passes


class Theatre:
    """Where a case is played.

    Args:
        bq: the stand-in.
        folder: the working directory of the processes.
        starter: what starts them.
        environ: their variables.
        seen: takes what is seen.
        rivals: what others may do meanwhile, by name.
    """

    def __init__(  # noqa: PLR0913, PLR0917  all that a case is made of
        self,
        bq: StandIn,
        folder: Path,
        starter: Starter,
        environ: Mapping[str, str],
        seen: Seen,
        rivals: Mapping[str, Callable[[], None]],
    ) -> None:
        self.bq = bq
        self.folder = folder
        self.seen = seen
        self.was_killed = False
        self._starter = starter
        self._environ = environ
        self._stage = Stage(bq, rivals)

    def play(self, command: str, act: Act, **given: str) -> Ended:
        """Run a process through an act, to its end."""
        self._stage.set(act)
        deadline = SHORT if act.waits else UNHURRIED
        environ = {"BIGQUERY_EMULATOR_HOST": self.bq.url, "BQ_DEADLINE_SECONDS": str(deadline)}
        child = self._starter.start(command, self.folder, {**self._environ, **environ, **given})
        self._stage.play(child)
        self.seen.processes += 1
        ended = child.wait()
        # It may have been faster than the blow; and the lock of a moment is held until it is dead.
        self.was_killed = self._stage.was_killed and ended.code < 0
        return ended

    def settle(self) -> None:
        """Wait until nothing is under way any more."""
        self._stage.settle()

    def expect(self, holds: bool, problem: str, ended: Ended | None = None) -> None:  # noqa: FBT001  an assertion
        """Note a problem, unless all is as it must be."""
        if not holds:
            is_told = not ended or any(ended.stderr in each for each in self.seen.problems)
            said = (
                f"; it ended with {ended.code}: {ended.result} {ended.stderr.strip()}" if ended and not is_told else ""
            )
            self.seen.problems.append(problem + said)

    def expect_one_line(self, ended: Ended) -> None:
        """Expect of a process that it failed as it must: with one line, which its result says again."""
        lines = [line for line in ended.stderr.splitlines() if line.startswith("bqsteps: ")]
        self.expect("Traceback" not in ended.stderr + ended.stdout, "a traceback", ended)
        self.expect(ended.code == 1 and len(lines) == 1, "not one line and exit code 1", ended)
        if ended.result is None or "error" not in ended.result:
            self.expect(holds=False, problem="no error in the result", ended=ended)
            return
        error = ended.result["error"]
        self.expect(lines == [f"bqsteps: {error['message']} {error['hint']}".rstrip()], "another line", ended)


@contextmanager
def opened(case: str, starter: Starter) -> Iterator[tuple[StandIn, Path, Starter, Seen]]:
    """Open what a case needs; what goes wrong with the case itself is a problem of it, too."""
    seen = Seen(case)
    bq = StandIn(clock=WallClock(speed=20), limits=Limits.off())
    try:
        with tempfile.TemporaryDirectory(prefix="soak-") as name, bq:
            folder = Path(name)
            is_of_archive = case.split(":")[1].endswith(",archive")
            yield bq, folder, Archive(folder) if is_of_archive else starter, seen
    except Exception:  # noqa: BLE001  whatever it is, the other cases go on, and this one is told
        seen.problems.append(traceback.format_exc())


def sequence(bq: StandIn) -> list[str]:
    """Return the calls that were made so far, in their order."""
    return [entry.call for entry in bq.requests if RIVAL not in entry.headers]
