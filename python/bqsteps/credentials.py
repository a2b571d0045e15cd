"""Application Default Credentials, for which a pod may have to wait."""

import contextlib
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import google.auth
from google.api_core import exceptions as api
from google.api_core.retry import Retry
from google.auth import exceptions as auth
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import Request
from requests import Session

from bqsteps import sessions
from bqsteps.deadline import Deadline
from bqsteps.errors import SEE_DOCTOR, Failure
from bqsteps.service_errors import cause, is_transient, note, words
from bqsteps.settings import BIGQUERY_EMULATOR_HOST

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

CREDENTIALS_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
_SCOPES = ("https://www.googleapis.com/auth/bigquery",)


def find(deadline: Deadline, environ: Mapping[str, str]) -> "Credentials":
    """Application Default Credentials with a token, or those of nobody for an emulator.

    Raises:
        Failure: of kind auth where there are none that can be used.
    """
    if environ.get(BIGQUERY_EMULATOR_HOST.name):
        return AnonymousCredentials()  # type: ignore[no-untyped-call]
    return _application_default(deadline, environ)


def _application_default(deadline: Deadline, environ: Mapping[str, str]) -> "Credentials":
    """Application Default Credentials with a token.

    In a pod the metadata server may not answer in the first seconds (google-auth #1261), so that "none" is no answer
    there until the deadline. Elsewhere it is one, at once; so is what is wrong with a file that somebody named.
    """
    transport = Request(sessions.prepared(Session(), 1, environ))
    hopes = bool(environ.get("KUBERNETES_SERVICE_HOST")) and not environ.get(CREDENTIALS_FILE)

    def attempt() -> "Credentials":
        with _malformed("the file of credentials"):
            found: Credentials = google.auth.default(scopes=_SCOPES)[0]
        with _malformed("the answer to the request for a token"):
            found.refresh(partial(transport, timeout=deadline.request))  # type: ignore[no-untyped-call]
        return found

    def may_pass(error: Exception) -> bool:
        return isinstance(error, auth.GoogleAuthError) and (hopes or is_transient(error))

    try:
        return Retry(predicate=may_pass, initial=0.2, maximum=4.0, timeout=deadline.remaining, on_error=note)(attempt)()
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
    origin = cause(error)
    waited = f" within {deadline.seconds:g} s" if isinstance(error, api.RetryError) else ""
    why = words(origin).rstrip(".")
    if not isinstance(origin, auth.DefaultCredentialsError):
        why = f"Google gave no token ({why})"
    elif "credentials were not found" in why:
        why = "there are none"
    hint = "Log in with `gcloud auth application-default login`."
    if environ.get(CREDENTIALS_FILE):
        hint = f"{CREDENTIALS_FILE} names a file: unset it, or correct that file."
    elif environ.get("KUBERNETES_SERVICE_HOST"):
        hint = "Bind the pod's service account (jenkins-sa) to a Google service account by Workload Identity."
    return Failure("auth", f"no Google credentials{waited}: {why}.", f"{hint} {SEE_DOCTOR}")
