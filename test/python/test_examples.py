"""The examples of the documents do what the text around them says: each language has its check, and each block one.

The pipelines are run by test/groovy/steps/DocumentsTest.groovy.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import get_args
from xml.etree import ElementTree as ET

import pytest
import sqlglot
from jsonschema import Draft7Validator

from bqsteps import definition, errors, plan
from documents import groovy, markdown, shell, statuses, stub, tables
from documents.markdown import Block
from documents.tables import DOCUMENTS, ROOT, STEPS
from stand_in import StandIn

SCHEMA = ROOT / "config/table.schema.json"
PACKAGE = ROOT / "resources/bqsteps/bqsteps.pyz"


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def examples(language: str) -> list[object]:
    """The blocks of a language in all documents, each with the place that it stands in."""
    return [
        pytest.param(block, id=f"{path.name}:{block.line}")
        for path in DOCUMENTS
        for block in markdown.blocks(text(path))
        if block.info == language
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_block_is_of_a_language_that_is_checked(path: Path) -> None:
    assert [(block.line, block.info) for block in markdown.blocks(text(path)) if block.info not in CHECKED] == []
    assert markdown.indented(text(path)) == []


# Shell


WITH_SHELL = [path for path in DOCUMENTS if any(block.info == "sh" for block in markdown.blocks(text(path)))]


@pytest.mark.parametrize("path", WITH_SHELL, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_reader_who_types_the_shell_examples_gets_what_the_document_shows(path: Path, tmp_path: Path) -> None:
    """What a block of text shows right behind the commands is their output, with … for what differs each time."""
    found = markdown.blocks(text(path))
    home = shell.reader(tmp_path)
    with StandIn() as bq:
        output = shell.run(
            [block for block in found if block.info == "sh"], home, {"BIGQUERY_EMULATOR_HOST": bq.url, "TERM": "dumb"}
        )
    assert output.code == 0, output.printed
    for block, shown in pairwise(found):
        if block.info == "sh" and shown.info == "text output":
            wanted = re.escape(shown.code).replace("…", ".*")
            assert re.fullmatch(wanted, output.printed[block.line]), output.printed[block.line]


def test_what_a_block_of_output_shows_comes_from_the_commands_before_it() -> None:
    for path in DOCUMENTS:
        found = markdown.blocks(text(path))
        for before, block in pairwise([Block("", "", 0), *found]):
            assert block.info != "text output" or before.info == "sh", (path, block.line)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("gcloud services enable a.googleapis.com --project p", None),
        ("gcloud services enable a.googleapis.com --projekt p", "--projekt is not known"),
        ("gcloud services enable a.googleapis.com --project", "--project has no value"),
        ("gcloud service enable a.googleapis.com", "gcloud service enable a.googleapis.com: no such command is known"),
        ("bq --location=EU mk --dataset p:d", None),
        ("make test", None),
        ("make tset", "make has no target tset"),
        ("make run JENKINSFILE=Jenkinsfile", None),
    ],
)
def test_a_command_of_an_example_is_checked(call: str, words: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    program, *arguments = call.split(" ")
    assert stub.problem(program, arguments) == words


# Pipelines


@pytest.mark.parametrize("block", examples("groovy"))
def test_an_example_of_a_pipeline_names_steps_and_parameters_that_exist(block: Block) -> None:
    found = list(groovy.calls(block.code))
    assert found
    for call in found:
        assert call.step in STEPS
        assert set(call.parameters) <= set(tables.parameters(call.step)), call


@pytest.mark.parametrize("block", examples("groovy test"))
def test_a_test_that_a_document_shows_is_one_of_the_tests(block: Block) -> None:
    assert any(block.code in part for path in DOCUMENTS for part in tables.contents(text(path)))


# XML


@pytest.mark.parametrize("block", examples("xml"))
def test_a_piece_of_xml_is_well_formed(block: Block) -> None:
    assert ET.fromstring(block.code).tag  # noqa: S314  # a document's own


# JSON


DEFINITIONS = [block for path in DOCUMENTS for block in markdown.blocks(text(path)) if block.info == "json"]


def table_of(block: Block) -> tuple[str, str]:
    """The dataset and table that a definition is for; one that names none has a dataset of its own."""
    content = json.loads(block.code)
    named = content.get("tableReference", {}) if isinstance(content, dict) else {}
    return named.get("datasetId", f"example_{DEFINITIONS.index(block)}"), named.get("tableId", "orders")


@pytest.fixture(scope="module")
def ensured(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[str]]:
    """What becomes of the table of each definition, ensured twice, in a BigQuery that has nothing yet."""
    statuses: dict[int, list[str]] = {}
    waiting = list(DEFINITIONS)
    while waiting:
        together = {table_of(block): block for block in waiting}  # a table that another one is for, too, comes later
        waiting = [block for block in waiting if block not in together.values()]
        statuses |= ensured_twice(tmp_path_factory.mktemp("definitions"), together)
    return statuses


def ensured_twice(folder: Path, blocks: dict[tuple[str, str], Block]) -> dict[int, list[str]]:
    (folder / "config").mkdir()
    for name, block in blocks.items():
        definition.path_for(folder / "config", *name).write_text(block.code, encoding="utf-8")
    wanted = ",".join(map(".".join, blocks))
    statuses: dict[int, list[str]] = {DEFINITIONS.index(block): [] for block in blocks.values()}
    with StandIn() as bq:
        for _ in range(2):
            package(folder, "ensure-table", bq, BQ_TABLES=wanted, BQ_RESULT_FILE=str(folder / "result.json"))
            for made in json.loads(text(folder / "result.json"))["tables"]:
                _, dataset, table = made["table"].split(".")
                statuses[DEFINITIONS.index(blocks[dataset, table])].append(made["status"])
    return statuses


@pytest.mark.parametrize("block", examples("json"))
def test_a_definition_in_a_document_is_right_for_reader_editor_and_service(
    block: Block, ensured: dict[int, list[str]], tmp_path: Path
) -> None:
    path = definition.path_for(tmp_path, *table_of(block))
    path.write_text(block.code, encoding="utf-8")
    assert definition.read(path, *table_of(block)).fields
    content = json.loads(block.code)
    assert [error.message for error in Draft7Validator(json.loads(text(SCHEMA))).iter_errors(content)] == []
    assert ensured[DEFINITIONS.index(block)] == ["created", "unchanged"]


def package(folder: Path, command: str, bq: StandIn, **variables: str) -> str:
    """What a command of the package prints, in a folder with definitions."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "PROJECT_ID": "my-project"}
    done = subprocess.run(
        [sys.executable, PACKAGE, command],
        cwd=folder,
        env=environ | {"BIGQUERY_EMULATOR_HOST": bq.url} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_worked_examples_lie_in_one_folder_beside_the_schema_and_are_ensured_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / SCHEMA.name).write_bytes(SCHEMA.read_bytes())
    page = text(ROOT / "docs/definitions.md")
    worked = page[page.index("## Twelve examples") : page.index("## Checked before")]
    names = re.findall(r"^`config/(shop_\w+\.json)`\.", worked, re.MULTILINE)
    blocks = [block for block in markdown.blocks(worked) if block.info == "json"]
    assert len(names) == len(blocks) == len(set(names)) == 12
    for name, block in zip(names, blocks, strict=True):
        (folder / name).write_text(block.code, encoding="utf-8")
    with StandIn() as bq:
        package(tmp_path, "ensure-table", bq, BQ_TABLES="*", BQ_RESULT_FILE=str(tmp_path / "result.json"))
        assert {f"config/{name}" for name in names} == {
            f"config/{name.removeprefix('my-project.').replace('.', '_')}.json" for name in bq.tables
        }
    tables_made = json.loads(text(tmp_path / "result.json"))["tables"]
    assert [made["status"] for made in tables_made] == ["created"] * 12


