"""Every error that a person can meet, with its cause and what to do: docs/errors.md is made of this.

test/python/test_errors_page.py holds it to the code: each message of the code is here, and each one here is produced.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "python/bqsteps"
DEFINITIONS = ROOT / "test/python/definitions/bad"
# What doctor finds is told by docs/bqDoctor.md; what a definition is told is listed from its tests.
ELSEWHERE = ("doctor_machine", "doctor_service", "definition_columns", "definition_rules", "definition_values")


class Error(NamedTuple):
    """A message, with … for what differs; its kind; why it comes; what to do."""

    says: str
    kind: str
    cause: str
    remedy: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a message of it matches."""
        return re.compile(re.escape(self.says).replace("…", ".*"))


SET_IT = "Set the variable, or the step's parameter, as the line says."
PIP = "Check the package index, proxy and certificates that pip is told of, or run in an image that has the packages."
DOCTOR = "Run `doctor`, or the step `bqDoctor`: it names the command that mends it."
CORRECT = "Correct the file."

ERRORS: Mapping[str, tuple[Error, ...]] = {
    "Variables": (
        Error("… not set", "config", "A required variable is unset or empty.", SET_IT),
        Error("… is …, not one of …", "config", "The variable takes only some words.", SET_IT),
        Error("… is …, not a whole number greater than 0 and at most …", "config", "It is no such number.", SET_IT),
        Error("… is …, not a number of … greater than 0 and at most …", "config", "It is no such number.", SET_IT),
        Error("… holds characters that cannot be printed: …", "config", "A line break or half a character.", SET_IT),
        Error(
            "… is …, not a project ID (lower-case letters, digits and dashes)",
            "config",
            "Google gives no project such an ID.",
            SET_IT,
        ),
        Error(
            "… is …, not a dataset ID (letters, digits and underscores, at most 1,024)",
            "config",
            "BigQuery takes no such name.",
            SET_IT,
        ),
        Error(
            "… is …, not a table ID (letters, digits, underscores, dashes and spaces, at most 1,024 bytes of UTF-8)",
            "config",
            "BigQuery takes no such name.",
            SET_IT,
        ),
        Error(
            "… is …: a partition decorator ($) names a part of a table, not a table",
            "config",
            "The name has a `$`.",
            "Name the whole table.",
        ),
        Error("… is …, not a location such as EU or europe-west1", "config", "No location looks so.", SET_IT),
        Error(
            "… is …, not an address such as http://127.0.0.1:9050",
            "config",
            "It is no address, or has a login.",
            SET_IT,
        ),
        Error("BQ_TABLES: … is not dataset.table", "config", "An entry has no dot.", "Write `dataset.table`."),
        Error("BQ_TABLES: the … of … is …", "config", "A part of an entry is no such name.", "Correct the entry."),
        Error("BQ_TABLES names … more than once", "config", "An entry is there twice.", "Drop one."),
        Error("BQ_TABLES names no table", "config", "It holds only commas or spaces.", "Name a table, or `*` for all."),
        Error(
            "BQ_TABLES and … are set: use one form",
            "config",
            "One table and several are asked for.",
            "Unset one of them.",
        ),
        Error(
            "no arguments are accepted, and … is one",
            "config",
            "A script was given an argument.",
            "Set environment variables.",
        ),
    ),
    "Packages": (
        Error(
            "the packages … are not there, and … has no pip to install them",
            "config",
            "The interpreter has neither the packages nor pip, and uv is not on `PATH`.",
            "Use an image that has the packages, or a Python that has pip.",
        ),
        Error("… could not install the Python packages: …", "unavailable", "The index cannot be reached.", PIP),
        Error("… could not install the Python packages: …", "config", "The index does not have them, or others.", PIP),
        Error(
            "installing the Python packages took longer than BQ_INSTALL_SECONDS: …",
            "unavailable",
            "The index is slow, or a parallel step still installs.",
            PIP,
        ),
        Error(
            "the Python packages could not be installed in …: …",
            "config",
            "The folder cannot be written.",
            "Free some space, or set `WORKSPACE_TMP` to another folder.",
        ),
        Error(
            "no folder for the Python packages: …",
            "config",
            "The temporary folder cannot be written.",
            "Set `WORKSPACE_TMP` to a folder that can.",
        ),
        Error(
            "… is not a folder that only this user can write",
            "config",
            "In a temporary folder that all share, another user may have put code there.",
            "Remove it.",
        ),
        Error(
            "… is not readable as pip's settings: …", "config", "`PIP_*` or a `pip.conf` cannot be read.", "Correct it."
        ),
    ),
    "Google": (
        Error("no Google credentials…: …", "auth", "There are none, or Google gives no token for them.", DOCTOR),
        Error("cannot …: …", "auth", "The token is not accepted.", DOCTOR),
        Error("cannot …: …", "permission", "The identity may not do it, or the project has no billing.", DOCTOR),
        Error("cannot …: …", "not_found", "Project, dataset, table or location is another.", DOCTOR),
        Error("cannot …: …", "quota", "A rate or a quota is used up.", "Run it again later, or spread the load."),
        Error("cannot …: …", "rejected", "BigQuery does not take the request.", "Read BigQuery's words in the line."),
        Error(
            "cannot …: …",
            "config",
            "An address or the trusted certificates are wrong.",
            "Correct `BIGQUERY_EMULATOR_HOST`, the proxy, or `REQUESTS_CA_BUNDLE`.",
        ),
        Error("cannot … within … s: …", "unavailable", "There was no answer, or only errors that pass.", DOCTOR),
        Error(
            "BigQuery did not answer before the deadline.",
            "unavailable",
            "A wait could not be ended otherwise.",
            DOCTOR,
        ),
    ),
    "Definitions and tables": (
        Error(
            "…: there is no such file…",
            "config",
            "The table has no definition, or it has another name.",
            "Name it `config/<dataset>_<table>.json`; the line names the nearest.",
        ),
        Error("…: cannot be read: …", "config", "The file or folder may not be read.", "Change its permissions."),
        Error("…: is a pipe, not a file", "config", "A pipe may never end.", "Make a file."),
        Error("…:…: not UTF-8: byte 0x…", "config", "It is in another encoding.", "Save it as UTF-8."),
        Error("…:…:…: not JSON: …", "config", "It is no JSON.", "Correct the place that the line names."),
        Error("…: its tableReference names ….…, its file name does not", "config", "They disagree.", "Correct one."),
        Error(
            "…: no definition there names its table by a tableReference",
            "config",
            "`BQ_TABLES=*` takes the tables' names from the definitions.",
            "Give each a `tableReference`, or name the tables.",
        ),
        Error(
            "… differs in …, which cannot be changed in place…: …",
            "refused",
            "The change would lose or reinterpret data.",
            "Follow the way out in the line.",
        ),
        Error(
            "… differs from its definition in … place…",
            "refused",
            "Mode `check` found a difference.",
            "Run it in mode `apply`, or change the definition; the line says what `apply` would refuse.",
        ),
        Error(
            "…: the service accepted the change of … and did not make it.",
            "rejected",
            "An emulator that ignores a change, or BigQuery.",
            "Make the change by SQL.",
        ),
        Error(
            "the tables were looked after, but … cannot be written: …",
            "config",
            "The file for JUnit cannot be written.",
            "Correct `BQ_JUNIT_FILE`.",
        ),
        Error(
            "… of … tables are not as they should be, each named above.",
            "refused",
            "Several tables failed.",
            "Follow each line above.",
        ),
    ),
    "The build log": (
        Error("… is larger than … MiB.", "config", "The build file is no row.", "Put less into `extra`."),
        Error("… is not a JSON object.", "config", "The build file holds something else.", CORRECT),
        Error("… is a pipe, not a file.", "config", "A pipe could be waited for without end.", "Name a file."),
        Error("BQ_BUILD_FILE … cannot be read: …", "config", "It is missing, or may not be read.", "Correct the path."),
        Error("… is not JSON: line …, column …: …", "config", "The build file is no JSON.", CORRECT),
        Error("… is nested too deeply.", "config", "The build file has too many levels.", "Flatten it."),
        Error(
            "…: unknown column …",
            "config",
            "A key of the build file is no column.",
            "Put it into `extra`, or correct the name.",
        ),
        Error("…: event: … is not one of finished, started", "config", "The build file has another event.", CORRECT),
        Error("BQ_BUILD_FILE …: …: …", "config", "A value does not suit its column.", CORRECT),
        Error("BigQuery refused the row of …: …", "permission", "The identity may not write rows or run jobs.", DOCTOR),
        Error(
            "BigQuery refused the row of …: …",
            "quota",
            "A quota is used up.",
            "Log it again later: the row is in the spool.",
        ),
        Error(
            "BigQuery refused the row of …: …",
            "rejected",
            "The table does not take the row.",
            "Compare its columns with those of a build log.",
        ),
        Error(
            "BigQuery refused the row of …: …",
            "unavailable",
            "The job failed, maybe for now.",
            "Log it again later: the row is in the spool.",
        ),
        Error(
            "… is no build log: it has no fitting column for …",
            "rejected",
            "Another table has that name.",
            "Name another table, or one that does not exist yet.",
        ),
        Error(
            "cannot confirm the row of … within … s: job … still runs.",
            "unavailable",
            "The job takes long.",
            "Log it again, or replay it: the job is adopted then.",
        ),
        Error(
            "job … exists and is none of this library's.",
            "rejected",
            "Somebody made a job with the row's id.",
            "Log the build with another `event` or `status`.",
        ),
        Error(
            "the row of … was not confirmed within … s.",
            "unavailable",
            "A wait could not be ended otherwise.",
            "Replay the row: it is in the spool.",
        ),
        Error(
            "the spool … cannot be written: …",
            "config",
            "The folder is read-only, or full.",
            "Set `BQ_SPOOL_DIR` to another folder.",
        ),
    ),
    "Replaying": (
        Error(
            "there is no folder or file … to replay.",
            "config",
            "The folder or file is missing.",
            "Name a folder, a file, or `-` for standard input.",
        ),
        Error(
            "… holds no row itself, … does.",
            "config",
            "Artifacts unpack with the folders that they were in.",
            "Name the inner folder.",
        ),
        Error(
            "standard input is closed.", "config", "`-` was named, and nothing comes in.", "Name a folder or a file."
        ),
        Error(
            "… is not a row that log-build wrote…",
            "config",
            "The line is none, or was changed.",
            "Look into it: it was not sent.",
        ),
        Error(
            "…: a name in it is …, not project.dataset.table",
            "config",
            "The line was changed.",
            "Look into it: it was not sent.",
        ),
        Error(
            "… rows were set aside in …, the first because: …",
            "rejected",
            "BigQuery rejected some rows.",
            "Mend them, then replay that folder.",
        ),
        Error(
            "… holds no spooled row, and was left as it is.",
            "config",
            "Another file was named.",
            "Name one that log-build wrote.",
        ),
        Error(
            "the replay was not done within ….",
            "unavailable",
            "There are more rows than time.",
            "Run it again: it goes on where it stopped.",
        ),
    ),
    "The report": (
        Error(
            "there is no table …, so no build is on record",
            "not_found",
            "Nothing was logged yet, or a name is another.",
            "Log a build, or correct `PROJECT_ID`, `DATASET_ID` and `TABLE_ID`.",
        ),
        Error("… is in …, not in …", "config", "`BQ_LOCATION` names another place.", "Correct it, or unset it."),
        Error(
            "the report of … would be billed for …, more than … (BQ_MAX_BYTES_BILLED)",
            "refused",
            "BigQuery's estimate is above the limit. Nothing was read.",
            "Raise `BQ_MAX_BYTES_BILLED`, or lower `BQ_REPORT_DAYS`.",
        ),
        Error(
            "BigQuery did not answer for … within …",
            "unavailable",
            "A query outlasted the deadline.",
            "Run it again later, or raise `BQ_DEADLINE_SECONDS`.",
        ),
    ),
    "Anywhere": (
        Error("interrupted.", "unavailable", "Somebody stopped the command.", "Run it again."),
        Error("the system refused…: …", "config", "A file or folder cannot be used.", "Correct what the line names."),
        Error(
            "this locale (…) has no … as a file's name.",
            "config",
            "The locale's encoding lacks a character.",
            "Set `PYTHONUTF8=1`.",
        ),
        Error("a defect of this library: ….", "unavailable", "The library has a mistake.", "Report it with the line."),
        Error(
            "… of … checks failed: ….",
            "config",
            "`doctor` found something that does not work.",
            "What mends it stands beside each, in the lines above.",
        ),
    ),
}


