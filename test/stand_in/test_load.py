"""Load jobs, streaming inserts, and the ways in which bytes arrive."""

from __future__ import annotations

import io
from datetime import UTC, datetime, time
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from stand_in import Fault, Limits, ManualClock, StandIn
from stand_in.evidence import cites
from stand_in.support import FIELDS, NO_RETRY, D, P, T, client, job_error, load, raw

SCHEMA = [bigquery.SchemaField("id", "STRING", "REQUIRED"), bigquery.SchemaField("n", "INT64")]
NDJSON = bigquery.LoadJobConfig(source_format="NEWLINE_DELIMITED_JSON")


def ids(bq: StandIn) -> list[object]:
    return [row["id"] for row in bq.tables["p.d.t"].rows]


def stream(bq: StandIn, *rows: dict[str, object], insert_id: str | None = None) -> list[object]:
    body = {"rows": [{"json": row, "insertId": insert_id} for row in rows]}
    errors: list[object] = raw(bq, "POST", f"{T}/insertAll", body).json.get("insertErrors", [])
    return errors


@cites("load", "upload")
def test_the_official_client_loads_rows_in_one_request() -> None:
    with StandIn(keep_bodies=True) as bq:
        bq.create_table("p.d.t", FIELDS)
        rows: list[dict[str, Any]] = [{"id": "é", "n": 1, "at": "2024-02-29T00:00:00Z"}, {"id": "y"}]
        config = bigquery.LoadJobConfig(schema=SCHEMA, create_disposition="CREATE_NEVER")
        job = client(bq).load_table_from_json(rows[1:], "p.d.t", job_id="j1", job_config=config)
        job.result()
        assert (job.output_rows, job.job_id, job.location) == (1, "j1", "US")
        client(bq).load_table_from_json(rows[:1], "p.d.t").result()
        assert ids(bq) == ["y", "é"]
        assert [entry.query.get("uploadType") for entry in bq.requests if entry.call == "jobs.insert"] == [
            "multipart"
        ] * 2


@cites("upload")
def test_the_official_client_loads_a_file_in_a_resumable_session() -> None:
    media = io.BytesIO(b'{"id": "x"}\n{"id": "y"}\n')
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        job = client(bq).load_table_from_file(media, "p.d.t", job_config=NDJSON)
        job.result()
        assert (job.output_rows, ids(bq)) == (2, ["x", "y"])
        assert (bq.count("jobs.insert"), bq.count("jobs.upload")) == (1, 1)


@cites("upload")
def test_a_resumable_upload_goes_on_where_it_stopped() -> None:
    metadata = {
        "configuration": {
            "load": {
                "sourceFormat": "NEWLINE_DELIMITED_JSON",
                "destinationTable": {"projectId": "p", "datasetId": "d", "tableId": "t"},
            }
        }
    }
    media = b'{"id": "x"}\n{"id": "y"}'
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        begun = raw(bq, "POST", f"/upload{P}/jobs?uploadType=resumable", metadata)
        session = begun.headers["Location"].removeprefix(bq.url)
        first = raw(bq, "PUT", session, media[:9], {"Content-Range": f"bytes 0-8/{len(media)}"})
        assert (first.status, first.headers["Range"]) == (308, "bytes=0-8")
        asked = raw(bq, "PUT", session, b"", {"Content-Range": f"bytes */{len(media)}"})
        assert (asked.status, asked.headers["Range"], ids(bq)) == (308, "bytes=0-8", [])
        rest = {"Content-Range": f"bytes 9-{len(media) - 1}/{len(media)}"}
        done, again = (raw(bq, "PUT", session, media[9:], rest) for _ in range(2))
        assert done.json["statistics"]["load"]["outputRows"] == "2"
        assert again.json["jobReference"] == done.json["jobReference"]
        assert (ids(bq), len(bq.jobs)) == (["x", "y"], 1)
        assert raw(bq, "PUT", session + "x", b"", {"Content-Range": "bytes */*"}).status == 404


@cites("load", "load-errors")
@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ({"n": 1}, "Missing required field: id."),
        ({"id": None}, "Missing required field: id."),
        ({"id": "x", "nope": 1}, "No such field: nope."),
        ({"id": 3}, "Could not convert value to string. Field: id; Value: 3"),
        ({"id": "x", "n": "many"}, "Could not convert value to integer. Field: n; Value: many"),
        ({"id": "x", "n": 2**63}, f"Could not convert value to integer. Field: n; Value: {2**63}"),
        ({"id": "x", "n": [1]}, "Nested or repeated value for a scalar field. Field: n; Value: [1]"),
        ({"id": "x", "at": "noon"}, "Could not convert value to timestamp. Field: at; Value: noon"),
        ([1], "Value is not an object. Field: ; Value: [1]"),
        (b"{", "Parser error: "),
        (b'{"id": "\xff"}', "Parser error: "),
    ],
)
def test_one_bad_row_fails_the_whole_load(row: object, cause: str) -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        reply = load(bq, {"id": "good"}, row)
        assert job_error(reply) == {
            "reason": "invalid",
            "message": "Error while reading data, error message: JSON table encountered too many errors, giving up."
            " Rows: 2; errors: 1. Please look into the errors[] collection for more details.",
        }
        begin = "Error while reading data, error message: JSON parsing error in row starting at position 15: "
        assert reply.json["status"]["errors"][-1]["message"].startswith(begin + cause)
        assert ids(bq) == []


