"""A client whose waits all end with the deadline: the only module that builds one.

The client's own waits are overridden everywhere: it would retry for 600 s (jobs 2,400 s) and give a socket no limit.
"""

import logging
import os
import threading
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict, TypeVar
from urllib.parse import urlsplit

import requests.exceptions
import requests.utils
from google.api_core import exceptions as api
from google.api_core.client_info import ClientInfo
from google.api_core.retry import Retry
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from bqsteps import __version__, credentials, sessions
from bqsteps.deadline import Deadline
from bqsteps.parallel import Pace
from bqsteps.service_errors import ERRORS, explain, is_transient, note

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

T = TypeVar("T")

# The client and google-auth warn through both, a traceback's worth at a time; what matters is in the failure's line.
logging.getLogger("google").addHandler(logging.NullHandler())
logging.getLogger("urllib3").addHandler(logging.NullHandler())
warnings.filterwarnings("ignore", module=r"google\..*")

# A ~/.netrc may have a login for any host. requests sends it, over a token, too, and Google takes no password.
os.environ["NETRC"] = os.devnull

# A label's value has no dots: https://cloud.google.com/bigquery/docs/labels-intro#requirements
JOB_LABELS: Final[Mapping[str, str]] = {"bqsteps_version": __version__.replace(".", "-")}
"""What every job carries, so that INFORMATION_SCHEMA.JOBS tells which version started it."""


class Options(TypedDict):
    """The arguments that bound one request of the client."""

    retry: Any  # None, which the client takes, and its annotations do not say
    timeout: float


class Connection:
    """A client whose every wait ends with the deadline.

    Args:
        client: the official client.
        deadline: when waiting ends.
        pace: how often requests may be made, or None.
    """

    def __init__(self, client: bigquery.Client, deadline: Deadline, pace: Pace | None = None) -> None:
        self.client = client
        self.deadline = deadline
        self._pace = pace
        self._locations: dict[str, str] = {}
        self._lock = threading.Lock()

    def location_of(self, dataset: str) -> str | None:
        """Where a dataset is, looked up once for all who ask; None where there is none. Raises what the client raises.

        Args:
            dataset: as project.dataset.
        """
        with self._lock:  # one at a time: whoever waits would only ask the same
            if dataset not in self._locations:
                try:
                    location = self.client.get_dataset(dataset, **self.once()).location
                except api.NotFound:
                    return None
                if not location:
                    return None  # an emulator may not have one
                self._locations[dataset] = str(location)
            return self._locations[dataset]

    def once(self) -> Options:
        """Arguments for one request that is not retried by the client. Waits for the request's turn."""
        return {"retry": None, "timeout": self.timeout()}

    def timeout(self) -> float:
        """Seconds that the next request may take. Waits for its turn.

        Raises:
            TimeoutError: its turn would come after the deadline.
        """
        if self._pace and not self._pace.turn(self.deadline.remaining):
            raise TimeoutError("BQ_REQUESTS_PER_SECOND leaves no time for it, more of BQ_DEADLINE_SECONDS would")
        return self.deadline.request

    def retrying(self, doing: str, attempt: Callable[[], T], also: Callable[[Exception], bool] = lambda _: False) -> T:
        """The attempt's value; it is repeated, with exponential and jittered waits, while what it raises is transient.

        Args:
            doing: what it does, to follow "cannot" in a message.
            attempt: makes requests with `once`; must do no harm when repeated.
            also: further exceptions that are worth another attempt.

        Raises:
            Failure: what could not be done, if not before the deadline.
        """
        retry = Retry(
            predicate=lambda error: also(error) or is_transient(error),
            initial=0.2,
            maximum=8.0,
            timeout=self.deadline.remaining,
            on_error=note,
        )
        try:
            return retry(attempt)()
        except ERRORS as error:
            raise explain(error, doing, self.deadline) from None


def connect(  # noqa: PLR0913, PLR0917  # what a connection needs
    project: str,
    location: str | None,
    deadline: Deadline,
    environ: Mapping[str, str],
    workers: int = 1,
    requests_per_second: float | None = None,
) -> Connection:
    """A connection whose jobs run in `project`.

    Args:
        project: the project.
        location: where jobs run; None leaves that to BigQuery.
        deadline: when waiting ends.
        environ: the environment.
        workers: how many threads use it at a time.
        requests_per_second: the rate that they are held to together; None for one that makes few.

    Raises:
        Failure: of kind auth where there are no usable credentials.
    """
    client = _client(project, location, credentials.find(deadline, environ), environ, workers)
    return Connection(client, deadline, Pace(requests_per_second) if requests_per_second else None)


def link(
    project: str, location: str | None, identity: "Credentials", deadline: Deadline, environ: Mapping[str, str]
) -> Connection:
    """A connection of credentials that were found before."""
    return Connection(_client(project, location, identity, environ, 1), deadline)


def _client(
    project: str, location: str | None, identity: "Credentials", environ: Mapping[str, str], workers: int
) -> bigquery.Client:
    session = sessions.Session(identity, workers, environ)
    client = bigquery.Client(
        project=project,
        credentials=identity,
        location=location,
        client_info=ClientInfo(user_agent=f"bqsteps/{__version__}"),  # type: ignore[no-untyped-call]
        _http=session,
    )
    session.settle(_root(client))
    return client


def _root(client: bigquery.Client) -> str:
    return str(client._connection.API_BASE_URL)  # noqa: SLF001  # nowhere else


class Reached(NamedTuple):
    """How BigQuery was reached.

    Args:
        server: its name.
        proxy: that of the proxy in between, or empty.
        date: the answer's date, as HTTP has it, or empty.
    """

    server: str
    proxy: str
    date: str


def reach(deadline: Deadline, environ: Mapping[str, str]) -> Reached:
    """Ask BigQuery for something as nobody: any answer of its own shows the way to it, also a refusal.

    Raises:
        Failure: there was no answer, or it was another's.
    """
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
    root = _root(bigquery.Client(project="-", credentials=nobody))
    proxy = requests.utils.select_proxy(root, requests.utils.get_environ_proxies(root)) or ""
    session = sessions.prepared(requests.Session(), 1, environ)
    try:
        response = session.get(f"{root}/bigquery/v2/projects", timeout=deadline.request)
        sessions.check_whose(response)
    except TypeError:  # requests stumbles over a proxy that has a user and no host
        raise explain(requests.exceptions.InvalidProxyURL(), "reach BigQuery", deadline) from None
    except ERRORS as error:
        raise explain(error, "reach BigQuery", deadline) from None
    return Reached(_host(root), _host(proxy), response.headers.get("Date", ""))


def _host(address: str) -> str:
    return urlsplit(address if "//" in address else f"//{address}").netloc.rpartition("@")[2]
