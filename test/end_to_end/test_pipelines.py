"""Pipelines that run as a team would write them: the steps, the shell, the packaged Python, the embedded BigQuery."""

import json
import os
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from documents import markdown
from end_to_end import jenkins
from end_to_end.conftest import ROOT
from end_to_end.emulator import PROJECT, running
from end_to_end.reader import Reader

AWKWARD = "$HOME $(id) `id` \"'\\ \t% -é😀"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "team's work space" / "app"
    folder.mkdir(parents=True)
    return folder


def write(workspace: Path, text: str) -> Path:
    file = workspace.parent / "Jenkinsfile"
    file.write_text(text, encoding="utf-8")
    return file


def define(workspace: Path, dataset: str, table: str) -> None:
    (workspace / "config").mkdir(exist_ok=True)
    fields = [{"name": "id", "type": "INTEGER", "mode": "REQUIRED"}]
    (workspace / "config" / f"{dataset}_{table}.json").write_text(json.dumps(fields))


class TestTheExample:
    @pytest.fixture(scope="class")
    @classmethod
    def emulator(cls) -> Iterator[str]:
        """A BigQuery in which it was never built: its dataset has one name."""
        with running() as address:
            yield address

    def test_makes_its_table_and_logs_each_build_once(
        self, workspace: Path, agent: Mapping[str, str], reader: Reader
    ) -> None:
        shutil.copytree(ROOT / "config", workspace / "config")
        consoles = []
        for number in ("1", "2", "2"):
            code, console = jenkins.run(
                ROOT / "Jenkinsfile.example", workspace, "--job", "team/example", "--number", number, environ=agent
            )
            assert (code, console.splitlines()[-1]) == (0, "Finished: SUCCESS"), console
            consoles.append(console)
        assert "Created table" in consoles[0]
        assert "Already Exists" in consoles[1]
        table = reader.table("jenkins_demo_db", "users_table")
        wanted = json.loads((ROOT / "config/jenkins_demo_db_users_table.json").read_text(encoding="utf-8"))
        assert table is not None
        assert [f["name"] for f in table["schema"]["fields"]] == [f["name"] for f in wanted]
        rows = reader.query(
            "SELECT build_id, job_name, status, result, causes FROM `jenkins_demo_db.build_logs`"
            " WHERE job_name = 'team/example' ORDER BY build_id"
        )
        # The third run is a build of its own: another start time, and so another record.
        assert [(row["build_id"], row["status"], row["result"]) for row in rows] == [
            ("1", "SUCCESS", "SUCCESS"), ("2", "SUCCESS", "SUCCESS"), ("2", "SUCCESS", "SUCCESS"),
        ]  # fmt: skip

    def test_a_failing_build_is_on_record_as_such(
        self, workspace: Path, agent: Mapping[str, str], reader: Reader
    ) -> None:
        # No definition in this workspace: bqEnsureTable fails, and `post` still logs.
        code, console = jenkins.run(
            ROOT / "Jenkinsfile.example", workspace, "--job", "team/failing", "--number", "1", environ=agent
        )
        assert (code, console.splitlines()[-1]) == (1, "Finished: FAILURE")
        assert "bqEnsureTable: config/jenkins_demo_db_users_table.json" in console
        assert "Traceback" not in console
        rows = reader.query("SELECT status FROM `jenkins_demo_db.build_logs` WHERE job_name = 'team/failing'")
        assert rows == [{"status": "FAILURE"}]


