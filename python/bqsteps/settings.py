"""The environment contract: each variable declared once, with default and help. Standard library only.

A command's settings are read from a mapping in one go: every problem is reported at once, and unset and empty are the
same. A value is taken unchanged or refused whole.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, Literal, NamedTuple, TypeVar, get_args

from bqsteps import errors, references
from bqsteps.references import TableReference, shorten

Mode = Literal["apply", "plan", "check"]
Method = Literal["insert", "load"]
Event = Literal["started", "finished"]
LogLevel = Literal["info", "debug"]

T = TypeVar("T")

EVERY_TABLE = "*"  # in BQ_TABLES
LONGEST_WAIT = 86_400  # seconds; a day, beyond which a number is a mistake
HIGHEST_RATE = 10_000  # requests a second; more than one process can make
LONGEST_REPORT = 731  # days; two years
MOST_BYTES = 2**63 - 1  # the API's int64


class Variable(NamedTuple):
    """One environment variable of a command.

    Args:
        name: its name.
        help: what it is for, in one line.
        default: its value where it is unset or empty; None where there is none.
        required: whether the command fails without it.
    """

    name: str
    help: str
    default: str | None = None
    required: bool = False


PROJECT_ID = Variable("PROJECT_ID", "Google Cloud project that holds the dataset", required=True)
DATASET_ID = Variable("DATASET_ID", "dataset of the table")
TABLE_ID = Variable("TABLE_ID", "table to create or update")
BQ_TABLES = Variable(
    "BQ_TABLES",
    "several tables instead: dataset.table, separated by commas or newlines; * for all that definitions name",
)
BQ_JUNIT_FILE = Variable("BQ_JUNIT_FILE", "file in which the outcomes are left as JUnit XML, a test a table")
BQ_CONFIG_DIR = Variable("BQ_CONFIG_DIR", "folder of the table definitions, <DATASET_ID>_<TABLE_ID>.json", "config")
BQ_MODE = Variable("BQ_MODE", "apply; plan (write nothing); check (write nothing, fail on a difference)", "apply")
BQ_LOCATION = Variable("BQ_LOCATION", "location in which a missing dataset is created; checked against one that exists")
BQ_DEADLINE_SECONDS = Variable(
    "BQ_DEADLINE_SECONDS", "seconds that the command may wait for BigQuery and credentials, in all", "120"
)
BQ_INSTALL_SECONDS = Variable(
    "BQ_INSTALL_SECONDS", "seconds that installing the packages may take, before that deadline starts", "300"
)
# A little under what the service takes a second, user and method: https://cloud.google.com/bigquery/quotas#api_quotas
BQ_REQUESTS_PER_SECOND = Variable(
    "BQ_REQUESTS_PER_SECOND",
    "requests that many tables or rows may make in a second, at most; BigQuery takes 100 of a user and method",
    "95",
)
BQ_JOB_PROJECT_ID = Variable("BQ_JOB_PROJECT_ID", "project that jobs run in and are billed to; PROJECT_ID if unset")
BQ_WRITE_METHOD = Variable("BQ_WRITE_METHOD", "insert (a query job), or load (a load job)", "insert")
BQ_SPOOL_DIR = Variable("BQ_SPOOL_DIR", "folder of the rows that are not yet confirmed", ".bqsteps/unsent")
BQ_RESULT_FILE = Variable("BQ_RESULT_FILE", "file in which the command leaves its result as JSON")
REPLAY_SPOOL_DIR = Variable("BQ_SPOOL_DIR", "folder or file of the rows to send, or - for stdin", BQ_SPOOL_DIR.default)
LOG_DATASET_ID = Variable("DATASET_ID", "dataset of the build log", "jenkins_demo_db")
LOG_TABLE_ID = Variable("TABLE_ID", "table of the build log", "build_logs")
BUILD_NUMBER = Variable("BUILD_NUMBER", "the build's number; column build_id", "DEV-1")
BUILD_STATUS = Variable("BUILD_STATUS", "the build's status; column status; RUNNING for the event started", "SUCCESS")
BQ_EVENT = Variable("BQ_EVENT", "what happened to the build: started or finished", "finished")
BQ_BUILD_FILE = Variable("BQ_BUILD_FILE", "JSON object whose keys are columns of the row; wins over the variables")
BQ_REPORT_DAYS = Variable("BQ_REPORT_DAYS", "days that the report is about, up to now; at most 731", "30")
BQ_REPORT_DIR = Variable("BQ_REPORT_DIR", "folder in which the report is left", "bqsteps-report")
BQ_REPORT_TITLE = Variable("BQ_REPORT_TITLE", "heading of the report", "Builds")
BQ_MAX_BYTES_BILLED = Variable(
    "BQ_MAX_BYTES_BILLED", "bytes that the whole report may be billed for; 10 GiB unless set", str(10 * 1024**3)
)
BIGQUERY_EMULATOR_HOST = Variable("BIGQUERY_EMULATOR_HOST", "address of an emulator; credentials are anonymous then")

BQ_LOG_LEVEL = Variable(
    "BQ_LOG_LEVEL", "info; debug (show on stderr each request and each wait, without content)", "info"
)

_EVERYWHERE = (
    BQ_LOCATION,
    BQ_DEADLINE_SECONDS,
    BQ_INSTALL_SECONDS,
    BQ_RESULT_FILE,
    BQ_LOG_LEVEL,
    BIGQUERY_EMULATOR_HOST,
)


class Limits(NamedTuple):
    """How long a command may take.

    Args:
        deadline: seconds to wait for BigQuery and credentials, in all.
        install: seconds to install packages, before the deadline starts.
    """

    deadline: float
    install: float


class EnsureTable(NamedTuple):
    """What ensure-table and create_table.py are told."""

    project: str
    tables: tuple[TableReference, ...]  # empty: all that the definitions of the folder name
    is_single: bool
    config_dir: Path
    config_dir_is_default: bool
    mode: Mode
    location: str | None
    junit_file: Path | None
    requests_per_second: float
    limits: Limits


class LogBuild(NamedTuple):
    """What log-build and demo_pipeline.py are told; the row itself is made by `build`."""

    table: TableReference
    job_project: str
    location: str | None
    method: Method
    spool_dir: Path
    build_file: Path | None
    limits: Limits


class Replay(NamedTuple):
    """What replay is told."""

    source: Path
    source_is_default: bool
    is_stdin: bool
    method: Method
    location: str | None
    requests_per_second: float
    limits: Limits


class Doctor(NamedTuple):
    """What doctor is told. What is wrong with it is a finding of doctor's, and stops nothing."""

    problems: tuple[str, ...]
    table: TableReference | None  # None where a name of it is missing or wrong
    is_build_log: bool  # by default, not because somebody named it
    job_project: str | None
    location: str | None
    spool_dir: Path
    limits: Limits