PARAMETER = "Correct the call. The step's page lists its parameters."

OF_THE_STEPS = (
    Error("takes named parameters only (…)", "config", "A parameter has no name.", PARAMETER),
    Error("is no parameter, did you mean '…'?", "config", "The step has no such parameter.", PARAMETER),
    Error("'…' is missing", "config", "The step needs the parameter.", PARAMETER),
    Error("is …, it must be one of …", "config", "The parameter takes only some words.", PARAMETER),
    Error("is …, it must be a whole number above 0", "config", "It is no such number.", PARAMETER),
    Error("is …, it must be a whole number of … above 0", "config", "It is no such number.", PARAMETER),
    Error(
        "'…' is …, it must be a folder below this one, such as 'a/b', without , * and ?",
        "config",
        "Jenkins archives no other folder.",
        PARAMETER,
    ),
    Error("must be text, not …", "config", "The value is of another type.", PARAMETER),
    Error("must be true or false, not …", "config", "The value is of another type.", PARAMETER),
    Error("must be a map, not …", "config", "The value is of another type.", PARAMETER),
    Error("must be what junit returned, or a map, not …", "config", "The value is of another type.", PARAMETER),
    Error("must be a list of texts, not …", "config", "The value is of another type.", PARAMETER),
    Error("must be a list of texts, and holds …", "config", "One of the list is of another type.", PARAMETER),
    Error(
        "holds …; an entry is not empty, has no comma, line break, or space around it",
        "config",
        "An entry could become two, or another.",
        PARAMETER,
    ),
    Error("is an empty list", "config", "There is nothing to do.", PARAMETER),
    Error(
        "holds a NUL character, which no environment variable can carry",
        "config",
        "The value would arrive cut.",
        "Leave the character out.",
    ),
    Error(
        "holds half of a surrogate pair, which is no character",
        "config",
        "A text was cut in the middle of a character, such as an emoji.",
        "Leave the rest of the character out.",
    ),
    Error(
        "is … bytes long, an environment variable carries …",
        "config",
        "The value would not arrive.",
        "Shorten it, or put it into `extra`.",
    ),
    Error(
        "there is no project: give 'project', or set PROJECT_ID in Jenkins' global properties",
        "config",
        "Nothing names the Google Cloud project.",
        "Do one of both.",
    ),
    Error("give 'dataset' and 'table', or 'tables'", "config", "No table is named.", PARAMETER),
    Error("give 'dataset' and 'table', or 'tables', not both", "config", "One and several are asked for.", PARAMETER),
    Error(
        "'replay' sends rows as they were kept, it does not go with …",
        "config",
        "A kept row cannot be changed by a parameter.",
        "Drop the parameters that the line names.",
    ),
    Error(
        "the build's parameter '…' is a …, which is not put on record",
        "config",
        "It may be a secret, such as a password.",
        "Leave it out of `parameters`.",
    ),
    Error("'extra' holds a …, which is not put on record", "config", "It is a secret.", "Leave it out of `extra`."),
    Error("'extra' is nested deeper than … levels", "config", "It may hold itself.", "Flatten it."),
    Error(
        "'tests' holds '…', it takes whole numbers as totalCount, failCount and skipCount",
        "config",
        "The map has another key or value.",
        PARAMETER,
    ),
    Error(
        "this build has no parameter …, so none is put on record",
        "config",
        "A name of `parameters` is misspelled, or the build has it not yet.",
        "Correct it; the build goes on.",
    ),
    Error(
        "'image' is no image reference such as python:3.13-slim or host:5000/team/image@sha256:…",
        "config",
        "No registry has such a name.",
        PARAMETER,
    ),
    Error(
        "'serviceAccount' is no Kubernetes name (lower case letters, digits, '-' and '.')",
        "config",
        "Kubernetes has no such name.",
        PARAMETER,
    ),
    Error(
        "there is no agent here; call it in node { … }, bqPod { … } or a stage with an agent.",
        "config",
        "The step needs a workspace and a shell.",
        "Call it where there is an agent.",
    ),
    Error(
        "this agent has no POSIX shell (Windows); call it on Linux, such as in bqPod { … }.",
        "config",
        "The agent runs Windows.",
        "Call it on a Linux agent.",
    ),
    Error(
        "python3 left no result, its exit code was …; see the lines above. "
        "The agent needs Python 3.11 or newer, as bqPod has it.",
        "config",
        "There is no Python, an old one, or it was killed.",
        "Read the lines above; use `bqPod` or a newer Python.",
    ),
    Error(
        "python3 ended with exit code … and a result without error; see the lines above.",
        "config",
        "The process ended after its work, as by a signal.",
        "Read the lines above, and run it again.",
    ),
    Error(
        "the result of python3 cannot be read; see the lines above.",
        "config",
        "The result file is half written, or another's.",
        "Read the lines above, and run it again.",
    ),
)


