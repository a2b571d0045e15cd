"""One request: the faults and the latency around what the REST API does."""

from __future__ import annotations

import threading
import time
import traceback
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Literal, cast

from stand_in import wire
from stand_in.errors import ServiceError, too_many_requests
from stand_in.log import LogEntry
from stand_in.rest import resolve

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from stand_in.control import Control
    from stand_in.faults import Fault, Faults
    from stand_in.limits import Limits, Windows
    from stand_in.log import RequestLog
    from stand_in.rest import Rest

Moment = Literal["received", "done", "answered"]

GARBAGE = "<html><head><title>Sorry</title></head><body>We're sorry, your request could not be processed.</body></html>"
CONTROL = "/stand-in/"


class Exchange:
    """Answers the requests of all connections, or goes wrong as it was told."""

    def __init__(self, rest: Rest, faults: Faults, log: RequestLog, limits: Limits, windows: Windows) -> None:
        self.latency = 0.0
        self.observer: Callable[[Moment, LogEntry], None] | None = None
        self.control: Control | None = None
        self.defects: list[str] = []
        self.stopping = threading.Event()
        self._rest = rest
        self._faults = faults
        self._log = log
        self._limits = limits
        self._windows = windows

    def serve(self, request: wire.Request, connection: socket.socket, number: int) -> bool:
        """Answer one request; return whether its connection goes on."""
        if self.control and request.path.startswith(CONTROL):
            send(connection, self.control.answer(request))
            return True
        call, names = resolve(request.method, request.path)
        entry = self._enter(request, call, number)
        self._observe("received", entry)
        fault = self._faults.take(call, request.method, request.path)
        entry.fault = fault.kind if fault else None
        if self.latency:
            time.sleep(self.latency)
        answer = self._before(fault, connection) or self._do(call, request, names, fault)
        answer.headers.setdefault("Date", formatdate(self._rest.catalog.clock.now(), usegmt=True))
        self._observe("done", entry)
        return self._after(fault, answer, entry, connection) and request.keep_alive

    def _enter(self, request: wire.Request, call: str, connection: int) -> LogEntry:
        body = request.body if self._log.keep_bodies else b""
        now = self._rest.catalog.clock.now()
        entry = LogEntry(
            number=0,
            connection=connection,
            call=call,
            method=request.method,
            path=request.path,
            query=request.query,
            headers=request.headers,
            body=body,
            time=now,
            started=time.monotonic(),
        )
        return self._log.add(entry)

    def _observe(self, moment: Moment, entry: LogEntry) -> None:
        if self.observer:
            self.observer(moment, entry)

    def _before(self, fault: Fault | None, connection: socket.socket) -> wire.Answer | None:
        """Go wrong before anything is done: break the connection, or return an answer that is none of the API's."""
        if fault is None or fault.committed:
            return None
        if fault.kind == "reset":
            wire.reset(connection)
            raise ConnectionAbortedError
        self._hold(fault)
        return _error(fault) if fault.kind == "error" else None

    def _hold(self, fault: Fault) -> None:
        """Let time go by, for a while or until the server stops."""
        if fault.kind == "hang":
            self.stopping.wait()
            raise ConnectionAbortedError
        if fault.kind == "delay":
            self.stopping.wait(fault.seconds)

    def _do(self, call: str, request: wire.Request, names: dict[str, str], fault: Fault | None) -> wire.Answer:
        if self._over_rate(call):
            return _refused(too_many_requests())
        if fault and fault.kind == "unseen":
            return _refused(_unseen(call, names))
        if fault and fault.kind == "lose_rows" and call == "tabledata.insertAll":
            return wire.Answer(body={"kind": "bigquery#tableDataInsertAllResponse"})
        try:
            answer = self._rest.answer(call, request, names, _fate_of_job(fault))
        except Exception:  # noqa: BLE001  a defect of the stand-in must not pass for a misbehaviour of BigQuery
            self.defects.append(traceback.format_exc())
            return wire.Answer(501, ServiceError(501, "standInDefect", self.defects[-1]).answer())
        if answer.status == 200 and call in {"tables.insert", "datasets.insert"}:
            self._faults.created(f"{request.path}/{_created_id(call, answer)}")
        return answer

    def _over_rate(self, call: str) -> bool:
        limit = self._limits.requests_a_second
        if limit is None:
            return False
        with self._rest.lock:
            now = self._rest.catalog.clock.now()
            if self._windows.full(("requests", call), now, 1.0, limit):
                return True
            self._windows.count(("requests", call), now)
            return False

    def _after(self, fault: Fault | None, answer: wire.Answer, entry: LogEntry, connection: socket.socket) -> bool:
        """Send the answer, or go wrong although everything is done; return whether the connection goes on."""
        kind = fault.kind if fault else None
        if fault and fault.committed:
            self._hold(fault)
            answer = _error(fault) if kind == "error" else answer
        if kind == "lose_answer":
            wire.end(connection)
            return False
        if kind == "garbage":
            answer = wire.Answer(200, GARBAGE)
        entry.status = int(answer.status)
        entry.seconds = time.monotonic() - entry.started
        if kind == "truncate":
            head, body = answer.head_and_body()
            connection.sendall(head + body[: len(body) // 2])
            return False
        if kind == "trickle" and fault:
            self._trickle(answer, fault.seconds, connection)
        else:
            send(connection, answer)
        self._observe("answered", entry)
        return True

    def _trickle(self, answer: wire.Answer, seconds: float, connection: socket.socket) -> None:
        for byte in b"".join(answer.head_and_body()):
            if self.stopping.wait(seconds):
                return
            connection.sendall(bytes([byte]))


def send(connection: socket.socket, answer: wire.Answer) -> None:
    connection.sendall(b"".join(answer.head_and_body()))


def _refused(refusal: ServiceError) -> wire.Answer:
    return wire.Answer(refusal.status, refusal.answer())


def _error(fault: Fault) -> wire.Answer:
    return _refused(ServiceError(fault.status, fault.reason, fault.message))


def _fate_of_job(fault: Fault | None) -> ServiceError | None:
    if fault is None or fault.kind != "fail_job":
        return None
    return ServiceError(fault.status, fault.reason, fault.message)


def _unseen(call: str, names: dict[str, str]) -> ServiceError:
    if "table" in names:
        return ServiceError(404, "notFound", f"Not found: Table {names['project']}:{names['dataset']}.{names['table']}")
    return ServiceError(404, "notFound", f"Not found: Dataset {names.get('project')}:{names.get('dataset', call)}")


def _created_id(call: str, answer: wire.Answer) -> str:
    body = cast("dict[str, Any]", answer.body)
    if call == "tables.insert":
        return str(body["tableReference"]["tableId"])
    return str(body["datasetReference"]["datasetId"])