class BuildReport(NamedTuple):
    """What report is told."""

    table: TableReference
    job_project: str
    location: str | None
    days: int
    folder: Path
    title: str
    max_bytes: int
    limits: Limits


class _Reader:
    """Reads variables from one environment and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def text(self, variable: Variable) -> str | None:
        value = self._environ.get(variable.name) or variable.default
        if value is not None and not value.isprintable() and variable is not BQ_TABLES:
            # A NUL cannot be in an environment, but a newline or half of a UTF-8 sequence can.
            self.problems.append(f"{variable.name} holds characters that cannot be printed: {shorten(value)!r}")
            return None
        return value

    def choice(self, variable: Variable, choices: tuple[str, ...]) -> str:
        value = self.text(variable)
        if value not in choices:
            if value is not None:
                self.problems.append(f"{variable.name} is {shorten(value)!r}, not one of {', '.join(choices)}")
            return choices[0]
        return value

    def number(self, variable: Variable, unit: str, most: int) -> float:
        value = self.text(variable) or ""
        if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", value) and 0 < float(value) <= most:
            return float(value)
        if value:
            self.problems.append(
                f"{variable.name} is {shorten(value)!r}, not a number of {unit} greater than 0 and at most {most}"
            )
        return float(variable.default or LONGEST_WAIT)

    def whole_number(self, variable: Variable, most: int) -> int:
        value = self.text(variable) or ""
        if re.fullmatch(r"[0-9]{1,19}", value) and 0 < int(value) <= most:
            return int(value)
        if value:
            self.problems.append(
                f"{variable.name} is {shorten(value)!r}, not a whole number greater than 0 and at most {most}"
            )
        return 1

    def name(self, variable: Variable, check: Callable[[str], str | None]) -> str:
        value = self.text(variable)
        if value is None:
            return ""
        problem = check(value)
        if problem:
            self.problems.append(f"{variable.name} {problem}")
        return value

    def limits(self) -> Limits:
        deadline, install = (self.number(v, "seconds", LONGEST_WAIT) for v in (BQ_DEADLINE_SECONDS, BQ_INSTALL_SECONDS))
        return Limits(deadline, install)

    def requests_per_second(self) -> float:
        return self.number(BQ_REQUESTS_PER_SECOND, "requests", HIGHEST_RATE)

    def location(self) -> str | None:
        return self.name(BQ_LOCATION, references.location_problem) or None

    def require(self, *variables: Variable) -> None:
        missing = [v.name for v in variables if not self._environ.get(v.name)]
        if missing:
            verb = "is" if len(missing) == 1 else "are"
            self.problems.insert(0, f"{', '.join(missing)} {verb} not set")

    def rest(self) -> None:
        self.choice(BQ_LOG_LEVEL, get_args(LogLevel))
        self.name(BIGQUERY_EMULATOR_HOST, references.address_problem)

    def finish(self) -> None:
        self.rest()
        if self.problems:
            raise errors.config(self.problems, "bqsteps.pyz COMMAND --help lists the variables.")


def _read_table(reader: _Reader, dataset: Variable, table: Variable) -> TableReference:
    return TableReference(
        reader.name(PROJECT_ID, references.project_problem),
        reader.name(dataset, references.dataset_problem),
        reader.name(table, references.table_problem),
    )


def _read_tables(reader: _Reader) -> tuple[TableReference, ...]:
    project = reader.name(PROJECT_ID, references.project_problem)
    if (reader.text(BQ_TABLES) or "").strip() == EVERY_TABLE:
        return ()
    entries = [entry.strip(" \t\r") for entry in re.split(r"[,\n]", reader.text(BQ_TABLES) or "")]
    counts = Counter(entry for entry in entries if entry)
    problems = [f"BQ_TABLES: {problem}" for entry in counts if (problem := _entry_problem(entry))]
    twice = sorted(shorten(entry) for entry, count in counts.items() if count > 1)
    if twice:
        problems.append(f"BQ_TABLES names {', '.join(map(repr, twice))} more than once")
    if not counts:
        problems.append("BQ_TABLES names no table")
    reader.problems += problems
    return tuple(TableReference(project, *entry.split(".", 1)) for entry in counts) if not problems else ()


def _entry_problem(entry: str) -> str | None:
    dataset, dot, table = entry.partition(".")
    if not dot:
        return f"{shorten(entry)!r} is not dataset.table"
    parts = {
        "dataset": references.dataset_problem(dataset),
        "table": references.table_problem(table),
    }
    return next((f"the {part} of {shorten(entry)!r} {problem}" for part, problem in parts.items() if problem), None)


def ensure_table(environ: Mapping[str, str]) -> EnsureTable:
    """The settings of ensure-table.

    Raises:
        errors.Failure: of kind config, naming every problem.
    """
    reader = _Reader(environ)
    if not environ.get(BQ_TABLES.name):
        return _one_table(reader, environ)
    reader.require(PROJECT_ID)
    both = [v.name for v in (DATASET_ID, TABLE_ID) if environ.get(v.name)]
    if both:
        reader.problems.append(f"BQ_TABLES and {', '.join(both)} are set: use one form")
    return _ensure_table(reader, environ, _read_tables(reader))


def create_table(environ: Mapping[str, str]) -> EnsureTable:
    """The settings of create_table.py: one table, named by DATASET_ID and TABLE_ID.

    Raises:
        errors.Failure: of kind config, naming every problem.
    """
    return _one_table(_Reader(environ), environ)


def _one_table(reader: _Reader, environ: Mapping[str, str]) -> EnsureTable:
    reader.require(PROJECT_ID, DATASET_ID, TABLE_ID)
    return _ensure_table(reader, environ, (_read_table(reader, DATASET_ID, TABLE_ID),))


def _ensure_table(reader: _Reader, environ: Mapping[str, str], tables: tuple[TableReference, ...]) -> EnsureTable:
    mode = reader.choice(BQ_MODE, ("apply", "plan", "check"))
    junit_file = reader.text(BQ_JUNIT_FILE)
    settings = EnsureTable(
        project=environ.get(PROJECT_ID.name, ""),
        tables=tables,
        is_single=not environ.get(BQ_TABLES.name),
        config_dir=Path(reader.text(BQ_CONFIG_DIR) or ""),
        config_dir_is_default=not environ.get(BQ_CONFIG_DIR.name),
        mode=mode,  # type: ignore[arg-type]  # one of the choices
        location=reader.location(),
        junit_file=Path(junit_file) if junit_file else None,
        requests_per_second=reader.requests_per_second(),
        limits=reader.limits(),
    )
    reader.finish()
    return settings


def log_build(environ: Mapping[str, str]) -> LogBuild:
    """The settings of log-build.

    Raises:
        errors.Failure: of kind config, naming every problem.
    """
    reader = _Reader(environ)
    reader.require(PROJECT_ID)
    reader.choice(BQ_EVENT, ("finished", "started"))
    method = reader.choice(BQ_WRITE_METHOD, ("insert", "load"))
    table = _read_table(reader, LOG_DATASET_ID, LOG_TABLE_ID)
    build_file = reader.text(BQ_BUILD_FILE)
    settings = LogBuild(
        table=table,
        job_project=reader.name(BQ_JOB_PROJECT_ID, references.project_problem) or table.project,
        location=reader.location(),
        method=method,  # type: ignore[arg-type]  # one of the choices
        spool_dir=Path(reader.text(BQ_SPOOL_DIR) or ""),
        build_file=Path(build_file) if build_file else None,
        limits=reader.limits(),
    )
    reader.finish()
    return settings


def replay(environ: Mapping[str, str]) -> Replay:
    """The settings of replay.

    Raises:
        errors.Failure: of kind config, naming every problem.
    """
    reader = _Reader(environ)
    reader.require(PROJECT_ID)
    source = reader.text(REPLAY_SPOOL_DIR) or ""
    settings = Replay(
        source=Path(source),
        source_is_default=not environ.get(REPLAY_SPOOL_DIR.name),
        is_stdin=source == "-",
        method=reader.choice(BQ_WRITE_METHOD, ("insert", "load")),  # type: ignore[arg-type]  # one of the choices
        location=reader.location(),
        requests_per_second=reader.requests_per_second(),
        limits=reader.limits(),
    )
    reader.finish()
    return settings


def build_report(environ: Mapping[str, str]) -> BuildReport:
    """The settings of report.

    Raises:
        errors.Failure: of kind config, naming every problem.
    """
    reader = _Reader(environ)
    reader.require(PROJECT_ID)
    table = _read_table(reader, LOG_DATASET_ID, LOG_TABLE_ID)
    settings = BuildReport(
        table=table,
        job_project=reader.name(BQ_JOB_PROJECT_ID, references.project_problem) or table.project,
        location=reader.location(),
        days=reader.whole_number(BQ_REPORT_DAYS, LONGEST_REPORT),
        folder=Path(reader.text(BQ_REPORT_DIR) or ""),
        title=reader.text(BQ_REPORT_TITLE) or "",
        max_bytes=reader.whole_number(BQ_MAX_BYTES_BILLED, MOST_BYTES),
        limits=reader.limits(),
    )
    reader.finish()
    return settings


def doctor(environ: Mapping[str, str]) -> Doctor:
    """The settings of doctor, with their problems: it tells of all that can be told."""
    reader = _Reader(environ)
    reader.require(PROJECT_ID)
    table = _read_table(reader, LOG_DATASET_ID, LOG_TABLE_ID)
    job_project = reader.name(BQ_JOB_PROJECT_ID, references.project_problem) or table.project
    has_names = not reader.problems
    location = reader.location()
    spool_dir = Path(reader.text(BQ_SPOOL_DIR) or "")
    limits = reader.limits()
    reader.rest()
    return Doctor(
        problems=tuple(reader.problems),
        table=table if has_names else None,
        is_build_log=not any(environ.get(variable.name) for variable in (LOG_DATASET_ID, LOG_TABLE_ID)),
        job_project=job_project if has_names else None,
        location=location,
        spool_dir=spool_dir,
        limits=limits,
    )


class Command(NamedTuple, Generic[T]):
    """A command's reader of settings, and the variables that its help lists.

    Args:
        read: reads them, and raises what is wrong with them.
        variables: in the order of the help.
        is_bare: whether it looks after the packages that it needs by itself.
    """

    read: Callable[[Mapping[str, str]], T]
    variables: tuple[Variable, ...]
    is_bare: bool = False


AnyCommand = Command[EnsureTable] | Command[LogBuild] | Command[Replay] | Command[BuildReport] | Command[Doctor]

COMMANDS: Mapping[str, AnyCommand] = {
    "ensure-table": Command(
        ensure_table,
        (
            PROJECT_ID,
            DATASET_ID,
            TABLE_ID,
            BQ_TABLES,
            BQ_CONFIG_DIR,
            BQ_MODE,
            BQ_JUNIT_FILE,
            BQ_REQUESTS_PER_SECOND,
            *_EVERYWHERE,
        ),
    ),
    "log-build": Command(
        log_build,
        (
            PROJECT_ID,
            LOG_DATASET_ID,
            LOG_TABLE_ID,
            BUILD_NUMBER,
            BUILD_STATUS,
            BQ_EVENT,
            BQ_BUILD_FILE,
            BQ_WRITE_METHOD,
            BQ_JOB_PROJECT_ID,
            BQ_SPOOL_DIR,
            *_EVERYWHERE,
        ),
    ),
    "replay": Command(replay, (PROJECT_ID, REPLAY_SPOOL_DIR, BQ_WRITE_METHOD, BQ_REQUESTS_PER_SECOND, *_EVERYWHERE)),
    "report": Command(
        build_report,
        (
            PROJECT_ID,
            LOG_DATASET_ID,
            LOG_TABLE_ID,
            BQ_REPORT_DAYS,
            BQ_REPORT_DIR,
            BQ_REPORT_TITLE,
            BQ_MAX_BYTES_BILLED,
            BQ_JOB_PROJECT_ID,
            *_EVERYWHERE,
        ),
    ),
    "doctor": Command(
        doctor,
        (PROJECT_ID, LOG_DATASET_ID, LOG_TABLE_ID, BQ_JOB_PROJECT_ID, BQ_SPOOL_DIR, *_EVERYWHERE),
        is_bare=True,
    ),
}