@cites("load")
def test_unknown_fields_are_ignored_on_demand() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        assert load(bq, {"id": "x", "nope": {"a": 1}}, ignoreUnknownValues=True).json["status"] == {"state": "DONE"}
        assert bq.tables["p.d.t"].rows == [{"id": "x", "at": None, "n": None}]


@cites("load")
def test_nested_and_repeated_values() -> None:
    fields: list[dict[str, object]] = [
        {"name": "id", "type": "STRING"},
        {
            "name": "r",
            "type": "RECORD",
            "mode": "REPEATED",
            "fields": [{"name": "x", "type": "INT64", "mode": "REQUIRED"}],
        },
        {"name": "j", "type": "JSON"},
    ]
    with StandIn() as bq:
        bq.create_table("p.d.t", fields)
        load(bq, {"id": "a", "r": [{"x": 1}, {"x": "2"}], "j": {"free": [1, "2"]}})
        assert bq.tables["p.d.t"].rows == [{"id": "a", "r": [{"x": 1}, {"x": 2}], "j": {"free": [1, "2"]}}]
        bad = load(bq, {"r": [{}]}).json["status"]["errors"][-1]["message"]
        assert bad.endswith("Missing required field: r.x.")
        bad = load(bq, {"r": [None]}).json["status"]["errors"][-1]["message"]
        assert bad.endswith("Only optional fields can be set to NULL. Field: r; Value: NULL")


@cites("load")
@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("DATETIME", "2024-02-29T12:30:00.1234567", datetime(2024, 2, 29, 12, 30, 0, 123456)),  # noqa: DTZ001
        ("DATETIME", "2024-02-29T12:30:00Z", None),
        ("TIME", "12:30:00.5", time(12, 30, 0, 500_000)),
        ("TIMESTAMP", "2024-02-29 12:30:00 UTC", datetime(2024, 2, 29, 12, 30, tzinfo=UTC)),
        ("TIMESTAMP", "2024-02-29T14:30:00+02:00", datetime(2024, 2, 29, 12, 30, tzinfo=UTC)),
        ("TIMESTAMP", "2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("TIMESTAMP", 1_000_000_000, datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)),
        ("BOOL", "yes", None),
        ("NUMERIC", "NaN", None),
    ],
)
def test_values_are_read_as_their_column_has_them(kind: str, given: object, kept: object) -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", [{"name": "v", "type": kind}])
        load(bq, {"v": given})
        assert [row["v"] for row in bq.tables["p.d.t"].rows] == ([] if kept is None else [kept])


@cites("load-create", "not-found")
def test_a_load_makes_a_missing_table_only_if_it_may_and_knows_how() -> None:
    with StandIn() as bq:
        assert job_error(load(bq, {"id": "x"}))["message"] == "Not found: Dataset p:d"
        bq.create_dataset("p.d")
        never = load(bq, {"id": "x"}, createDisposition="CREATE_NEVER")
        assert job_error(never) == {"reason": "notFound", "message": "Not found: Table p:d.t"}
        assert job_error(load(bq, {"id": "x"}))["message"] == "No schema specified on job or table."
        load(bq, {"id": "x"}, schema={"fields": FIELDS}, clustering={"fields": ["id"]})
        assert bq.tables["p.d.t"].fields[0]["mode"] == "REQUIRED"
        assert bq.tables["p.d.t"].resource["clustering"] == {"fields": ["id"]}
        assert ids(bq) == ["x"]


