"""Credentials, emulator, deadline and retries: the only module that builds a client.

The client's own waits are overridden everywhere: it would retry for 600 s (jobs 2,400 s) and give a socket no limit.
"""

import contextlib
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict, TypeVar
from urllib.parse import urlsplit

import google.auth
import requests.exceptions
import requests.utils
from google.api_core import exceptions as api
from google.api_core.client_info import ClientInfo
from google.api_core.retry import Retry
from google.auth import exceptions as auth
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import bigquery
from requests import Session
from requests.adapters import HTTPAdapter

from bqsteps import __version__, network, roles, trace
from bqsteps.deadline import Deadline
from bqsteps.errors import SEE_DOCTOR, Failure, Kind
from bqsteps.parallel import Pace
from bqsteps.settings import BIGQUERY_EMULATOR_HOST

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

T = TypeVar("T")

# The client and google-auth warn through both, a traceback's worth at a time; what matters is in the failure's line.
logging.getLogger("google").addHandler(logging.NullHandler())
logging.getLogger("urllib3").addHandler(logging.NullHandler())
warnings.filterwarnings("ignore", module=r"google\..*")

ERRORS = (api.GoogleAPIError, auth.GoogleAuthError, OSError)
"""What a request of the client may raise: what the service or google-auth says, what the network or the system does."""

# A label's value has no dots: https://cloud.google.com/bigquery/docs/labels-intro#requirements
JOB_LABELS: Final[Mapping[str, str]] = {"bqsteps_version": __version__.replace(".", "-")}
"""What every job carries, so that INFORMATION_SCHEMA.JOBS tells which version started it."""

_SCOPES = ("https://www.googleapis.com/auth/bigquery",)
_RATE_REASONS = frozenset({"rateLimitExceeded", "jobRateLimitExceeded"})
_QUOTA_REASONS = _RATE_REASONS | {"quotaExceeded", "dailyLimitExceeded", "userRateLimitExceeded"}
# The same words for a job that failed and for a request that did: https://cloud.google.com/bigquery/docs/error-messages
TRANSIENT_REASONS = _RATE_REASONS | {
    "backendError",
    "internalError",
    "badGateway",
    "jobBackendError",
    "jobInternalError",
    "tableUnavailable",
}
_ONE_RESOURCE = re.compile(r"/(?P<kind>jobs|datasets|tables)(/(?P<id>[^/:]+))?$")
_NEEDED: Mapping[str, Mapping[str, type]] = {
    "jobs": {"jobReference": dict, "status": dict},
    "datasets": {"datasetReference": dict},
    "tables": {"tableReference": dict},
}
CREDENTIALS_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
_PERMISSION = re.compile(r"\bbigquery\.\w+\.\w+\b")


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
            on_error=_told,
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
    client = _client(project, location, credentials(deadline, environ), environ, workers)
    return Connection(client, deadline, Pace(requests_per_second) if requests_per_second else None)


def link(
    project: str, location: str | None, identity: "Credentials", deadline: Deadline, environ: Mapping[str, str]
) -> Connection:
    """A connection of credentials that were found before."""
    return Connection(_client(project, location, identity, environ, 1), deadline)


def _client(
    project: str, location: str | None, identity: "Credentials", environ: Mapping[str, str], workers: int
) -> bigquery.Client:
    session = _Session(identity, workers, _adapter(environ))
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


def credentials(deadline: Deadline, environ: Mapping[str, str]) -> "Credentials":
    """Application Default Credentials with a token, or those of nobody for an emulator.

    Raises:
        Failure: of kind auth where there are none that can be used.
    """
    if environ.get(BIGQUERY_EMULATOR_HOST.name):
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    return _find_credentials(deadline, environ)


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
    session = _mounted(requests.Session(), 1, _adapter(environ))
    try:
        response = session.get(f"{root}/bigquery/v2/projects", timeout=deadline.request)
        _check_whose(response)
    except TypeError:  # requests stumbles over a proxy that has a user and no host
        raise explain(requests.exceptions.InvalidProxyURL(), "reach BigQuery", deadline) from None
    except ERRORS as error:
        raise explain(error, "reach BigQuery", deadline) from None
    return Reached(_host(root), _host(proxy), response.headers.get("Date", ""))


def _host(address: str) -> str:
    return urlsplit(address if "//" in address else f"//{address}").netloc.rpartition("@")[2]


def _adapter(environ: Mapping[str, str]) -> type[HTTPAdapter]:
    return trace.Adapter if trace.is_on(environ) else HTTPAdapter


