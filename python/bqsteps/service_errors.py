"""What an exception of the client means: whether another try may help, and the failure that a person is told."""

import re
from collections.abc import Mapping
from typing import Any

import requests.exceptions
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from bqsteps import network, roles, trace
from bqsteps.deadline import Deadline
from bqsteps.errors import SEE_DOCTOR, Failure, Kind

ERRORS = (api.GoogleAPIError, auth.GoogleAuthError, OSError)
"""What a request of the client may raise: what the service or google-auth says, what the network or the system does."""

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
_PERMISSION = re.compile(r"\bbigquery\.\w+\.\w+\b")


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


def cause(error: Exception) -> Exception:
    """What made a retry give up, or the error itself."""
    return error.cause if isinstance(error, api.RetryError) and isinstance(error.cause, Exception) else error


def words(error: Exception) -> str:
    """What the service or the network said, without the request's address."""
    if not isinstance(error, api.GoogleAPICallError):
        return network.words(error)
    said = _first_error(error).get("message") or re.sub(r"^[A-Z]+ \S+: ", "", str(error.message))
    return f"HTTP {error.code}" if said in ("", "unknown error") else network.cut(str(said))


def explain(error: Exception, doing: str, deadline: Deadline) -> Failure:
    """The failure that an exception of the client stands for."""
    origin = cause(error)
    waited = f" within {deadline.seconds:g} s" if isinstance(error, api.RetryError) else ""
    kind, hint = _kind_and_hint(origin)
    return Failure(kind, f"cannot {doing}{waited}: {words(origin).rstrip('.')}.", hint)


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


def note(error: Exception) -> None:
    """Tell whoever debugs of an error that is followed by another try."""
    trace.LOG.debug("to be tried again after a pause: %s", words(error))
