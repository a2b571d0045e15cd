"""Jobs: ids, locations, time, and where refusals show."""

from __future__ import annotations

import pytest
from google.api_core import exceptions
from google.cloud import bigquery

from stand_in import ManualClock, StandIn
from stand_in.evidence import cites
from stand_in.support import FIELDS, NO_RETRY, ROW_COUNT, P, client, insert_job, job_error, load, query_job, raw, submit


def ids(bq: StandIn) -> list[object]:
    return [row["id"] for row in bq.tables["p.d.t"].rows]


@cites("job-id", "duplicate")
def test_a_second_submission_with_the_same_id_is_409_and_writes_nothing() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        assert submit(bq, insert_job("x", "j1")).status == 200
        again = submit(bq, insert_job("y", "j1"))
        assert (again.status, again.reason, again.message) == (409, "duplicate", "Already Exists: Job p:US.j1")
        assert load(bq, {"id": "z"}, job_id="j1").status == 409
        assert ids(bq) == ["x"]


@cites("job-id")
def test_the_same_id_is_free_in_another_location_and_project() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        bq.create_dataset("p.e", location="EU")
        assert submit(bq, insert_job("x", "j1")).status == 200
        assert submit(bq, query_job("SELECT 1", job_id="j1", location="EU")).status == 200
        assert raw(bq, "POST", "/bigquery/v2/projects/q/jobs", query_job("SELECT 1", job_id="j1")).status == 200


@cites("job-id")
@pytest.mark.parametrize("job_id", ["a.b", "ä", "x" * 1025])
def test_an_id_outside_the_rules_is_refused(job_id: str) -> None:
    with StandIn() as bq:
        assert submit(bq, query_job("SELECT 1", job_id=job_id)).status == 400


@cites("job-burnt")
def test_a_failed_job_keeps_its_id() -> None:
    with StandIn() as bq:
        bq.create_dataset("p.d")
        assert job_error(submit(bq, insert_job("x", "j1")))["reason"] == "notFound"
        bq.create_table("p.d.t", FIELDS)
        assert submit(bq, insert_job("x", "j1")).status == 409
        assert raw(bq, "GET", f"{P}/jobs/j1").json["status"]["errorResult"]["reason"] == "notFound"
        assert ids(bq) == []


@cites("job-location", "not-found")
def test_outside_the_multi_regions_a_job_is_found_only_by_its_location() -> None:
    with StandIn() as bq:
        bq.create_dataset("p.d", location="europe-west3")
        bq.create_table("p.d.t", FIELDS)
        made = submit(bq, insert_job("x", "j1")).json
        assert made["jobReference"] == {"projectId": "p", "jobId": "j1", "location": "europe-west3"}
        assert raw(bq, "GET", f"{P}/jobs/j1").message == "Not found: Job p:j1"
        assert raw(bq, "GET", f"{P}/jobs/j1?location=US").message == "Not found: Job p:US.j1"
        assert raw(bq, "GET", f"{P}/jobs/j1?location=europe-west3").json["status"] == {"state": "DONE"}


@cites("job-location", "not-found")
def test_a_query_sees_nothing_of_another_location() -> None:
    with StandIn() as bq:
        bq.create_dataset("p.d", location="EU")
        bq.create_table("p.d.t", FIELDS)
        error = job_error(submit(bq, insert_job("x", location="US")))
        assert error == {"reason": "notFound", "message": "Not found: Dataset p:d was not found in location US"}
        assert load(bq, {"id": "x"}).json["jobReference"]["location"] == "EU"


@cites("job-time")
def test_a_job_takes_its_time_and_writes_at_its_end() -> None:
    clock = ManualClock()
    with StandIn(clock=clock, job_seconds=2.0) as bq:
        bq.create_table("p.d.t", FIELDS)
        assert submit(bq, insert_job("x", "j1")).json["status"] == {"state": "RUNNING"}
        waited = raw(bq, "GET", f"{P}/queries/j1?timeoutMs=0").json
        assert (waited["jobComplete"], ids(bq)) == (False, [])
        clock.advance(2)
        assert ids(bq) == ["x"]
        done = raw(bq, "GET", f"{P}/queries/j1").json
        assert (done["jobComplete"], done["numDmlAffectedRows"]) == (True, "1")
        assert "totalRows" not in done


