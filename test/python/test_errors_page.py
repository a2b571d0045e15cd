"""docs/errors.md and the code say the same: each message of the code is on the page, and each one there is produced."""

import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions as api
from requests import exceptions as network

from bqsteps import (
    build,
    connection,
    definition,
    definition_values,
    dependencies,
    errors,
    installer,
    log_command,
    replay_command,
    report,
    report_command,
    script,
    service_errors,
    session,
    settings,
    spool,
    table_commands,
)
from bqsteps.deadline import Deadline
from bqsteps.errors import Failure
from bqsteps.findings import Findings
from bqsteps.jobs import Unconfirmed
from bqsteps.references import TableReference
from canned_bigquery import Canned, serving
from documents import errors as page
from documents.errors import ERRORS, OF_THE_STEPS, PACKAGE, Error, Message
from processes import COMMAND, ROOT, run
from stand_in import Fault, StandIn

Produced = list[tuple[str, str]]  # the kind and the message of each failure
COLUMN = '[{"name": "a", "type": "STRING"}]'
LOG: list[dict[str, Any]] = build.TABLE_RESOURCE["schema"]["fields"]


def nothing(*_: object) -> None:
    """Show no progress."""


class Scene:
    """Produces failures, and keeps them."""

    def __init__(self, folder: Path, bq: StandIn) -> None:
        self.folder = folder
        self.bq = bq
        self.produced: Produced = []
        self.environ = {"PROJECT_ID": "p", "BIGQUERY_EMULATOR_HOST": bq.url, "BQ_DEADLINE_SECONDS": "60"}

    def fails(self, doing: Callable[[], object]) -> None:
        """Something that raises a failure, or whose result has an error."""
        try:
            with report.failures():
                result = doing()
        except Failure as failure:
            self.produced.append((failure.kind, failure.message))
        except Unconfirmed as unconfirmed:
            self.produced.append((unconfirmed.failure.kind, unconfirmed.failure.message))
        else:
            assert isinstance(result, dict), result
            self.produced.append((result["error"]["kind"], result["error"]["message"]))

    def late(self, _: object, limits: settings.Limits, expire: Callable[[], dict[str, Any]]) -> Deadline:
        """In place of session.begin: the deadline's backstop speaks at once."""
        self.fails(expire)
        return Deadline(limits.deadline)

    def logs(self, **given: str) -> None:
        jenkins = {"JENKINS_URL": "https://ci.example.com/", "JOB_NAME": "a", "BUILD_NUMBER": str(len(self.produced))}
        environ = {**self.environ, **jenkins, "BQ_SPOOL_DIR": str(self.folder / "spool"), **given}
        self.fails(lambda: log_command.log_build(environ))

    def replays(self, source: str, **given: str) -> None:
        self.fails(lambda: replay_command.replay({**self.environ, "BQ_SPOOL_DIR": source, **given}, nothing))

    def ensures(self, **given: str) -> None:
        environ = {**self.environ, "BQ_CONFIG_DIR": str(self.folder / "config"), **given}
        self.fails(lambda: table_commands.ensure_table(environ, nothing))

    def runs(self, **given: str) -> None:
        """ensure-table in a process of its own, which it leaves some files to."""
        ended = run((*COMMAND, "ensure-table"), self.folder, **self.environ, **given)
        assert ended.result is not None
        self.produced.append((ended.result["error"]["kind"], ended.result["error"]["message"]))

    def write(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path


def raising(error: BaseException) -> Callable[[], None]:
    def doing() -> None:
        raise error

    return doing


def variables(scene: Scene, _: pytest.MonkeyPatch) -> None:
    one = {"PROJECT_ID": "p", "DATASET_ID": "d", "TABLE_ID": "t"}
    wrong: tuple[dict[str, str], ...] = (
        {"PROJECT_ID": ""},
        {"PROJECT_ID": "P!"},
        {"DATASET_ID": "a-b"},
        {"TABLE_ID": "t$20240101"},
        {"TABLE_ID": "a/b"},
        {"BQ_MODE": "x"},
        {"BQ_LOCATION": "here!"},
        {"BQ_DEADLINE_SECONDS": "soon"},
        {"BQ_CONFIG_DIR": "a\nb"},
        {"BIGQUERY_EMULATOR_HOST": "x"},
    )
    for each in wrong:
        scene.fails(lambda each=each: settings.ensure_table({**one, **each}))  # type: ignore[misc]
    for tables in ("x", "a-b.c", "a.b,a.b", ","):
        scene.fails(lambda tables=tables: settings.ensure_table({"PROJECT_ID": "p", "BQ_TABLES": tables}))  # type: ignore[misc]
    scene.fails(lambda: settings.ensure_table({**one, "BQ_TABLES": "a.b"}))
    scene.fails(lambda: settings.build_report({**one, "BQ_REPORT_DAYS": "a month"}))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["create_table.py", "x"])
        patched.setattr(report, "run", lambda _, command: scene.fails(command))
        script.main(settings.create_table, lambda _: {})


