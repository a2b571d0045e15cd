"""What doctor found: aligned for a person, coloured on a terminal only, whole for a program."""

import re

from bqsteps.errors import Failure
from bqsteps.findings import Check, Findings


def test_columns_are_aligned_and_the_remedy_has_a_line_of_its_own() -> None:
    short, long = Check("dataset", "ok", "there"), Check("bigquery.tables.updateData", "warning", "not", "Do it.")
    (first,), (second, remedy) = short.lines(), long.lines()
    assert first.index("there") == second.index("not")
    assert first.index("ok") == second.index("warning") == remedy.index("->")


def test_colour_changes_no_character_of_it() -> None:
    check = Check("dataset", "failed", "no", "Do it.", "config")
    coloured = check.lines(colour=True)
    assert "\x1b[31m" in coloured[0]
    assert [re.sub(r"\x1b\[\d+m", "", line) for line in coloured] == check.lines()


def test_each_finding_is_told_at_once() -> None:
    told: list[Check] = []
    findings = Findings(told.append)
    findings.note("clock", "unknown", "no date")
    assert [check.name for check in told] == ["clock"]
    assert findings.failure is None


def test_what_failed_comes_to_one_failure_of_the_first_ones_kind() -> None:
    findings = Findings(lambda _: None)
    findings.note("python", "ok", "3")
    findings.fail("network", Failure("unavailable", "no", "Look. The command doctor (step bqDoctor) tells more."))
    findings.fail("settings", Failure("config", "no"), "export A=b")
    assert [check.remedy for check in findings.checks] == ["", "Look.", "export A=b"]
    assert findings.failure is not None
    assert (findings.failure.kind, findings.failure.message) == (
        "unavailable",
        "2 of 3 checks failed: network, settings.",
    )
