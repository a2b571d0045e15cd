"""What a call costs Jenkins itself: steps, each of which is a trip to the agent, and the bytes that cross."""

import itertools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypedDict

from bench.measure import BrokenMeasurement
from end_to_end import jenkins
from stand_in import StandIn

MARK = "echo"  # a step that the pipeline's author wrote, and no step of the library's takes
# Two calls in one workspace, each after a mark: the first brings the package, the second finds it.
PIPELINE = """
@Library('bqsteps') _
node {
    echo 'first'
    bqLogBuild project: 'p', event: 'started', status: 'RUNNING'
    echo 'later'
    bqLogBuild project: 'p'
    echo 'end'
}
"""


class Step(TypedDict):
    """A step of a recorded run, with the bytes that it sent to the agent and received from it."""

    step: str
    sent: int
    received: int


def count(bq: StandIn) -> dict[str, int | list[str]] | str:
    """What the first call in a workspace takes, and what a later one.

    Returns:
        Names and values; or why it was not counted.
    """
    if not (jenkins.ROOT / ".build/classpath").is_file():
        return "there is no .build/classpath: run `make test-groovy` once"
    first, later = _calls(bq)
    found: dict[str, int | list[str]] = {}
    for name, steps in (("first call", first), ("later call", later)):
        found[f"steps of the {name}"] = [each["step"] for each in steps]
        found[f"bytes to the agent, {name}: package and input file"] = _sum(steps, "writeFile", "sent")
        found[f"bytes to the agent, {name}: script and variables"] = _sum(steps, "sh", "sent")
        found[f"bytes from the agent, {name}: result and console"] = _sum(steps, "sh", "received")
    return found


def _calls(bq: StandIn) -> list[list[Step]]:
    """The steps of each call, of a run that was recorded."""
    with tempfile.TemporaryDirectory() as folder:
        workspace, file, traffic = (Path(folder, name) for name in ("workspace", "Jenkinsfile", "traffic.json"))
        workspace.mkdir()
        file.write_text(PIPELINE, encoding="utf-8")
        told = {"BIGQUERY_EMULATOR_HOST": bq.url}
        code, console = jenkins.run(file, workspace, "--traffic", str(traffic), environ=told)
        if code:
            raise BrokenMeasurement(console)
        return list(_between_marks(json.loads(traffic.read_text(encoding="utf-8"))))


def _between_marks(steps: list[Step]) -> Iterator[list[Step]]:
    marks = [number for number, each in enumerate(steps) if each["step"] == MARK]
    for start, end in itertools.pairwise(marks):
        yield steps[start + 1 : end]


def _sum(steps: list[Step], step: str, way: Literal["sent", "received"]) -> int:
    return sum(each[way] for each in steps if each["step"] == step)
