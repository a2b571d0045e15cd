"""The command doctor: what it says in each misfortune, word for word, and that it changes nothing.

ACCEPT_GOLDEN=1 has each test write what was said into its golden file, for a person to read in the diff.
"""

import json
import os
import re
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bqsteps import build
from processes import ROOT, Ended, environment, run
from servers import EMAIL, TOKEN, metadata, serving
from stand_in import Fault, ManualClock, StandIn

GOLDEN = ROOT / "test/python/golden/doctor"
LOG = "p.jenkins_demo_db.build_logs"
FIELDS: list[dict[str, Any]] = build.TABLE_RESOURCE["schema"]["fields"]
# The client goes where the variable says; the command is not told of it, and needs credentials as it does for Google.
AS_FOR_GOOGLE = """
import sys
from bqsteps import doctor_command, report
environ = report.environment()
environ.pop("BIGQUERY_EMULATOR_HOST", None)
sys.exit(report.run(environ, lambda: doctor_command.doctor(environ)))
"""


@dataclass
class Scene:
    folder: Path
    bq: StandIn
    given: dict[str, str] = field(default_factory=dict)

    def doctor(self, **given: str) -> Ended:
        program = ("-m", "bqsteps", "doctor") if given.pop("EMULATOR", "") else ("-c", AS_FOR_GOOGLE)
        both = {"BIGQUERY_EMULATOR_HOST": self.bq.url, **self.given, **given}
        ended = run(program, self.folder, **both)
        assert "Traceback" not in ended.stdout + ended.stderr
        assert TOKEN not in ended.stdout + ended.stderr + json.dumps(ended.result)
        assert ended.result is not None
        assert ended.code == any(check["status"] == "failed" for check in ended.result["checks"])
        return ended


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A pod with Workload Identity, and a BigQuery in which there is nothing yet."""
    with StandIn(keep_bodies=True) as bq, serving(metadata) as host:
        pod = {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "NO_GCE_CHECK": ""}
        yield Scene(tmp_path, bq, {"PROJECT_ID": "p", **pod})


def found(ended: Ended) -> dict[str, dict[str, str]]:
    assert ended.result is not None
    return {check["name"]: check for check in ended.result["checks"]}


# What is said


def nothing(_: Scene) -> None:
    """Leave BigQuery empty."""


def the_log(scene: Scene) -> None:
    scene.bq.create_table(LOG, FIELDS)


def a_dataset(scene: Scene) -> None:
    scene.bq.create_dataset("p.shop")


def another_project(scene: Scene) -> None:
    scene.bq._catalog.projects = {"p"}  # noqa: SLF001  # of a stand-in that is there already


def the_log_and_few_rights(scene: Scene) -> None:
    the_log(scene)
    scene.bq.permissions.denied |= {"bigquery.jobs.create", "bigquery.tables.update", "bigquery.tables.updateData"}


SITUATIONS: dict[str, tuple[Callable[[Scene], None], dict[str, str]]] = {
    "nothing_set": (nothing, {"PROJECT_ID": "", "NO_GCE_CHECK": "true"}),
    "no_credentials": (nothing, {"NO_GCE_CHECK": "true"}),
    "unreachable": (nothing, {"BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:1"}),
    "wrong_project": (another_project, {"PROJECT_ID": "mistyped"}),
    "missing_dataset": (nothing, {"BQ_LOCATION": "EU"}),
    "missing_table": (a_dataset, {"DATASET_ID": "shop", "TABLE_ID": "orders"}),
    "missing_permission": (the_log_and_few_rights, {}),
    "working": (the_log, {}),
    "emulator": (the_log, {"EMULATOR": "yes"}),
}
every_situation = pytest.mark.parametrize("name", SITUATIONS)


def steady(text: str, scene: Scene) -> str:
    """What was said, without what differs from one run to the next."""
    for written, shown in (
        (sys.executable, "/usr/bin/python3"),
        (scene.bq.url.removeprefix("http://"), "bigquery.example"),
        (str(scene.folder), "/home/jenkins"),
    ):
        text = text.replace(written, shown)
    return re.sub(r"(?<![\w.])\d+\.\d+\.\d+(?![\w.])", "1.2.3", text)


@every_situation
def test_it_says_what_its_golden_file_says(scene: Scene, name: str) -> None:
    prepare, given = SITUATIONS[name]
    prepare(scene)
    ended = scene.doctor(**given)
    said = steady(f"{ended.stdout}{ended.stderr}exit code {ended.code}\n", scene)
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("ACCEPT_GOLDEN"):
        path.write_text(said, encoding="utf-8")
    assert said == path.read_text(encoding="utf-8")


def test_each_golden_file_is_of_a_situation() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == set(SITUATIONS)


@every_situation
def test_it_changes_nothing(scene: Scene, name: str) -> None:
    prepare, given = SITUATIONS[name]
    prepare(scene)
    before, files = scene.bq.state(), sorted(scene.folder.rglob("*"))
    scene.doctor(**given)
    assert scene.bq.state() == before
    assert sorted(path for path in scene.folder.rglob("*") if path.name != "result.json") == files
    for request in scene.bq.requests:
        assert request.method == "GET" or request.call in {"jobs.insert", "tables.testIamPermissions"}
        if request.call == "jobs.insert":
            assert json.loads(request.body)["configuration"]["dryRun"] is True


def test_its_result_lists_each_check(scene: Scene) -> None:
    the_log_and_few_rights(scene)
    ended = scene.doctor()
    assert ended.result is not None
    assert ended.result["status"] == "failed"
    assert ended.result["error"]["kind"] == "permission"
    assert found(ended)["bigquery.jobs.create"] == {
        "name": "bigquery.jobs.create",
        "status": "failed",
        "kind": "permission",
        "detail": "cannot run a job in project p: Access Denied: Project p: User does not have bigquery.jobs.create"
        " permission in project p.",
        "remedy": "gcloud projects add-iam-policy-binding p --condition=None --role roles/bigquery.jobUser"
        f" --member serviceAccount:{EMAIL}  # if this is the right project: gcloud projects list",
    }


# What it finds


def test_jobs_run_in_a_project_of_their_own(scene: Scene) -> None:
    the_log(scene)
    checks = found(scene.doctor(BQ_JOB_PROJECT_ID="billed"))
    assert checks["bigquery.jobs.create"]["detail"] == f"on project billed, as {EMAIL}"


@pytest.mark.parametrize(("wanted", "status"), [("us", "ok"), ("EU", "failed")])
def test_the_location_is_compared(scene: Scene, wanted: str, status: str) -> None:
    the_log(scene)
    check = found(scene.doctor(BQ_LOCATION=wanted))["location"]
    assert check["status"] == status
    assert check["remedy"] == ("export BQ_LOCATION=US" if status == "failed" else "")


def test_who_may_not_look_at_the_dataset_is_still_told_of_the_table(scene: Scene) -> None:
    the_log(scene)
    scene.bq.permissions.denied |= {"bigquery.datasets.get", "bigquery.tables.get"}
    checks = found(scene.doctor())
    assert checks["dataset"]["status"] == "warning"
    assert "metadataViewer" in checks["dataset"]["remedy"]
    assert checks["table"]["status"] == "unknown"
    assert checks["bigquery.tables.get"]["status"] == "warning"
    assert checks["bigquery.tables.updateData"]["status"] == "ok"


@pytest.mark.parametrize("name", ["bigquery.tables.get", "bigquery.tables.update"])
def test_what_only_the_build_log_does_without_is_a_failure_for_another_table(scene: Scene, name: str) -> None:
    scene.bq.create_table("p.shop.orders", FIELDS)
    scene.bq.permissions.denied.add(name)
    assert found(scene.doctor(DATASET_ID="shop", TABLE_ID="orders"))[name]["status"] == "failed"


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ({"GOOGLE_APPLICATION_CREDENTIALS": "/none"}, "unset GOOGLE_APPLICATION_CREDENTIALS"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "kubectl annotate serviceaccount jenkins-sa"),
        ({}, "gcloud auth application-default login"),
    ],
    ids=["file", "pod", "laptop"],
)
def test_missing_credentials_are_mended_where_it_runs(scene: Scene, given: dict[str, str], remedy: str) -> None:
    check = found(scene.doctor(NO_GCE_CHECK="true", BQ_DEADLINE_SECONDS="3", **given))["credentials"]
    assert check["status"] == "failed"
    assert check["remedy"].startswith(remedy)


def test_permissions_that_cannot_be_asked_for_are_unknown(scene: Scene) -> None:
    the_log(scene)
    scene.bq.faults.add(Fault("error", call="tables.testIamPermissions", status=501, reason="notImplemented"))
    ended = scene.doctor()
    assert ended.code == 0
    assert found(ended)["bigquery.tables.updateData"]["status"] == "unknown"


@pytest.mark.parametrize(
    ("off", "status"), [(0, "ok"), (20, "ok"), (60, "warning"), (-60, "warning"), (3600, "failed"), (-3600, "failed")]
)
def test_the_clock_is_compared_with_the_services(tmp_path: Path, off: int, status: str) -> None:
    with StandIn(clock=ManualClock(time.time() + off)) as bq:
        check = found(Scene(tmp_path, bq, {"PROJECT_ID": "p"}).doctor(EMULATOR="yes"))["clock"]
    assert check["status"] == status
    assert ("behind" in check["detail"]) == (off > 30)
    assert bool(check["remedy"]) == (status != "ok")


def test_a_quota_that_is_met_on_the_way_is_told_as_such(scene: Scene) -> None:
    the_log(scene)
    scene.bq.faults.add(Fault("error", call="datasets.get", status=403, reason="rateLimitExceeded", message="Slow."))
    checks = found(scene.doctor())
    assert checks["dataset"]["status"] == "unknown"
    assert checks["quota"]["status"] == "failed"
    assert checks["quota"]["kind"] == "quota"


def test_a_service_that_is_not_enabled_is_enabled_by_a_command(scene: Scene) -> None:
    words = "BigQuery API has not been used in project p before or it is disabled."
    scene.bq.faults.add(Fault("error", times=None, call="*.*", status=403, reason="accessNotConfigured", message=words))
    check = found(scene.doctor())["bigquery.jobs.create"]
    assert check["remedy"] == "gcloud services enable bigquery.googleapis.com --project p"


def test_an_emulator_that_does_not_run_is_to_be_started(scene: Scene) -> None:
    check = found(scene.doctor(BIGQUERY_EMULATOR_HOST="http://127.0.0.1:1", EMULATOR="yes"))["network"]
    assert (check["status"], check["remedy"]) == ("failed", "start the emulator, or: unset BIGQUERY_EMULATOR_HOST")


def test_a_proxy_is_named_without_its_password(scene: Scene) -> None:
    proxy = f"http://user:{TOKEN}@{scene.bq.url.removeprefix('http://')}"
    ended = scene.doctor(http_proxy=proxy, BIGQUERY_EMULATOR_HOST="http://bigquery.example", EMULATOR="yes")
    assert found(ended)["network"]["detail"].startswith("bigquery.example answers, by the proxy 127.0.0.1:")


@pytest.mark.parametrize("proxy", [f"http://user:{TOKEN}@", f"http://user:{TOKEN}/rest@127.0.0.1:9"])
def test_a_proxy_that_is_no_address_is_a_finding_that_does_not_quote_it(scene: Scene, proxy: str) -> None:
    check = found(scene.doctor(http_proxy=proxy, BIGQUERY_EMULATOR_HOST="http://bigquery.example", EMULATOR="yes"))
    assert check["network"]["detail"] == "cannot reach BigQuery: the address of a proxy or a server is malformed."


def test_a_page_of_a_proxy_is_not_taken_for_bigquery(scene: Scene) -> None:
    scene.bq.faults.add(Fault("garbage", times=None))
    assert found(scene.doctor())["network"]["status"] == "failed"


def test_a_service_that_hangs_ends_with_the_deadline(scene: Scene) -> None:
    scene.bq.faults.add(Fault("hang", times=None))
    checks = found(scene.doctor(BQ_DEADLINE_SECONDS="1"))
    assert checks["network"]["status"] == "failed"
    assert "in time" in checks["network"]["detail"]


def test_rows_that_wait_are_counted_and_replay_sends_them(scene: Scene) -> None:
    spool = scene.folder / "unsent"
    (spool / "rejected").mkdir(parents=True)
    (spool / "a.ndjson").write_text("{}\n{}\n")
    (spool / "b.ndjson").write_text("{}\n")
    (spool / "rejected/c.ndjson").write_text("{}\n")
    (spool / "rejected/c.reason.txt").write_text("no\n")
    os.utime(spool / "b.ndjson", (0, time.time() - 7300))
    ended = scene.doctor(BQ_SPOOL_DIR="unsent")
    assert ended.result is not None
    waiting, aside = (check for check in ended.result["checks"] if check["name"] == "spool")
    assert (waiting["status"], waiting["detail"]) == ("warning", "3 rows wait in unsent, the oldest for 2 h")
    assert waiting["remedy"] == "BQ_SPOOL_DIR=unsent python3 bqsteps.pyz replay"
    assert aside["detail"].startswith("1 row lies set aside in unsent/rejected")


@pytest.mark.parametrize(
    ("name", "value"),
    [("BIGQUERY_EMULATOR_HOST", "nonsense"), ("BQ_DEADLINE_SECONDS", "soon"), ("DATASET_ID", "a-b"), ("TABLE_ID", "$")],
)
def test_a_wrong_variable_is_a_finding_and_stops_nothing(scene: Scene, name: str, value: str) -> None:
    checks = found(scene.doctor(**{name: value, "EMULATOR": "yes"}))
    assert checks["settings"]["status"] == "failed"
    assert name in checks["settings"]["detail"]
    assert checks["python"]["status"] == "ok"
    assert checks["packages"]["status"] == "ok"
    assert "bigquery" in checks or name == "BQ_DEADLINE_SECONDS"


# Without packages


@pytest.fixture
def bare(scene: Scene) -> Callable[..., Ended]:
    """Runs the archive with an interpreter that has no packages."""
    venv.create(scene.folder / "bare", with_pip=False)
    (scene.folder / "bin").mkdir()

    def doctor(**given: str) -> Ended:
        command = [str(scene.folder / "bare/bin/python3"), str(ROOT / "resources/bqsteps/bqsteps.pyz"), "doctor"]
        place = {"PATH": str(scene.folder / "bin"), "WORKSPACE_TMP": str(scene.folder / "tmp"), "PYTHONPATH": ""}
        environ = {"PROJECT_ID": "p", "BIGQUERY_EMULATOR_HOST": scene.bq.url, **place, **given}
        ended = subprocess.run(
            command,
            cwd=scene.folder,
            env=environment(scene.folder, environ),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        result = json.loads((scene.folder / "result.json").read_text())
        return Ended(ended.returncode, ended.stdout, ended.stderr, result)

    return doctor


def test_packages_that_are_missing_are_tried_and_leave_nothing(scene: Scene, bare: Callable[..., Ended]) -> None:
    (scene.folder / "bin/uv").symlink_to(Path(sys.executable).with_name("uv"))
    the_log(scene)
    temporary = scene.folder / "system tmp"
    temporary.mkdir()
    ended = bare(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(ROOT / ".build/wheels"), TMPDIR=str(temporary))
    assert ended.code == 0, ended.stdout + ended.stderr
    assert f"each step would install them below {scene.folder / 'tmp'}" in found(ended)["packages"]["detail"]
    assert found(ended)["bigquery.tables.updateData"]["status"] == "ok"
    assert list(temporary.iterdir()) == []
    assert {path.name.partition("-")[0] for path in (scene.folder / "tmp/bqsteps").iterdir()} <= {"modules", "compiled"}


def test_packages_that_cannot_be_had_are_told_and_the_rest_goes_on(scene: Scene, bare: Callable[..., Ended]) -> None:
    ended = bare()
    assert ended.code == 1
    assert "has no pip to install them" in found(ended)["packages"]["detail"]
    assert "resources/bqsteps/Dockerfile" in found(ended)["packages"]["remedy"]
    assert found(ended)["bigquery"]["status"] == "unknown"
    assert found(ended)["spool"]["status"] == "ok"
    assert scene.bq.count() == 0