def packages(scene: Scene, patched: pytest.MonkeyPatch) -> None:
    uv = scene.write("bin/uv", '#!/bin/sh\necho "$SAYS" >&2; [ -z "$SAYS" ] && sleep 60; exit 1\n')
    uv.chmod(0o755)
    environ = {"PATH": f"{uv.parent}:/usr/bin:/bin", "PIP_CONFIG_FILE": os.devnull, "HOME": str(scene.folder)}

    def install(seconds: float = 60, **given: str) -> Callable[[], None]:
        return lambda: installer.install(
            ["a"], b"", scene.folder / "to/packages", {**environ, **given}, seconds, nothing
        )

    (scene.folder / "to").mkdir()
    scene.fails(install(SAYS="error: Failed: connection refused"))
    scene.fails(install(SAYS="error: no such package"))
    scene.fails(install(0.05))
    scene.fails(install(PIP_CONFIG_FILE=str(scene.write("pip.conf", "not one"))))
    patched.setattr(installer, "find_spec", nothing)
    scene.fails(install(PATH=""))
    scene.fails(lambda: installer.install(["a"], b"", scene.folder / "none/packages", environ, 1, nothing))
    patched.setattr(dependencies, "are_importable", lambda _: False)
    file = str(scene.write("a file", ""))
    scene.fails(lambda: dependencies.provide({"WORKSPACE_TMP": file}, 1, nothing))
    shared = scene.folder / f"bqsteps-{os.geteuid()}"
    shared.mkdir(mode=0o777)
    shared.chmod(0o777)
    patched.setattr("tempfile.gettempdir", lambda: str(scene.folder))
    scene.fails(lambda: dependencies.provide({}, 1, nothing))


def google(scene: Scene, patched: pytest.MonkeyPatch) -> None:
    patched.setattr("google.auth.compute_engine._metadata._NO_GCE_CHECK", True)
    patched.setenv("HOME", str(scene.folder))
    scene.fails(lambda: connection.connect("p", None, Deadline(60), {}))

    def get(fault: Fault | None, address: str = scene.bq.url, seconds: float = 60) -> None:
        if fault:
            scene.bq.faults.add(fault)
        patched.setenv("BIGQUERY_EMULATOR_HOST", address)
        link = connection.connect("p", None, Deadline(seconds), {"BIGQUERY_EMULATOR_HOST": address})
        scene.fails(lambda: link.retrying("look", lambda: link.client.get_table("p.d.none", **link.once())))
        scene.bq.faults.clear()

    for status, reason in ((401, "authError"), (403, "accessDenied"), (403, "quotaExceeded"), (400, "invalid")):
        get(Fault("error", status=status, reason=reason))
    get(None)
    get(None, scene.bq.url.replace("http:", "https:"))
    get(Fault("error", times=None, status=503), seconds=0.1)
    scene.fails(table_commands._nothing_known)  # noqa: SLF001  # the deadline's backstop says it, and ends the process
    assert isinstance(service_errors.explain(network.InvalidURL("x"), "look", Deadline(1)), Failure)


def definitions(scene: Scene, _: pytest.MonkeyPatch) -> None:
    one = {"DATASET_ID": "d", "TABLE_ID": "t"}
    scene.ensures(**one)
    for content in (b"\xff", "{"):
        scene.write("config/d_t.json", content)
        scene.ensures(**one)
    path = scene.folder / "config/d_t.json"
    path.unlink()
    os.mkfifo(path)
    scene.ensures(**one)
    path.unlink()
    path.mkdir()
    scene.ensures(**one)
    path.rmdir()
    scene.fails(lambda: definition.references_in(scene.folder / "none", "p"))
    scene.write("config/x_y.json", '{"tableReference": {"datasetId": "d", "tableId": "t"}}')
    scene.ensures(BQ_TABLES="*")
    (scene.folder / "config/x_y.json").unlink()
    scene.ensures(BQ_TABLES="*")
    tables(scene, path)


def tables(scene: Scene, path: Path) -> None:
    one = {"DATASET_ID": "d", "TABLE_ID": "t"}
    path.write_text(COLUMN)
    scene.bq.create_table("p.d.t", [{"name": "a", "type": "INTEGER"}])
    scene.runs(**one)
    scene.bq.create_table("p.e.t", [{"name": "b", "type": "STRING"}])
    scene.write("config/e_t.json", COLUMN.replace("]", ', {"name": "b", "type": "STRING"}]'))
    scene.runs(DATASET_ID="e", TABLE_ID="t", BQ_MODE="check")
    scene.runs(BQ_TABLES="d.t,e.t", BQ_MODE="check")
    scene.runs(DATASET_ID="e", TABLE_ID="t", BQ_JUNIT_FILE=str(scene.folder / "none/junit.xml"))
    from bqsteps import ensure, plan  # noqa: PLC0415  # for what only an emulator does

    change = plan.Change("add", "schema.a", None, "STRING")
    wanted = definition.from_resource({"schema": {"fields": json.loads(COLUMN)}})
    scene.fails(raising(ensure._not_taken(plan.Plan("p.d.t", wanted, (change,)))))  # noqa: SLF001


