"""Makes a build's row, and its key, from the environment. Standard library only.

What a build tells is untrusted text: it is repaired or cut where a column cannot take it, so that no row is lost for
it, and urls lose what could be a secret.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from bqsteps import __version__, errors
from bqsteps.errors import Failure
from bqsteps.references import TableReference, shorten
from bqsteps.settings import BQ_BUILD_FILE, BQ_EVENT, BUILD_NUMBER, BUILD_STATUS
from bqsteps.spelling import nearest

SCHEMA_VERSION: Final = 1
LONGEST_TEXT: Final = 4_096  # characters of a text column
LONGEST_JSON: Final = 1_048_576  # characters of a JSON column
LARGEST_FILE: Final = 10 * 1_048_576  # bytes of BQ_BUILD_FILE; BigQuery takes 10 MB a query and 100 MB a row
LONGEST_LIST: Final = 100  # values of a repeated column
DEEPEST_JSON: Final = 100  # levels of a JSON column; BigQuery takes 500
STARTED_STATUS: Final = "RUNNING"  # of a build that has no outcome yet
MARK: Final = "… [cut]"
HIDDEN: Final = "[hidden: not a plain url]"
_MOST_PROBLEMS: Final = 10  # that one line names

Row = dict[str, Any]  # column to value, as JSON has it


class Column(NamedTuple):
    """A column of the build log, and the variables that it is taken from, the first that is set.

    Args:
        name: the column's name.
        type: BigQuery's type.
        help: its description in BigQuery.
        variables: environment variables.
        mode: BigQuery's field mode.
        is_url: whether userinfo, query and fragment are taken off.
    """

    name: str
    type: str
    help: str
    variables: tuple[str, ...] = ()
    mode: str = "NULLABLE"
    is_url: bool = False


COLUMNS: Final = (
    Column("build_id", "STRING", "BUILD_NUMBER, as text", (BUILD_NUMBER.name,), "REQUIRED"),
    Column("timestamp", "TIMESTAMP", "When the row was made (UTC)", mode="REQUIRED"),
    Column("status", "STRING", "The status that the pipeline logged", (BUILD_STATUS.name,), "REQUIRED"),
    Column("build_key", "STRING", "sha256 of what makes this record one of its kind"),
    Column("event", "STRING", "What happened to the build: started or finished", (BQ_EVENT.name,)),
    Column("controller_url", "STRING", "The Jenkins controller", ("JENKINS_URL",), is_url=True),
    Column("job_name", "STRING", "Full name of the job", ("JOB_NAME",)),
    Column("build_number", "INTEGER", "Number of the build in its job", (BUILD_NUMBER.name,)),
    Column("build_url", "STRING", "Page of the build", ("BUILD_URL",), is_url=True),
    Column("build_tag", "STRING", "Jenkins' tag of the build", ("BUILD_TAG",)),
    Column("scheduled_at", "TIMESTAMP", "When the build was scheduled"),
    Column("started_at", "TIMESTAMP", "When the build began to run"),
    Column("ended_at", "TIMESTAMP", "When the record of its end was made"),
    Column("duration_ms", "INTEGER", "Milliseconds from started_at to ended_at"),
    Column("result", "STRING", "Jenkins' result when the row was made"),
    Column("result_is_final", "BOOLEAN", "Whether Jenkins had set that result by then"),
    Column("failed_stage", "STRING", "The stage that failed"),
    Column("causes", "STRING", "Kinds of the build's causes", mode="REPEATED"),
    Column("upstream_job", "STRING", "Job that started this build"),
    Column("upstream_build", "INTEGER", "Number of the build that started this one"),
    Column("is_replay", "BOOLEAN", "Whether the build is a replay of another"),
    Column("user_name", "STRING", "Who started the build; only where the step is told to log it"),
    Column("scm_url", "STRING", "Repository, without userinfo", ("GIT_URL",), is_url=True),
    Column("commit_id", "STRING", "Commit that was built", ("GIT_COMMIT",)),
    Column("branch", "STRING", "Branch that was built", ("BRANCH_NAME", "GIT_BRANCH")),
    Column("tag", "STRING", "Tag that was built", ("TAG_NAME",)),
    Column("change_id", "STRING", "Pull request that was built", ("CHANGE_ID",)),
    Column("change_target", "STRING", "Branch that the pull request is for", ("CHANGE_TARGET",)),
    Column("node_name", "STRING", "Agent that ran this step", ("NODE_NAME",)),
    Column("node_labels", "STRING", "Labels of that agent", ("NODE_LABELS",)),
    Column("pod_name", "STRING", "Pod of that agent", ("POD_NAME",)),
    Column("pod_namespace", "STRING", "Namespace of that pod", ("POD_NAMESPACE",)),
    Column("image", "STRING", "Container image that ran this step", ("POD_CONTAINER_IMAGE",)),
    Column("tests_total", "INTEGER", "Tests that ran"),
    Column("tests_failed", "INTEGER", "Tests that failed"),
    Column("tests_skipped", "INTEGER", "Tests that were skipped"),
    Column("parameters", "JSON", "Parameters of the build, only the ones that the step names"),
    Column("extra", "JSON", "What the pipeline adds"),
    Column("schema_version", "INTEGER", "Version of these columns"),
    Column("library_version", "STRING", "Version of the library that made the row"),
)
REQUIRED: Final = frozenset(column.name for column in COLUMNS if column.mode == "REQUIRED")
_COLUMNS: Final = {column.name: column for column in COLUMNS}

TABLE_RESOURCE: Final[Mapping[str, Any]] = {
    "description": "Builds of Jenkins, a row for each event of a build",
    "schema": {
        "fields": [{"name": c.name, "type": c.type, "mode": c.mode, "description": c.help} for c in COLUMNS],
    },
    "timePartitioning": {"type": "DAY", "field": "timestamp"},
    "clustering": {"fields": ["job_name", "status", "branch"]},
}

# What another try at the same record may say differently without being another record.
_PASSING: Final = frozenset({
    "timestamp", "ended_at", "duration_ms", "result_is_final",
    "node_name", "node_labels", "pod_name", "pod_namespace", "image", "library_version",
})  # fmt: skip


def make(environ: Mapping[str, str], build_file: Path | None, table: TableReference, now: datetime) -> Row:
    """The build's row: the environment, over that the build file, and what follows from both.

    Args:
        environ: the environment.
        build_file: a JSON object whose keys are columns, or None.
        table: the table that the row is for; part of the row's key.
        now: the present time, with its zone.

    Raises:
        Failure: of kind config, naming every problem of the build file.
    """
    given = _from_environment(environ) | _read(build_file)
    given.setdefault("status", STARTED_STATUS if given["event"] == "started" else BUILD_STATUS.default)
    row, problems = _convert(given)
    if problems:
        where = f"{BQ_BUILD_FILE.name} {build_file}"
        more = len(problems) - _MOST_PROBLEMS
        named = [f"{where}: {problem}" for problem in problems[:_MOST_PROBLEMS]]
        raise errors.config(
            named + [f"and {more} more"] * (more > 0), "The keys of that file are columns of the build log."
        )
    row["timestamp"] = _rfc3339(now)
    row["schema_version"] = SCHEMA_VERSION
    row["library_version"] = __version__
    started = row.get("started_at")
    if row["event"] == "finished" and started:
        row.setdefault("ended_at", row["timestamp"])
        row.setdefault("duration_ms", max(0, _milliseconds(row["ended_at"]) - _milliseconds(started)))
    row["build_key"] = _key(table, row)
    return {column.name: row[column.name] for column in COLUMNS if column.name in row}


def column(name: str) -> Column:
    """The column of that name."""
    return _COLUMNS[name]


def problems(row: Mapping[str, Any], table: TableReference) -> list[str]:
    """What is wrong with a row that was made before, and kept where others may have had their hands on it.

    Its key must be that of this table and build: another key names another job, whose row is another.
    """
    checked, found = _convert(dict(row))
    found += [f"{name} is missing" for name in sorted(REQUIRED) if name not in row]
    if not re.fullmatch(r"[0-9a-f]{64}", str(row.get("build_key"))):
        found.append("build_key is not a sha256")
    elif not found and _is_of_jenkins(dict(row)) and row["build_key"] != _key(table, dict(row)):
        found.append("its build_key is not that of this table and build")
    if not found and checked != row:
        found.append("it has values that no row of this library has")
    return found


def content_hash(row: Row) -> str:
    """A hash of what a second record of the same event would say again; at most 63 characters, as a label takes."""
    lasting = {name: value for name, value in row.items() if name not in _PASSING}
    return hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()[:40]


def _key(table: TableReference, row: Row) -> str:
    names = ("job_name", "build_id", "started_at", "event", "status")
    # A controller that does not know its own url is told from others by the build's, if by anything.
    controller = row.get("controller_url") or row.get("build_url")
    identity = [str(table), controller, *(row.get(name) for name in names)]
    if not _is_of_jenkins(row):
        identity.append(uuid.uuid4().hex)  # there is no build to be the same as: each run appends
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def _is_of_jenkins(row: Row) -> bool:
    known = row.get("job_name") and row.get("started_at")  # all that a controller without a url tells
    return bool(row.get("controller_url") or row.get("build_url") or known)


def _from_environment(environ: Mapping[str, str]) -> Row:
    environ = {BUILD_NUMBER.name: BUILD_NUMBER.default or ""} | {name: v for name, v in environ.items() if v}
    environ = {BQ_EVENT.name: BQ_EVENT.default or ""} | environ
    given: Row = {}
    for column in COLUMNS:
        value = next((environ[name] for name in column.variables if name in environ), None)
        if value is not None:
            given[column.name] = value
    if not re.fullmatch(r"[0-9]{1,18}", given["build_number"]):
        del given["build_number"]  # DEV-1 is an id, not a number
    return given


def _read(path: Path | None) -> Row:
    if path is None:
        return {}
    name = f"{BQ_BUILD_FILE.name} {path}"
    try:
        if path.is_fifo():
            raise Failure("config", f"{name} is a pipe, not a file.")  # it could be waited for without end
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise Failure("config", f"{name} cannot be read: {error.strerror}.") from None
    if len(data) > LARGEST_FILE:
        raise Failure("config", f"{name} is larger than {LARGEST_FILE // 1_048_576} MiB.")
    try:
        value = json.loads(data.decode("utf-8-sig", "replace"), parse_constant=str, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise Failure(
            "config", f"{name} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}."
        ) from None
    except RecursionError:
        raise Failure("config", f"{name} is nested too deeply.") from None
    if not isinstance(value, dict):
        raise Failure("config", f"{name} is not a JSON object.")
    return {key: item for key, item in value.items() if item is not None}


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits.lstrip("-")) <= 19 else float(digits)  # noqa: PLR2004  # digits of an int64


def _convert(given: Row) -> tuple[Row, list[str]]:
    row: Row = {}
    problems: list[str] = []
    for name, value in given.items():
        target = _COLUMNS.get(name)
        if target is None:
            near = nearest(name, _COLUMNS) if len(problems) < _MOST_PROBLEMS else ""
            problems.append(f"unknown column {shorten(name)!r}" + (f", did you mean {near}?" if near else ""))
            continue
        try:
            row[name] = _value(target, value)
        except ValueError as problem:
            problems.append(f"{name}: {problem}")
    if row.get("event", "finished") not in ("started", "finished", ""):
        problems.append(f"event: {shorten(row['event'])!r} is not one of finished, started")
    problems += [f"{name}: is empty" for name in ("build_id", "status", "event") if row.get(name) == ""]
    return row, problems


def _value(column: Column, value: Any) -> Any:  # noqa: ANN401, PLR0911  # any JSON; a case each
    if column.mode == "REPEATED":
        if not isinstance(value, list):
            raise ValueError("not a list")
        texts = [_text(item) for item in value if item is not None]
        return texts if len(texts) <= LONGEST_LIST else [*texts[: LONGEST_LIST - 1], MARK]
    if column.is_url:
        return _public_url(_text(value))
    match column.type:
        case "STRING":
            return _text(value)
        case "INTEGER":
            return _int64(value)
        case "BOOLEAN":
            if not isinstance(value, bool):
                raise ValueError("not true or false")  # noqa: TRY004  # the same
            return value
        case "TIMESTAMP":
            return _timestamp(value)
        case _:
            return _json(value)


def _text(value: object) -> str:
    if isinstance(value, (dict, list)):
        raise ValueError("not text")  # noqa: TRY004  # a problem of the input, collected as the others
    return _cut(_repaired(value if isinstance(value, str) else json.dumps(value)), LONGEST_TEXT)


def _repaired(text: str) -> str:
    """Text that UTF-8 can hold: half of a pair, or a byte that was not UTF-8, becomes a replacement character."""
    return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - len(MARK)] + MARK


def _int64(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not re.fullmatch(r"-?[0-9]{1,19}", str(value)):
        raise ValueError("not a whole number")
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError("not a 64-bit number")
    return number


def _timestamp(value: object) -> str:
    """RFC 3339 in UTC, from the same or from milliseconds since 1970, Jenkins' way to say a time."""
    try:
        if not isinstance(value, str):
            return _rfc3339(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=_int64(value)))
        moment = _moment(value)
        if moment.tzinfo is None:
            raise ValueError("a time without its zone")
        return _rfc3339(moment)
    except OverflowError:
        raise ValueError("not in the years 1 to 9999") from None


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("not a time such as 2026-01-31T12:00:00Z, or milliseconds since 1970") from None


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _milliseconds(timestamp: str) -> int:
    return round(datetime.fromisoformat(timestamp).timestamp() * 1000)


