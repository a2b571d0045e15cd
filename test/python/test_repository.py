"""Rules for the files of the repository, which Jenkins checks out as the library."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = {".pyz", ".png"}
LISTS = ["python", "test", "test/end_to_end"]
PIN = re.compile(r"^([a-z0-9.-]+)==(\S+)", re.MULTILINE)


def files() -> list[Path]:
    """What is in the repository, or would be with the next `git add .`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_symlink() or path.is_file()]  # not what is deleted and not yet committed


def texts() -> list[Path]:
    return [path for path in files() if path.suffix not in BINARY]


def test_there_is_no_symlink_for_jenkins_refuses_a_library_that_has_one() -> None:
    assert [path for path in files() if path.is_symlink()] == []


def test_lines_end_with_a_line_feed_alone() -> None:
    assert [path for path in texts() if b"\r" in path.read_bytes()] == []


def test_there_is_no_lock_file_of_a_tool_that_writes_addresses_into_it() -> None:
    locks = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "package-lock.json", "yarn.lock", "pylock.toml"}
    assert [path for path in files() if path.name in locks] == []


def test_no_file_names_a_registry() -> None:
    registry = re.compile(
        r"https?://[^\s'\"]*(?:pypi\.org/simple|pythonhosted\.org|repo1?\.maven\.|repo\.jenkins-ci\.|artifactory|nexus)",
        re.IGNORECASE,
    )
    named = {path: found[0] for path in texts() if (found := registry.search(path.read_text(errors="replace")))}
    assert named == {}
    assert "<repository>" not in (ROOT / "pom.xml").read_text()


def test_no_file_names_this_machines_folders() -> None:
    places = [str(ROOT), *([str(Path.home())] if len(Path.home().parts) > 1 else [])]
    assert [
        path
        for path in texts()
        if any(re.search(rf"{re.escape(place)}\b", path.read_text(errors="replace")) for place in places)
    ] == []


@pytest.mark.parametrize("folder", LISTS)
def test_a_list_of_packages_is_pinned_and_hashed_and_says_nothing_of_where_from(folder: str) -> None:
    text = (ROOT / folder / "requirements.txt").read_text()
    logical = [line for line in text.replace("\\\n", "").splitlines() if line and not line.lstrip().startswith("#")]
    assert logical
    for line in logical:
        assert re.fullmatch(r"[a-z0-9.-]+==[^\s;]+( ; [^#]*?)?( +--hash=sha256:[0-9a-f]{64})+ *", line), line[:80]


@pytest.mark.parametrize("folder", LISTS)
def test_a_list_of_packages_holds_what_its_source_names(folder: str) -> None:
    pinned = dict(PIN.findall((ROOT / folder / "requirements.txt").read_text()))
    for line in (ROOT / folder / "requirements.in").read_text().splitlines():
        if line and not line.startswith(("#", "-r")):
            name, _, version = line.partition("==")
            assert pinned[name] == (version or pinned[name]), line


def test_the_tests_use_the_versions_that_agents_get() -> None:
    agents = dict(PIN.findall((ROOT / "python/requirements.txt").read_text()))
    tests = dict(PIN.findall((ROOT / "test/requirements.txt").read_text()))
    assert {name: tests.get(name) for name in agents} == agents


def test_ci_can_start_its_script() -> None:
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
