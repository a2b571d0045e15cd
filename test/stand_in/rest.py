"""The REST API: which method a path means, and what it answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stand_in import resources, values
from stand_in.errors import ServiceError, invalid, streaming_needs_billing
from stand_in.names import DatasetName, TableName
from stand_in.uploads import Uploads, add_chunk, document, split_multipart
from stand_in.wire import Answer, Request

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from stand_in.catalog import Catalog, Dataset, Table
    from stand_in.jobs import Job, Jobs
    from stand_in.permissions import Permissions

Names = dict[str, str]

PROJECT = r"/bigquery/v2/projects/(?P<project>[^/]+)"
DATASET = PROJECT + r"/datasets/(?P<dataset>[^/]+)"
TABLE = DATASET + r"/tables/(?P<table>[^/:]+)"
JOB = PROJECT + r"/jobs/(?P<job>[^/]+)"
UPLOAD = "/upload" + PROJECT + "/jobs"

ROUTES = [
    (method, re.compile(path), call)
    for method, path, call in (
        ("GET", TABLE, "tables.get"),
        ("PATCH", TABLE, "tables.patch"),
        ("DELETE", TABLE, "tables.delete"),
        ("POST", DATASET + "/tables", "tables.insert"),
        ("GET", DATASET + "/tables", "tables.list"),
        ("POST", TABLE + ":testIamPermissions", "tables.testIamPermissions"),
        ("POST", TABLE + "/insertAll", "tabledata.insertAll"),
        ("GET", TABLE + "/data", "tabledata.list"),
        ("GET", DATASET, "datasets.get"),
        ("PATCH", DATASET, "datasets.patch"),
        ("DELETE", DATASET, "datasets.delete"),
        ("POST", PROJECT + "/datasets", "datasets.insert"),
        ("GET", PROJECT + "/datasets", "datasets.list"),
        ("POST", PROJECT + "/jobs", "jobs.insert"),
        ("POST", UPLOAD, "jobs.insert"),
        ("PUT", UPLOAD, "jobs.upload"),
        ("GET", JOB, "jobs.get"),
        ("POST", JOB + "/cancel", "jobs.cancel"),
        ("GET", PROJECT + "/jobs", "jobs.list"),
        ("POST", PROJECT + "/queries", "jobs.query"),
        ("GET", PROJECT + "/queries/(?P<job>[^/]+)", "jobs.getQueryResults"),
    )
]
UNKNOWN_CALL = "unknown"
NOT_OF_QUERY_JOBS = frozenset(
    {
        "kind",
        "timeoutMs",
        "maxResults",
        "location",
        "requestId",
        "labels",
        "dryRun",
        "formatOptions",
        "jobCreationMode",
        "jobTimeoutMs",
    }
)
DEFAULT_WAIT_MS = 10_000
LONGEST_WAIT_MS = 200_000
STREAMED_DUPLICATES_SECONDS = 60.0  # how long an insertId is remembered


def resolve(method: str, path: str) -> tuple[str, Names]:
    """Return the API's name of the method, and the names in the path."""
    for verb, pattern, call in ROUTES:
        match = pattern.fullmatch(path) if verb == method else None
        if match:
            return call, match.groupdict()
    return UNKNOWN_CALL, {}


