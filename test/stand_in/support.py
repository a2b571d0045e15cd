"""What the stand-in's own tests share: raw requests, and the official client."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from google.api_core import retry
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stand_in import StandIn

P = "/bigquery/v2/projects/p"
D = f"{P}/datasets/d"
T = f"{D}/tables/t"
NO_RETRY = retry.Retry(predicate=lambda _: False)
ROW_COUNT = "SELECT COUNT(*) AS n FROM `p.d.t`"
FIELDS = [
    {"name": "id", "type": "STRING", "mode": "REQUIRED"},
    {"name": "at", "type": "TIMESTAMP"},
    {"name": "n", "type": "INT64"},
]


@dataclass
class Reply:
    """An answer, with its body read."""

    status: int
    text: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.text)
        return document

    @property
    def reason(self) -> str:
        return str(self.json["error"]["errors"][0]["reason"])

    @property
    def message(self) -> str:
        return str(self.json["error"]["message"])


def raw(
    bq: StandIn,
    method: str,
    path: str,
    body: object = None,
    headers: dict[str, str] | None = None,
) -> Reply:
    """Send one request on a connection of its own, without any client."""
    connection = http.client.HTTPConnection(urlsplit(bq.url).netloc, timeout=10)
    try:
        sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, sent, headers or {})
        answer = connection.getresponse()
        return Reply(answer.status, answer.read().decode(), dict(answer.getheaders()))
    finally:
        connection.close()


def client(bq: StandIn) -> bigquery.Client:
    return bigquery.Client(
        project="p",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options=ClientOptions(api_endpoint=bq.url),
    )


def patch_fields(bq: StandIn, fields: Sequence[Mapping[str, object]], **headers: str) -> Reply:
    return raw(bq, "PATCH", T, {"schema": {"fields": fields}}, headers)


def parameter(name: str, kind: str, value: object) -> dict[str, Any]:
    return {"name": name, "parameterType": {"type": kind}, "parameterValue": {"value": value}}


def query_job(
    sql: str, *parameters: dict[str, Any], job_id: str | None = None, location: str | None = None
) -> dict[str, Any]:
    reference = {"projectId": "p", "jobId": job_id, "location": location}
    query = {"query": sql, "useLegacySql": False, "queryParameters": list(parameters)}
    return {
        "jobReference": {key: value for key, value in reference.items() if value},
        "configuration": {"query": query},
    }


def insert_job(value: str = "x", job_id: str | None = None, location: str | None = None) -> dict[str, Any]:
    return query_job(
        "INSERT INTO `p.d.t` (id) VALUES (@id)", parameter("id", "STRING", value), job_id=job_id, location=location
    )


def submit(bq: StandIn, job: dict[str, Any]) -> Reply:
    return raw(bq, "POST", f"{P}/jobs", job)


def load(bq: StandIn, *rows: object, job_id: str | None = None, **options: object) -> Reply:
    """Send a load job of rows in one multipart request."""
    media = b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)
    configuration = {
        "sourceFormat": "NEWLINE_DELIMITED_JSON",
        "destinationTable": {"projectId": "p", "datasetId": "d", "tableId": "t"},
        **options,
    }
    metadata = {"configuration": {"load": configuration}, "jobReference": {"jobId": job_id} if job_id else {}}
    body = b"\r\n".join(
        [
            *(b"--b", b"content-type: application/json", b"", json.dumps(metadata).encode()),
            *(b"--b", b"content-type: */*", b"", media, b"--b--", b""),
        ]
    )
    return raw(
        bq,
        "POST",
        f"/upload{P}/jobs?uploadType=multipart",
        body,
        {"Content-Type": 'multipart/related; boundary="b"'},
    )


def job_error(reply: Reply) -> dict[str, str]:
    """Return the errorResult of a job that was answered with 200."""
    assert reply.status == 200, reply.text
    error: dict[str, str] = reply.json["status"]["errorResult"]
    return error