@cites("load-schema")
def test_the_schema_of_a_load_must_fit_unless_it_may_change_the_table() -> None:
    wider = {"fields": [*FIELDS, {"name": "new", "type": "DATE"}]}
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        refused = job_error(load(bq, {"id": "x"}, schema=wider))
        assert refused["message"] == "Provided Schema does not match Table p:d.t. Cannot add fields (field: new)"
        other = {"fields": [FIELDS[0], {"name": "n", "type": "STRING"}]}
        assert "has changed type from INTEGER to STRING" in job_error(load(bq, {"id": "x"}, schema=other))["message"]
        without = {"fields": FIELDS[1:]}
        assert "Field id is missing in new schema" in job_error(load(bq, {"n": 1}, schema=without))["message"]
        assert load(bq, {"id": "x"}, schema={"fields": FIELDS[:1]}).json["status"] == {"state": "DONE"}
        load(bq, {"id": "y", "new": "2024-02-29"}, schema=wider, schemaUpdateOptions=["ALLOW_FIELD_ADDITION"])
        assert [field["name"] for field in bq.tables["p.d.t"].fields] == ["id", "at", "n", "new"]
        nullable = {"fields": [{**FIELDS[0], "mode": "NULLABLE"}]}
        assert "has changed mode" in job_error(load(bq, {"id": "z"}, schema=nullable))["message"]
        load(bq, {"n": 1}, schema=nullable, schemaUpdateOptions=["ALLOW_FIELD_RELAXATION"])
        assert ids(bq) == ["x", "y", None]


@cites("load")
def test_write_dispositions() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS, rows=[{"id": "x"}])
        assert job_error(load(bq, {"id": "y"}, writeDisposition="WRITE_EMPTY"))["reason"] == "duplicate"
        load(bq, {"id": "z"}, writeDisposition="WRITE_TRUNCATE")
        assert ids(bq) == ["z"]


@cites("load-quota")
def test_the_load_after_1500_in_a_day_fails_and_failures_count() -> None:
    limits = Limits.off()
    limits.loads_a_day = 3
    clock = ManualClock()
    assert Limits().loads_a_day == 1_500
    with StandIn(limits=limits, clock=clock) as bq:
        bq.create_table("p.d.t", FIELDS)
        load(bq, {"nope": 1})
        assert [load(bq, {"id": "x"}).json["status"].get("errorResult") for _ in range(2)] == [None, None]
        for _ in range(2):
            error = job_error(load(bq, {"id": "late"}))
            assert (error["reason"], error["location"]) == ("quotaExceeded", "load_job_per_table.long")
            assert "Your table exceeded quota for imports or query appends per table" in error["message"]
        clock.advance(86_400)
        assert load(bq, {"id": "y"}).json["status"] == {"state": "DONE"}
        assert ids(bq) == ["x", "x", "y"]


@cites("stream")
def test_streamed_errors_come_in_a_200_and_keep_all_rows_out() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        assert client(bq).insert_rows_json("p.d.t", [{"id": "x", "at": "2024-02-29 00:00:00"}]) == []
        errors = client(bq).insert_rows_json("p.d.t", [{"id": "y"}, {"id": "z", "nope": 1}])
        assert [(error["index"], error["errors"][0]["reason"]) for error in errors] == [(1, "invalid")]
        assert "no such field: nope." in errors[0]["errors"][0]["message"]
        assert "Missing required field: id." in str(stream(bq, {"n": 1}))
        assert ids(bq) == ["x"]


@cites("stream")
def test_an_insert_id_counts_once_for_a_minute() -> None:
    clock = ManualClock()
    with StandIn(clock=clock) as bq:
        bq.create_table("p.d.t", FIELDS)
        for seconds in (0, 59, 60):
            clock.advance(seconds)
            stream(bq, {"id": "x"}, insert_id="one")
        stream(bq, {"id": "y"})
        stream(bq, {"id": "y"})
        assert ids(bq) == ["x", "x", "y", "y"]


@cites("stream-unseen")
def test_after_a_creation_streams_see_nothing_for_a_while_or_lose_rows() -> None:
    with StandIn() as bq:
        bq.faults.add(Fault("unseen", call="tabledata.insertAll", times=2), Fault("lose_rows", nth=3))
        bq.create_dataset("p.d")
        raw(bq, "POST", f"{D}/tables", {"tableReference": {"tableId": "t"}, "schema": {"fields": FIELDS}})
        official = client(bq)
        for _ in range(2):
            with pytest.raises(exceptions.NotFound, match=r"Not found: Table p:d\.t"):
                official.insert_rows_json("p.d.t", [{"id": "x"}], retry=NO_RETRY)
        bq.faults.clear()
        bq.faults.add(Fault("lose_rows"))
        assert official.insert_rows_json("p.d.t", [{"id": "x"}]) == []
        assert ids(bq) == []
        assert official.insert_rows_json("p.d.t", [{"id": "y"}]) == []
        assert ids(bq) == ["y"]


@cites("echo")
def test_rows_are_listed_page_by_page() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS, rows=[{"id": str(number)} for number in range(5)])
        pages = [[row.id for row in page] for page in client(bq).list_rows("p.d.t", page_size=2).pages]
        assert pages == [["0", "1"], ["2", "3"], ["4"]]
        floats = raw(bq, "GET", f"{T}/data").json
        assert (floats["totalRows"], floats["rows"][0]["f"][0]) == ("5", {"v": "0"})
