"""HTTP sessions that keep a connection for each thread, and take no answer for BigQuery's that is another's."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import requests
from google.auth.transport.requests import AuthorizedSession
from requests.adapters import HTTPAdapter

from bqsteps import trace

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

_ONE_RESOURCE = re.compile(r"/(?P<kind>jobs|datasets|tables)(/(?P<id>[^/:]+))?$")
_NEEDED: Mapping[str, Mapping[str, type]] = {
    "jobs": {"jobReference": dict, "status": dict},
    "datasets": {"datasetReference": dict},
    "tables": {"tableReference": dict},
}


def prepared(session: requests.Session, workers: int, environ: Mapping[str, str]) -> requests.Session:
    """The session, with a connection for each worker; it is traced where the environment asks for that.

    Args:
        session: a new one.
        workers: how many threads use it at a time.
        environ: the environment.
    """
    adapter = trace.Adapter if trace.is_on(environ) else HTTPAdapter
    for scheme in ("http://", "https://"):
        session.mount(scheme, adapter(pool_connections=1, pool_maxsize=workers))
    return session


class Session(AuthorizedSession):
    """A session that keeps a connection for each thread, where the usual one keeps ten and opens others each time.

    It takes no answer for BigQuery's that is another's: what a proxy refuses was not refused by the service, and the
    client would stumble over what it says.

    Args:
        identity: whose requests these are.
        workers: how many threads use it at a time.
        environ: the environment.
    """

    def __init__(self, identity: "Credentials", workers: int, environ: Mapping[str, str]) -> None:
        super().__init__(identity)  # type: ignore[no-untyped-call]
        prepared(self, workers, environ)

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
        check_whose(response)
        return response


def check_whose(response: requests.Response) -> None:
    """Raise InvalidJSONError, if an answer is not BigQuery's."""
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
