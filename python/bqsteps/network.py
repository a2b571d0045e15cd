"""Says in a few words what went wrong between here and a server: requests and google-auth say it in paragraphs.

Nothing that is said holds a request's address or an answer's data, for either may hold a secret.
"""

import re
import socket
import ssl
from collections.abc import Iterator
from http.client import IncompleteRead, RemoteDisconnected
from urllib.parse import urlsplit

import requests.exceptions
import urllib3.exceptions
from google.auth.exceptions import GoogleAuthError

from bqsteps.references import shorten

BAD_ADDRESS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidProxyURL,
    urllib3.exceptions.LocationValueError,
)
"""What requests raises for an address that is none."""

_LONGEST = 400  # characters of what a service said


def words(error: BaseException) -> str:
    """What went wrong, in a few words."""
    chain = list(_chain(error))
    if any(isinstance(each, requests.exceptions.RequestException) for each in chain):
        return _trouble(chain) or _said(chain[-1])
    return _said(chain[-1])


def cut(text: str) -> str:
    """What a server said, on one line of a length that a person reads; a page of HTML is no words."""
    return (
        "a page that is not BigQuery's" if text.lstrip().startswith("<") else shorten(" ".join(text.split()), _LONGEST)
    )


def _said(error: BaseException) -> str:
    # google-auth puts whole answers, tokens and all, behind the first argument, or behind a word in it.
    said = str(error.args[0] if isinstance(error, GoogleAuthError) and error.args else error)
    return cut(re.split(r"\s*\bResponse(?: details)?:", said)[0]) or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, and what it was made from, as far as that is about the network."""
    following: BaseException | None = error
    while following is not None:
        yield following
        inner = [getattr(following, "reason", None), *following.args, following.__cause__]
        network = (GoogleAuthError, OSError, urllib3.exceptions.HTTPError, IncompleteRead)
        following = next((each for each in inner if isinstance(each, network)), None)


def _trouble(chain: list[BaseException]) -> str:  # noqa: PLR0911  # a line for each sort of trouble
    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(each, kinds) for each in chain)

    server = "the proxy" if has(urllib3.exceptions.ProxyError) else _server(chain)
    if has(*BAD_ADDRESS):
        return "the address of a proxy or a server is malformed"  # which its parser quotes, with the password
    if has(socket.gaierror):
        return f"{server} is not known"
    if has(ssl.SSLError, requests.exceptions.SSLError):
        why = next((each.verify_message for each in chain if isinstance(each, ssl.SSLCertVerificationError)), "")
        return f"no encrypted connection to {server}{why and ': '}{why}"
    if has(RemoteDisconnected, IncompleteRead, requests.exceptions.ChunkedEncodingError):
        return f"{server} broke the connection off"
    refused = has(urllib3.exceptions.NewConnectionError)
    if has(requests.exceptions.Timeout, TimeoutError) or (not refused and has(urllib3.exceptions.TimeoutError)):
        return f"no answer from {server} in time"
    why = next((each.strerror for each in reversed(chain) if isinstance(each, OSError) and each.strerror), "")
    if refused or why:
        return f"no connection to {server}{why and ': '}{why}"
    if has(requests.exceptions.JSONDecodeError):
        return "an answer that is not JSON"
    return ""


def _server(chain: list[BaseException]) -> str:
    for each in chain:
        request = getattr(each, "request", None)
        if request is not None and request.url:
            return str(urlsplit(request.url).netloc.rpartition("@")[2])
        pool = each.pool if isinstance(each, urllib3.exceptions.ReadTimeoutError) else None
        if pool is not None:
            return f"{pool.host}:{pool.port}"
    return "the server"
