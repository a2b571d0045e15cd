"""What doctor asks of Google: the way to BigQuery, the identity, and what it may do. Nothing that changes anything.

Each permission is asked for by a request that has no effect: a query job as a dry run, reading metadata, and
tables.testIamPermissions. Where there is no such request, the answer is "unknown".
"""

import shlex
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, TypeVar

from google.cloud import bigquery

from bqsteps import connection, credentials, roles
from bqsteps.connection import Connection
from bqsteps.deadline import Deadline
from bqsteps.errors import Failure
from bqsteps.findings import Findings
from bqsteps.references import TableReference
from bqsteps.service_errors import ERRORS, explain
from bqsteps.settings import BIGQUERY_EMULATOR_HOST, Doctor

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

T = TypeVar("T")

# What a step needs of a table that exists, and which steps do.
_OF_TABLE: Final[Mapping[str, str]] = {
    "bigquery.tables.get": "ensure-table, and log-build where it has to mend the table",
    "bigquery.tables.update": "ensure-table, and log-build where a column is missing",
    "bigquery.tables.updateData": "log-build and replay",
}
_FOR_MENDING: Final = frozenset({"bigquery.tables.get", "bigquery.tables.update"})
_WITHOUT_CREDENTIALS: Final = 5.0  # seconds for finding any, where there is no way to BigQuery anyhow
_CLOCK_SKEW: Final = 300.0  # seconds; Google gives no token to a machine whose clock is further off
_NOTICED_SKEW: Final = 30.0
_UNNAMED: Final = "serviceAccount:ACCOUNT"
_KINDS: Final = {
    "google.oauth2.credentials": "a person's login",
    "google.oauth2.service_account": "a service account's key file",
    "google.auth.compute_engine.credentials": "the metadata server (Workload Identity)",
    "google.auth.impersonated_credentials": "an impersonated service account",
    "google.auth.identity_pool": "Workload Identity Federation",
}


def examine(wanted: Doctor, environ: Mapping[str, str], deadline: Deadline, findings: Findings) -> None:
    """Make all checks that can be made; each one's outcome goes to `findings`."""
    if BIGQUERY_EMULATOR_HOST.name in " ".join(wanted.problems):
        findings.note("bigquery", "unknown", "not asked: its address is wrong")
        return
    is_reached = _examine_way(environ, deadline, findings)
    identity = _examine_identity(environ, deadline, findings, is_reached=is_reached)
    if not is_reached or identity is None:
        findings.note("bigquery", "unknown", "not asked for project, dataset, table and permissions, without the above")
    elif wanted.table is None or wanted.job_project is None:
        findings.note("bigquery", "unknown", "not asked: the settings name no project, dataset and table")
    else:
        link = connection.link(wanted.job_project, wanted.location, identity, deadline, environ)
        _Service(link, wanted, wanted.table, identity, findings).examine(wanted.job_project)


def _examine_way(environ: Mapping[str, str], deadline: Deadline, findings: Findings) -> bool:
    """Whether BigQuery can be reached, and what its clock says."""
    try:
        reached = connection.reach(deadline, environ)
    except Failure as failure:
        findings.fail("network", failure, _mend_way(failure, environ))
        return False
    proxy = f"by the proxy {reached.proxy}" if reached.proxy else "no proxy"
    findings.note("network", "ok", f"{reached.server} answers, {proxy}")
    _examine_clock(reached.date, findings)
    return True


def _mend_way(failure: Failure, environ: Mapping[str, str]) -> str:
    if environ.get(BIGQUERY_EMULATOR_HOST.name):
        return f"start the emulator, or: unset {BIGQUERY_EMULATOR_HOST.name}"
    if "REQUESTS_CA_BUNDLE" in failure.hint:
        return "export REQUESTS_CA_BUNDLE=/path/to/the/certificates.pem"
    if failure.kind == "unavailable":
        return "curl -v https://bigquery.googleapis.com; behind a proxy: export HTTPS_PROXY=http://HOST:PORT"
    return ""


def _examine_clock(date: str, findings: Findings) -> None:
    try:
        seconds = time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        findings.note("clock", "unknown", "the answer has no date that can be read")
        return
    remedy = "sudo timedatectl set-ntp true"
    off = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} BigQuery's"
    if abs(seconds) > _CLOCK_SKEW:
        failure = Failure("auth", f"{off}: Google gives no token to a clock that is off by five minutes.", remedy)
        findings.fail("clock", failure)
    elif abs(seconds) > _NOTICED_SKEW:
        findings.note("clock", "warning", off, remedy)
    else:
        findings.note("clock", "ok", f"within {_NOTICED_SKEW:.0f} s of BigQuery's")


