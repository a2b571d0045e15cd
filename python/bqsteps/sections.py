"""Makes of the queries' rows what the report says: for each chart a finding, a drawing, and the table behind it.

Standard library only. What rows say of jobs, branches and stages is other people's text: it stays as it is here, and
whoever writes it somewhere escapes it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from bqsteps import drawings
from bqsteps.build_queries import Period, Row, Unit
from bqsteps.drawings import Drawing

Rows = Sequence[Row]

UNKNOWN: Final = "not known"
NONE: Final = "\u2013"  # a dash
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")  # in any locale
_UNITS: Final[Mapping[Unit, str]] = {"HOUR": "hour", "DAY": "day", "ISOWEEK": "week"}
_SECONDS_PER_HOUR: Final = 3600
_SECONDS_PER_MINUTE: Final = 60


class Link(NamedTuple):
    """A cell that leads somewhere."""

    text: str
    address: str


class Column(NamedTuple):
    """A column's head, and whether its cells are numbers."""

    head: str
    is_number: bool = True


class Table(NamedTuple):
    """The numbers behind a picture. The first cell of a row is its head."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str | Link]]


class Section(NamedTuple):
    """One chart of the report.

    Args:
        name: of its files.
        title: its heading.
        finding: what it shows, in a sentence.
        explanation: how it is counted.
        alt: what the picture is, for those who do not see it.
        drawing: what the picture shows; None where there is nothing to show, as the finding says then.
        table: the same in numbers.
    """

    name: str
    title: str
    finding: str
    explanation: str
    alt: str = ""
    drawing: Drawing | None = None
    table: Table | None = None


class Figure(NamedTuple):
    """A key figure."""

    label: str
    value: str
    note: str


class Overview(NamedTuple):
    """The numbers of the whole period."""

    builds: int
    controllers: int
    jobs: int
    judged: int
    succeeded: int
    no_verdict: int
    with_start: int
    never_finished: int
    running: int
    median_ms: int | None
    p95_ms: int | None

    @property
    def headline(self) -> str:
        """What a manager reads first."""
        if not self.builds:
            return "No build is on record in this period."
        said = (
            f"{count(self.builds, 'build')} of {count(self.jobs, 'job')}" if self.jobs else count(self.builds, "build")
        )
        if not self.judged:
            return f"{said}, none of which came to a verdict."
        said += f". Of those with a verdict {percent(self.succeeded, self.judged)} succeeded"
        return f"{said}, and half took {duration(self.median_ms)} or less." if self.median_ms else f"{said}."

    @property
    def figures(self) -> list[Figure]:
        """The key figures, each with what it is of."""
        return [
            Figure("Builds", number(self.builds), f"{count(self.jobs, 'job')}" if self.jobs else "no job is named"),
            Figure("Success rate", percent(self.succeeded, self.judged), f"of {number(self.judged)} with a verdict"),
            Figure("Median duration", duration(self.median_ms), f"95% within {duration(self.p95_ms)}"),
            Figure(
                "Never finished",
                number(self.never_finished) if self.with_start else NONE,
                f"of {count(self.with_start, 'logged start')}" if self.with_start else "no start is logged",
            ),
        ]


def overview(rows: Rows) -> Overview:
    """The numbers of the whole period, from the one row of their query."""
    (row,) = rows
    return Overview(**dict(row))


def make(answers: Mapping[str, Rows], period: Period) -> list[Section]:
    """The report's sections, in order.

    Args:
        answers: each chart's rows.
        period: what they are about.
    """
    whole = overview(answers["overview"])
    names = _Names(whole.controllers > 1)
    makers: Mapping[str, Callable[[Rows], Section]] = {
        "success": lambda rows: _success(rows, period),
        "duration": lambda rows: _duration(rows, period),
        "jobs": lambda rows: _jobs(rows, names),
        "slowest": lambda rows: _slowest(rows, names),
        "flakiest": lambda rows: _flakiest(rows, names),
        "stages": lambda rows: _stages(rows, names),
        "unfinished": lambda rows: _unfinished(rows, names, whole),
    }
    return [make(answers[name]) for name, make in makers.items()]


class _Names(NamedTuple):
    """Names of jobs as people know them, with their controller where there are several."""

    has_several_controllers: bool

    def job(self, row: Row) -> str:
        name = row["job_name"] or UNKNOWN
        controller = row["controller_url"]
        if not (self.has_several_controllers and controller):
            return str(name)
        return f"{name} on {re.sub(r'^https?://|/$', '', controller)}"

    def job_and_branch(self, row: Row) -> str:
        """A multibranch project's job ends with its branch, in which a slash is %2F: that is not said twice."""
        name, branch = self.job(row), row["branch"]
        if not branch or str(row["job_name"]).endswith(f"/{branch.replace('/', '%2F')}"):
            return name
        return f"{name}, {branch}"