def build_files(scene: Scene, patched: pytest.MonkeyPatch) -> None:
    patched.setattr(build, "LARGEST_FILE", 2_000)
    os.mkfifo(scene.folder / "pipe")
    contents: Mapping[str, str] = {
        "large": " " * 3_000,
        "list": "[]",
        "none": "{",
        "unknown": '{"colour": 1}',
        "event": '{"event": "x"}',
        "type": '{"build_number": "x"}',
    }
    for name, content in contents.items():
        scene.logs(BQ_BUILD_FILE=str(scene.write(f"build/{name}", content)))
    scene.logs(BQ_BUILD_FILE=str(scene.folder / "pipe"))
    scene.logs(BQ_BUILD_FILE=str(scene.folder / "missing"))
    patched.undo()
    scene.logs(BQ_BUILD_FILE=str(scene.write("build/deep", "[" * 100_000)))


def build_log(scene: Scene, patched: pytest.MonkeyPatch) -> None:
    scene.bq.create_table("p.jenkins_demo_db.build_logs", LOG)
    for reason in ("accessDenied", "quotaExceeded", "invalid", "stopped"):
        scene.bq.faults.add(Fault("fail_job", call="jobs.insert", times=None, reason=reason, message="no"))
        scene.logs()
        scene.bq.faults.clear()
    scene.bq.create_table("p.d.other", [{"name": "x", "type": "STRING"}])
    scene.logs(DATASET_ID="d", TABLE_ID="other")
    scene.bq.job_seconds = 60
    scene.logs(BQ_DEADLINE_SECONDS="0.5")
    scene.bq.job_seconds = 0
    with pytest.MonkeyPatch.context() as inner:
        inner.setattr("google.cloud.bigquery.Client.query", lambda *_, **__: raising(api.Conflict("x"))())  # type: ignore[no-untyped-call]
        inner.setattr("google.cloud.bigquery.Client.get_job", lambda *_, **__: object())
        scene.logs()

    patched.setattr(session, "begin", scene.late)
    scene.bq.faults.add(Fault("fail_job", call="jobs.insert", times=None, reason="stopped", message="no"))
    scene.logs()
    scene.bq.faults.clear()
    scene.fails(lambda: spool.write(scene.write("spool file", ""), spool.Entry("p.d.t", "p", {"build_key": "x"})))


def replaying(scene: Scene, patched: pytest.MonkeyPatch) -> None:
    scene.bq.create_table("p.jenkins_demo_db.build_logs", LOG)
    scene.replays(str(scene.folder / "none"))
    scene.replays(str(scene.write("unpacked/unsent/x.ndjson", "{}\n").parent.parent))
    patched.setattr(sys, "stdin", None)
    scene.replays("-")
    scene.replays(str(scene.write("rows/x.ndjson", "{}\n")))
    row = build.make(
        {"JOB_NAME": "a", "JENKINS_URL": "https://x/", "BUILD_NUMBER": "1"},
        None,
        TableReference("p", "d", "t"),
        datetime.now(UTC),
    )
    kept = spool.write(scene.folder / "kept", spool.Entry("p.d.t", "p", row)).read_bytes()
    scene.fails(lambda: spool.parse(b"{}", "x"))
    scene.fails(lambda: spool.parse(kept.replace(b'"p.d.t"', b'"t"'), "x"))
    patched.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(kept.replace(b'"p.d.t"', b'"t"'))))
    patched.chdir(scene.folder)
    scene.replays("-")
    patched.setattr(session, "begin", scene.late)
    scene.replays(str(scene.folder / "kept"), BIGQUERY_EMULATOR_HOST="http://127.0.0.1:1", BQ_DEADLINE_SECONDS="0.1")


def the_report(scene: Scene, patched: pytest.MonkeyPatch) -> None:
    name = {"projectId": "p", "datasetId": "jenkins_demo_db", "tableId": "build_logs"}
    table = {"tableReference": name, "location": "EU", "schema": build.TABLE_RESOURCE["schema"]}
    with serving(Canned(None)) as canned:
        scene.environ["BIGQUERY_EMULATOR_HOST"] = canned.url
        patched.setenv("BIGQUERY_EMULATOR_HOST", canned.url)

        def reports(**given: str) -> None:
            scene.fails(lambda: report_command.build_report({**scene.environ, **given}))

        reports()
        canned.table = table
        reports(BQ_LOCATION="US")
        reports(BQ_MAX_BYTES_BILLED="1")
        patched.setattr(session, "begin", scene.late)
        reports(BQ_MAX_BYTES_BILLED="1")


