"""What is kept, as the API writes it: resources, errors of rows, statistics, and pages of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stand_in import values
from stand_in.clock import milliseconds
from stand_in.errors import STATUS_OF_REASON, ServiceError

if TYPE_CHECKING:
    from stand_in.catalog import Dataset, Table
    from stand_in.jobs import Job
    from stand_in.wire import Request

LARGEST_PAGE = 10_000


def dataset_resource(dataset: Dataset) -> dict[str, Any]:
    """Return a dataset as datasets.get answers it."""
    name = dataset.name
    return {
        "kind": "bigquery#dataset",
        "etag": dataset.etag,
        "id": str(name),
        "selfLink": f"https://bigquery.googleapis.com/bigquery/v2/projects/{name.project}/datasets/{name.dataset}",
        "datasetReference": {"datasetId": name.dataset, "projectId": name.project},
        **dataset.resource,
        "creationTime": str(dataset.created),
        "lastModifiedTime": str(dataset.modified),
        "location": dataset.location,
        "type": "DEFAULT",
    }


def table_resource(table: Table) -> dict[str, Any]:
    """Return a table as tables.get answers it."""
    name = table.name
    return {
        "kind": "bigquery#table",
        "etag": table.etag,
        "id": str(name),
        "selfLink": f"https://bigquery.googleapis.com/bigquery/v2/projects/{name.project}"
        f"/datasets/{name.dataset}/tables/{name.table}",
        "tableReference": name.reference(),
        **table.resource,
        "numRows": str(len(table.rows)),
        "creationTime": str(table.created),
        "lastModifiedTime": str(table.modified),
        "type": "TABLE",
        "location": table.location,
    }


def as_answer(error: ServiceError) -> ServiceError:
    """Return a job's error as the HTTP error that asking for its results gives."""
    status = STATUS_OF_REASON.get(error.reason or "", error.status)
    return ServiceError(status, error.reason, error.message, error.location)


def row_error(message: str) -> dict[str, str]:
    """Return an insertAll error, whose wording is its own for an unknown column."""
    if message.startswith("No such field: "):
        name = message.removeprefix("No such field: ").removesuffix(".")
        return {"reason": "invalid", "location": name, "debugInfo": "", "message": f"no such field: {name}."}
    return {"reason": "invalid", "location": "", "debugInfo": "", "message": message}


def statistics(job: Job) -> dict[str, Any]:
    query = job.outcome.statistics.get("query", {})
    kept = {key: query[key] for key in ("numDmlAffectedRows", "dmlStats", "statementType") if key in query}
    times = {"creationTime": job.created, "startTime": job.started, "endTime": job.ended}
    return {
        "cacheHit": False,
        "totalBytesProcessed": "0",
        **{key: str(milliseconds(time)) for key, time in times.items() if time is not None},
        **kept,
    }


def page(request: Request, fields: list[dict[str, Any]], rows: list[dict[str, object]]) -> dict[str, Any]:
    """Return one page of rows, with the token of the next."""
    query = request.query
    start = int(query.get("pageToken") or query.get("startIndex") or 0)
    size = min(int(query.get("maxResults") or LARGEST_PAGE), LARGEST_PAGE)
    int64_timestamps = query.get("formatOptions.useInt64Timestamp", "").lower() == "true"
    page = rows[start : start + size]
    body: dict[str, Any] = {"totalRows": str(len(rows))}
    if not request.path.endswith("/data"):
        body["schema"] = {"fields": fields}
    if page:
        body["rows"] = [values.to_row(fields, row, int64_timestamps=int64_timestamps) for row in page]
    if start + len(page) < len(rows) and page:
        body["pageToken"] = str(start + len(page))
    return body