def _json(value: Any) -> Any:  # noqa: ANN401  # any JSON
    value = _tidied(value)
    length = len(json.dumps(value))
    return value if length <= LONGEST_JSON else {"cut": f"{length} characters of JSON, more than {LONGEST_JSON}"}


def _tidied(value: Any, level: int = 1) -> Any:  # noqa: ANN401  # any JSON
    if isinstance(value, str):
        return _cut(_repaired(value), LONGEST_TEXT * 16)
    if isinstance(value, (list, dict)) and level > DEEPEST_JSON:
        return MARK
    if isinstance(value, list):
        return [_tidied(item, level + 1) for item in value]
    if isinstance(value, dict):
        return {_repaired(key): _tidied(item, level + 1) for key, item in value.items()}
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return str(value)
    return value


def _public_url(url: str) -> str:
    """The url without userinfo, query and fragment: each of them may hold a token.

    It is hidden whole where it cannot be told which part is userinfo: a password may hold what should be escaped.
    """
    if re.search(r"(^|//)[^/?#]*[?#].*@", url, re.DOTALL):
        return HIDDEN
    public = re.sub(r"(^|//)[^/?#]*@", r"\1", re.sub(r"[?#].*", "", url, flags=re.DOTALL))  # git@host:path, too
    server = re.search(r"//([^/]*)", public)
    is_plain = server is None or re.fullmatch(r"(\[[^]]*\]|[^:\[\]]*)(:[0-9]*)?", server[1])
    is_odd = "//" not in public and re.search(r":[^@]*@", public.partition(":")[2])  # https:/user:password@host
    return public if is_plain and not is_odd else HIDDEN
