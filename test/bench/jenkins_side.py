"""What a call costs Jenkins itself: steps, each of which is a trip to the agent, and the package's bytes."""

import base64
import itertools
import re
import tempfile
from pathlib import Path

from bench.image import PYZ
from bench.measure import BrokenMeasurement
from end_to_end import jenkins
from stand_in import StandIn

# A step that the pipeline's author wrote, then what it does: three calls, the second and third in the same workspace.
PIPELINE = """
@Library('bqsteps') _
node {
    echo 'call'
    bqLogBuild project: 'p', event: 'started', status: 'RUNNING'
    echo 'call'
    bqLogBuild project: 'p'
    echo 'call'
}
"""
_STEP = re.compile(r"^\[Pipeline\] (?P<name>\w+)", re.MULTILINE)


def count(bq: StandIn) -> dict[str, int | list[str]] | str:
    """The steps of the first call in a workspace and of a later one, and the bytes of the package.

    Returns:
        Names and values; or why it was not counted.
    """
    if not (jenkins.ROOT / ".build/classpath").is_file():
        return "there is no .build/classpath: run `make test-groovy` once"
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder, "workspace")
        workspace.mkdir()
        file = Path(folder, "Jenkinsfile")
        file.write_text(PIPELINE, encoding="utf-8")
        code, console = jenkins.run(file, workspace, environ={"BIGQUERY_EMULATOR_HOST": bq.url})
    if code:
        raise BrokenMeasurement(console)
    names = [name for name in _STEP.findall(console) if name not in {"Start", "End"}]
    calls = [list(group) for is_call, group in itertools.groupby(names, lambda name: name != "echo") if is_call]
    first, later = calls[-2:]
    return {
        "steps of the first call": first,
        "steps of a later call": later,
        "bytes of the package, once per workspace": len(base64.b64encode(PYZ.read_bytes())),
    }