def _examine_identity(
    environ: Mapping[str, str], deadline: Deadline, findings: Findings, *, is_reached: bool
) -> "Credentials | None":
    """Whose credentials there are, with a token of them."""
    # A pod's metadata server is waited for, but not for so long that nothing else could be asked.
    patience = Deadline(deadline.remaining / 2 if is_reached else min(_WITHOUT_CREDENTIALS, deadline.remaining))
    try:
        identity = credentials.find(patience, environ)
    except Failure as failure:
        findings.fail("credentials", failure, _mend_identity(environ))
        return None
    if environ.get(BIGQUERY_EMULATOR_HOST.name):
        findings.note("credentials", "ok", "none: an emulator is asked without")
    else:
        source = _KINDS.get(type(identity).__module__, type(identity).__module__)
        findings.note("credentials", "ok", f"{source}: {_email(identity) or 'gives a token'}")
    return identity


def _mend_identity(environ: Mapping[str, str]) -> str:
    if environ.get(credentials.CREDENTIALS_FILE):
        return f"unset {credentials.CREDENTIALS_FILE}, or have it name the right file"
    if environ.get("KUBERNETES_SERVICE_HOST"):
        return "kubectl annotate serviceaccount jenkins-sa iam.gke.io/gcp-service-account=ACCOUNT"
    return "gcloud auth application-default login"


def _email(identity: "Credentials") -> str:
    return str(getattr(identity, "service_account_email", "") or getattr(identity, "account", ""))