def anywhere(scene: Scene, _: pytest.MonkeyPatch) -> None:
    scene.fails(raising(KeyboardInterrupt()))
    scene.fails(raising(OSError(28, "No space left", "x")))
    scene.fails(raising(UnicodeEncodeError("ascii", "ä", 0, 1, "no")))
    scene.fails(raising(ZeroDivisionError()))
    findings = Findings(nothing)
    findings.fail("network", Failure("config", "x"))
    assert findings.failure
    scene.fails(raising(findings.failure))


PRODUCERS: Mapping[str, Callable[[Scene, pytest.MonkeyPatch], None]] = {
    "Variables": variables,
    "Packages": packages,
    "Google": google,
    "Definitions and tables": definitions,
    "The build log": build_log,
    "Replaying": replaying,
    "The report": the_report,
    "Anywhere": anywhere,
}


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    def begin(_: object, limits: settings.Limits, late: object) -> Deadline:
        del late  # it would end this process
        return Deadline(limits.deadline)

    monkeypatch.setattr(session, "begin", begin)
    with StandIn() as bq:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", bq.url)
        yield Scene(tmp_path, bq)


@pytest.mark.parametrize("section", ERRORS)
def test_each_error_on_the_page_is_produced(scene: Scene, monkeypatch: pytest.MonkeyPatch, section: str) -> None:
    PRODUCERS[section](scene, monkeypatch)
    if section == "The build log":
        with pytest.MonkeyPatch.context() as patched:
            build_files(scene, patched)
    missing = [
        error.says
        for error in ERRORS[section]
        if not any(kind == error.kind and error.pattern.search(said) for kind, said in scene.produced)
    ]
    assert missing == [], scene.produced
    unknown = [said for _, said in scene.produced if not any(error.pattern.search(said) for error in page.all_errors())]
    assert unknown == []


@pytest.mark.parametrize("message", list(page.in_the_code()), ids=lambda message: message.place)
def test_each_message_of_the_code_is_on_the_page(message: Message) -> None:
    known = any(message.pattern.search(error.says) for error in page.all_errors())
    assert known, f"{message.place}: add it to test/documents/errors.py, with a cause and what to do: {message.text}"


def test_the_messages_of_the_code_are_found() -> None:
    assert {message.place.partition(":")[0] for message in page.in_the_code()} >= {"settings", "spool", "installer"}


@pytest.mark.parametrize("message", list(page.in_the_steps()), ids=lambda message: message.place)
def test_each_message_of_the_steps_is_on_the_page(message: Message) -> None:
    assert any(message.pattern.search(error.says) for error in OF_THE_STEPS), message


@pytest.mark.parametrize("error", OF_THE_STEPS, ids=lambda error: error.says)
def test_each_message_of_the_steps_is_asked_for_by_a_test_of_theirs(error: Error) -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "test/groovy/steps").glob("*.groovy"))
    joined = re.sub(r"[\"'] \+\n? *[\"']|\"\.toString\(\)", "", tests).replace("\\'", "'")
    assert [part for part in error.says.split("…") if part.strip(" ',.;:()") not in joined] == []


@pytest.mark.parametrize("module", ["definition_columns", "definition_rules", "definition_values"])
def test_each_problem_of_a_definition_is_produced_by_a_bad_one(
    module: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = PACKAGE / f"{module}.py"
    asked = {
        number
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if "problems.add(" in line
    }
    add, seen = definition_values.Problems.add, set()

    def noting(self: definition_values.Problems, *given: Any) -> None:  # noqa: ANN401  # passed on
        caller = sys._getframe(1)  # noqa: SLF001
        if caller.f_code.co_filename == str(path):
            seen.add(caller.f_lineno)
        add(self, *given)

    monkeypatch.setattr(definition_values.Problems, "add", noting)
    wide = tmp_path / "too_many_columns.json"
    wide.write_text(json.dumps([{"name": f"c{number}", "type": "STRING"} for number in range(10_001)]))
    for bad in [*page.DEFINITIONS.glob("*.json"), wide]:
        with pytest.raises(Failure):
            definition.read(bad, "d", "t", "p")
    assert asked - seen == set()


def test_the_page_names_no_error_twice() -> None:
    named = [(error.says, error.kind) for error in page.all_errors()]
    assert len(named) == len(set(named))


def test_the_kinds_are_those_that_exist() -> None:
    assert {error.kind for error in page.all_errors()} <= set(errors.Kind.__args__)  # type: ignore[attr-defined]
