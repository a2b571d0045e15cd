"""The server as tests hold it: its settings, its life, and all that can be looked at."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Self

from stand_in import values
from stand_in.catalog import Catalog
from stand_in.clock import WallClock
from stand_in.control import Control
from stand_in.exchange import Exchange
from stand_in.faults import Faults
from stand_in.jobs import Jobs
from stand_in.limits import Limits, Windows
from stand_in.listener import Listener
from stand_in.loads import LoadPlanner
from stand_in.log import LogEntry, RequestLog
from stand_in.names import DatasetName, TableName
from stand_in.permissions import Permissions
from stand_in.queries import QueryPlanner
from stand_in.resources import dataset_resource, table_resource
from stand_in.rest import Rest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from stand_in.catalog import Dataset, Table
    from stand_in.clock import Clock
    from stand_in.exchange import Moment
    from stand_in.jobs import Job, Place

GRACE_SECONDS = 5.0


class StandIn:
    """A BigQuery for tests: `with StandIn() as bq:` serves at bq.url until the block ends.

    Everything can be changed while it serves: bq.faults, bq.limits, bq.permissions.denied, bq.billing, bq.latency.
    """

    def __init__(  # noqa: PLR0913  the keywords are the settings of a server
        self,
        *,
        port: int = 0,
        latency: float = 0.0,
        billing: bool = True,
        limits: Limits | None = None,
        clock: Clock | None = None,
        denied: Iterable[str] = (),
        projects: Iterable[str] | None = None,
        job_seconds: float | Callable[[Job], float] = 0.0,
        refusals_in: Place = "job",
        adorn: bool = True,
        rows_change_etag: bool = False,
        keep_bodies: bool = False,
        observer: Callable[[Moment, LogEntry], None] | None = None,
    ) -> None:
        self.limits = limits or Limits.off()
        self.clock: Clock = clock or WallClock()
        self.faults = Faults()
        self.permissions = Permissions()
        self.permissions.denied.update(denied)
        self.log = RequestLog(keep_bodies=keep_bodies)
        self._lock = threading.RLock()
        self._windows = Windows()
        self._catalog = Catalog(self.clock, self.limits, self._windows, adorn=adorn)
        self._catalog.projects = None if projects is None else set(projects)
        self._queries = QueryPlanner(self._catalog, self.permissions)
        loads = LoadPlanner(self._catalog, self.permissions)
        self._queries.rows_change_etag = loads.rows_change_etag = rows_change_etag
        self._jobs = Jobs(self._catalog, self.permissions, self._queries, loads)
        self._rest = Rest(self._catalog, self._jobs, self.permissions, self._lock)
        self._exchange = Exchange(self._rest, self.faults, self.log, self.limits, self._windows)
        self._exchange.control = Control(self)
        self.latency, self.observer, self.billing = latency, observer, billing
        self.job_seconds, self.refusals_in = job_seconds, refusals_in
        self._listener = Listener(("127.0.0.1", port), self._exchange)
        self._thread = threading.Thread(target=self._listener.serve, daemon=True)

    # Running

    @property
    def url(self) -> str:
        """Return the address, as BIGQUERY_EMULATOR_HOST takes it."""
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the server and all its connections, also those that hang."""
        self._listener.end()
        self._thread.join(GRACE_SECONDS)
        self._listener.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self.defects and error is None:
            raise AssertionError("The stand-in itself failed:\n" + "\n".join(self.defects))

    # Settings

    @property
    def latency(self) -> float:
        """How many seconds each request takes at least."""
        return self._exchange.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._exchange.latency = seconds

    @property
    def observer(self) -> Callable[[Moment, LogEntry], None] | None:
        """What is called in the thread of a request when it came, when it was done, and when it was answered."""
        return self._exchange.observer

    @observer.setter
    def observer(self, observer: Callable[[Moment, LogEntry], None] | None) -> None:
        self._exchange.observer = observer

    @property
    def defects(self) -> list[str]:
        """Return the tracebacks of the stand-in's own failures; the end of the with block raises them."""
        return self._exchange.defects

    @property
    def billing(self) -> bool:
        return self._rest.billing

    @billing.setter
    def billing(self, enabled: bool) -> None:
        self._rest.billing = self._queries.billing = enabled

    @property
    def job_seconds(self) -> float | Callable[[Job], float]:
        """How long jobs take: a number, or a function of the job."""
        return self._jobs.seconds

    @job_seconds.setter
    def job_seconds(self, seconds: float | Callable[[Job], float]) -> None:
        self._jobs.seconds = seconds

    @property
    def refusals_in(self) -> Place:
        """Where a refused query or load shows: in its job, in the answer to jobs.insert, or in both."""
        return self._jobs.refusals_in

    @refusals_in.setter
    def refusals_in(self, place: Place) -> None:
        self._jobs.refusals_in = place

    # State

    @property
    def datasets(self) -> Mapping[str, Dataset]:
        """Return the datasets by project.dataset."""
        with self._lock:
            return {f"{name.project}.{name.dataset}": each for name, each in self._catalog.datasets.items()}

    @property
    def tables(self) -> Mapping[str, Table]:
        """Return the tables by project.dataset.table, with what is due by now in them."""
        with self._lock:
            self._jobs.advance()
            datasets = self._catalog.datasets.values()
            return {table.name.dotted: table for dataset in datasets for table in dataset.tables.values()}

    @property
    def jobs(self) -> list[Job]:
        """Return the jobs in the order of their submission."""
        with self._lock:
            self._jobs.advance()
            return list(self._jobs.by_key.values())

    @property
    def requests(self) -> list[LogEntry]:
        return self.log.all()

    def count(self, call: str | None = None) -> int:
        """Return how many requests there were, or how many of one call."""
        return sum(1 for entry in self.requests if call in {None, entry.call})

    def calls(self) -> Counter[str]:
        """Return how many requests there were of each call."""
        return Counter(entry.call for entry in self.requests)

    def state(self) -> dict[str, Any]:
        """Return everything that is kept, as JSON has it."""
        with self._lock:
            self._jobs.advance()
            datasets = self._catalog.datasets.values()
            tables = [table for dataset in datasets for table in dataset.tables.values()]
            return {
                "datasets": {str(each.name): dataset_resource(each) for each in datasets},
                "tables": {
                    str(each.name): {"resource": table_resource(each), "rows": values.plain(list(each.rows))}
                    for each in tables
                },
                "jobs": {job.name: job.resource() for job in self._jobs.by_key.values()},
            }

    def create_dataset(self, name: str, **resource: object) -> Dataset:
        """Make project.dataset behind the API: no request, no rate."""
        project, _, dataset = name.rpartition(".")
        with self._lock:
            made = self._catalog.insert_dataset(DatasetName(project, dataset), resource)
            self._windows.clear_key(("Dataset", str(made.name)))
            return made

    def create_table(
        self,
        name: str,
        fields: Sequence[Mapping[str, object]],
        rows: Iterable[dict[str, object]] = (),
        **resource: object,
    ) -> Table:
        """Make project.dataset.table behind the API, and its dataset if that is missing: no request, no rate."""
        full = TableName.parse(name)
        with self._lock:
            if full.within not in self._catalog.datasets:
                self.create_dataset(f"{full.project}.{full.dataset}")
            made = self._catalog.insert_table(full, {"schema": {"fields": [dict(each) for each in fields]}, **resource})
            self._windows.clear_key(("Table", str(full)))
            checked = [values.row_from_json(made.fields, row, ignore_unknown=False, json_as_text=False) for row in rows]
            self._catalog.append(made, checked, new_etag=False)
            return made