def _success(rows: Rows, period: Period) -> Section:
    unit = _UNITS[period.unit]
    title = "Success rate over time"
    explanation = (
        "The share of builds whose last status is SUCCESS. Builds that were ABORTED or NOT_BUILT are left out, since "
        "they say nothing of what was built; UNSTABLE and any other status count against it."
    )
    if not rows:
        return Section("success", title, "No build came to a verdict in this period.", explanation)
    found = {row["unit"]: row for row in rows}
    totals = {start: sum(row[name] for name in ("succeeded", "unstable", "failed")) for start, row in found.items()}
    judged, succeeded = sum(totals.values()), sum(row["succeeded"] for row in rows)
    without = {start: totals[start] - row["succeeded"] for start, row in found.items()}
    worst = max(without, key=lambda start: without[start])
    finding = f"{percent(succeeded, judged)} of {count(judged, 'build')} succeeded."
    if len(rows) > 1 and without[worst]:
        finding += (
            f" The {unit} with the most that did not was {_when(worst, period.unit)}:"
            f" {number(without[worst])} of {number(totals[worst])}."
        )

    def each(name: str) -> list[int]:
        return [found[start][name] if start in found else 0 for start in period.starts]

    return Section(
        "success",
        title,
        finding,
        explanation,
        f"Line of the success rate per {unit}, with bars of the number of builds below. {finding}",
        drawings.Outcomes(period.starts, period.unit, each("succeeded"), each("unstable"), each("failed")),
        Table(
            f"Builds per {unit}, by how they ended",
            (
                Column("Week of" if unit == "week" else unit.capitalize(), is_number=False),
                *map(Column, ("Succeeded", "Unstable", "Failed", "Success rate")),
            ),
            [
                (
                    moment(row["unit"], period.unit),
                    *(number(row[name]) for name in ("succeeded", "unstable", "failed")),
                    percent(row["succeeded"], totals[row["unit"]]),
                )
                for row in rows
            ],
        ),
    )


def _duration(rows: Rows, period: Period) -> Section:
    unit = _UNITS[period.unit]
    title = "Duration over time"
    explanation = (
        "Half of the builds took the median or less, 19 of 20 the 95th percentile or less. BigQuery approximates both. "
        "ABORTED and NOT_BUILT builds are left out."
    )
    if not rows:
        return Section("duration", title, "No row tells how long its build took.", explanation)
    found = {row["unit"]: row for row in rows}
    slowest = max(rows, key=lambda row: row["median_ms"])
    medians = sorted(row["median_ms"] for row in rows)
    finding = f"The median is {duration(medians[0])}."
    if len(rows) > 1:
        finding = (
            f"The {_adverb(unit)} median lies between {duration(medians[0])} and {duration(medians[-1])};"
            f" it is highest {'in' if unit == 'week' else 'on'} {_when(slowest['unit'], period.unit)}."
        )

    def each(name: str) -> list[float | None]:
        return [found[start][name] / 1000 if start in found else None for start in period.starts]

    return Section(
        "duration",
        title,
        finding,
        explanation,
        f"Two lines over time, the median and the 95th percentile of the duration per {unit}. {finding}",
        drawings.Durations(period.starts, period.unit, each("median_ms"), each("p95_ms")),
        Table(
            f"Duration of builds per {unit}",
            (
                Column("Week of" if unit == "week" else unit.capitalize(), is_number=False),
                *map(Column, ("Builds", "Median", "95th percentile")),
            ),
            [
                (
                    moment(row["unit"], period.unit),
                    number(row["builds"]),
                    duration(row["median_ms"]),
                    duration(row["p95_ms"]),
                )
                for row in rows
            ],
        ),
    )


def _when(start: datetime, unit: Unit) -> str:
    """A unit in a sentence."""
    return f"{'the week of ' if unit == 'ISOWEEK' else ''}{moment(start, unit)}"


def _adverb(unit: str) -> str:
    return {"hour": "hourly", "day": "daily", "week": "weekly"}[unit]


