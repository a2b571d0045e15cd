"""The command that draws the build log: from the environment, over a connection, to a folder and a result."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from google.cloud import bigquery

from bqsteps import __version__, build_queries, charts, ensure, page, parallel, report, sections, session, settings
from bqsteps.build_queries import Period, Query
from bqsteps.connection import Connection, connect
from bqsteps.errors import Failure
from bqsteps.page import Image, Images, Page
from bqsteps.report import Result, say
from bqsteps.sections import Section, duration, moment
from bqsteps.settings import BuildReport

Environ = Mapping[str, str]
Answers = dict[str, list[Mapping[str, Any]]]

_WORKERS: Final = 4  # queries at a time: they are few, and none waits for another
# What a query is billed at least: https://cloud.google.com/bigquery/pricing#on_demand_pricing
_LEAST_BILLED: Final = 10 * 1024**2
_LABEL: Final = "bqsteps_report"  # of a query's job, with the chart's name


def build_report(environ: Environ) -> Result:
    """Ask BigQuery, draw, and leave the page in its folder. Nothing is asked for that may cost more than is allowed."""
    wanted = settings.build_report(environ)
    deadline = session.begin(environ, wanted.limits, lambda: report.failed(_late(wanted), table=str(wanted.table)))
    link = connect(wanted.job_project, wanted.location, deadline, environ, _WORKERS)
    period = build_queries.period(wanted.days, datetime.now(UTC))
    asked = _Question(link, wanted, period, _look(link, wanted))
    estimates = asked.estimate()
    read = sum(estimates.values())
    say(f"{wanted.table}: {len(estimates)} queries read {_bytes(read)}, by BigQuery's estimate")
    answers = asked.ask(_caps(estimates, wanted))
    whole = sections.overview(answers["overview"])
    index = _write(wanted, period, answers, read)
    said = f"{sections.count(whole.builds, 'build')} of the last {sections.count(wanted.days, 'day')}"
    say(f"Reported {said} in {index}")
    return {
        "status": "reported",
        "table": str(wanted.table),
        "index": str(index),
        "builds": whole.builds,
        "bytes_estimated": read,
    }


class _Question:
    """The queries about one table and period."""

    def __init__(self, link: Connection, wanted: BuildReport, period: Period, table: Mapping[str, Any]) -> None:
        self._link = link
        self._table = wanted.table
        self._location = str(table["location"])
        self._queries = build_queries.make(wanted.table, build_queries.columns_of(table), period.unit)
        self._parameters = [
            bigquery.ScalarQueryParameter(name, "TIMESTAMP", value)
            for name, value in (
                ("since", period.since),
                ("until", period.until),
                ("unfinished_before", period.unfinished_before),
            )
        ]

    def estimate(self) -> dict[str, int]:
        """The bytes that each chart's query reads, as BigQuery says without running it. Costs nothing."""

        def bytes_of(query: Query) -> int:
            config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False, query_parameters=self._parameters)
            job = self._link.client.query(
                query.sql, job_config=config, location=self._location, job_retry=None, **self._link.once()
            )
            return int(job.total_bytes_processed or 0)

        def patiently(query: Query) -> int:
            return self._link.retrying(f"estimate the query of {query.chart} of {self._table}", lambda: bytes_of(query))

        done = parallel.each(patiently, self._queries, _WORKERS)
        return {query.chart: estimate for query, estimate in done}

    def ask(self, caps: Mapping[str, int]) -> Answers:
        """Each chart's rows.

        Args:
            caps: the bytes that each query may be billed for; BigQuery runs none that would read more.
        """

        def rows_of(query: Query) -> list[Mapping[str, Any]]:
            config = bigquery.QueryJobConfig(
                query_parameters=self._parameters,
                maximum_bytes_billed=caps[query.chart],
                labels={_LABEL: query.chart},
            )
            options = self._link.once()
            rows = self._link.client.query_and_wait(
                query.sql,
                job_config=config,
                location=self._location,
                api_timeout=options["timeout"],
                wait_timeout=self._link.deadline.remaining,
                retry=options["retry"],
                job_retry=None,  # type: ignore[arg-type]  # which the client takes, and its annotations do not say
            )
            return [dict(row.items()) for row in rows]

        def patiently(query: Query) -> list[Mapping[str, Any]]:
            # Reading does no harm when it is repeated.
            return self._link.retrying(f"ask {self._table} for {query.chart}", lambda: rows_of(query))

        done = parallel.each(patiently, self._queries, _WORKERS)
        return {query.chart: rows for query, rows in done}


