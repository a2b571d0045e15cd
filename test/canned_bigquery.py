"""A BigQuery that answers each chart's query with the rows that a test gives it, and keeps what it was asked.

The stand-in does no such queries, and the emulator estimates nothing. For tests.
"""

import contextlib
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Row = Mapping[str, Any]
TYPES = {int: "INTEGER", str: "STRING", datetime: "TIMESTAMP", type(None): "STRING"}


@dataclass
class Canned:
    """What it answers, and what it was asked.

    Args:
        table: the Table resource; None: there is none.
        rows: each chart's rows.
        estimate: the bytes that each query reads.
        refusal: an error instead of an answer to a query that is to run: status and reason.
    """

    table: Mapping[str, Any] | None
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    estimate: int = 50_000_000
    refusal: tuple[int, str] | None = None
    url: str = ""
    estimates: list[dict[str, Any]] = field(default_factory=list)  # what dry runs asked
    queries: list[dict[str, Any]] = field(default_factory=list)  # what queries asked

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if method == "GET":
            return (200, dict(self.table)) if self.table else _error(404, "notFound", "Not found: Table p:d.t")
        if path.endswith("/jobs"):
            self.estimates.append(body["configuration"])
            assert body["configuration"]["dryRun"] is True
            job = {"jobReference": {"projectId": "p", "jobId": "j", "location": "EU"}, **body}
            statistics = {"query": {"totalBytesProcessed": str(self.estimate)}}
            return 200, {**job, "status": {"state": "DONE"}, "statistics": statistics}
        self.queries.append(body)
        if self.refusal:
            return _error(*self.refusal, "Query exceeded limit for bytes billed")
        rows = self.rows.get(body["labels"]["bqsteps_report"], ())
        fields = [{"name": name, "type": _type(rows, name)} for name in (rows[0] if rows else {"none": None})]
        cells = [{"f": [{"v": _cell(row[each["name"]])} for each in fields]} for row in rows]
        reference = {"projectId": "p", "jobId": "q", "location": "EU"}
        whole = {"jobComplete": True, "jobReference": reference, "schema": {"fields": fields}, "rows": cells}
        return 200, {**whole, "totalRows": str(len(rows))}


def _type(rows: Sequence[Row], name: str) -> str:
    return next((TYPES[type(row[name])] for row in rows if row[name] is not None), "STRING")


def _cell(value: Any) -> str | None:  # noqa: ANN401  # as a row has it
    if isinstance(value, datetime):
        return str(int(value.timestamp()) * 1_000_000)
    return None if value is None else str(value)


def _error(status: int, reason: str, message: str) -> tuple[int, dict[str, Any]]:
    errors = [{"reason": reason, "message": message, "domain": "global"}]
    return status, {"error": {"code": status, "message": message, "errors": errors}}


@contextlib.contextmanager
def serving(canned: Canned) -> Iterator[Canned]:
    """The server for the length of a block, at `canned.url`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else {}
            status, answer = canned.answer(self.command, re.sub(r"\?.*", "", self.path), body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer  # noqa: N815  # as http.server has it

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    canned.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield canned
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
