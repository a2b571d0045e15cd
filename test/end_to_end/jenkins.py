"""Runs a Jenkinsfile under the tests' Jenkins (test/groovy/harness), as a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent  # the Python that runs this, which has the package's dependencies
# A build lasts seconds: what the thorough compiler and a parallel collector cost is never earned back.
JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


@contextmanager
def build(
    jenkinsfile: Path, workspace: Path, *options: str, environ: Mapping[str, str], output: int | None = None
) -> Iterator[subprocess.Popen[str]]:
    """A running build; it is ended, with all its processes, when the block is left.

    Args:
        jenkinsfile: what it runs.
        workspace: the agent's workspace, used as it is.
        options: further options of RunJenkinsfile (`--number 2`, …).
        environ: variables of the agent, over this process' own.
        output: where its console goes, as subprocess takes it.
    """
    classpath = (ROOT / ".build/classpath").read_text(encoding="utf-8")
    command = [*JAVA, "-cp", classpath, "harness.RunJenkinsfile", "--jenkinsfile", str(jenkinsfile)]
    process = subprocess.Popen(
        [*command, "--workspace", str(workspace), "--library", str(ROOT), *options],
        env=_clean(os.environ) | {"PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"} | dict(environ),
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        text=True,
        encoding="utf-8",
        start_new_session=True,  # Ctrl-C is for the caller, which ends the build in its own order
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()  # RunJenkinsfile aborts the build and ends its processes
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()


def run(jenkinsfile: Path, workspace: Path, *options: str, environ: Mapping[str, str]) -> tuple[int, str]:
    """The exit code and the console of a build that ran to its end."""
    with build(jenkinsfile, workspace, *options, environ=environ, output=subprocess.PIPE) as process:
        console, _ = process.communicate(timeout=300)
        return process.returncode, console


def golden_runs(folder: Path, *, environ: Mapping[str, str]) -> tuple[int, str]:
    """The exit code and the consoles of the golden runs; each build's steps are a text in the folder then."""
    ended = subprocess.run(
        [*JAVA, "-cp", (ROOT / ".build/classpath").read_text(encoding="utf-8"), "golden.GoldenRuns", str(folder)],
        env=_clean(os.environ) | {"PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"} | dict(environ),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=900,
        check=False,
    )
    return ended.returncode, ended.stdout


def _clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Without what a person's shell, or the Jenkins that runs the tests, may have set of the steps' own variables."""
    ours = ("BQ_", "BUILD_", "JENKINS_", "JOB_", "GIT_", "CHANGE_", "PROJECT_ID", "DATASET_ID", "TABLE_ID", "WORKSPACE")
    return {name: value for name, value in environ.items() if not name.startswith(ours)}
