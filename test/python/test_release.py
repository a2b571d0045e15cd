"""`make release` in a clone of its own: what it makes, and what it refuses. `make lint` is a stub."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-11-30\n\n### Added\n\n- A step.\n"


@dataclass
class Clone:
    """A repository that is fit for the release 1.2.3.

    Args:
        folder: its working tree.
        tools: a folder that comes first on PATH.
    """

    folder: Path
    tools: Path

    def git(self, *arguments: str) -> str:
        command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", *arguments]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout.strip()

    def write(self, name: str, content: str) -> None:
        (self.folder / name).write_text(content, encoding="utf-8")

    def commit(self) -> None:
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", "Change")

    def package(self) -> None:
        subprocess.run([sys.executable, "python/build_package.py"], cwd=self.folder, check=True, capture_output=True)

    def lint(self, exit_code: int, also: str = ":") -> None:
        stub = self.tools / "make"
        stub.write_text(f'#!/bin/sh\n[ "$*" = lint ] || exit 9\n{also}\nexit {exit_code}\n', encoding="utf-8")
        stub.chmod(0o755)

    def release(self, version: str = "1.2.3") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "python/release.py", version],
            cwd=self.folder,
            env=os.environ | {"PATH": f"{self.tools}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

    def refs(self) -> dict[str, str]:
        lines = self.git("for-each-ref", "--format=%(refname) %(objecttype) %(objectname)").splitlines()
        return dict(line.split(" ", 1) for line in lines)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    tools = tmp_path / "bin"
    tools.mkdir()
    clone = Clone(tmp_path / "clone", tools)
    shutil.copytree(ROOT / "python", clone.folder / "python", ignore=shutil.ignore_patterns("__pycache__"))
    clone.write("python/bqsteps/__init__.py", '"""A package."""\n\n__version__ = "1.2.3"\n')
    clone.write("CHANGELOG.md", CHANGELOG)
    clone.write(".gitignore", "__pycache__/\n")
    clone.git("init", "--quiet", "--initial-branch=main")
    clone.package()
    clone.commit()
    clone.lint(0)
    return clone


def test_it_tags_the_commit_moves_the_major_branch_and_says_how_to_publish(clone: Clone) -> None:
    commit = clone.git("rev-parse", "HEAD")
    done = clone.release()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\n    git push --atomic origin refs/tags/v1.2.3 refs/heads/v1\n")
    assert clone.refs() == {
        "refs/heads/main": f"commit {commit}",
        "refs/heads/v1": f"commit {commit}",
        "refs/tags/v1.2.3": f"commit {commit}",  # a plain tag: an annotated one would be an object of its own
    }


def test_what_it_prints_publishes_both_at_once(clone: Clone, tmp_path: Path) -> None:
    origin = tmp_path / "origin.git"
    subprocess.run(["git", "init", "--quiet", "--bare", origin], check=True)
    clone.git("remote", "add", "origin", str(origin))
    command = clone.release().stdout.strip().splitlines()[-1].split()
    clone.git(*command[1:])
    published = subprocess.run(["git", "-C", origin, "tag"], check=True, capture_output=True, text=True).stdout
    assert published == "v1.2.3\n"


def test_the_next_release_moves_the_branch_and_leaves_the_tag(clone: Clone) -> None:
    clone.release()
    first = clone.refs()["refs/tags/v1.2.3"]
    clone.write("python/bqsteps/__init__.py", '__version__ = "1.3.0"\n')
    clone.write("CHANGELOG.md", CHANGELOG.replace("1.2.3", "1.3.0"))
    clone.package()
    clone.commit()
    assert clone.release("1.3.0").returncode == 0
    refs = clone.refs()
    assert refs["refs/tags/v1.2.3"] == first
    assert refs["refs/heads/v1"] == refs["refs/tags/v1.3.0"] == refs["refs/heads/main"] != first


def refused(clone: Clone, version: str = "1.2.3") -> str:
    """The line that a release is refused with; it changes nothing."""
    before = clone.refs()
    done = clone.release(version)
    assert done.returncode == 1
    assert done.stdout == ""
    assert clone.refs() == before
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize("version", ["1.2", "v1.2.3", "1.2.3-rc1", "01.2.3", "1.2.3.4", "latest", "1.2.3\n"])
def test_a_version_must_be_three_numbers(clone: Clone, version: str) -> None:
    assert refused(clone, version) == f"release: {version!r} is no version such as 1.2.3."


def test_the_packages_version_must_be_the_same(clone: Clone) -> None:
    assert refused(clone, "1.2.4") == "release: __version__ is 1.2.3, not 1.2.4: set it, and `make package`."


@pytest.mark.parametrize(
    ("changelog", "words"),
    [
        pytest.param("# Changelog\n", "has no heading `## [1.2.3] - YYYY-MM-DD`", id="no section"),
        pytest.param(CHANGELOG.replace(" - 2026-11-30", ""), "has no heading", id="no date"),
        pytest.param(CHANGELOG.split("###", maxsplit=1)[0], "says nothing of 1.2.3", id="an empty section"),
        pytest.param(
            CHANGELOG.replace("[Unreleased]\n", "[Unreleased]\n\n- Something.\n"),
            "has changes under Unreleased: they belong under 1.2.3",
            id="something unreleased",
        ),
    ],
)
def test_the_changelog_must_speak_of_it(clone: Clone, changelog: str, words: str) -> None:
    clone.write("CHANGELOG.md", changelog)
    clone.commit()
    assert words in refused(clone)


@pytest.mark.parametrize("name", ["CHANGELOG.md", "new.txt"])
def test_a_tree_with_changes_is_refused(clone: Clone, name: str) -> None:
    clone.write(name, CHANGELOG + "- More.\n")
    assert refused(clone) == "release: the working tree has changes that are not committed."


def test_a_tag_that_exists_is_refused(clone: Clone) -> None:
    clone.git("tag", "v1.2.3")
    clone.commit()
    assert refused(clone) == "release: the tag v1.2.3 exists: a release never moves."


def test_a_branch_that_would_move_back_or_aside_is_refused(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "-b", "v1")
    clone.commit()
    clone.git("checkout", "--quiet", "main")
    assert "refs/heads/v1 has commits that HEAD lacks" in refused(clone)


def test_a_branch_that_is_checked_out_is_refused(clone: Clone) -> None:
    clone.git("checkout", "--quiet", "-b", "v1")
    assert "the branch v1 is checked out" in refused(clone)


def test_a_stale_package_is_refused(clone: Clone) -> None:
    clone.write("python/bqsteps/errors.py", '"""Changed."""\n')
    clone.commit()
    assert refused(clone) == (
        "release: `python/build_package.py --check` failed: run `make package` and commit the result."
    )


def test_a_red_lint_is_refused(clone: Clone) -> None:
    clone.lint(2)
    assert refused(clone) == "release: `make lint` failed: run `make lint` and mend what it names."


def test_what_the_checks_write_is_seen(clone: Clone) -> None:
    clone.lint(0, "touch written")
    assert refused(clone) == "release: the working tree has changes that are not committed."
