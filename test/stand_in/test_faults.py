"""Misbehaviour: each kind as the other side sees it, and which requests it strikes."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from google.api_core import exceptions
from google.cloud.bigquery.retry import DEFAULT_RETRY

from stand_in import Fault, Limits, ManualClock, StandIn, WallClock
from stand_in.evidence import cites
from stand_in.support import FIELDS, NO_RETRY, P, T, client, insert_job, raw, submit

if TYPE_CHECKING:
    from stand_in import LogEntry

FAST_RETRY = DEFAULT_RETRY.with_delay(initial=0.001, maximum=0.001).with_timeout(20)


def rows(bq: StandIn) -> int:
    return len(bq.tables["p.d.t"].rows)


def describe(bq: StandIn, text: str = "new") -> int:
    return raw(bq, "PATCH", T, {"description": text}).status


def description(bq: StandIn) -> object:
    return bq.tables["p.d.t"].resource.get("description")


def test_a_reset_comes_before_anything_is_done() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        bq.faults.add(Fault("reset"))
        with pytest.raises(ConnectionResetError):
            describe(bq)
        assert description(bq) is None
        assert [(entry.status, entry.fault) for entry in bq.requests] == [(None, "reset")]
        assert describe(bq) == 200


def test_a_lost_answer_is_of_a_request_that_was_done() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        bq.faults.add(Fault("lose_answer"))
        with pytest.raises(http.client.RemoteDisconnected):
            submit(bq, insert_job("x", "j1"))
        assert rows(bq) == 1
        assert submit(bq, insert_job("x", "j1")).status == 409
        assert [entry.status for entry in bq.requests] == [None, 409]


@pytest.mark.parametrize("committed", [False, True])
def test_an_error_comes_before_or_after_everything_is_done(committed: bool) -> None:  # noqa: FBT001
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        bq.faults.add(Fault("error", status=500, committed=committed))
        assert describe(bq) == 500
        assert (description(bq) == "new") is committed
        assert bq.requests[0].status == 500


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_error_has_a_reason_only_if_told(status: int) -> None:
    with StandIn() as bq:
        bq.faults.add(Fault("error", status=status), Fault("error", status=status, reason="backendError"))
        bare = raw(bq, "GET", T).json["error"]
        assert (bare["code"], "errors" in bare) == (status, False)
        bq.faults.clear()
        bq.faults.add(Fault("error", status=status, reason="backendError", message="Oh."))
        assert raw(bq, "GET", T).json["error"]["errors"] == [
            {"message": "Oh.", "domain": "global", "reason": "backendError"}
        ]


@cites("errors")
@pytest.mark.parametrize(
    ("status", "reason", "retried"),
    [
        (403, "rateLimitExceeded", True),
        (500, "backendError", True),
        (500, None, True),
        (502, None, True),
        (503, None, True),
        (429, None, True),
        (504, None, False),
        (503, "serviceUnavailable", False),
        (403, "quotaExceeded", False),
        (403, "accessDenied", False),
        (404, "notFound", False),
        (412, "conditionNotMet", False),
    ],
)
def test_the_official_client_takes_errors_for_what_they_are(status: int, reason: str | None, retried: bool) -> None:  # noqa: FBT001
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        bq.faults.add(Fault("error", status=status, reason=reason, times=2))
        if retried:
            client(bq).get_table("p.d.t", retry=FAST_RETRY)
        else:
            with pytest.raises(exceptions.GoogleAPICallError):
                client(bq).get_table("p.d.t", retry=FAST_RETRY)
        assert bq.count("tables.get") == (3 if retried else 1)


def test_a_delay_holds_the_answer_back() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        for committed in (False, True):
            bq.faults.add(Fault("delay", seconds=60, committed=committed))
            connection = http.client.HTTPConnection(urlsplit(bq.url).netloc, timeout=0.2)
            connection.request("PATCH", T, json.dumps({"description": str(committed)}))
            with pytest.raises(TimeoutError):
                connection.getresponse()
            connection.close()
            assert description(bq) == ("True" if committed else None)
            bq.faults.clear()


def test_a_delay_ends() -> None:
    with StandIn() as bq:
        bq.faults.add(Fault("delay", seconds=0.01))
        assert raw(bq, "GET", T).status == 404
        assert bq.requests[0].seconds is not None
        assert bq.requests[0].seconds >= 0.01


@pytest.mark.parametrize("committed", [False, True])
def test_a_hanging_request_ends_with_the_server(committed: bool) -> None:  # noqa: FBT001
    done = threading.Event()
    failures: list[Exception] = []

    def ask() -> None:
        try:
            describe(bq)
        except OSError as error:
            failures.append(error)
        except http.client.HTTPException as error:
            failures.append(error)
        done.set()

    def watch(moment: str, _: LogEntry) -> None:
        if moment == ("done" if committed else "received"):
            arrived.set()

    arrived = threading.Event()
    with StandIn(observer=watch) as bq:
        bq.create_table("p.d.t", FIELDS)
        bq.faults.add(Fault("hang", committed=committed))
        threading.Thread(target=ask, daemon=True).start()
        assert arrived.wait(10)
        assert (description(bq) == "new") is committed
        assert not done.is_set()
    assert done.wait(10)
    assert len(failures) == 1


def test_a_truncated_body_is_half_of_what_was_announced() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        bq.faults.add(Fault("truncate"))
        with pytest.raises(http.client.IncompleteRead) as broken:
            describe(bq)
        assert 0 < len(broken.value.partial) <= (broken.value.expected or 0) + 1
        assert description(bq) == "new"


def test_garbage_is_html_with_status_200() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        bq.faults.add(Fault("garbage"))
        reply = raw(bq, "PATCH", T, {"description": "new"})
        assert (reply.status, reply.text[:6], reply.headers["Content-Type"]) == (
            200,
            "<html>",
            "text/html; charset=UTF-8",
        )
        assert description(bq) == "new"


def test_a_trickle_arrives_whole_in_the_end() -> None:
    with StandIn() as bq:
        bq.create_dataset("p.d")
        bq.faults.add(Fault("trickle", seconds=0.0001))
        assert raw(bq, "GET", T).message == "Not found: Table p:d.t"


def test_what_was_created_can_be_unseen_for_so_many_requests() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.old", FIELDS)
        bq.faults.add(Fault("unseen", call="tables.get", times=3))
        old = T.replace("tables/t", "tables/old")
        assert raw(bq, "GET", old).status == 200
        assert raw(bq, "POST", f"{P}/datasets/d/tables", {"tableReference": {"tableId": "t"}}).status == 200
        assert raw(bq, "GET", old).status == 200
        replies = [raw(bq, "GET", T) for _ in range(4)]
        assert [reply.status for reply in replies] == [404, 404, 404, 200]
        assert replies[0].message == "Not found: Table p:d.t"


def test_a_new_dataset_can_be_unseen() -> None:
    with StandIn() as bq:
        bq.faults.add(Fault("unseen", times=1))
        raw(bq, "POST", f"{P}/datasets", {"datasetReference": {"datasetId": "d"}})
        assert raw(bq, "GET", f"{P}/datasets/d").message == "Not found: Dataset p:d"
        assert raw(bq, "GET", f"{P}/datasets/d").status == 200


def test_a_fault_strikes_the_nth_fitting_request_and_the_next_ones() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        fault = Fault("error", call="tables.*", method="G*", path="*/tables/t", nth=2, times=2)
        bq.faults.add(fault)
        describe(bq)
        assert raw(bq, "GET", f"{P}/datasets/d/tables/other").status == 404
        assert [raw(bq, "GET", T).status for _ in range(5)] == [200, 503, 503, 200, 200]
        assert (fault.seen, fault.struck) == (5, 2)


def test_a_job_can_be_made_to_fail_after_it_was_accepted() -> None:
    clock = ManualClock()
    with StandIn(clock=clock, job_seconds=1.0) as bq:
        bq.create_table("p.d.t", FIELDS)
        bq.faults.add(Fault("fail_job", call="jobs.insert", reason="backendError", message="Oh."))
        assert submit(bq, insert_job("x", "j1")).json["status"] == {"state": "RUNNING"}
        assert submit(bq, insert_job("y", "j2")).json["status"] == {"state": "RUNNING"}
        clock.advance(1)
        assert raw(bq, "GET", f"{P}/jobs/j1").json["status"]["errorResult"] == {
            "reason": "backendError",
            "message": "Oh.",
        }
        assert [row["id"] for row in bq.tables["p.d.t"].rows] == ["y"]


def test_a_query_can_be_made_to_fail() -> None:
    with StandIn() as bq:
        bq.faults.add(Fault("fail_job", reason="backendError"))
        body = {"query": "SELECT 1", "useLegacySql": False}
        assert raw(bq, "POST", f"{P}/queries", body).status == 500
        assert raw(bq, "POST", f"{P}/queries", body).status == 200


def test_a_clock_may_run_faster_than_the_walls() -> None:
    limits = Limits.off()
    limits.table_updates = 1
    with StandIn(limits=limits, clock=WallClock(speed=1e9)) as bq:
        bq.create_table("p.d.t", FIELDS)
        assert [describe(bq) for _ in range(3)] == [200, 200, 200]


def test_faults_count_each_for_itself_and_the_first_added_decides() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        bq.faults.add(Fault("error", status=500, nth=2), Fault("error", status=504, times=None))
        assert [raw(bq, "GET", T).status for _ in range(4)] == [504, 500, 504, 504]


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="There is no fault 'explode'"):
        Fault("explode")  # type: ignore[arg-type]


def test_the_observer_sees_each_moment_in_order() -> None:
    seen: list[tuple[str, object, int]] = []
    over = threading.Event()

    def watch(moment: str, entry: LogEntry) -> None:
        seen.append((moment, entry.call, rows(bq)))
        if moment == "answered":
            over.set()

    with StandIn(observer=watch) as bq:
        bq.create_table("p.d.t", FIELDS)
        submit(bq, insert_job())
        assert over.wait(10)
    assert seen == [("received", "jobs.insert", 0), ("done", "jobs.insert", 1), ("answered", "jobs.insert", 1)]


def test_each_request_takes_the_latency() -> None:
    with StandIn(latency=0.02) as bq:
        began = time.monotonic()
        for _ in range(3):
            raw(bq, "GET", T)
        assert time.monotonic() - began >= 0.06


@cites("request-rate")
def test_the_request_after_100_in_a_second_is_refused_for_its_method_alone() -> None:
    clock = ManualClock()
    limits = Limits.off()
    limits.requests_a_second = 100
    with StandIn(limits=limits, clock=clock) as bq:
        bq.create_table("p.d.t", FIELDS)
        http_client = client(bq)._http  # noqa: SLF001  one connection
        assert {http_client.get(bq.url + T).status_code for _ in range(100)} == {200}
        refused = raw(bq, "GET", T)
        assert (refused.status, refused.reason) == (403, "rateLimitExceeded")
        assert "too many api requests per user per method" in refused.message
        assert describe(bq) == 200
        clock.advance(1)
        assert raw(bq, "GET", T).status == 200


def test_connections_are_kept_and_told_apart() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)
        official = client(bq)
        for _ in range(3):
            official.get_table("p.d.t")
        raw(bq, "GET", T)
        assert [entry.connection for entry in bq.requests] == [1, 1, 1, 2]


def test_a_request_that_is_none_is_400_and_the_server_lives_on() -> None:
    with StandIn() as bq:
        host = urlsplit(bq.url)
        for sent in (
            b"nonsense\r\n\r\n",
            b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            b"POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        ):
            with socket.create_connection((host.hostname or "", host.port or 0), timeout=10) as connection:
                connection.sendall(sent)
                assert connection.recv(100).startswith(b"HTTP/1.1 400 Bad Request")
        assert raw(bq, "POST", f"{P}/jobs", b"{").reason == "parseError"
        assert raw(bq, "GET", T).status == 404


def test_a_large_body_may_wait_to_be_asked_for() -> None:
    with StandIn() as bq:
        host = urlsplit(bq.url)
        with socket.create_connection((host.hostname or "", host.port or 0), timeout=10) as connection:
            connection.sendall(f"POST {P}/jobs HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n".encode())
            assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(b"{}")
            assert connection.recv(1000).startswith(b"HTTP/1.1 400")


def test_many_at_once_lose_nothing() -> None:
    with StandIn() as bq:
        bq.create_table("p.d.t", FIELDS)

        def insert(worker: int) -> None:
            for number in range(20):
                submit(bq, insert_job(job_id=f"j{worker}-{number % 10}"))

        workers = [threading.Thread(target=insert, args=(worker,)) for worker in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert (rows(bq), bq.count()) == (80, 160)
        assert [entry.number for entry in bq.requests] == list(range(1, 161))


def test_a_defect_of_the_stand_in_is_none_of_bigquerys_errors() -> None:
    def broken(_: object) -> float:
        raise ZeroDivisionError

    def use() -> dict[str, Any]:
        with StandIn(job_seconds=broken) as bq:
            bq.create_table("p.d.t", FIELDS)
            reply = submit(bq, insert_job())
            assert (reply.status, reply.reason) == (501, "standInDefect")
        return json.loads("{}")  # type: ignore[no-any-return]

    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        use()


def test_an_observer_that_fails_is_a_defect_too() -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    bq = StandIn(observer=fail).start()
    with pytest.raises(http.client.RemoteDisconnected):
        raw(bq, "GET", T)
    bq.stop()
    assert "ZeroDivisionError" in bq.defects[0]


def test_the_official_clients_own_deadline_holds_against_a_hang() -> None:
    with StandIn() as bq:
        bq.faults.add(Fault("hang"))
        with pytest.raises(OSError, match="timed out"):
            client(bq).get_table("p.d.t", timeout=0.2, retry=NO_RETRY)
