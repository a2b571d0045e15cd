"""What the report asks of a build log: for each chart one query that BigQuery aggregates. Standard library only.

Each query reads one period of the table, which its filter on the partition column bounds, no column that the chart does
not need, and gives few rows. Values are query parameters; only names that were checked, and our own words, are text.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from bqsteps import build, vocabulary
from bqsteps.references import TableReference

Unit = Literal["HOUR", "DAY", "ISOWEEK"]
Row = Mapping[str, Any]  # a query's row: column to value, as the client gives it

MOST_RANKED: Final = 10  # rows of a chart that ranks
MOST_JOBS: Final = 15  # rows of the chart of jobs and branches
UNFINISHED_AFTER: Final = timedelta(days=1)  # a build that runs longer is taken for one that never ends
NO_VERDICT: Final = ("ABORTED", "NOT_BUILT")  # statuses that say nothing of what was built

_HOURS_UP_TO: Final = 3  # days, of which each hour is a point
_DAYS_UP_TO: Final = 92  # days, of which each is a point; beyond that each week
_GOOGLE_SQL: Final = {"INTEGER": "INT64", "BOOLEAN": "BOOL"}  # where it has another name for a type
_KEY: Final = ("controller_url", "job_name", "build_id", "started_at", "timestamp", "status", "event")


class Period(NamedTuple):
    """What the report is about: the time of a build's last row, in UTC.

    Args:
        since: the first moment, at the start of a unit.
        until: the moment after the last.
        unit: what a point of a chart over time stands for.
    """

    since: datetime
    until: datetime
    unit: Unit

    @property
    def unfinished_before(self) -> datetime:
        """A build that began before, and has no end, is taken for one that never ends."""
        return self.until - UNFINISHED_AFTER

    @property
    def starts(self) -> list[datetime]:
        """The start of each unit, those of units without any build included."""
        step = {"HOUR": timedelta(hours=1), "DAY": timedelta(days=1), "ISOWEEK": timedelta(days=7)}[self.unit]
        count = -(-(self.until - self.since) // step)  # rounded up
        return [self.since + step * number for number in range(count)]


class Query(NamedTuple):
    """One query: the chart that it is for, and its text."""

    chart: str
    sql: str


class _Chart(NamedTuple):
    columns: tuple[str, ...]  # beside those that tell builds apart
    tail: str  # behind the expression `each_build`


def period(days: int, now: datetime) -> Period:
    """The last days up to now, in whole units: today, or this week, is the last and not over.

    Args:
        days: how many.
        now: the present time, in UTC.
    """
    hour = now.replace(minute=0, second=0, microsecond=0)
    if days <= _HOURS_UP_TO:
        return Period(hour - timedelta(hours=24 * days - 1), now, "HOUR")
    midnight = hour.replace(hour=0)
    first = midnight - timedelta(days=days - 1)
    if days <= _DAYS_UP_TO:
        return Period(first, now, "DAY")
    return Period(first - timedelta(days=first.weekday()), now, "ISOWEEK")


def columns_of(table: Mapping[str, Any]) -> frozenset[str]:
    """The columns of the build log that a table has: by name and type, whoever made it.

    Args:
        table: its Table resource.
    """
    fields = table.get("schema", {}).get("fields", ())
    live = {
        field["name"].lower(): vocabulary.TYPES.get(field["type"])
        for field in fields
        if field.get("mode", "NULLABLE") != "REPEATED"
    }
    return frozenset(column.name for column in build.COLUMNS if live.get(column.name) == column.type)


def make(table: TableReference, present: Iterable[str], unit: Unit) -> list[Query]:
    """The queries of all charts. Their parameters are @since, @until and @unfinished_before, of type TIMESTAMP.

    Args:
        table: the build log.
        present: its columns, as `columns_of` gives them; another column is read as NULL.
        unit: what a point of a chart over time stands for.
    """
    present = frozenset(present)
    queries = []
    for name, chart in _CHARTS.items():
        read = (_expression(column, present) for column in (*_KEY, *chart.columns))
        text = _BUILDS.format(columns=",\n    ".join(read), table=table, no_verdict=", ".join(map(repr, NO_VERDICT)))
        queries.append(Query(name, text + chart.tail.format(unit=unit, ranked=MOST_RANKED, jobs=MOST_JOBS)))
    return queries


def _expression(name: str, present: frozenset[str]) -> str:
    kind = build.column(name).type
    value = f"`{name}`" if name in present else f"CAST(NULL AS {_GOOGLE_SQL.get(kind, kind)})"
    if name == "status":
        value = f"UPPER({value})"
    if name == "event":
        value = f"IFNULL({value}, 'finished')"  # rows of others, who know of no event
    return value if value == f"`{name}`" else f"{value} AS `{name}`"


# Names: what is selected is called otherwise than what is read, since GROUP BY, HAVING and ORDER BY see both.
# https://cloud.google.com/bigquery/docs/reference/standard-sql/query-syntax#ambiguous_aliases
# The last row of each build, as docs/operating.md has it; an end counts more than a start whatever the agents' clocks
# say. Rows that name neither job nor start have nothing to be the same build by: each is one.
_BUILDS: Final = """\
WITH records AS (
  SELECT
    {columns}
  FROM `{table}`
  WHERE `timestamp` >= @since AND `timestamp` < @until
),
last_rows AS (
  SELECT *, COUNTIF(event = 'started') OVER build > 0 AS has_start
  FROM records
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (build ORDER BY IF(event = 'started', 1, 0), `timestamp` DESC) = 1
  WINDOW build AS (
    PARTITION BY controller_url, job_name, build_id, started_at,
      IF(job_name IS NULL AND started_at IS NULL, `timestamp`, NULL)
  )
),
each_build AS (
  SELECT
    *,
    event != 'started' AND status NOT IN ({no_verdict}) AS is_judged,
    event != 'started' AND status = 'SUCCESS' AS is_success,
    event = 'started' AND `timestamp` < @unfinished_before AS is_lost
  FROM last_rows
)
"""

_CHARTS: Final[Mapping[str, _Chart]] = {
    "overview": _Chart(
        ("duration_ms",),
        """\