def _mounted(session: Session, workers: int, adapter: type[HTTPAdapter]) -> Session:
    # Without one, requests sends what a ~/.netrc has for a host, or for any: in place of a token, too.
    session.auth = _no_more
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter(pool_connections=1, pool_maxsize=workers))
    return session


def _no_more(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _told(error: Exception) -> None:
    trace.LOG.debug("to be tried again after a pause: %s", words(error))


class _Session(AuthorizedSession):
    """A session that keeps a connection for each thread, where the usual one keeps ten and opens others each time.

    It takes no answer for BigQuery's that is another's: what a proxy refuses was not refused by the service, and the
    client would stumble over what it says.
    """

    def __init__(self, identity: "Credentials", workers: int, adapter: type[HTTPAdapter]) -> None:
        super().__init__(identity)  # type: ignore[no-untyped-call]
        _mounted(self, workers, adapter)

    def settle(self, address: str) -> None:
        """Take proxies and certificates from the environment now, which requests would do for each request anew.

        Args:
            address: where all requests go.
        """
        found = self.merge_environment_settings(address, {}, None, None, None)
        self.proxies, self.verify, self.cert = found["proxies"], found["verify"], found["cert"]
        self.trust_env = False

    def request(self, *arguments: Any, **options: Any) -> requests.Response:  # noqa: ANN401  # passed on
        """As every session has it."""
        response: requests.Response = super().request(*arguments, **options)  # type: ignore[no-untyped-call]
        _check_whose(response)
        return response


def _check_whose(response: requests.Response) -> None:
    if not _is_bigquerys(response):
        said = f"HTTP {response.status_code} with an answer that is not BigQuery's"
        raise requests.exceptions.InvalidJSONError(said, request=response.request, response=response)


def _is_bigquerys(response: requests.Response) -> bool:
    """Whether an answer has the form that it must have.

    Errors: https://cloud.google.com/bigquery/docs/error-messages, others: .../bigquery/docs/reference/rest.
    """
    if response.status_code < HTTPStatus.BAD_REQUEST:
        return response.content.lstrip()[:1] in (b"", b"{") and _has_what_it_needs(response)
    try:
        return isinstance(response.json()["error"], dict)
    except (ValueError, TypeError, KeyError):
        return False


def _has_what_it_needs(response: requests.Response) -> bool:
    """Whether a job, dataset or table has what the client and this package take for granted of one."""
    path = _ONE_RESOURCE.search(response.url.partition("?")[0])
    is_one = path and (path["id"] or response.request.method == "POST")
    if not path or not is_one:
        return True
    if not response.content.strip():
        # An upload in pieces begins without an object, and says where it goes on; the client knows other statuses.
        return response.status_code != HTTPStatus.OK or "Location" in response.headers
    try:
        body = response.json()
    except ValueError:
        return True  # the client says what is wrong with it
    return all(isinstance(body.get(name), kind) for name, kind in _NEEDED[path["kind"]].items())


def _find_credentials(deadline: Deadline, environ: Mapping[str, str]) -> "Credentials":
    """Application Default Credentials with a token.

    In a pod the metadata server may not answer in the first seconds (google-auth #1261), so that "none" is no answer
    there until the deadline. Elsewhere it is one, at once; so is what is wrong with a file that somebody named.
    """
    transport = Request(_mounted(Session(), 1, _adapter(environ)))
    hopes = bool(environ.get("KUBERNETES_SERVICE_HOST")) and not environ.get(CREDENTIALS_FILE)

    def find() -> "Credentials":
        with _malformed("the file of credentials"):
            found: Credentials = google.auth.default(scopes=_SCOPES)[0]
        with _malformed("the answer to the request for a token"):
            found.refresh(partial(transport, timeout=deadline.request))  # type: ignore[no-untyped-call]
        return found

    def may_pass(error: Exception) -> bool:
        return isinstance(error, auth.GoogleAuthError) and (hopes or is_transient(error))

    try:
        return Retry(predicate=may_pass, initial=0.2, maximum=4.0, timeout=deadline.remaining, on_error=_told)(find)()
    except (api.RetryError, auth.GoogleAuthError) as error:
        raise _no_credentials(error, deadline, environ) from None


@contextlib.contextmanager
def _malformed(what: str) -> Iterator[None]:
    """google-auth looks into files and answers without checking what they are."""
    try:
        yield
    except auth.GoogleAuthError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, OSError, RecursionError) as error:
        why = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else "is malformed"
        raise auth.DefaultCredentialsError(f"{what} {why}") from None  # type: ignore[no-untyped-call]


