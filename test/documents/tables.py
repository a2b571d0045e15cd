"""The parts of the documents that come from the code. `make docs`, or `python -m documents.tables`, writes them anew.

A part stands between two markers that name it: <!-- from the code: NAME --> and <!-- end -->.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from bqsteps import build, settings
from documents import cells, compatibility, errors, groovy

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = tuple(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")) + tuple(
    sorted((ROOT / "docs").glob("*.md"))
)
SHARED = "bqRun"  # what the steps are made of; pipelines do not call it
STEPS = tuple(sorted(path.stem for path in (ROOT / "vars").glob("*.groovy") if path.stem != SHARED))

EXAMPLE_TEST = "test/groovy/example/JenkinsfileTest.groovy"

_PART = re.compile(
    r"(?P<start><!-- from the code: (?P<name>.+?) -->\n)(?P<content>.*?)(?P<end><!-- end -->)", re.DOTALL
)


def render(document: str) -> str:
    """The document with each part as the code has it now.

    Raises:
        KeyError: the document names a part that there is not.
    """
    parts = _parts()
    return _PART.sub(lambda part: f"{part['start']}\n{parts[part['name']]()}\n{part['end']}", document)


def names(document: str) -> list[str]:
    """The parts that a document holds."""
    return [part["name"] for part in _PART.finditer(document)]


def contents(document: str) -> list[str]:
    """What the parts of a document hold."""
    return [part["content"] for part in _PART.finditer(document)]


def parameters(step: str) -> dict[str, str]:
    """The parameters that a step's help lists."""
    return groovy.helped(ROOT / "vars" / f"{step}.txt")


def _parts() -> Mapping[str, Callable[[], str]]:
    return {
        "variables of all commands": lambda: _variables(_shared()),
        "columns of a row": _columns,
        "compatibility": compatibility.table,
        "Jenkinsfile.example": lambda: f"```groovy\n{(ROOT / 'Jenkinsfile.example').read_text(encoding='utf-8')}```\n",
        EXAMPLE_TEST: lambda: f"```groovy test\n{(ROOT / EXAMPLE_TEST).read_text(encoding='utf-8')}```\n",
        "errors": _errors,
        "errors of definitions": _errors_of_definitions,
        "errors of the steps": _errors_of_the_steps,
        "doctor, missing permission": lambda: f"```text\n{_doctors_words('missing_permission')}```\n",
        **{f"variables of {name}": partial(_own_variables, name) for name in settings.COMMANDS},
        **{f"parameters of {step}": partial(_parameters, step) for step in STEPS},
    }


def _errors() -> str:
    parts = []
    for section, found in errors.ERRORS.items():
        rows = [(f"`{error.says}`", f"`{error.kind}`", error.cause, error.remedy) for error in found]
        parts.append(f"## {section}\n\n{cells.table(('Message', 'Kind', 'Cause', 'What to do'), rows)}")
    return "\n".join(parts)


def _errors_of_definitions() -> str:
    return cells.table(("Message",), [(f"`{line}`",) for line in errors.of_definitions()])


def _errors_of_the_steps() -> str:
    rows = [(f"`{error.says}`", error.cause, error.remedy) for error in errors.OF_THE_STEPS]
    return cells.table(("Message", "Cause", "What to do"), rows)


def _doctors_words(situation: str) -> str:
    """What a golden file holds that a person sees."""
    said = (ROOT / f"test/python/golden/doctor/{situation}.txt").read_text(encoding="utf-8")
    return said.rpartition("exit code")[0]


def _shared() -> list[settings.Variable]:
    first, *others = (command.variables for command in settings.COMMANDS.values())
    return [variable for variable in first if all(variable in other for other in others)]


def _own_variables(command: str) -> str:
    return _variables(variable for variable in settings.COMMANDS[command].variables if variable not in _shared())


def _variables(variables: Iterable[settings.Variable]) -> str:
    rows = [(f"`{v.name}`", _default(v), _sentence(v.help)) for v in variables]
    return cells.table(("Variable", "Default", "Meaning"), rows)


def _default(variable: settings.Variable) -> str:
    if variable.required:
        return "required"
    return f"`{variable.default}`" if variable.default else "none"


def _parameters(step: str) -> str:
    rows = [(f"`{name}`", _sentence(text)) for name, text in parameters(step).items()]
    return cells.table(("Parameter", "Meaning"), rows)


def _columns() -> str:
    filled = groovy.columns(ROOT / "src/bqsteps/Build.groovy")
    rows = []
    for column in build.COLUMNS:
        sources = [f"`{name}`" for name in column.variables] + (["bqLogBuild"] if column.name in filled else [])
        mode = "" if column.mode == "NULLABLE" else f" {column.mode}"
        rows.append((f"`{column.name}`", f"{column.type}{mode}", _sentence(column.help), ", ".join(sources)))
    return cells.table(("Column", "Type", "Meaning", "Comes from"), rows)


def _sentence(text: str) -> str:
    """The text as it stands in the code, its placeholders as code: Markdown would take <NAME> for a tag."""
    return re.sub(r"(?:<\w+>[\w.]*)+", r"`\g<0>`", text.rstrip(".")) + "."


def main() -> int:
    """Write the documents whose parts are not as the code has them, and name them."""
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        rendered = render(text)
        if rendered != text:
            path.write_text(rendered, encoding="utf-8")
            sys.stdout.write(f"updated {path.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