class Rest:
    """Answers requests from the catalog and the jobs. One request is let in at a time, waiting ones excepted."""

    def __init__(self, catalog: Catalog, jobs: Jobs, permissions: Permissions, lock: threading.RLock) -> None:
        self.catalog = catalog
        self.jobs = jobs
        self.permissions = permissions
        self.billing = True
        self.lock = lock
        self.uploads = Uploads()
        self._requests: dict[tuple[str, str], Job] = {}
        self._streamed: dict[tuple[str, str], float] = {}
        self._handlers: dict[str, Callable[[Request, Names], Answer]] = {
            "datasets.get": self._get_dataset,
            "datasets.insert": self._insert_dataset,
            "datasets.patch": self._patch_dataset,
            "datasets.delete": self._delete_dataset,
            "datasets.list": self._list_datasets,
            "tables.get": self._get_table,
            "tables.insert": self._insert_table,
            "tables.patch": self._patch_table,
            "tables.delete": self._delete_table,
            "tables.list": self._list_tables,
            "tables.testIamPermissions": self._test_permissions,
            "tabledata.list": self._list_rows,
            "tabledata.insertAll": self._insert_all,
            "jobs.insert": self._insert_job,
            "jobs.upload": self._upload,
            "jobs.get": self._get_job,
            "jobs.cancel": self._cancel_job,
            "jobs.list": self._list_jobs,
            UNKNOWN_CALL: self._unknown,
        }

    def answer(self, call: str, request: Request, names: Names, fate: ServiceError | None = None) -> Answer:
        """Do what a request asks for, and return its answer, also if that is a refusal.

        A job that the request submits ends with the error fate, if there is one.
        """
        try:
            if call == "jobs.query":
                return self._query(request, names, fate)
            if call == "jobs.getQueryResults":
                return self._query_results(request, names)
            with self.lock:
                self.jobs.advance()
                self.jobs.fate = fate
                return self._handlers[call](request, names)
        except ServiceError as refusal:
            return Answer(refusal.status, refusal.answer())

    def _unknown(self, request: Request, _: Names) -> Answer:
        raise ServiceError(404, "notFound", f"Not found: {request.method} {request.path}")

    # Datasets

    def _get_dataset(self, _: Request, names: Names) -> Answer:
        name = _dataset_name(names)
        self.permissions.check("bigquery.datasets.get", "Dataset", name)
        return _dataset_answer(self.catalog.dataset(name))

    def _insert_dataset(self, request: Request, names: Names) -> Answer:
        body = document(request.body)
        self.permissions.check("bigquery.datasets.create", "Project", names["project"])
        name = DatasetName(names["project"], (body.get("datasetReference") or {}).get("datasetId", ""))
        return _dataset_answer(self.catalog.insert_dataset(name, body))

    def _patch_dataset(self, request: Request, names: Names) -> Answer:
        name = _dataset_name(names)
        self.permissions.check("bigquery.datasets.update", "Dataset", name)
        body = document(request.body)
        return _dataset_answer(self.catalog.patch_dataset(name, body, request.headers.get("if-match")))

    def _delete_dataset(self, request: Request, names: Names) -> Answer:
        name = _dataset_name(names)
        self.permissions.check("bigquery.datasets.delete", "Dataset", name)
        self.catalog.delete_dataset(name, delete_contents=request.query.get("deleteContents") == "true")
        return Answer(204)

    def _list_datasets(self, _: Request, names: Names) -> Answer:
        here = [each for name, each in self.catalog.datasets.items() if name.project == names["project"]]
        listed = [
            {
                "kind": "bigquery#dataset",
                "id": str(each.name),
                "datasetReference": {"projectId": each.name.project, "datasetId": each.name.dataset},
                "location": each.location,
            }
            for each in sorted(here, key=lambda each: each.name.dataset)
        ]
        return Answer(body={"kind": "bigquery#datasetList", **({"datasets": listed} if listed else {})})

    # Tables

    def _get_table(self, _: Request, names: Names) -> Answer:
        name = _table_name(names)
        self.permissions.check("bigquery.tables.get", "Table", name)
        return _table_answer(self.catalog.table(name))

    def _insert_table(self, request: Request, names: Names) -> Answer:
        body = document(request.body)
        self.permissions.check("bigquery.tables.create", "Dataset", _dataset_name(names))
        table = (body.get("tableReference") or {}).get("tableId", "")
        return _table_answer(self.catalog.insert_table(TableName(names["project"], names["dataset"], table), body))

    def _patch_table(self, request: Request, names: Names) -> Answer:
        name = _table_name(names)
        self.permissions.check("bigquery.tables.update", "Table", name)
        body = document(request.body)
        return _table_answer(self.catalog.patch_table(name, body, request.headers.get("if-match")))

    def _delete_table(self, _: Request, names: Names) -> Answer:
        name = _table_name(names)
        self.permissions.check("bigquery.tables.delete", "Table", name)
        self.catalog.delete_table(name)
        return Answer(204)

    def _list_tables(self, _: Request, names: Names) -> Answer:
        name = _dataset_name(names)
        self.permissions.check("bigquery.tables.list", "Dataset", name)
        tables = sorted(self.catalog.dataset(name).tables.values(), key=lambda table: table.name.table)
        listed = [
            {"kind": "bigquery#table", "id": str(each.name), "tableReference": each.name.reference(), "type": "TABLE"}
            for each in tables
        ]
        return Answer(body={"kind": "bigquery#tableList", "totalItems": len(listed), "tables": listed})

    def _test_permissions(self, request: Request, names: Names) -> Answer:
        """Say which of them the caller has; who may not see that there is no table is told of none."""
        try:
            self.catalog.table(_table_name(names))
        except ServiceError:
            if "bigquery.tables.get" in self.permissions.denied:
                return Answer(body={})
            raise
        asked = document(request.body).get("permissions") or []
        held = [each for each in asked if each not in self.permissions.denied]
        return Answer(body={"permissions": held} if held else {})

    # Rows

    def _list_rows(self, request: Request, names: Names) -> Answer:
        name = _table_name(names)
        self.permissions.check("bigquery.tables.getData", "Table", name)
        table = self.catalog.table(name)
        chosen = request.query.get("selectedFields")
        fields = [each for each in table.fields if not chosen or each["name"] in chosen.split(",")]
        page = resources.page(request, fields, table.rows)
        return Answer(body={"kind": "bigquery#tableDataList", "etag": table.etag, **page})

    def _insert_all(self, request: Request, names: Names) -> Answer:
        """Stream rows: all or none, as skipInvalidRows is off, and an insertId counts once for a minute."""
        name = _table_name(names)
        self.permissions.check("bigquery.tables.updateData", "Table", name)
        if not self.billing:
            raise streaming_needs_billing()
        table, body = self.catalog.table(name), document(request.body)
        errors: list[dict[str, Any]] = []
        rows = []
        for index, row in enumerate(body.get("rows") or []):
            try:
                kept = values.row_from_json(
                    table.fields,
                    row.get("json"),
                    ignore_unknown=bool(body.get("ignoreUnknownValues")),
                    json_as_text=True,
                )
                rows.append((row.get("insertId"), kept))
            except values.BadValueError as error:
                errors.append({"index": index, "errors": [resources.row_error(str(error))]})
        if errors:
            return Answer(body={"kind": "bigquery#tableDataInsertAllResponse", "insertErrors": errors})
        fresh = [kept for insert_id, kept in rows if self._is_fresh(str(name), insert_id)]
        self.catalog.append(table, fresh, new_etag=False)
        return Answer(body={"kind": "bigquery#tableDataInsertAllResponse"})

    def _is_fresh(self, table: str, insert_id: str | None) -> bool:
        if not insert_id:
            return True
        now, key = self.catalog.clock.now(), (table, insert_id)
        known = now - self._streamed.get(key, float("-inf")) < STREAMED_DUPLICATES_SECONDS
        self._streamed[key] = now
        return not known

    # Jobs

    def _insert_job(self, request: Request, names: Names) -> Answer:
        upload = request.query.get("uploadType")
        if upload == "resumable":
            name = self.uploads.begin(names["project"], request.body)
            host = request.headers.get("host", "")
            return Answer(headers={"Location": f"http://{host}{request.path}?uploadType=resumable&upload_id={name}"})
        if upload == "multipart":
            body, media = split_multipart(request.headers.get("content-type", ""), request.body)
            return Answer(body=self.jobs.submit(names["project"], body, media).resource())
        return Answer(body=self.jobs.submit(names["project"], document(request.body), None).resource())

    def _upload(self, request: Request, names: Names) -> Answer:
        """Take a chunk; the last one submits the job, and the answer to that can be asked for again."""
        session = self.uploads.session(request.query.get("upload_id", ""))
        if session.answer is None:
            if not add_chunk(session, request.headers.get("content-range", ""), request.body):
                last = len(session.received) - 1
                return Answer(308, headers={"Range": f"bytes=0-{last}"} if last >= 0 else {})
            session.answer = self.jobs.submit(names["project"], session.metadata, bytes(session.received)).resource()
        return Answer(body=session.answer)

    def _get_job(self, request: Request, names: Names) -> Answer:
        return Answer(body=self.jobs.get(names["project"], names["job"], request.query.get("location")).resource())

    def _cancel_job(self, request: Request, names: Names) -> Answer:
        job = self.jobs.get(names["project"], names["job"], request.query.get("location"))
        self.jobs.cancel(job)
        return Answer(body={"kind": "bigquery#jobCancelResponse", "job": job.resource()})

    def _list_jobs(self, _: Request, names: Names) -> Answer:
        here = [job.resource() for job in self.jobs.by_key.values() if job.key[0] == names["project"]]
        return Answer(body={"kind": "bigquery#jobList", "jobs": here[::-1]})

    def _query(self, request: Request, names: Names, fate: ServiceError | None) -> Answer:
        """Run a query and wait for it; a repeated requestId finds the first one's job."""
        body = document(request.body)
        key = (names["project"], str(body.get("requestId")))
        with self.lock:
            self.jobs.advance()
            self.jobs.fate = fate
            job = self._requests.get(key) if body.get("requestId") else None
            if job is None:
                job = self._requests[key] = self.jobs.submit(names["project"], _job_of_query(body), None)
        page: dict[str, str] = {name: str(body[name]) for name in ("maxResults", "timeoutMs") if name in body}
        page["formatOptions.useInt64Timestamp"] = str((body.get("formatOptions") or {}).get("useInt64Timestamp"))
        return self._results(job, Request("GET", request.path, page, request.headers, b""), "bigquery#queryResponse")

    def _query_results(self, request: Request, names: Names) -> Answer:
        with self.lock:
            job = self.jobs.get(names["project"], names["job"], request.query.get("location"))
        return self._results(job, request, "bigquery#getQueryResultsResponse")

    def _results(self, job: Job, request: Request, kind: str) -> Answer:
        self._wait_for(job, float(request.query.get("timeoutMs", DEFAULT_WAIT_MS)) / 1000)
        with self.lock:
            project, location, job_id = job.key
            body: dict[str, Any] = {
                "kind": kind,
                "jobReference": {"projectId": project, "jobId": job_id, "location": location},
                "jobComplete": job.state == "DONE",
            }
            if job.state != "DONE":
                return Answer(body=body)
            if job.error:
                raise resources.as_answer(job.error)
            if job.kind != "query":
                raise invalid("Cannot list results of a job that is not a query.")
            # A statement that changes rows has no result: neither a schema nor a number of rows.
            page = resources.page(request, job.outcome.fields, job.outcome.rows) if job.outcome.fields else {}
            return Answer(body={**body, **resources.statistics(job), **page})

    def _wait_for(self, job: Job, seconds: float) -> None:
        """Wait for a job's end, outside the lock, at most as long as the caller asks for."""
        clock = self.jobs.clock
        until = clock.now() + min(seconds, LONGEST_WAIT_MS / 1000)
        while True:
            with self.lock:
                self.jobs.advance()
                now, due = clock.now(), self.jobs.next_due()
            if job.state == "DONE" or now >= until or due is None:
                return
            clock.sleep(max(min(due, until) - now, 0.0))


def _job_of_query(body: dict[str, Any]) -> dict[str, Any]:
    """Return the job that a request to jobs.query stands for."""
    query = {key: value for key, value in body.items() if key not in NOT_OF_QUERY_JOBS}
    configuration: dict[str, Any] = {"query": query, **{key: body[key] for key in ("labels", "dryRun") if key in body}}
    reference = {"location": body["location"]} if body.get("location") else {}
    return {"configuration": configuration, "jobReference": reference}


def _dataset_name(names: Names) -> DatasetName:
    return DatasetName(names["project"], names["dataset"])


def _table_name(names: Names) -> TableName:
    return TableName(names["project"], names["dataset"], names["table"])


def _dataset_answer(dataset: Dataset) -> Answer:
    return Answer(body=resources.dataset_resource(dataset), headers={"ETag": dataset.etag})


def _table_answer(table: Table) -> Answer:
    return Answer(body=resources.table_resource(table), headers={"ETag": table.etag})