@pytest.mark.parametrize("block", examples("text console"))
def test_the_first_build_of_the_readmes_pipeline_prints_what_the_readme_shows(block: Block, tmp_path: Path) -> None:
    (users,) = [found for found in markdown.blocks(text(ROOT / "README.md")) if found.info == "json"]
    (tmp_path / "config").mkdir()
    (tmp_path / "config/jenkins_demo_db_users_table.json").write_text(users.code, encoding="utf-8")
    with StandIn() as bq:
        said = package(tmp_path, "ensure-table", bq, DATASET_ID="jenkins_demo_db", TABLE_ID="users_table")
        said += package(tmp_path, "log-build", bq, BUILD_NUMBER="1")
    assert re.fullmatch(re.escape(block.code).replace("…", ".*"), said), said


@pytest.mark.parametrize("block", examples("json result"))
def test_a_result_in_a_document_has_a_status_and_a_kind_that_exist(block: Block) -> None:
    result = json.loads(block.code)
    assert result["status"] in statuses.ALL
    assert all(change["class"] in get_args(plan.Class) for change in result.get("changes", []))
    assert ("error" in result) == (result["status"] in {"failed", "spooled"})
    assert result.get("error", {"kind": "config"})["kind"] in get_args(errors.Kind)


@pytest.mark.parametrize("block", examples("json settings"))
def test_settings_of_an_editor_take_the_definitions_and_nothing_else(block: Block) -> None:
    (schema,) = json.loads(block.code)["json.schemas"]
    assert (ROOT / schema["url"]).resolve() == SCHEMA

    def taken(name: str) -> bool:
        return any(PurePosixPath("/", name).match(pattern) for pattern in schema["fileMatch"])

    definitions = [path for path in (ROOT / "config").glob("*.json") if path != SCHEMA]
    assert definitions
    assert all(taken(f"config/{path.name}") for path in definitions)
    assert not any(taken(name) for name in ("config/table.schema.json", "config/other.json", "other/a_b.json"))


# SQL


@pytest.mark.parametrize("block", examples("sql"))
def test_a_statement_in_a_document_is_bigquerys_sql(block: Block) -> None:
    statements = sqlglot.parse(block.code, dialect="bigquery")
    assert statements
    # A command is what the parser does not know, and passes on as it is.
    assert not any(statement is None or isinstance(statement, sqlglot.exp.Command) for statement in statements)


# The languages, and what checks each of them. Prose that is set as text shows no example.
CHECKED: Mapping[str, Callable[..., None] | str] = {
    "sh": test_a_reader_who_types_the_shell_examples_gets_what_the_document_shows,
    "text output": test_what_a_block_of_output_shows_comes_from_the_commands_before_it,
    "text console": test_the_first_build_of_the_readmes_pipeline_prints_what_the_readme_shows,
    "groovy": "test/groovy/steps/DocumentsTest.groovy",
    "groovy test": test_a_test_that_a_document_shows_is_one_of_the_tests,
    "xml": test_a_piece_of_xml_is_well_formed,
    "json": test_a_definition_in_a_document_is_right_for_reader_editor_and_service,
    "json result": test_a_result_in_a_document_has_a_status_and_a_kind_that_exist,
    "json settings": test_settings_of_an_editor_take_the_definitions_and_nothing_else,
    "sql": test_a_statement_in_a_document_is_bigquerys_sql,
    "text": "",
}