SELECT
  COUNT(*) AS builds,
  COUNT(DISTINCT controller_url) AS controllers,
  COUNT(DISTINCT job_name) AS jobs,
  COUNTIF(is_judged) AS judged,
  COUNTIF(is_success) AS succeeded,
  COUNTIF(event != 'started' AND NOT is_judged) AS no_verdict,
  COUNTIF(has_start) AS with_start,
  COUNTIF(is_lost) AS never_finished,
  COUNTIF(event = 'started' AND NOT is_lost) AS running,
  APPROX_QUANTILES(IF(is_judged, duration_ms, NULL), 100)[SAFE_OFFSET(50)] AS median_ms,
  APPROX_QUANTILES(IF(is_judged, duration_ms, NULL), 100)[SAFE_OFFSET(95)] AS p95_ms
FROM each_build
""",
    ),
    "success": _Chart(
        (),
        """\
SELECT
  TIMESTAMP_TRUNC(`timestamp`, {unit}) AS unit,
  COUNTIF(is_success) AS succeeded,
  COUNTIF(status = 'UNSTABLE') AS unstable,
  COUNTIF(NOT is_success AND status != 'UNSTABLE') AS failed
FROM each_build
WHERE is_judged
GROUP BY unit
ORDER BY unit
""",
    ),
    "duration": _Chart(
        ("duration_ms",),
        """\
SELECT
  TIMESTAMP_TRUNC(`timestamp`, {unit}) AS unit,
  COUNT(*) AS builds,
  APPROX_QUANTILES(duration_ms, 100)[SAFE_OFFSET(50)] AS median_ms,
  APPROX_QUANTILES(duration_ms, 100)[SAFE_OFFSET(95)] AS p95_ms
FROM each_build
WHERE is_judged AND duration_ms IS NOT NULL
GROUP BY unit
ORDER BY unit
""",
    ),
    "jobs": _Chart(
        ("branch", "duration_ms"),
        """\
