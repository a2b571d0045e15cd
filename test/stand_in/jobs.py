"""Jobs: their ids, their time, and what becomes of them.

No thread runs a job. Whoever looks first lets all that is due happen, in the order in which it fell due.
"""

from __future__ import annotations

import heapq
import itertools
import uuid
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from stand_in.catalog import DEFAULT_LOCATION
from stand_in.clock import milliseconds
from stand_in.errors import (
    ServiceError,
    already_exists,
    denied,
    invalid,
    not_found,
    too_many_loads,
    too_many_statements,
    unsupported,
)
from stand_in.limits import SECONDS_A_DAY
from stand_in.names import JOB_ID
from stand_in.queries import Outcome, Work

if TYPE_CHECKING:
    from collections.abc import Callable

    from stand_in.catalog import Catalog
    from stand_in.loads import LoadPlanner
    from stand_in.permissions import Permissions
    from stand_in.queries import QueryPlanner

Body = dict[str, Any]
Key = tuple[str, str, str]  # project, location, id

# Where a refusal of the analysis shows: in the job, in the HTTP answer (and no job is left), or in both.
Place = Literal["job", "answer", "both"]

MULTI_REGIONS = ("US", "EU")  # where jobs are found without naming their location


@dataclass
class Job:
    """A job from its submission on; it is never forgotten."""

    key: Key
    configuration: Body
    created: float
    work: Work | None = None
    state: Literal["PENDING", "RUNNING", "DONE"] = "PENDING"
    started: float | None = None
    ended: float | None = None
    due: float | None = None
    error: ServiceError | None = None
    outcome: Outcome = field(default_factory=Outcome)
    fate: ServiceError | None = None

    @property
    def kind(self) -> str:
        return "query" if "query" in self.configuration else "load"

    @property
    def location(self) -> str:
        return self.key[1]

    @property
    def job_id(self) -> str:
        return self.key[2]

    @property
    def name(self) -> str:
        return f"{self.key[0]}:{self.key[1]}.{self.key[2]}"

    def resource(self) -> Body:
        """Return the job as jobs.get answers it."""
        project, location, job_id = self.key
        return {
            "kind": "bigquery#job",
            "etag": f"{self.state}-{job_id}",
            "id": self.name,
            "selfLink": f"https://bigquery.googleapis.com/bigquery/v2/projects/{project}/jobs/{job_id}?location={location}",
            "user_email": "stand-in@example.com",
            "configuration": self.configuration,
            "jobReference": {"projectId": project, "jobId": job_id, "location": location},
            "statistics": self._statistics(),
            "status": self._status(),
        }

    def _statistics(self) -> Body:
        times = {"creationTime": self.created, "startTime": self.started, "endTime": self.ended}
        statistics: Body = {key: str(milliseconds(time)) for key, time in times.items() if time is not None}
        return {**statistics, **self.outcome.statistics}

    def _status(self) -> Body:
        if self.error is None:
            return {"state": self.state}
        result = self.error.result()
        return {"state": self.state, "errorResult": result, "errors": [result, *self.error.details]}


