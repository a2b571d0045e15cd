"""Makes a release in this clone: a tag for the version, and the branch of its major version moved to it.

`python release.py 1.2.3` checks that the commit is fit to be released, and prints the command that publishes both. It
pushes nothing. docs/releases.md has the policy.
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Without leading zeros, pre-release or build parts: https://semver.org/spec/v2.0.0.html#spec-item-2
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class Refused(Exception):
    """The release cannot be made; the message is a line that says why, and what to do."""


def git(*arguments: str) -> str:
    """What Git says.

    Raises:
        Refused: Git failed.
    """
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607
    if done.returncode:
        raise Refused(f"git {arguments[0]} failed: {' '.join(done.stderr.split())}")
    return done.stdout.strip()


def check_names(version: str) -> None:
    """The version is one, and package and changelog are of it.

    Raises:
        Refused: they are not.
    """
    if not VERSION.fullmatch(version):
        raise Refused(f"{version!r} is no version such as 1.2.3")
    package = (ROOT / "python/bqsteps/__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.*)"$', package, re.MULTILINE)
    if not found or found[1] != version:
        raise Refused(f"__version__ is {found[1] if found else 'missing'}, not {version}: set it, and `make package`")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## \[(.+?)\][^\n]*\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL))
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        raise Refused(f"CHANGELOG.md has no heading `## [{version}] - YYYY-MM-DD`")
    if not sections[version].strip():
        raise Refused(f"CHANGELOG.md says nothing of {version}")
    if sections.get("Unreleased", "").strip():
        raise Refused(f"CHANGELOG.md has changes under Unreleased: they belong under {version}")


def check_history(tag: str, major: str) -> None:
    """The tag is free, and the major version's branch only moves forward.

    Raises:
        Refused: they are not.
    """
    if git("status", "--porcelain"):
        raise Refused("the working tree has changes that are not committed")
    if git("tag", "--list", tag):
        raise Refused(f"the tag {tag} exists: a release never moves")
    if git("branch", "--show-current") == major:
        raise Refused(f"the branch {major} is checked out, and a release moves it: check out main")
    for branch in (f"refs/heads/{major}", f"refs/remotes/origin/{major}"):
        if git("for-each-ref", branch) and git("rev-list", "--count", f"HEAD..{branch}") != "0":
            raise Refused(f"{branch} has commits that HEAD lacks, so that it would not move forward: merge them first")


def check_quality() -> None:
    """The package is what the sources give, and the checks pass.

    Raises:
        Refused: they do not.
    """
    for command, remedy in (
        ([sys.executable, "python/build_package.py", "--check"], "run `make package` and commit the result"),
        (["make", "lint"], "run `make lint` and mend what it names"),
    ):
        if subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False).returncode:  # noqa: S603
            raise Refused(f"`{' '.join(command[-2:])}` failed: {remedy}")


def release(version: str) -> str:
    """Tag HEAD and move the branch, and return the command that publishes them.

    Raises:
        Refused: something is not as it must be; nothing was changed then.
    """
    check_names(version)
    tag, major = f"v{version}", f"v{version.partition('.')[0]}"
    check_history(tag, major)
    check_quality()
    check_history(tag, major)  # what the checks wrote, such as a table made anew, would not be in the release
    # Not annotated: https://github.com/jenkinsci/git-client-plugin/pull/336
    git("tag", "--no-sign", tag, "HEAD")
    git("branch", "--force", major, "HEAD")
    return f"git push --atomic origin refs/tags/{tag} refs/heads/{major}"


def main() -> int:
    """Make the release, or say in one line why not."""
    parser = argparse.ArgumentParser(description="Tag a release in this clone.")
    parser.add_argument("version", help="such as 1.2.3")
    version = parser.parse_args().version
    try:
        command = release(version)
    except Refused as refusal:
        sys.stderr.write(f"release: {refusal}.\n")
        return 1
    sys.stdout.write(f"Tagged v{version} here. To publish it:\n\n    {command}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