class TestScripted:
    def test_parallel_branches_share_a_workspace_and_each_does_its_part(
        self, workspace: Path, agent: Mapping[str, str], reader: Reader, dataset: str
    ) -> None:
        define(workspace, dataset, "one")
        define(workspace, dataset, "two")
        file = write(
            workspace,
            f"""
            @Library('bqsteps@v1') _
            node {{
                parallel(
                    one: {{ bqEnsureTable dataset: '{dataset}', table: 'one' }},
                    two: {{ bqEnsureTable dataset: '{dataset}', table: 'two' }},
                    log: {{ bqLogBuild dataset: '{dataset}', event: 'started', status: 'RUNNING' }},
                    end: {{ bqLogBuild dataset: '{dataset}' }},
                )
            }}
            """,
        )
        code, console = jenkins.run(file, workspace, "--number", "4", environ=agent)
        assert code == 0, console
        assert reader.table(dataset, "one")
        assert reader.table(dataset, "two")
        rows = reader.query(f"SELECT event, status FROM `{dataset}.build_logs` ORDER BY event")  # noqa: S608
        assert rows == [{"event": "finished", "status": "SUCCESS"}, {"event": "started", "status": "RUNNING"}]

    def test_awkward_values_arrive_in_the_row_byte_for_byte(
        self, workspace: Path, agent: Mapping[str, str], reader: Reader, dataset: str
    ) -> None:
        text = json.dumps(AWKWARD).replace("$", "\\$")  # as a Groovy string
        file = write(
            workspace,
            f"""
            @Library('bqsteps@v1') _
            node {{
                bqLogBuild dataset: '{dataset}', status: {text}, extra: [note: {text}, more: ['a\\nb', 1, null]]
            }}
            """,
        )
        code, console = jenkins.run(file, workspace, environ=agent)
        if code:  # a tab in a status is refused whole, with a clear line
            pytest.fail(console)
        (row,) = reader.query(f"SELECT status, extra FROM `{dataset}.build_logs`")  # noqa: S608
        assert row["status"] == AWKWARD
        assert json.loads(row["extra"]) == {"note": AWKWARD, "more": ["a\nb", 1, None]}

    def test_wherever_it_runs_a_build_is_on_record_once_and_its_last_row_is_found(
        self, workspace: Path, agent: Mapping[str, str], reader: Reader, dataset: str
    ) -> None:
        file = write(
            workspace,
            f"""
            @Library('bqsteps@v1') _
            pipeline {{
                agent none
                stages {{
                    stage('Retried') {{
                        agent any
                        steps {{
                            retry(3) {{
                                bqLogBuild dataset: '{dataset}', event: 'started'
                                sh '[ -e tried ] || {{ touch tried; exit 1; }}'
                            }}
                        }}
                    }}
                    stage('Parallel') {{
                        parallel {{
                            stage('Left') {{ agent any; steps {{ bqLogBuild dataset: '{dataset}', event: 'started' }} }}
                            stage('Right') {{ agent any; steps {{ error 'broken' }} }}
                        }}
                    }}
                }}
                post {{
                    always {{
                        bqPod {{ bqLogBuild dataset: '{dataset}', failedStage: 'Right', tests: [totalCount: 3] }}
                    }}
                }}
            }}
            """,
        )
        cause = "org.jenkinsci.plugins.workflow.cps.replay.ReplayCause"
        code, console = jenkins.run(file, workspace, "--number", "4", "--cause", cause, environ=agent)
        assert (code, console.splitlines()[-1]) == (1, "Finished: FAILURE"), console
        columns = "event, status, result, is_replay, failed_stage, tests_total"
        rows = reader.query(f"SELECT {columns} FROM `{dataset}.build_logs` ORDER BY event")  # noqa: S608
        finished = {"event": "finished", "status": "FAILURE", "result": "FAILURE", "is_replay": "true"}
        started = {"event": "started", "status": "RUNNING", "result": None, "is_replay": "true"}
        assert rows == [
            {**finished, "failed_stage": "Right", "tests_total": "3"},
            {**started, "failed_stage": None, "tests_total": None},
        ]

    def test_the_documented_queries_find_the_last_row_and_the_builds_without_an_end(
        self, workspace: Path, agent: Mapping[str, str], reader: Reader, dataset: str
    ) -> None:
        calls = [f"bqLogBuild dataset: '{dataset}', event: 'started'", f"bqLogBuild dataset: '{dataset}'"]
        for number, steps in (("1", calls), ("2", calls[:1]), ("2", calls[:1])):
            file = write(workspace, "@Library('bqsteps@v1') _\nnode {\n" + "\n".join(steps) + "\n}")
            code, console = jenkins.run(file, workspace, "--number", number, environ=agent)
            assert code == 0, console
        view, unfinished = _documented(dataset)
        reader.query(view)
        found = reader.query(f"SELECT build_id, event FROM `{dataset}.last_builds` ORDER BY build_id")  # noqa: S608
        assert [(row["build_id"], row["event"]) for row in found] == [
            ("1", "finished"), ("2", "started"), ("2", "started"),
        ]  # fmt: skip
        assert reader.query(unfinished) == []
        days_later = unfinished.replace("CURRENT_TIMESTAMP()", "TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 2 DAY)")
        assert [row["build_id"] for row in reader.query(days_later)] == ["2", "2"]

    def test_unreachable_bigquery_ends_with_one_line_and_onfailure_decides(
        self, workspace: Path, agent: Mapping[str, str]
    ) -> None:
        file = write(
            workspace,
            "@Library('bqsteps@v1') _\nnode { bqLogBuild deadline: 1, onFailure: 'unstable' }",
        )
        code, console = jenkins.run(file, workspace, environ={**agent, "BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:1"})
        assert (code, console.splitlines()[-1]) == (1, "Finished: UNSTABLE")
        assert "Traceback" not in console
        assert list(workspace.glob(".bqsteps/unsent/*.ndjson"))

    def test_a_bare_python_installs_the_packages_by_itself_once(
        self, workspace: Path, agent: Mapping[str, str], reader: Reader, dataset: str, tmp_path: Path
    ) -> None:
        bare = tmp_path / "bare"
        venv.create(bare, with_pip=True, symlinks=True)
        file = write(
            workspace,
            f"""
            @Library('bqsteps@v1') _
            node {{
                parallel a: {{ bqLogBuild dataset: '{dataset}', event: 'started' }},
                         b: {{ bqLogBuild dataset: '{dataset}', event: 'finished' }}
            }}
            """,
        )
        code, console = jenkins.run(
            file,
            workspace,
            environ={
                **agent,
                "PATH": f"{bare / 'bin'}{os.pathsep}{os.defpath}{os.pathsep}{Path(shutil.which('java') or '').parent}",
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(ROOT / ".build/wheels"),
            },
        )
        assert code == 0, console
        assert len([line for line in console.splitlines() if "nstalled" in line]) == 1
        assert len(reader.query(f"SELECT event FROM `{dataset}.build_logs`")) == 2  # noqa: S608


