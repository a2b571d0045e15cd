"""What the library runs with: the versions that the tests use are read from where the tests take them."""

import re
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]

from documents import cells

ROOT = Path(__file__).resolve().parents[2]
OLDEST_KUBERNETES = "1.28"
OLDEST_PYTHON, NEWEST_PYTHON = "3.11", "3.14"


def table() -> str:
    """A row for each part: what runs in the tests, and what is only stated."""
    groovy, cps = _maven("groovy.version"), _maven("groovy-cps.version")
    kubernetes = f"{OLDEST_KUBERNETES} to {kubernetes_validate.latest_version()}"
    return cells.table(
        ("Part", "Tested", "Stated"),
        [
            (
                "Jenkins core and Pipeline plugins",
                f"Their engine: Groovy {groovy}, groovy-cps {cps}, the sandbox with script-security's lists",
                "The long-term support lines of 2026, with the plugins of that time",
            ),
            (
                "Kubernetes plugin",
                f"The pod's YAML, by the API schemas of Kubernetes {kubernetes}",
                "The versions of 2026. Only `bqPod` needs it",
            ),
            ("Java", "17", "21: a library is source, and Jenkins compiles it"),
            (
                "Python of the agent",
                f"{_newest_tested()}, and each other from {OLDEST_PYTHON} on that the machine of the tests has",
                f"{OLDEST_PYTHON} to {NEWEST_PYTHON}, which ruff and mypy check",
            ),
            (
                "`google-cloud-bigquery`",
                _pin("python", "google-cloud-bigquery"),
                "Later ones of the same major version",
            ),
            ("`click`", _pin("python", "click"), "Later ones of the same major version"),
            (
                "BigQuery",
                f"A stand-in, and `local-bigquery` {_pin('test/end_to_end', 'local-bigquery')}",
                "The service itself, by its documentation",
            ),
            ("Agent", "Linux, with a POSIX `sh`", "macOS. Windows is refused"),
        ],
    )


def _maven(name: str) -> str:
    return _found(rf"<{re.escape(name)}>([^<]+)<", "pom.xml")


def _pin(folder: str, package: str) -> str:
    return _found(rf"^{package}==(\S+)", f"{folder}/requirements.in")


def _newest_tested() -> str:
    return _found(r"^(\S+)", ".python-version")


def _found(pattern: str, name: str) -> str:
    found = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{name} has no {pattern}"
    return found[1]
