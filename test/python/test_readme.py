"""The documents say what the code does: their tables, their examples, and the names that they use."""

import json
import re
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from bqsteps import __version__, definition, ensure, errors, plan, settings, vocabulary
from documents import groovy, markdown, tables
from documents.markdown import Block
from documents.tables import DOCUMENTS, ROOT, STEPS

README = ROOT / "README.md"
DEFINITIONS = ROOT / "docs/definitions.md"
RENDER = "PYTHONPATH=python:test .build/venv/bin/python -m documents.tables"
OF_THE_LOG = {"recorded", "already_recorded", "spooled"}
OF_THE_SCRIPT = {"exists"}
TABLE = ("shop", "orders")  # what an example that names no table is read for


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


def document(path: Path) -> object:
    return pytest.param(path, id=path.relative_to(ROOT).as_posix())


every_document = pytest.mark.parametrize("path", [document(path) for path in DOCUMENTS])


def rows(path: Path, head: str) -> set[str]:
    """The first cells of the table that begins with a head, each without its backticks."""
    lines = text(path).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {head} |"))
    cells: set[str] = set()
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        cells.update(markdown.code(line.split("|")[1]))
    return cells


@every_document
def test_a_table_from_the_code_is_as_the_code_has_it(path: Path) -> None:
    assert text(path) == tables.render(text(path)), f"stale; run: {RENDER}"


def test_each_step_and_each_command_has_its_table() -> None:
    wanted = {f"parameters of {step}" for step in STEPS}
    wanted |= {"variables of all commands", *(f"variables of {command}" for command in settings.COMMANDS)}
    wanted |= {"Jenkinsfile.example", "columns of a row"}
    assert wanted == {name for path in DOCUMENTS for name in tables.names(text(path))}


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem) for path in sorted((ROOT / "vars").glob("*.groovy"))]
)
def test_a_steps_help_lists_the_parameters_that_the_step_takes(path: Path) -> None:
    assert set(groovy.helped(path.with_suffix(".txt"))) == groovy.declared(path)


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in sorted((ROOT / "vars").glob("*.txt"))])
def test_the_examples_of_a_steps_help_name_parameters_that_exist(path: Path) -> None:
    examples = "\n".join(line for line in text(path).splitlines() if line.startswith("    bq"))
    found = list(groovy.calls(examples))
    assert found
    for call in found:
        assert set(call.parameters) <= set(groovy.helped(ROOT / "vars" / f"{call.step}.txt")), call


@pytest.mark.parametrize("block", examples("groovy"))
def test_an_example_of_a_pipeline_names_steps_and_parameters_that_exist(block: Block) -> None:
    found = list(groovy.calls(block.code))
    assert found
    for call in found:
        assert call.step in STEPS
        assert set(call.parameters) <= set(tables.parameters(call.step)), call


def test_the_calls_of_a_pipeline_are_found_with_their_parameters() -> None:
    code = """
        bqOne first: 'a: b', second: [inner: 1, list: ['x: y']], // third: it's a comment
            fourth: call(fifth: 2)
        bqTwo.yaml(sixth: "it's") ; bqThree { seventh eighth: 1 }
        stage('x') { steps { bqFour ninth: 1 } }
        result = bqFive(tenth: a.b, eleventh: [c: 1], twelfth: { d: 2 }, last: (e))
    """
    assert list(groovy.calls(code)) == [
        groovy.Call("bqOne", ("first", "second", "fourth")),
        groovy.Call("bqTwo", ("sixth",)),
        groovy.Call("bqThree", ()),
        groovy.Call("bqFour", ("ninth",)),
        groovy.Call("bqFive", ("tenth", "eleventh", "twelfth", "last")),
    ]


@pytest.mark.parametrize("block", examples("json"))
def test_a_definition_in_a_document_is_a_right_one(block: Block, tmp_path: Path) -> None:
    content = json.loads(block.code)
    reference = content.get("tableReference", {}) if isinstance(content, dict) else {}
    dataset, table = reference.get("datasetId", TABLE[0]), reference.get("tableId", TABLE[1])
    path = definition.path_for(tmp_path, dataset, table)
    path.write_text(block.code, encoding="utf-8")
    assert definition.read(path, dataset, table).fields


@pytest.mark.parametrize("block", examples("json result"))
def test_a_result_in_a_document_has_a_status_and_a_kind_that_exist(block: Block) -> None:
    result = json.loads(block.code)
    assert result["status"] in statuses()
    assert all(change["class"] in get_args(plan.Class) for change in result.get("changes", []))
    assert ("error" in result) == (result["status"] in {"failed", "spooled"})
    assert result.get("error", {"kind": "config"})["kind"] in get_args(errors.Kind)


def statuses() -> set[str]:
    return {*get_args(ensure.Status), *OF_THE_LOG, *OF_THE_SCRIPT, "replayed", "failed"}


def test_each_json_example_is_a_definition_or_a_result() -> None:
    for path in DOCUMENTS:
        for block in markdown.blocks(text(path)):
            assert not block.info.startswith("json") or block.info in {"json", "json result"}, (path, block.line)


@pytest.mark.parametrize("block", examples("sh"))
def test_a_shell_example_is_shell(block: Block) -> None:
    checked = subprocess.run(["bash", "-n"], input=block.code, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


@every_document
def test_a_link_leads_to_a_file_and_a_heading_that_exist(path: Path) -> None:
    for link in markdown.links(text(path)):
        if re.match(r"https://", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.is_file(), link
        assert ROOT in target.parents, link
        assert not anchor or anchor in markdown.anchors(text(target)), link


@every_document
def test_a_variable_that_is_named_exists(path: Path) -> None:
    known = {variable.name for command in settings.COMMANDS.values() for variable in command.variables}
    assert set(re.findall(r"\b(?:BQ|BIGQUERY)_[A-Z_]+\b", text(path))) <= known


@every_document
def test_a_make_target_that_is_named_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text(ROOT / "Makefile"), re.MULTILINE))
    named = re.findall(r"(?:`|^)make ([a-z-]+)", text(path), re.MULTILINE)
    assert set(named) <= targets


@every_document
def test_a_path_that_is_named_exists(path: Path) -> None:
    folders = ("vars/", "src/", "resources/", "python/", "test/", "docs/")
    for name in markdown.code(text(path)):
        if name.startswith(folders) and not re.search(r"[<>* ]", name):
            assert (ROOT / name).exists(), name


@every_document
def test_a_package_command_that_is_named_exists(path: Path) -> None:
    assert set(re.findall(r"bqsteps\.pyz ([a-z]\S*)", text(path))) <= set(settings.COMMANDS)


def test_the_readme_has_each_kind_of_error() -> None:
    assert rows(README, "Kind of error") == set(get_args(errors.Kind))


def test_the_readme_has_each_status() -> None:
    assert rows(README, "Status") == statuses()


def test_each_class_of_difference_is_explained() -> None:
    assert rows(DEFINITIONS, "Class") == set(get_args(plan.Class))


def test_each_mode_is_explained() -> None:
    assert rows(DEFINITIONS, "`mode:` or `BQ_MODE`") == set(get_args(settings.Mode))


def test_each_key_of_a_definition_is_explained() -> None:
    assert rows(DEFINITIONS, "Key of the table") == set(vocabulary.TABLE_KEYS)
    assert rows(DEFINITIONS, "Key of a column") == set(vocabulary.FIELD_KEYS)


def test_the_changelog_speaks_of_the_packages_version() -> None:
    changelog = text(ROOT / "CHANGELOG.md")
    assert f"as {__version__}." in changelog or f"## [{__version__}]" in changelog