class TestTheDemo:
    def test_ctrl_c_ends_everything_that_it_started(self, tmp_path: Path) -> None:
        demo = subprocess.Popen(
            [sys.executable, "-m", "end_to_end.demo"],
            env={**os.environ, "PYTHONPATH": str(ROOT / "test"), "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        with demo:
            assert demo.stdout is not None
            while "[Pipeline] sh" not in demo.stdout.readline():
                assert demo.poll() is None
            demo.send_signal(signal.SIGINT)
            _, errors = demo.communicate(timeout=60)
        assert demo.returncode == 130
        assert "Traceback" not in errors
        assert list(tmp_path.iterdir()) == []
        # Whatever it started carries its temporary folder in its arguments or its environment.
        assert _processes_that_mention(str(tmp_path)) == []


def _documented(dataset: str) -> list[str]:
    """The statements about the last row of a build, for a dataset of the emulator."""
    document = (ROOT / "docs/operating.md").read_text(encoding="utf-8")
    return [
        block.code.replace("my-project.jenkins_demo_db.", f"{PROJECT}.{dataset}.")
        for block in markdown.blocks(document)
        if block.info == "sql" and "last_builds" in block.code
    ]


def _processes_that_mention(text: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if text.encode() in told and process.name != str(os.getpid()):
            found.append((process / "cmdline").read_text())
    return found