def all_errors() -> list[Error]:
    """Every entry."""
    return [error for section in ERRORS.values() for error in section]


class Message(NamedTuple):
    """A message in the code: where it is, and its text with {} for each expression."""

    place: str
    text: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """What stands for it in the catalogue."""
        return re.compile(re.escape(self.text.strip(" .")).replace(r"\{\}", ".*"))


def in_the_code() -> Iterator[Message]:
    """The messages of the package's failures and of the problems that they name."""
    for path in sorted(PACKAGE.glob("*.py")):
        if path.stem not in ELSEWHERE:
            for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(function, ast.FunctionDef):
                    yield from _of(function, path.stem)


def _of(function: ast.FunctionDef, module: str) -> Iterator[Message]:
    named = {
        node.targets[0].id: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in ast.walk(function):
        for found in _said(node, function.name):
            value = named.get(found.id, found) if isinstance(found, ast.Name) else found
            text = _text(value)
            if text:
                yield Message(f"{module}:{found.lineno}", text)


def _said(node: ast.AST, function: str) -> Iterator[ast.expr]:
    """The expressions of a node that are told to people as what is wrong."""
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        if called == "Failure":
            yield node.args[1]
        elif called == "errors.config" and isinstance(node.args[0], ast.List):
            yield from node.args[0].elts
        elif called.endswith("problems.append"):
            yield node.args[0]
    elif isinstance(node, ast.Return) and node.value and function.endswith("_problem"):
        yield from ([node.value.body, node.value.orelse] if isinstance(node.value, ast.IfExp) else [node.value])


def _text(value: ast.expr) -> str:
    """A text with {} for what is put into it; empty where there are no words of its own."""
    if isinstance(value, ast.Constant):
        return value.value if isinstance(value.value, str) else ""
    if isinstance(value, ast.BinOp):
        return (_text(value.left) or "{}") + (_text(value.right) or "{}")
    if not isinstance(value, ast.JoinedStr):
        return ""
    text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in value.values)  # type: ignore[misc]
    return text if re.search(r"[a-z]{2}", text) else ""


def of_definitions() -> list[str]:
    """What bad definitions are told, as their tests have it, without the lines."""
    told = {
        re.sub(r"^\d+:(\d+:)? ", "", line)
        for path in DEFINITIONS.glob("*.txt")
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    return sorted(told, key=lambda line: (line.partition(": ")[2].lower(), line))


def in_the_steps() -> Iterator[Message]:
    """The sentences that the steps tell a caller: texts of at least three words in a row."""
    for name in ("Build", "Parameters", "Pod", "Result"):
        code = (ROOT / f"src/bqsteps/{name}.groovy").read_text(encoding="utf-8")
        code = re.sub(r"^\s*(/?\*|//).*$", "", code, flags=re.MULTILINE)
        for found in re.finditer(r"\"([^\"\n]+)\"|'([^'\n]+)'", code):
            text = re.sub(r"\$\{[^}]*\}", "{}", found[1] or found[2])
            if re.search(r"[a-z'.;]+ [a-z'.;{}]+ [a-z'.;{}]+", text):
                yield Message(f"{name}.groovy:{code.count(chr(10), 0, found.start()) + 1}", text)