class _Service:
    """The checks that ask BigQuery as somebody.

    Args:
        link: where to. Each request is made once: what passes at a second try is worth knowing.
        wanted: the settings.
        table: the table that the steps would work on.
        identity: who asks.
        findings: takes what was found.
    """

    def __init__(
        self, link: Connection, wanted: Doctor, table: TableReference, identity: "Credentials", findings: Findings
    ) -> None:
        self._link = link
        self._client = link.client
        self._wanted = wanted
        self._table = table
        self._dataset = f"{table.project}.{table.dataset}"
        self._email = _email(identity)
        self._findings = findings
        self._limited: Failure | None = None

    def examine(self, job_project: str) -> None:
        """Make them."""
        self._examine_jobs(job_project)
        if self._examine_dataset() and self._examine_table():
            self._examine_permissions()
        self._examine_quota()

    def _examine_jobs(self, project: str) -> None:
        """A dry run needs what a job needs, and is none: https://docs.cloud.google.com/bigquery/docs/running-queries."""
        name = "bigquery.jobs.create"
        config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False)
        job = self._try(
            f"run a job in project {project}",
            lambda: self._client.query("SELECT 1", job_config=config, job_retry=None, **self._link.once()),
        )
        if isinstance(job, Failure):
            self._fail(name, job, self._mend_project(job, project, name))
            return
        self._email = self._email or str(job.user_email or "")
        self._findings.note(name, "ok", f"on project {project}{f', as {self._email}' if self._email else ''}")

    def _examine_dataset(self) -> bool:
        """Tells whether it is worth asking for what is in it."""
        found = self._try(
            f"look at dataset {self._dataset}",
            lambda: self._client.get_dataset(self._dataset, **self._link.once()),
        )
        if not isinstance(found, Failure):
            self._findings.note("dataset", "ok", f"{self._dataset} is there")
            self._examine_location(str(found.location))
            return True
        if found.kind == "permission":
            detail = f"{self._dataset} may not be looked at; its location is not checked then"
            self._findings.note("dataset", "warning", detail, self._grant("bigquery.datasets.get"))
            return True
        if found.kind == "not_found" and "Dataset" in found.message:
            self._tell_of_missing_dataset()
        else:
            self._fail("dataset", found, self._mend_project(found, self._table.project, ""))
        return False

    def _tell_of_missing_dataset(self) -> None:
        where = f"--location={self._wanted.location} " if self._wanted.location else ""
        make = f"bq {where}mk --dataset {shlex.quote(f'{self._table.project}:{self._table.dataset}')}"
        self._findings.note("dataset", "warning", f"{self._dataset} is not there: the steps would create it", make)
        detail = "cannot be asked without creating a dataset; if it is missing:"
        self._findings.note("bigquery.datasets.create", "unknown", detail, self._grant("bigquery.datasets.create"))

    def _examine_location(self, live: str) -> None:
        wanted = self._wanted.location
        if wanted is None or wanted.casefold() == live.casefold():
            told = "BQ_LOCATION says so too" if wanted else "BQ_LOCATION is not set"
            self._findings.note("location", "ok", f"{live}; {told}")
            return
        words = f"{self._dataset} is in {live}, BQ_LOCATION is {wanted}: a dataset cannot be moved."
        self._findings.fail("location", Failure("refused", words, f"export BQ_LOCATION={live}"))

    def _examine_table(self) -> bool:
        """Tells whether there may be a table whose permissions can be asked for."""
        found = self._try(
            f"look at {self._table}", lambda: self._client.get_table(str(self._table), **self._link.once())
        )
        if not isinstance(found, Failure):
            self._findings.note("table", "ok", f"{self._table} is there")
        elif found.kind == "permission":
            self._findings.note("table", "unknown", f"{self._table} may not be looked at")
        elif found.kind == "not_found":
            self._findings.note("table", "warning", f"{self._table} is not there: the steps would create it")
            for name in ("bigquery.tables.create", "bigquery.tables.updateData"):
                detail = "cannot be asked before there is a table; if it is missing:"
                self._findings.note(name, "unknown", detail, self._grant(name))
        else:
            self._fail("table", found)
        return not isinstance(found, Failure) or found.kind == "permission"

    def _examine_permissions(self) -> None:
        """Asked in one request: https://docs.cloud.google.com/bigquery/docs/reference/rest/v2/tables/testIamPermissions.

        Google warns that the answer may be too generous; it is for telling people, and decides nothing.
        """
        held = self._try(
            f"ask for the permissions on {self._table}",
            lambda: self._client.test_iam_permissions(str(self._table), list(_OF_TABLE), **self._link.once()),
        )
        for name, users in _OF_TABLE.items():
            if isinstance(held, Failure):
                self._findings.note(name, "unknown", held.message)
            elif name in held.get("permissions", ()):
                self._findings.note(name, "ok", f"on {self._table}")
            elif self._wanted.is_build_log and name in _FOR_MENDING:
                detail = "missing; the build log does without, as long as it has all columns"
                self._findings.note(name, "warning", detail, self._grant(name))
            else:
                words = f"missing on {self._table}; needed by {users}."
                self._findings.fail(name, Failure("permission", words), self._grant(name))

    def _examine_quota(self) -> None:
        if self._limited:
            self._findings.fail("quota", self._limited)
        else:
            detail = "nothing was refused for one just now; what is left cannot be asked"
            self._findings.note("quota", "ok", detail)

    def _try(self, doing: str, request: Callable[[], T]) -> T | Failure:
        try:
            return request()
        except ERRORS as error:
            return explain(error, doing, self._link.deadline)

    def _fail(self, name: str, failure: Failure, remedy: str = "") -> None:
        """A rate that was exceeded says nothing of what was asked, and is told once, as what it is."""
        if failure.kind == "quota":
            self._limited = failure
            self._findings.note(name, "unknown", failure.message)
        else:
            self._findings.fail(name, failure, remedy)

    def _mend_project(self, failure: Failure, project: str, permission: str) -> str:
        if failure.kind == "not_found":
            return "gcloud projects list; then set PROJECT_ID (BQ_JOB_PROJECT_ID) to the one that is meant"
        if failure.kind != "permission":
            return ""
        if "has not been used in project" in failure.message or "disabled" in failure.message:
            return f"gcloud services enable bigquery.googleapis.com --project {shlex.quote(project)}"
        if permission and permission in failure.message:
            # Who may not see a project is not told whether it exists.
            return f"{self._grant(permission, project)}  # if this is the right project: gcloud projects list"
        return ""

    def _grant(self, permission: str, project: str = "") -> str:
        return _grant(permission, project or self._table.project, self._table.dataset, _member(self._email))


def _grant(permission: str, project: str, dataset: str, member: str) -> str:
    """The shell command by which somebody who may do so grants the smallest role that has a permission.

    Args:
        permission: one of roles.SMALLEST.
        project: the project that the role, or the dataset, is in.
        dataset: the dataset, for a role that is granted on one.
        member: who gets it, as IAM writes it: serviceAccount:NAME or user:NAME.
    """
    role = roles.SMALLEST[permission]
    if role.on == "project":
        return (
            f"gcloud projects add-iam-policy-binding {shlex.quote(project)} --condition=None"
            f" --role {role.name} --member {shlex.quote(member)}"
        )
    # https://docs.cloud.google.com/bigquery/docs/reference/standard-sql/data-control-language
    statement = f"GRANT `{role.name}` ON SCHEMA `{project}`.`{dataset}` TO '{member}'"
    escaped = statement.replace("`", r"\`")
    return f'bq query --project_id {shlex.quote(project)} --use_legacy_sql=false "{escaped}"'


def _member(email: str) -> str:
    """Whom a role is granted to, as IAM writes it: https://docs.cloud.google.com/iam/docs/principal-identifiers."""
    if "@" not in email:
        return _UNNAMED
    return f"{'serviceAccount' if email.endswith('.gserviceaccount.com') else 'user'}:{email}"
