"""The documents say what the code does: their tables, their links, and the names that they use."""

import re
from pathlib import Path
from typing import get_args

import pytest

from bqsteps import __version__, errors, plan, settings, vocabulary
from documents import groovy, markdown, statuses, tables
from documents.tables import DOCUMENTS, ROOT, STEPS

README = ROOT / "README.md"
INDEX = ROOT / "docs/README.md"
DEFINITIONS = ROOT / "docs/definitions.md"
RESULTS = ROOT / "docs/results.md"


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def document(path: Path) -> object:
    return pytest.param(path, id=path.relative_to(ROOT).as_posix())


# Pages that lie beside what they are about. Their examples are for developers, and are not run.
BESIDE_CODE = tuple(sorted((ROOT / "test").rglob("README.md")))
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
    assert text(path) == tables.render(text(path)), "stale; run: make docs"


def test_every_pipeline_that_is_shown_pins_the_major_version() -> None:
    shown = [block.code for path in DOCUMENTS for block in markdown.blocks(text(path)) if block.info == "groovy"]
    shown.append(text(ROOT / "Jenkinsfile.example"))
    pinned = [version for code in shown for version in re.findall(r"@Library\('bqsteps(.*?)'\)", code)]
    assert set(pinned) == {"@v1"}


@every_document
def test_a_document_is_plain_markdown(path: Path) -> None:
    assert markdown.html(text(path)) == []


@every_document
def test_a_document_begins_with_its_one_title(path: Path) -> None:
    titles = re.findall(r"^# (.+)$", "\n".join(_outside_fences(text(path))), re.MULTILINE)
    assert text(path).startswith(f"# {titles[0]}\n")
    assert len(titles) == 1


def _outside_fences(document: str) -> list[str]:
    fenced = {
        number
        for block in markdown.blocks(document)
        for number in range(block.line, block.line + block.code.count("\n") + 2)
    }
    return [line for number, line in enumerate(document.splitlines(), 1) if number not in fenced]


def test_the_index_leads_to_every_page_and_the_readme_to_the_index() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {INDEX.name}
    assert pages <= set(markdown.links(text(INDEX)))
    assert "docs/README.md" in markdown.links(text(README))


@pytest.mark.parametrize("step", STEPS)
def test_each_step_has_a_page_with_what_its_user_asks(step: str) -> None:
    headings = markdown.headings(text(ROOT / f"docs/{step}.md"))
    assert headings[0] == step
    assert {"Examples", "Parameters", "What comes back", "What can go wrong"} <= set(headings)
    assert f"docs/{step}.md" in markdown.links(text(README))


def test_each_step_and_each_command_has_its_table() -> None:
    wanted = {f"parameters of {step}" for step in STEPS}
    wanted |= {"variables of all commands", *(f"variables of {command}" for command in settings.COMMANDS)}
    wanted |= {
        "Jenkinsfile.example",
        tables.EXAMPLE_TEST,
        "columns of a row",
        "compatibility",
        "doctor, missing permission",
        "errors",
        "errors of definitions",
        "errors of the steps",
    }
    assert wanted == {name for path in DOCUMENTS for name in tables.names(text(path))}


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem) for path in sorted((ROOT / "vars").glob("*.groovy"))]
)
def test_a_steps_help_lists_the_parameters_that_the_step_takes(path: Path) -> None:
    assert set(groovy.helped(path.with_suffix(".txt"))) == groovy.declared(path)


HELP = pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem) for path in sorted((ROOT / "vars").glob("*.txt"))]
)


@HELP
def test_a_steps_help_reads_the_same_with_each_markup_formatter_of_jenkins(path: Path) -> None:
    """Plain text, the default, keeps lines and indents and escapes the rest; safe HTML drops tags; Markdown is read.

    https://github.com/jenkinsci/pipeline-groovy-lib-plugin, UserDefinedGlobalVariable.getHelpHtml: the configured
    formatter is given the file as it is.
    """
    help_ = text(path)
    assert not set("<>&") & set(help_), "safe HTML would take it for a tag or an entity"
    assert all(len(line) <= 120 for line in help_.splitlines())
    examples = [line for line in help_.splitlines() if line.startswith("    ")]
    assert markdown.indented(help_), "examples are code in Markdown, too"
    assert all(line[4:] in "".join(markdown.indented(help_)) for line in examples)
    assert markdown.items(help_) == len(groovy.helped(path))


@HELP
def test_the_examples_of_a_steps_help_name_parameters_that_exist(path: Path) -> None:
    examples = "\n".join(line for line in text(path).splitlines() if line.startswith("    bq"))
    found = list(groovy.calls(examples))
    assert found
    for call in found:
        assert set(call.parameters) <= set(groovy.helped(ROOT / "vars" / f"{call.step}.txt")), call


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


@pytest.mark.parametrize("path", [document(path) for path in (*DOCUMENTS, *BESIDE_CODE)])
def test_a_link_leads_to_a_file_and_a_heading_that_exist(path: Path) -> None:
    for link in markdown.links(text(path)):
        if re.match(r"https://\w", link):
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


def test_each_kind_of_error_is_explained() -> None:
    assert rows(RESULTS, "Kind of error") == set(get_args(errors.Kind))


def test_each_status_is_explained() -> None:
    assert rows(RESULTS, "Status") == statuses.ALL


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