def _jobs(rows: Rows, names: _Names) -> Section:
    title = "Jobs and branches"
    explanation = "The jobs and branches with the most builds, and how these ended."
    if not rows:
        return Section("jobs", title, "No row names its job.", explanation)
    worst = min(rows, key=lambda row: (row["succeeded"] / row["builds"], -row["builds"]))
    finding = (
        f"Of {_the_most(rows, 'with the most builds')}, {names.job_and_branch(worst)} has the lowest success rate: "
        f"{percent(worst['succeeded'], worst['builds'])} of {count(worst['builds'], 'build')}."
    )
    return Section(
        "jobs",
        title,
        finding,
        explanation,
        f"A bar for each job and branch, divided into builds that succeeded, were unstable and failed. {finding}",
        drawings.Shares(
            [
                drawings.Share(
                    names.job_and_branch(row),
                    f"{percent(row['succeeded'], row['builds'])} of {number(row['builds'])}",
                    row["succeeded"],
                    row["unstable"],
                    row["builds"] - row["succeeded"] - row["unstable"],
                )
                for row in rows
            ]
        ),
        Table(
            f"Builds by job and branch{_first_of(rows)}",
            (
                Column("Job", is_number=False),
                Column("Branch", is_number=False),
                *map(Column, ("Builds", "Succeeded", "Success rate", "Median", "95th percentile")),
            ),
            [
                (
                    names.job(row),
                    row["branch"] or NONE,
                    number(row["builds"]),
                    number(row["succeeded"]),
                    percent(row["succeeded"], row["builds"]),
                    duration(row["median_ms"]),
                    duration(row["p95_ms"]),
                )
                for row in rows
            ],
        ),
    )


def _slowest(rows: Rows, names: _Names) -> Section:
    title = "Slowest jobs"
    explanation = "By the median of all their branches; the line reaches to the 95th percentile."
    if not rows:
        return Section("slowest", title, "No row tells how long a job's build took.", explanation)
    first = rows[0]
    finding = f"{names.job(first)} is the slowest: half of its builds take {duration(first['median_ms'])} or more."
    return Section(
        "slowest",
        title,
        finding,
        explanation,
        f"For each job a line from the median of its duration to the 95th percentile. {finding}",
        drawings.Ranges(
            [
                drawings.Range(
                    names.job(row),
                    f"{duration(row['median_ms'])} to {duration(row['p95_ms'])}",
                    row["median_ms"] / 1000,
                    row["p95_ms"] / 1000,
                )
                for row in rows
            ]
        ),
        Table(
            f"Jobs by the median of their duration{_first_of(rows)}",
            (Column("Job", is_number=False), *map(Column, ("Builds", "Median", "95th percentile"))),
            [
                (names.job(row), number(row["builds"]), duration(row["median_ms"]), duration(row["p95_ms"]))
                for row in rows
            ],
        ),
    )


def _flakiest(rows: Rows, names: _Names) -> Section:
    title = "Flakiest jobs"
    explanation = (
        "A commit counts as flaky if the same job built it more than once on the same branch, with success at least "
        "once and without at least once: whatever made the difference, it was not the commit. Only rows that name "
        "their commit can show it."
    )
    if not rows:
        return Section("flakiest", title, "No row names its commit, so it cannot be told.", explanation)
    flaky = [row for row in rows if row["flaky"]]
    rebuilt = rows[0]["rebuilt_of_all"]
    if not flaky:
        were = "was" if rebuilt == 1 else "were"
        finding = f"{count(rebuilt, 'commit')} {were} built more than once, none with both outcomes."
        return Section("flakiest", title, finding if rebuilt else "No commit was built more than once.", explanation)
    first = flaky[0]
    finding = (
        f"{number(rows[0]['flaky_of_all'])} of {count(rebuilt, 'commit')} that were built more than once had both "
        f"outcomes; {names.job(first)} has the most, {number(first['flaky'])} of {number(first['rebuilt'])}."
    )
    return Section(
        "flakiest",
        title,
        finding,
        explanation,
        f"A bar for each job, as long as its number of flaky commits. {finding}",
        drawings.Bars(
            [
                drawings.Bar(
                    names.job(row),
                    f"{number(row['flaky'])} of {count(row['rebuilt'], 'rebuilt commit')}",
                    row["flaky"],
                )
                for row in flaky
            ]
        ),
        Table(
            "Jobs by their number of flaky commits",
            (
                Column("Job", is_number=False),
                *map(Column, ("Commits", "Built more than once", "Both outcomes", "Share of these")),
            ),
            [
                (
                    names.job(row),
                    number(row["commits"]),
                    number(row["rebuilt"]),
                    number(row["flaky"]),
                    percent(row["flaky"], row["rebuilt"]),
                )
                for row in flaky
            ],
        ),
    )


def _stages(rows: Rows, names: _Names) -> Section:
    title = "Failed stages"
    explanation = "The stage that a row names as failed, for each job. A build that was unstable counts as well."
    if not rows:
        return Section("stages", title, "No build failed in this period.", explanation)
    named = [row for row in rows if row["failed_stage"] is not None]
    failures = rows[0]["of_all"]
    unnamed = sum(row["builds"] for row in rows if row["failed_stage"] is None)
    if not named:
        return Section("stages", title, f"None of {count(failures, 'failure')} names its stage.", explanation)
    first = named[0]
    finding = (
        f"{first['failed_stage']} of {names.job(first)} failed most often: "
        f"{number(first['builds'])} of {count(failures, 'failure')}."
    )
    if unnamed:
        finding += f" {number(unnamed)} {'names' if unnamed == 1 else 'name'} no stage."
    return Section(
        "stages",
        title,
        finding,
        explanation,
        f"A bar for each stage of a job, as long as its number of failures. {finding}",
        drawings.Bars(
            [
                drawings.Bar(f"{row['failed_stage']}, {names.job(row)}", number(row["builds"]), row["builds"])
                for row in named
            ]
        ),
        Table(
            "Failures by stage and job",
            (
                Column("Stage", is_number=False),
                Column("Job", is_number=False),
                Column("Failures"),
                Column("Latest (UTC)"),
            ),
            [(str(row["failed_stage"]), names.job(row), number(row["builds"]), minute(row["latest"])) for row in named],
        ),
    )