@cites("job-time")
def test_asking_for_results_waits_at_most_as_long_as_it_says() -> None:
    clock = ManualClock()
    with StandIn(clock=clock, job_seconds=5.0) as bq:
        bq.create_table("p.d.t", FIELDS)
        began = clock.now()
        submit(bq, insert_job("x", "j1"))
        assert raw(bq, "GET", f"{P}/queries/j1?timeoutMs=3000").json["jobComplete"] is False
        assert clock.now() == began + 3
        assert raw(bq, "GET", f"{P}/queries/j1?timeoutMs=3000").json["jobComplete"] is True
        assert clock.now() == began + 5


@cites("job-time", "insert")
def test_the_official_client_waits_for_a_job() -> None:
    with StandIn(clock=ManualClock(), job_seconds=30.0) as bq:
        bq.create_table("p.d.t", FIELDS)
        job = client(bq).query("INSERT INTO d.t (id) VALUES ('x')", job_id="j1", job_retry=None)
        assert job.state == "RUNNING"
        job.result()
        assert (job.state, job.num_dml_affected_rows) == ("DONE", 1)
        assert (job.ended - job.started).total_seconds() == 30


@cites("job-errors")
@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("INSERT INTO d.t (nope) VALUES (1)", exceptions.BadRequest),
        ("INSERT INTO d.nope (id) VALUES ('x')", exceptions.NotFound),
        ("SELEC 1", exceptions.BadRequest),
    ],
)
def test_a_failed_query_is_an_http_error_to_whoever_asks_for_its_results(
    sql: str, error: type[exceptions.GoogleAPICallError]
) -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        made = submit(bq, query_job(sql, job_id="j1")).json
        asked = raw(bq, "GET", f"{P}/queries/j1")
        assert asked.status == error.code
        assert asked.message == made["status"]["errorResult"]["message"]
        with pytest.raises(error):
            client(bq).query_and_wait(sql, retry=NO_RETRY, job_retry=NO_RETRY)
        with pytest.raises(error):
            client(bq).query(sql, retry=NO_RETRY, job_retry=None).result()


@cites("refusals-in")
def test_a_refusal_shows_in_the_job_in_the_answer_or_in_both() -> None:
    bad = query_job("INSERT INTO d.t (nope) VALUES (1)", job_id="j1")
    for place, status, left in (("job", 200, 1), ("answer", 400, 0), ("both", 400, 1)):
        with StandIn() as bq:
            bq.refusals_in = place  # type: ignore[assignment]
            bq.create_table("p.d.t", FIELDS)
            reply = submit(bq, bad)
            assert (reply.status, len(bq.jobs)) == (status, left)
            again = submit(bq, bad)
            assert again.status == (409 if left else 400)


@cites("request-id")
def test_a_repeated_request_to_query_does_nothing_twice() -> None:
    body = {"query": "INSERT INTO d.t (id) VALUES ('x')", "useLegacySql": False, "requestId": "r"}
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        first, second = (raw(bq, "POST", f"{P}/queries", body).json for _ in range(2))
        assert first["jobReference"] == second["jobReference"]
        assert (first["numDmlAffectedRows"], ids(bq)) == ("1", ["x"])


@cites("cancel")
def test_a_cancelled_job_writes_nothing() -> None:
    clock = ManualClock()
    with StandIn(clock=clock, job_seconds=5.0) as bq:
        bq.create_table("p.d.t", FIELDS)
        submit(bq, insert_job("x", "j1"))
        client(bq).cancel_job("j1")
        clock.advance(5)
        assert raw(bq, "GET", f"{P}/jobs/j1").json["status"]["errorResult"]["reason"] == "stopped"
        assert ids(bq) == []