SELECT
  controller_url,
  job_name,
  branch,
  COUNT(*) AS builds,
  COUNTIF(is_success) AS succeeded,
  COUNTIF(status = 'UNSTABLE') AS unstable,
  APPROX_QUANTILES(duration_ms, 100)[SAFE_OFFSET(50)] AS median_ms,
  APPROX_QUANTILES(duration_ms, 100)[SAFE_OFFSET(95)] AS p95_ms,
  COUNT(*) OVER () AS of_all
FROM each_build
WHERE is_judged AND job_name IS NOT NULL
GROUP BY controller_url, job_name, branch
ORDER BY builds DESC, job_name, branch, controller_url
LIMIT {jobs}
""",
    ),
    "slowest": _Chart(
        ("duration_ms",),
        """\
SELECT
  controller_url,
  job_name,
  COUNT(*) AS builds,
  APPROX_QUANTILES(duration_ms, 100)[SAFE_OFFSET(50)] AS median_ms,
  APPROX_QUANTILES(duration_ms, 100)[SAFE_OFFSET(95)] AS p95_ms,
  COUNT(*) OVER () AS of_all
FROM each_build
WHERE is_judged AND job_name IS NOT NULL AND duration_ms IS NOT NULL
GROUP BY controller_url, job_name
ORDER BY median_ms DESC, job_name, controller_url
LIMIT {ranked}
""",
    ),
    "flakiest": _Chart(
        ("branch", "commit_id"),
        """\
, each_commit AS (
  SELECT
    controller_url,
    job_name,
    COUNT(*) AS builds,
    COUNTIF(is_success) AS succeeded
  FROM each_build
  WHERE is_judged AND job_name IS NOT NULL AND commit_id IS NOT NULL
  GROUP BY controller_url, job_name, branch, commit_id
)
SELECT
  controller_url,
  job_name,
  COUNT(*) AS commits,
  COUNTIF(builds > 1) AS rebuilt,
  COUNTIF(succeeded > 0 AND succeeded < builds) AS flaky,
  SUM(COUNTIF(builds > 1)) OVER () AS rebuilt_of_all,
  SUM(COUNTIF(succeeded > 0 AND succeeded < builds)) OVER () AS flaky_of_all
FROM each_commit
GROUP BY controller_url, job_name
ORDER BY flaky DESC, rebuilt, job_name, controller_url
LIMIT {ranked}
""",
    ),
    "stages": _Chart(
        ("failed_stage",),
        """\
SELECT
  controller_url,
  job_name,
  failed_stage,
  COUNT(*) AS builds,
  MAX(`timestamp`) AS latest,
  SUM(COUNT(*)) OVER () AS of_all
FROM (
  SELECT * REPLACE (
    IF(failed_stage IS NULL, NULL, controller_url) AS controller_url,
    IF(failed_stage IS NULL, NULL, job_name) AS job_name
  )
  FROM each_build
  WHERE is_judged AND NOT is_success
)
GROUP BY controller_url, job_name, failed_stage
ORDER BY failed_stage IS NOT NULL, builds DESC, job_name, failed_stage, controller_url
LIMIT {ranked}
""",
    ),
    "unfinished": _Chart(
        ("build_url",),
        """\
SELECT
  controller_url,
  job_name,
  COUNTIF(is_lost) AS never_finished,
  COUNT(*) AS builds,
  MAX(IF(is_lost, `timestamp`, NULL)) AS latest,
  ARRAY_AGG(IF(is_lost, build_url, NULL) IGNORE NULLS ORDER BY `timestamp` DESC LIMIT 1)[SAFE_OFFSET(0)]
    AS latest_url
FROM each_build
WHERE has_start
GROUP BY controller_url, job_name
HAVING never_finished > 0
ORDER BY never_finished DESC, job_name, controller_url
LIMIT {ranked}
""",
    ),
}
CHARTS: Final = tuple(_CHARTS)