def _look(link: Connection, wanted: BuildReport) -> Mapping[str, Any]:
    """The Table resource. A table that is no build log is told before anything is asked of it."""
    name = wanted.table
    table = link.retrying(f"look at {name}", lambda: ensure.read(link, name))
    if table is None:
        raise Failure(
            "not_found", f"there is no table {name}, so no build is on record.", "Log one, or check the names."
        )
    present = build_queries.columns_of(table)
    missing = [column for column in ("build_id", "timestamp", "status") if column not in present]
    if missing:
        raise Failure(
            "rejected",
            f"{name} is no build log: it has no fitting column {', '.join(missing)}.",
            "Name the table that log-build writes.",
        )
    live = str(table["location"])
    if wanted.location and wanted.location.lower() != live.lower():
        raise Failure("config", f"{name} is in {live}, not in {wanted.location}.", "Correct BQ_LOCATION, or unset it.")
    return table


def _caps(estimates: Mapping[str, int], wanted: BuildReport) -> dict[str, int]:
    """Each query's part of what the whole report may be billed for; a table may grow a little meanwhile."""
    billed = {chart: max(read, _LEAST_BILLED) for chart, read in estimates.items()}
    total = sum(billed.values())
    if total > wanted.max_bytes:
        raise Failure(
            "refused",
            f"the report of {wanted.table} would be billed for {_bytes(total)}, "
            f"more than {_bytes(wanted.max_bytes)} (BQ_MAX_BYTES_BILLED).",
            "Nothing was read. Allow more, or report fewer days (BQ_REPORT_DAYS).",
        )
    return {chart: wanted.max_bytes * read // total for chart, read in billed.items()}


def _write(wanted: BuildReport, period: Period, answers: Answers, read: int) -> Path:
    """Leave the page and its files, each whole or not at all; what a former run left of them goes."""
    whole = sections.overview(answers["overview"])
    shown = sections.make(answers, period) if whole.builds else []
    pictures: dict[str, Images] = {}
    files: dict[str, bytes] = {}
    for section in shown:
        if section.drawing:
            images, drawn = _draw(section)
            pictures[section.name] = images
            files |= drawn
    files[page.STYLE] = page.style()
    files[page.INDEX] = page.render(
        Page(
            wanted.title,
            _period_said(period, wanted.days),
            whole.headline,
            whole.figures if whole.builds else (),
            shown,
            pictures,
            _footer(wanted, period, read),
        )
    )
    wanted.folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():  # the page last: what it shows is there by then
        report.replace(wanted.folder / name, (content,))
    for chart in build_queries.CHARTS:
        for old in wanted.folder.glob(f"{chart}-*.png"):
            if old.name not in files:
                old.unlink()
    return wanted.folder / page.INDEX


def _draw(section: Section) -> tuple[Images, dict[str, bytes]]:
    assert section.drawing is not None  # noqa: S101  # for the type
    images: dict[str, Image] = {}
    files: dict[str, bytes] = {}
    for picture in charts.draw(section.drawing):
        file = f"{section.name}-{picture.width_name}-{picture.theme}.png"
        images[f"{picture.width_name}_{picture.theme}"] = Image(file, picture.width, picture.height)
        files[file] = picture.png
    return Images(**images), files


def _period_said(period: Period, days: int) -> str:
    first, last = moment(period.since, "DAY"), moment(period.until, "DAY")
    return f"{first} to {last}, the last {sections.count(days, 'day')} (UTC)"


def _footer(wanted: BuildReport, period: Period, read: int) -> Sequence[str]:
    return (
        f"From the build log {wanted.table}, read on {sections.minute(period.until)} UTC; {_bytes(read)} by estimate.",
        "A build counts at the time of its last row. All times are UTC.",
        f"Made by bqsteps {__version__}.",
    )


def _late(wanted: BuildReport) -> Failure:
    waited = f"within {duration(round(wanted.limits.deadline * 1000))}"
    return Failure("unavailable", f"BigQuery did not answer for {wanted.table} {waited}.", "Run it again later.")


def _bytes(value: int) -> str:
    """Bytes as people say them: `1.5 GiB`."""
    size = float(value)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:  # noqa: PLR2004  # of each unit one of the next
            return f"{size:,.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.3g} {unit}"  # noqa: PLR2004
        size /= 1024
    return f"{size:,.1f} TiB"