def _unfinished(rows: Rows, names: _Names, whole: Overview) -> Section:
    title = "Builds that never finished"
    explanation = (
        "Builds whose start was logged more than a day before this report, and whose end was not: their agent or "
        "controller was lost, or their last stage did not log. Their starts are logged with the event 'started'."
    )
    running = f" {count(whole.running, 'build')} may still be running." if whole.running else ""
    if not whole.with_start:
        finding = "No start is logged in this period, so it cannot be told."
        return Section("unfinished", title, finding, explanation)
    if not rows:
        finding = f"Each of {count(whole.with_start, 'build')} whose start is logged has finished, or began lately."
        return Section("unfinished", title, finding + running, explanation)
    first = rows[0]
    finding = (
        f"{number(whole.never_finished)} of {count(whole.with_start, 'build')} whose start is logged never finished; "
        f"{names.job(first)} has the most, {number(first['never_finished'])}.{running}"
    )
    return Section(
        "unfinished",
        title,
        finding,
        explanation,
        f"A bar for each job, as long as its number of builds that never finished. {finding}",
        drawings.Bars(
            [
                drawings.Bar(
                    names.job(row),
                    f"{number(row['never_finished'])} of {number(row['builds'])}",
                    row["never_finished"],
                )
                for row in rows
            ]
        ),
        Table(
            "Jobs by their number of builds that never finished",
            (
                Column("Job", is_number=False),
                Column("Never finished"),
                Column("Logged starts"),
                Column("Latest began (UTC)"),
            ),
            [
                (
                    names.job(row),
                    number(row["never_finished"]),
                    number(row["builds"]),
                    _link(minute(row["latest"]), row["latest_url"]),
                )
                for row in rows
            ],
        ),
    )


def _the_most(rows: Rows, which: str) -> str:
    total = rows[0]["of_all"]
    return f"the {len(rows)} {which}" if total > len(rows) else f"{count(total, 'job and branch', 'jobs and branches')}"


def _first_of(rows: Rows) -> str:
    total = rows[0]["of_all"]
    return f", the first {len(rows)} of {number(total)}" if total > len(rows) else ""


def _link(text: str, address: Any) -> str | Link:  # noqa: ANN401  # as the table has it
    """A link, if the address is one that a browser opens as a page and nothing else."""
    return Link(text, address) if re.match(r"https?://", str(address or "")) else text


def number(value: int) -> str:
    """12345 as 12,345."""
    return f"{value:,}"


def count(value: int, one: str, several: str = "") -> str:
    """How many of something: `1 build`, `12,345 builds`."""
    return f"{number(value)} {one if value == 1 else several or one + 's'}"


def percent(part: int, whole: int) -> str:
    """A share without decimals; what is not quite all or nothing is not rounded to either."""
    if not whole:
        return NONE
    if part in (0, whole):
        return "100%" if part else "0%"
    share = 100 * part / whole
    return f"{share:.0f}%" if 1 <= share <= 99 else f"{min(max(share, 0.1), 99.9):.1f}%"  # noqa: PLR2004  # percent


def duration(milliseconds: int | None) -> str:
    """Milliseconds as people say them, in two units at most: `4 min 12 s`."""
    if milliseconds is None:
        return NONE
    seconds = round(milliseconds / 1000)
    if seconds < _SECONDS_PER_MINUTE:
        return f"{seconds} s" if milliseconds >= 10_000 or not milliseconds % 1000 else f"{milliseconds / 1000:.1f} s"  # noqa: PLR2004
    if seconds < _SECONDS_PER_HOUR:
        return f"{seconds // 60} min {seconds % 60} s" if seconds % 60 else f"{seconds // 60} min"
    minutes = round(seconds / 60)
    return f"{minutes // 60:,} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60:,} h"


def moment(start: datetime, unit: Unit) -> str:
    """The start of a unit, as a date, or an hour."""
    start = start.astimezone(UTC)
    date = f"{start.day} {MONTHS[start.month - 1]} {start.year}"
    return f"{date} {start.hour:02}:00" if unit == "HOUR" else date


def minute(value: datetime | None) -> str:
    """A time to the minute."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}" if value else NONE
