"""The text of the report's queries, and the period that they are about."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import expressions as exp

from bqsteps import build, build_queries
from bqsteps.build_queries import Query
from bqsteps.references import TableReference

TABLE = TableReference("example.com:p", "d", "the log-2")
EVERY_COLUMN = build_queries.columns_of(build.TABLE_RESOURCE)
SEEDS_COLUMNS = ("build_id", "timestamp", "status")
NOW = datetime(2026, 11, 23, 22, 15, 7, tzinfo=UTC)  # a Monday

every_query = pytest.mark.parametrize(
    "query", [pytest.param(q, id=q.chart) for q in build_queries.make(TABLE, EVERY_COLUMN, "DAY")]
)


@every_query
def test_a_query_reads_the_table_once_and_bounded_by_its_partition_column(query: Query) -> None:
    tree = sqlglot.parse_one(query.sql, read="bigquery")
    (read,) = [table for table in tree.find_all(exp.Table) if table.db]
    assert "`example.com:p.d.the log-2`" in query.sql
    select = read.parent_select
    assert isinstance(select, exp.Select)
    assert select.args["where"].sql("bigquery") == "WHERE `timestamp` >= @since AND `timestamp` < @until"


@every_query
def test_a_query_reads_by_name_and_no_more_than_its_chart_needs(query: Query) -> None:
    records = sqlglot.parse_one(query.sql, read="bigquery").find(exp.CTE)
    assert records is not None
    names = {select.alias_or_name for select in records.this.selects}
    assert "*" not in names
    assert names <= EVERY_COLUMN
    assert not names & {"extra", "parameters", "user_name"}
    for name in names - set(build_queries._KEY):  # noqa: SLF001
        assert query.sql.count(name) > 1, name


@every_query
def test_a_query_gives_few_rows(query: Query) -> None:
    tree = sqlglot.parse_one(query.sql, read="bigquery")
    limit = tree.args.get("limit")
    if limit:
        assert int(limit.expression.this) <= build_queries.MOST_JOBS
    elif tree.args.get("group"):
        assert [each.sql() for each in tree.args["group"].expressions] == ["unit"]
    else:
        assert all(select.find(exp.AggFunc) for select in tree.args["expressions"])


@every_query
def test_what_is_grouped_and_ordered_by_means_one_thing(query: Query) -> None:
    """BigQuery refuses a name that is both a column that is read and another thing that is selected."""
    tree = sqlglot.parse_one(query.sql, read="bigquery")
    columns = {*EVERY_COLUMN, "has_start", "is_judged", "is_success", "is_lost"}
    aliases = {each.alias for each in tree.args["expressions"] if isinstance(each, exp.Alias)}
    named = {column.name for part in ("group", "having", "order") for column in _columns(tree.args.get(part))}
    assert not aliases & columns & named


def _columns(part: exp.Expression | None) -> list[exp.Column]:
    return list(part.find_all(exp.Column)) if part else []


def test_a_column_that_the_table_lacks_is_read_as_null() -> None:
    for query in build_queries.make(TABLE, SEEDS_COLUMNS, "DAY"):
        assert "CAST(NULL AS STRING) AS `job_name`" in query.sql
        assert "CAST(NULL AS TIMESTAMP) AS `started_at`" in query.sql
        assert "IFNULL(CAST(NULL AS STRING), 'finished') AS `event`" in query.sql
        assert not re.search(r"(?<!AS )`(job_name|started_at|event|duration_ms)`", query.sql)


def test_a_column_counts_by_its_name_and_type_in_any_spelling() -> None:
    fields = [
        {"name": "Build_ID", "type": "STRING", "mode": "REQUIRED"},
        {"name": "timestamp", "type": "DATETIME"},
        {"name": "duration_ms", "type": "INT64"},
        {"name": "job_name", "type": "STRING", "mode": "REPEATED"},
        {"name": "theirs", "type": "STRING"},
    ]
    assert build_queries.columns_of({"schema": {"fields": fields}}) == {"build_id", "duration_ms"}
    assert build_queries.columns_of({}) == frozenset()


@pytest.mark.parametrize(
    ("days", "since", "unit", "points"),
    [
        (1, "2026-11-22 23:00", "HOUR", 24),
        (3, "2026-11-20 23:00", "HOUR", 72),
        (4, "2026-11-20 00:00", "DAY", 4),
        (30, "2026-10-25 00:00", "DAY", 30),
        (92, "2026-08-24 00:00", "DAY", 92),
        (93, "2026-08-17 00:00", "ISOWEEK", 15),
        (365, "2025-11-24 00:00", "ISOWEEK", 53),
    ],
)
def test_a_period_is_of_whole_units(days: int, since: str, unit: str, points: int) -> None:
    period = build_queries.period(days, NOW)
    assert f"{period.since:%Y-%m-%d %H:%M}" == since
    assert period.until == NOW
    assert period.unit == unit
    assert len(period.starts) == points
    assert period.unfinished_before == NOW - timedelta(days=1)


@given(st.integers(1, 731), st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_moment_of_a_period_has_its_point_and_no_chart_has_too_many(days: int, now: datetime) -> None:
    period = build_queries.period(days, now)
    assert period.starts[0] == period.since <= now - timedelta(days=days - 1, hours=-1)
    assert period.starts[-1] <= now
    assert now - period.starts[-1] <= {"HOUR": timedelta(hours=1), "DAY": timedelta(days=1)}.get(
        period.unit, timedelta(days=7)
    )
    assert 0 < len(period.starts) <= 106