def _no_credentials(error: Exception, deadline: Deadline, environ: Mapping[str, str]) -> Failure:
    cause = _cause(error)
    waited = f" within {deadline.seconds:g} s" if isinstance(error, api.RetryError) else ""
    why = words(cause).rstrip(".")
    if not isinstance(cause, auth.DefaultCredentialsError):
        why = f"Google gave no token ({why})"
    elif "credentials were not found" in why:
        why = "there are none"
    hint = "Log in with `gcloud auth application-default login`."
    if environ.get(CREDENTIALS_FILE):
        hint = f"{CREDENTIALS_FILE} names a file: unset it, or correct that file."
    elif environ.get("KUBERNETES_SERVICE_HOST"):
        hint = "Bind the pod's service account (jenkins-sa) to a Google service account by Workload Identity."
    return Failure("auth", f"no Google credentials{waited}: {why}.", f"{hint} {SEE_DOCTOR}")


def is_transient(error: Exception) -> bool:
    """Whether the same request may succeed later: no answer, an overloaded service, a rate that was exceeded."""
    if isinstance(error, api.GoogleAPICallError):
        return isinstance(error, (api.ServerError, api.TooManyRequests)) or reason(error) in TRANSIENT_REASONS
    if isinstance(error, auth.GoogleAuthError):
        return isinstance(error, auth.TransportError) or bool(error.retryable)
    if isinstance(error, (*network.BAD_ADDRESS, requests.exceptions.SSLError)):
        return False
    return isinstance(error, (requests.exceptions.RequestException, ConnectionError, TimeoutError))


def reason(error: Exception) -> str:
    """The service's short word for an error (`notFound`, `rateLimitExceeded`), or empty."""
    first = _first_error(error)
    return str(first.get("reason", ""))


def _first_error(error: Exception) -> Mapping[str, Any]:
    errors = getattr(error, "errors", None) or ()
    return errors[0] if errors and isinstance(errors[0], Mapping) else {}


def _cause(error: Exception) -> Exception:
    return error.cause if isinstance(error, api.RetryError) and isinstance(error.cause, Exception) else error


def words(error: Exception) -> str:
    """What the service or the network said, without the request's address."""
    if not isinstance(error, api.GoogleAPICallError):
        return network.words(error)
    said = _first_error(error).get("message") or re.sub(r"^[A-Z]+ \S+: ", "", str(error.message))
    return f"HTTP {error.code}" if said in ("", "unknown error") else network.cut(str(said))


def explain(error: Exception, doing: str, deadline: Deadline) -> Failure:
    """The failure that an exception of the client stands for."""
    cause = _cause(error)
    waited = f" within {deadline.seconds:g} s" if isinstance(error, api.RetryError) else ""
    kind, hint = _kind_and_hint(cause)
    return Failure(kind, f"cannot {doing}{waited}: {words(cause).rstrip('.')}.", hint)


def _kind_and_hint(error: Exception) -> tuple[Kind, str]:
    if isinstance(error, (auth.GoogleAuthError, api.Unauthorized)) and not isinstance(error, auth.TransportError):
        return "auth", f"Check which identity this runs as. {SEE_DOCTOR}"
    if isinstance(error, api.GoogleAPICallError):
        return _kind_and_hint_of_answer(error)
    if isinstance(error, network.BAD_ADDRESS):
        return "config", "BIGQUERY_EMULATOR_HOST is an address such as http://127.0.0.1:9050, proxies likewise."
    if isinstance(error, OSError) and not is_transient(error):
        return "config", "Check the certificates that this agent trusts (REQUESTS_CA_BUNDLE)."
    return "unavailable", f"Check the network from here to BigQuery, then run it again. {SEE_DOCTOR}"


def _kind_and_hint_of_answer(error: api.GoogleAPICallError) -> tuple[Kind, str]:
    word = reason(error)
    if isinstance(error, api.TooManyRequests) or word in _QUOTA_REASONS:
        return "quota", "Run it again later, or spread the load over more tables or projects."
    if word in ("billingNotEnabled", "billingTierLimitExceeded"):
        return "permission", "Enable billing for the project that jobs run in."
    if isinstance(error, api.Forbidden):
        return "permission", f"{_grant(words(error))} {SEE_DOCTOR}"
    if isinstance(error, api.NotFound):
        return "not_found", f"Check PROJECT_ID, DATASET_ID, TABLE_ID and BQ_LOCATION. {SEE_DOCTOR}"
    if isinstance(error, api.ServerError):
        return "unavailable", "Run it again later."
    return "rejected", ""


def _grant(said: str) -> str:
    named = _PERMISSION.search(said)
    if not named:
        return "Grant the missing role to the identity that this runs as."
    role = roles.SMALLEST.get(named[0])
    return f"Grant {named[0]} to the identity that this runs as{f', by {role}' if role else ''}."
