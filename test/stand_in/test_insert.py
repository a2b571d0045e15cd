"""INSERT statements: what they write, and what they are refused for."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from google.cloud import bigquery

from stand_in import Limits, ManualClock, StandIn
from stand_in.evidence import cites
from stand_in.support import FIELDS, P, client, insert_job, job_error, load, parameter, query_job, raw, submit

ALL_TYPES: list[dict[str, object]] = [
    {"name": "s", "type": "STRING"},
    {"name": "i", "type": "INT64"},
    {"name": "f", "type": "FLOAT64"},
    {"name": "b", "type": "BOOL"},
    {"name": "t", "type": "TIMESTAMP"},
    {"name": "d", "type": "DATE"},
    {"name": "m", "type": "NUMERIC"},
    {"name": "y", "type": "BYTES"},
    {"name": "j", "type": "JSON"},
    {"name": "l", "type": "STRING", "mode": "REPEATED"},
    {"name": "r", "type": "RECORD", "fields": [{"name": "x", "type": "INT64"}]},
]
MOMENT = datetime(2024, 2, 29, 12, 30, 0, 123456, tzinfo=UTC)


@cites("insert")
def test_parameters_of_the_official_client_arrive_unchanged() -> None:
    scalar, array = bigquery.ScalarQueryParameter, bigquery.ArrayQueryParameter
    parameters = [
        scalar("s", "STRING", "é\n'\"`\\ \U0001f600"),
        scalar("i", "INT64", -(2**63)),
        scalar("f", "FLOAT64", 0.1),
        scalar("b", "BOOL", value=True),
        scalar("t", "TIMESTAMP", MOMENT),
        scalar("d", "DATE", date(2024, 2, 29)),
        scalar("m", "NUMERIC", Decimal("1.10")),
        scalar("y", "BYTES", b"\x00\xff"),  # type: ignore[arg-type]
        scalar("j", "STRING", '{"a": [1, null]}'),
        array("l", "STRING", ["a", ""]),
        bigquery.StructQueryParameter("r", scalar("x", "INT64", 7)),
    ]
    with StandIn() as bq:
        bq.create_table("p.d.t", ALL_TYPES)
        client(bq).query_and_wait(
            "INSERT INTO `p.d.t` (s, i, f, b, t, d, m, y, j, l, r)"
            " VALUES (@s, @i, @f, @b, @t, @d, @m, @y, PARSE_JSON(@j), @l, @r)",
            job_config=bigquery.QueryJobConfig(query_parameters=parameters),
        )
        expected = {
            "s": "é\n'\"`\\ \U0001f600",
            "i": -(2**63),
            "f": 0.1,
            "b": True,
            "t": MOMENT,
            "d": date(2024, 2, 29),
            "m": Decimal("1.10"),
            "y": b"\x00\xff",
            "j": {"a": [1, None]},
            "l": ["a", ""],
            "r": {"x": 7},
        }
        assert bq.tables["p.d.t"].rows == [expected]
        assert [dict(row) for row in client(bq).list_rows("p.d.t")] == [expected]
        assert [dict(row) for row in client(bq).query_and_wait("SELECT * FROM d.t")] == [expected]


@cites("insert")
def test_null_parameters_and_columns_left_out_are_null_or_empty() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", ALL_TYPES)
        submit(bq, query_job("INSERT d.t (s, t) VALUES (@s, NULL)", parameter("s", "STRING", None)))
        (row,) = bq.tables["p.d.t"].rows
        assert row.pop("l") == []
        assert set(row.values()) == {None}


@cites("insert")
@pytest.mark.parametrize(
    ("column", "expression", "value"),
    [
        ("s", "'a\\'b'", "a'b"),
        ("s", "CAST(1 AS STRING)", "1"),
        ("s", "CAST(TRUE AS STRING)", "true"),
        ("i", "-5", -5),
        ("i", "SAFE_CAST('x' AS INT64)", None),
        ("f", "1", 1.0),
        ("b", "TRUE", True),
        ("t", "TIMESTAMP '2024-02-29 12:30:00.123456 UTC'", MOMENT),
        ("t", "TIMESTAMP('2024-02-29T12:30:00.123456Z')", MOMENT),
        ("t", "'2024-02-29 12:30:00.123456+00:00'", MOMENT),
        ("t", "CURRENT_TIMESTAMP()", datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)),
        ("d", "DATE '2024-02-29'", date(2024, 2, 29)),
        ("m", "1.5", Decimal("1.5")),
        ("j", "JSON '[1]'", [1]),
        ("j", "PARSE_JSON(NULL)", None),
        ("l", "['a', 'b']", ["a", "b"]),
        ("l", "[]", []),
        ("s", "DEFAULT", None),
    ],
)
def test_expressions(column: str, expression: str, value: object) -> None:
    with StandIn(clock=ManualClock(1_000_000_000)) as bq:
        bq.create_table("p.d.t", ALL_TYPES)
        reply = submit(bq, query_job(f"INSERT INTO `p.d.t` ({column}) VALUES ({expression})"))  # noqa: S608
        assert "errorResult" not in reply.json["status"], reply.text
        assert bq.tables["p.d.t"].rows[0][column] == value


@cites("insert")
@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO d.t (id, n) SELECT @id, 1",
        "INSERT INTO p.d.t VALUES (@id, NULL, 1)",
        "insert `p`.`d`.`t` (N, ID) values (1, @ID)",
    ],
)
def test_other_spellings_of_the_same_row(sql: str) -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        submit(bq, query_job(sql, parameter("id", "STRING", "x")))
        assert bq.tables["p.d.t"].rows == [{"id": "x", "at": None, "n": 1}]


@cites("insert")
def test_positional_parameters() -> None:
    job = query_job("INSERT INTO d.t (id, n) VALUES (?, ?)")
    job["configuration"]["query"]["queryParameters"] = [
        {"parameterType": {"type": kind}, "parameterValue": {"value": value}}
        for kind, value in (("STRING", "x"), ("INT64", "5"))
    ]
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        submit(bq, job)
        assert bq.tables["p.d.t"].rows == [{"id": "x", "at": None, "n": 5}]


@cites("insert", "insert-required")
def test_a_statement_writes_all_its_rows_or_none() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        reply = submit(bq, query_job("INSERT INTO d.t (id) VALUES ('x'), ('y'), (NULL)"))
        assert job_error(reply)["message"] == "Required field id cannot be null"
        assert bq.tables["p.d.t"].rows == []
        done = submit(bq, query_job("INSERT INTO d.t (id) VALUES ('x'), ('y')")).json
        assert done["statistics"]["query"]["dmlStats"] == {"insertedRowCount": "2"}
        assert len(bq.tables["p.d.t"].rows) == 2


@cites("insert-required")
def test_a_null_in_a_required_column_fails_when_the_job_runs() -> None:
    clock = ManualClock()
    with StandIn(clock=clock, job_seconds=1.0) as bq:
        bq.create_table("p.d.t", FIELDS)
        assert submit(bq, query_job("INSERT INTO d.t (n) VALUES (1)", job_id="j1")).json["status"] == {
            "state": "RUNNING"
        }
        clock.advance(1)
        error = job_error(raw(bq, "GET", f"{P}/jobs/j1"))
        assert (error["reason"], error["message"]) == ("invalidQuery", "Required field id cannot be null")


@cites("insert-column", "insert-types", "insert-options", "not-found")
@pytest.mark.parametrize(
    ("sql", "reason", "said"),
    [
        ("INSERT d.t (id, x) VALUES ('a', 1)", "invalidQuery", "Column x is not present in table p.d.t"),
        ("INSERT d.t (id, id) VALUES ('a', 'b')", "invalidQuery", "INSERT has columns with duplicate name: id"),
        (
            "INSERT d.t (id) VALUES ('a', 'b')",
            "invalidQuery",
            "Inserted row has wrong column count; Has 2, expected 1",
        ),
        ("INSERT d.no (id) VALUES ('a')", "notFound", "Not found: Table p:d.no was not found in location US"),
        ("INSERT no.t (id) VALUES ('a')", "notFound", "Not found: Dataset p:no was not found in location US"),
        ("INSERT d.t (id) VALUES (@no)", "invalidQuery", "Query parameter 'no' not found"),
        ("INSERT d.t (id) VALUES (a)", "invalidQuery", "Unrecognized name: a"),
        (
            "INSERT d.t (n) VALUES ('1')",
            "invalidQuery",
            "Value has type STRING which cannot be inserted into column n, which has type INT64",
        ),
        (
            "INSERT d.t (id) SELECT 1",
            "invalidQuery",
            "Query column 1 has type INT64 which cannot be inserted into column id, which has type STRING",
        ),
        ("INSERT d.t (at) VALUES ('noon')", "invalidQuery", 'Could not cast literal "noon" to type TIMESTAMP'),
        ("INSERT d.t (id) VALUES ['a']", "invalidQuery", None),
    ],
)
def test_a_statement_that_does_not_fit_the_table_is_refused(sql: str, reason: str, said: str | None) -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        error = job_error(submit(bq, query_job(sql)))
        assert error["reason"] == reason
        assert said is None or error["message"] == said
        assert bq.tables["p.d.t"].rows == []


@cites("insert-types")
@pytest.mark.parametrize(
    ("column", "kind", "value", "fits"),
    [
        ("t", "STRING", "2024-02-29 12:30:00", True),
        ("t", "DATETIME", "2024-02-29 12:30:00", False),
        ("m", "INT64", "1", True),
        ("f", "NUMERIC", "1", True),
        ("m", "STRING", "1", False),
        ("i", "FLOAT64", "1", False),
        ("i", "STRING", "1", False),
        ("s", "INT64", "1", False),
        ("j", "STRING", "{}", False),
        ("j", "JSON", "{}", True),
        ("l", "STRING", "a", False),
        ("i", "INT64", "1.5", False),
    ],
)
def test_a_parameter_is_converted_only_where_bigquery_does(column: str, kind: str, value: str, fits: bool) -> None:  # noqa: FBT001
    with StandIn() as bq:
        bq.create_table("p.d.t", ALL_TYPES)
        reply = submit(bq, query_job(f"INSERT d.t ({column}) VALUES (@v)", parameter("v", kind, value)))  # noqa: S608
        assert ("errorResult" not in reply.json["status"]) is fits, reply.text
        assert len(bq.tables["p.d.t"].rows) == int(fits)


@cites("insert-types")
def test_an_empty_array_has_a_type_too() -> None:
    def with_array(kind: str) -> dict[str, object]:
        job = query_job("INSERT d.t (l) VALUES (@l)")
        given = {"type": "ARRAY", "arrayType": {"type": kind}}
        job["configuration"]["query"]["queryParameters"] = [
            {"name": "l", "parameterType": given, "parameterValue": {"arrayValues": []}}
        ]
        return job

    with StandIn() as bq:
        bq.create_table("p.d.t", ALL_TYPES)
        assert "which has type STRING" in job_error(submit(bq, with_array("INT64")))["message"]
        assert submit(bq, with_array("STRING")).json["status"] == {"state": "DONE"}
        assert [row["l"] for row in bq.tables["p.d.t"].rows] == [[]]


@cites("insert")
def test_a_table_without_a_dataset_is_in_the_default_one_or_nowhere() -> None:
    job = query_job("INSERT t (id) VALUES ('x')")
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        assert "must be qualified with a dataset" in job_error(submit(bq, job))["message"]
        job["configuration"]["query"]["defaultDataset"] = {"datasetId": "d"}
        assert submit(bq, job).json["status"] == {"state": "DONE"}
        assert len(bq.tables["p.d.t"].rows) == 1


@cites("insert-options")
@pytest.mark.parametrize("option", ["createDisposition", "destinationTable"])
def test_an_insert_takes_no_options_of_queries_that_make_tables(option: str) -> None:
    job = insert_job()
    job["configuration"]["query"][option] = "CREATE_NEVER"
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        assert "in jobs with DML statements" in job_error(submit(bq, job))["message"]


@cites("free-tier")
def test_without_billing_inserts_and_streams_are_refused_and_loads_are_not() -> None:
    with StandIn(billing=False) as bq:
        bq.create_table("p.d.t", FIELDS)
        error = job_error(submit(bq, insert_job()))
        assert error["reason"] == "billingNotEnabled"
        assert "DML queries are not allowed in the free tier" in error["message"]
        streamed = raw(bq, "POST", f"{P}/datasets/d/tables/t/insertAll", {"rows": [{"json": {"id": "x"}}]})
        assert (streamed.status, streamed.reason) == (403, "accessDenied")
        assert "Streaming insert is not allowed in the free tier" in streamed.message
        assert load(bq, {"id": "y"}).json["status"] == {"state": "DONE"}
        assert [row["id"] for row in bq.tables["p.d.t"].rows] == ["y"]
        bq.billing = True
        assert submit(bq, insert_job()).json["status"] == {"state": "DONE"}


@cites("insert-concurrency")
def test_the_first_inserts_of_a_day_run_at_once_then_ten_at_a_time_and_a_hundred_wait() -> None:
    clock = ManualClock()
    limits = Limits.off()
    assert Limits().free_inserts_a_day == 1_500
    limits.free_inserts_a_day = 20
    with StandIn(clock=clock, limits=limits, job_seconds=1.0) as bq:
        bq.create_table("p.d.t", FIELDS)

        def states(count: int) -> list[str]:
            replies = [submit(bq, insert_job()).json["status"] for _ in range(count)]
            return [reply["errorResult"]["reason"] if "errorResult" in reply else reply["state"] for reply in replies]

        assert set(states(20)) == {"RUNNING"}
        clock.advance(1)
        assert states(111) == ["RUNNING"] * 10 + ["PENDING"] * 100 + ["resourcesExceeded"]
        assert "Too many DML statements outstanding against table p:d.t" in bq.jobs[-1].error.message  # type: ignore[union-attr]
        for _ in range(11):
            clock.advance(1)
            assert sum(job.state == "RUNNING" for job in bq.jobs) <= 10
        assert len(bq.tables["p.d.t"].rows) == 130
        clock.advance(86_400)
        assert set(states(11)) == {"RUNNING"}


@cites("permissions")
def test_an_insert_needs_the_permission_to_write() -> None:
    with StandIn(denied=["bigquery.tables.updateData"]) as bq:
        bq.create_table("p.d.t", FIELDS)
        for reply in (submit(bq, insert_job()), load(bq, {"id": "x"})):
            error = job_error(reply)
            assert error["reason"] == "accessDenied"
            assert "Permission bigquery.tables.updateData denied on table p:d.t" in error["message"]
