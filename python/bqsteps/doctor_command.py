"""The command that tells what works here and what does not. It changes nothing. Standard library only at first."""

from collections.abc import Mapping

from bqsteps import __version__, report, session, settings
from bqsteps import doctor_machine as machine
from bqsteps.findings import Check, Findings
from bqsteps.report import Result, say

Environ = Mapping[str, str]


def doctor(environ: Environ) -> Result:
    """Make all checks, whatever one of them finds, and say each one's outcome as it comes."""
    wanted = settings.doctor(environ)
    colour = report.has_colour()
    findings = Findings(lambda check: _tell(check, colour))
    say(f"bqsteps {__version__}: what works here, and what does not")
    machine.examine_settings(wanted, findings)
    machine.examine_python(findings)
    machine.examine_spool(wanted.spool_dir, findings)
    with machine.examine_packages(environ, wanted.limits.install, findings) as are_there:
        if are_there:
            from bqsteps import doctor_service  # noqa: PLC0415  # the packages were not there before

            deadline = session.begin(environ, wanted.limits, lambda: _late(findings))
            doctor_service.examine(wanted, environ, deadline, findings)
        else:
            findings.note("bigquery", "unknown", "not asked, without the packages")
    return _result(findings)


def _tell(check: Check, colour: bool) -> None:  # noqa: FBT001  # what has_colour says
    for line in check.lines(colour=colour):
        say(line)


def _late(findings: Findings) -> Result:
    findings.note("deadline", "unknown", "BQ_DEADLINE_SECONDS passed before all was asked", "Give it more time.")
    return _result(findings)


def _result(findings: Findings) -> Result:
    checks = [check.as_json() for check in findings.checks]
    failure = findings.failure
    return report.failed(failure, checks=checks) if failure else {"status": "checked", "checks": checks}