class Jobs:
    """All jobs of all projects. Not locked: the service lets one request in at a time."""

    def __init__(self, catalog: Catalog, permissions: Permissions, queries: QueryPlanner, loads: LoadPlanner) -> None:
        self.catalog = catalog
        self.clock = catalog.clock
        self.limits = catalog.limits
        self.windows = catalog.windows
        self.permissions = permissions
        self.queries = queries
        self.loads = loads
        self.seconds: float | Callable[[Job], float] = 0.0
        self.refusals_in: Place = "job"
        self.fate: ServiceError | None = None  # how the next job to be submitted ends
        self.by_key: dict[Key, Job] = {}
        self._running: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self._inserting: defaultdict[str, int] = defaultdict(int)
        self._waiting: defaultdict[str, deque[Job]] = defaultdict(deque)

    def submit(self, project: str, body: Body, media: bytes | None) -> Job:
        """Start the job that body describes; its id is taken from now on, whatever becomes of it."""
        self.permissions.check("bigquery.jobs.create", "Project", project)
        if not self.catalog.has_project(project):
            raise denied("bigquery.jobs.create", "Project", project)
        configuration = _checked_configuration(body)
        reference = body.get("jobReference") or {}
        job_id = reference.get("jobId") or f"job_{uuid.uuid4().hex}"
        if not JOB_ID.fullmatch(job_id):
            raise invalid(f'Invalid job ID "{job_id}".')
        work, refusal = self._plan(project, configuration, media, reference.get("location"))
        location = reference.get("location") or (work.location if work else None) or DEFAULT_LOCATION
        job = Job((project, location, job_id), configuration, self.clock.now(), work, fate=self.fate)
        if configuration.get("dryRun"):
            return _dry_run(job, refusal)
        if job.key in self.by_key:
            raise already_exists("Job", job.name)
        if refusal and self.refusals_in == "answer":
            raise refusal
        self.by_key[job.key] = job
        if refusal:
            self._end(job, refusal, self.clock.now())
            if self.refusals_in == "both":
                raise refusal
        else:
            self._admit(job)
        return job

    def _plan(
        self, project: str, configuration: Body, media: bytes | None, location: str | None
    ) -> tuple[Work | None, ServiceError | None]:
        try:
            if "query" in configuration:
                return self.queries.plan(project, configuration["query"], location), None
            return self.loads.plan(configuration["load"], media, location), None
        except ServiceError as refusal:
            if refusal.reason == "notImplemented":
                raise
            return None, refusal

    def _admit(self, job: Job) -> None:
        now = self.clock.now()
        work = job.work
        if work and work.loads and self._over_load_quota(str(work.table), now):
            self._end(job, too_many_loads(), now)
        elif work and work.inserts and not self._has_place(str(work.table), now):
            queue = self._waiting[str(work.table)]
            if len(queue) >= self.limits.inserts_queued:
                self._end(job, too_many_statements(work.table, self.limits.inserts_queued), now)
            else:
                queue.append(job)
        else:
            self._start(job, now)
        self.advance()

    def _over_load_quota(self, table: str, now: float) -> bool:
        key = ("loads", table)
        over = self.windows.full(key, now, SECONDS_A_DAY, self.limits.loads_a_day)
        self.windows.count(key, now)
        return over

    def _has_place(self, table: str, now: float) -> bool:
        """Tell whether one more INSERT may run now: the first of a day always, then so many at a time."""
        key = ("inserts", table)
        free = not self.windows.full(key, now, SECONDS_A_DAY, self.limits.free_inserts_a_day)
        self.windows.count(key, now)
        return free or self._inserting[table] < self.limits.inserts_running

    def _start(self, job: Job, now: float) -> None:
        job.state, job.started = "RUNNING", now
        if job.work and job.work.inserts:
            self._inserting[str(job.work.table)] += 1
        job.due = now + (self.seconds(job) if callable(self.seconds) else self.seconds)
        heapq.heappush(self._running, (job.due, next(self._order), job))

    def advance(self) -> None:
        """Let happen what is due by now."""
        while self._running and self._running[0][0] <= self.clock.now():
            due, _, job = heapq.heappop(self._running)
            if job.state == "RUNNING":
                self._finish(job, due)

    def next_due(self) -> float | None:
        return self._running[0][0] if self._running else None

    def _finish(self, job: Job, now: float) -> None:
        error = job.fate
        try:
            if job.work and not job.fate:
                job.outcome = job.work.run()
        except ServiceError as refusal:
            error = refusal
        self._end(job, error, now)

    def _end(self, job: Job, error: ServiceError | None, now: float) -> None:
        was_running = job.state == "RUNNING"
        job.started = now if job.started is None else job.started
        job.state, job.ended, job.error = "DONE", now, error
        work, job.work = job.work, None
        if was_running and work and work.inserts:
            self._inserting[str(work.table)] -= 1
            self._start_next(str(work.table), now)

    def _start_next(self, table: str, now: float) -> None:
        queue = self._waiting[table]
        while queue and self._inserting[table] < self.limits.inserts_running:
            job = queue.popleft()
            if job.state == "PENDING":
                self._start(job, now)

    def get(self, project: str, job_id: str, location: str | None) -> Job:
        """Return a job; outside the multi-regions it is found only by its location."""
        self.advance()
        places = [location] if location else MULTI_REGIONS
        found = [self.by_key[key] for key in ((project, place, job_id) for place in places) if key in self.by_key]
        named = f"{project}:{location}.{job_id}" if location else f"{project}:{job_id}"
        self.permissions.check("bigquery.jobs.get", "Job", named)
        if not found:
            raise not_found("Job", named)
        return found[0]

    def cancel(self, job: Job) -> None:
        if job.state != "DONE":
            stopped = ServiceError(200, "stopped", "Job execution was cancelled: User requested cancellation")
            self._end(job, stopped, self.clock.now())


def _checked_configuration(body: Body) -> Body:
    configuration = dict(body.get("configuration") or {})
    kinds = [kind for kind in ("query", "load", "copy", "extract") if kind in configuration]
    if len(kinds) != 1:
        raise invalid("Required parameter is missing: exactly one of query, load, copy and extract")
    if kinds[0] not in {"query", "load"}:
        raise unsupported(f"{kinds[0]} jobs")
    return {**configuration, "jobType": kinds[0].upper()}


def _dry_run(job: Job, refusal: ServiceError | None) -> Job:
    if refusal:
        raise refusal
    job.state = "DONE"
    return job