@cites("catalog-at-once")
def test_jobs_see_a_new_table_and_a_new_column_at_once() -> None:
    with StandIn() as bq:
        official = client(bq)
        official.create_dataset("d")
        table = official.create_table(bigquery.Table("p.d.t", schema=[bigquery.SchemaField("id", "STRING")]))
        official.query_and_wait("INSERT INTO d.t (id) VALUES ('x')")
        table.schema = [*table.schema, bigquery.SchemaField("n", "INT64")]
        official.update_table(table, ["schema"])
        official.query_and_wait("INSERT INTO d.t (id, n) VALUES ('y', 1)")
        assert bq.tables["p.d.t"].rows == [{"id": "x"}, {"id": "y", "n": 1}]
        assert [dict(row) for row in official.list_rows("p.d.t")] == [{"id": "x", "n": None}, {"id": "y", "n": 1}]


@cites("permissions")
def test_a_job_of_another_may_be_unreadable() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        submit(bq, insert_job("x", "j1"))
        bq.permissions.denied = {"bigquery.jobs.get"}
        for path in (f"{P}/jobs/j1", f"{P}/queries/j1"):
            assert raw(bq, "GET", path).reason == "accessDenied"


@cites("insert")
def test_rows_can_be_counted_and_read_by_query() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS, rows=[{"id": "x", "n": 1}, {"id": "y"}])
        official = client(bq)
        assert [row.n for row in official.query_and_wait(ROW_COUNT)] == [2]
        assert [tuple(row) for row in official.query_and_wait("SELECT n, id FROM d.t LIMIT 1")] == [(1, "x")]
        assert [dict(row) for row in official.query_and_wait("SELECT 1 AS a, 'b' AS b")] == [{"a": 1, "b": "b"}]


@cites("errors")
@pytest.mark.parametrize(
    "configuration",
    [
        {"copy": {}},
        {"query": {"query": "UPDATE d.t SET id = '' WHERE TRUE", "useLegacySql": False}},
        {"query": {"query": "DROP TABLE d.t", "useLegacySql": False}},
        {"query": {"query": "SELECT id FROM d.t WHERE id = 'x'", "useLegacySql": False}},
        {"query": {"query": "SELECT 1"}},
    ],
)
def test_what_the_stand_in_does_not_do_it_says_instead_of_guessing(configuration: dict[str, object]) -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        reply = submit(bq, {"configuration": configuration})
        assert (reply.status, reply.reason) == (501, "notImplemented")


@cites("insert", "dry-run")
def test_a_dry_run_says_what_is_wrong_and_does_nothing() -> None:
    job = insert_job("x", "j1")
    job["configuration"]["dryRun"] = True
    with StandIn() as bq:
        assert submit(bq, job).reason == "notFound"
        bq.create_table("p.d.t", FIELDS)
        assert submit(bq, job).status == 200
        assert (ids(bq), bq.jobs) == ([], [])


@cites("dry-run", "permissions")
def test_a_dry_run_needs_the_permission_and_says_who_asks() -> None:
    job = query_job("SELECT 1")
    job["configuration"]["dryRun"] = True
    with StandIn() as bq:
        answered = submit(bq, job).json
        assert (answered["status"]["state"], answered["user_email"]) == ("DONE", "stand-in@example.com")
        bq.permissions.denied.add("bigquery.jobs.create")
        assert "bigquery.jobs.create" in submit(bq, job).message
        assert bq.jobs == []


@cites("project")
def test_a_job_in_a_project_that_is_not_there_is_refused() -> None:
    with StandIn(projects=["other"]) as bq:
        refused = submit(bq, query_job("SELECT 1"))
        assert (refused.status, refused.reason) == (403, "accessDenied")
        assert (
            refused.message
            == "Access Denied: Project p: User does not have bigquery.jobs.create permission in project p."
        )
