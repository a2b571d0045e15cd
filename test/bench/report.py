"""Shows what a bench found: on the console, as JSON, as Markdown."""

import json
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.comparisons import Comparison
from bench.measure import Sample
from bench.results import Results, median, own, peak, ratios, wall

HEAD = (
    "", "ratio", "least", "most", "min ms", "median ms", "max ms", "own ms", "CPU ms", "peak MB", "requests",
    "connections", "runs",
)  # fmt: skip
GROWTH_HEAD = ("how many", "least s", "median s", "most s", "peak MB", "requests", "rejected", "connections", "runs")


def write(results: Results, folder: Path) -> None:
    """Leave results.json and results.md."""
    text = json.dumps(results.as_json(), indent=1, ensure_ascii=False) + "\n"
    (folder / "results.json").write_text(text, encoding="utf-8")
    (folder / "results.md").write_text(markdown(results), encoding="utf-8")


def show(results: Results, console: Console) -> None:
    """Tell a person."""
    for comparison in results.comparisons:
        _show_table(console, comparison.title, HEAD, _rows(comparison))
        for note in comparison.notes:
            console.print(note)
    for title, points in results.growth.items():
        _show_table(console, title, GROWTH_HEAD, _growth_rows(points))
    _show_table(console, "Jenkins", ("", ""), _jenkins_rows(results))
    goals = Table("goal", "wanted", "found", "", title=f"Goals{' (quick: few runs)' if results.is_quick else ''}")
    for goal in results.goals:
        style = {"pass": "green", "FAIL": "red"}.get(goal.verdict, "yellow")
        goals.add_row(goal.name, goal.wanted, _number(goal.found), goal.verdict, style=style)
    console.print(goals)
    for note in results.notes:
        console.print(note)


def markdown(results: Results) -> str:
    """The same as a document."""
    quick = " A quick run: few repetitions." if results.is_quick else ""
    parts = [f"Measured on {results.date}, {results.machine}.{quick}\n"]
    goals = [(goal.name, goal.wanted, _number(goal.found), goal.verdict) for goal in results.goals]
    parts.append(_section("Goals", ("Goal", "Wanted", "Found", ""), goals))
    parts += [_section(each.title, HEAD, _rows(each), each.notes) for each in results.comparisons]
    parts += [_section(title, GROWTH_HEAD, _growth_rows(points)) for title, points in results.growth.items()]
    parts.append(_section("Jenkins", ("", ""), list(_jenkins_rows(results))))
    parts += [f"{note}\n" for note in results.notes]
    return "\n".join(parts)


def _rows(comparison: Comparison) -> list[tuple[str, ...]]:
    first = next(iter(comparison.sides.values()))
    return [(name, *_cells(samples, first)) for name, samples in comparison.sides.items()]


def _cells(samples: Sequence[Sample], first: Sequence[Sample]) -> Iterator[str]:
    if not samples:
        yield "not measured"
        yield from [""] * (len(HEAD) - 2)
        return
    walls = [sample.wall for sample in samples]
    shares = ratios(samples, first)
    yield from (f"{share:.2f}" for share in (statistics.median(shares), min(shares), max(shares)))
    yield from (f"{seconds * 1000:.0f}" for seconds in (min(walls), median(samples, wall), max(walls)))
    yield f"{median(samples, own) * 1000:.0f}"
    yield f"{median(samples, lambda sample: sample.cpu) * 1000:.0f}"
    yield f"{peak(samples):.0f}"
    yield _range([sample.requests for sample in samples])
    yield _range([sample.connections for sample in samples])
    yield str(len(samples))


def _range(numbers: Sequence[int]) -> str:
    return str(numbers[0]) if len(set(numbers)) == 1 else f"{min(numbers)} to {max(numbers)}"


def _growth_rows(points: dict[int, list[Sample]]) -> list[tuple[str, ...]]:
    return [
        (
            f"{count:,}",
            *(f"{seconds:.2f}" for seconds in (min(map(wall, runs)), median(runs, wall), max(map(wall, runs)))),
            f"{peak(runs):.0f}",
            _range([run.requests for run in runs]),
            _range([run.rejected for run in runs]),
            _range([run.connections for run in runs]),
            str(len(runs)),
        )
        for count, runs in points.items()
    ]


def _jenkins_rows(results: Results) -> Iterator[tuple[str, ...]]:
    if isinstance(results.jenkins, str):
        yield "not counted", results.jenkins
        return
    for name, value in results.jenkins.items():
        yield name, f"{len(value)}: {', '.join(value)}" if isinstance(value, list) else f"{value:,}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value < 1000 else f"{value:,.0f}"


def _show_table(
    console: Console, title: str, head: Sequence[str], rows: Iterator[tuple[str, ...]] | list[tuple[str, ...]]
) -> None:
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(head):
        table.add_column(name, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _section(title: str, head: Sequence[str], rows: Sequence[tuple[str, ...]], notes: Sequence[str] = ()) -> str:
    lines = [tuple(head), ("---", *["---:"] * (len(head) - 1)), *rows]
    table = "".join("| " + " | ".join(line) + " |\n" for line in lines)
    return f"### {title}\n\n{table}" + "".join(f"\n{note}\n" for note in notes)
