"""BQ_LOG_LEVEL=debug: shows each request to BigQuery and for a token, and why one is repeated, but not what they hold.

Where it is off, nothing of it is in a request's way.
"""

import itertools
import logging
import re
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from bqsteps import network, report
from bqsteps.settings import BQ_LOG_LEVEL

LOG: Final = logging.getLogger("bqsteps")

# In a job's own part of a request, which comes first; a quote in a value has a backslash, and is no match.
_JOB: Final = re.compile(rb'"jobId": ?"([A-Za-z0-9_-]+)"')


def is_on(environ: Mapping[str, str]) -> bool:
    """Whether requests are to be shown; the first call that finds so begins it."""
    if environ.get(BQ_LOG_LEVEL.name) != "debug":
        return False
    if not LOG.handlers:
        LOG.addHandler(_Console())
        LOG.setLevel(logging.DEBUG)
        LOG.propagate = False
    return True


class _Console(logging.Handler):
    """Writes to stderr as all other lines are written, with the seconds since the first one."""

    def __init__(self) -> None:
        super().__init__()
        self._start = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        report.warn(f"debug: {time.monotonic() - self._start:6.3f} s  {record.getMessage()}")


class Adapter(HTTPAdapter):
    """Says of each request its method, server, path and status, how long it took, and the job that it is about."""

    _numbers = itertools.count(1)

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:  # noqa: ANN401  # passed on
        """As every adapter has it."""
        number, start = next(self._numbers), time.monotonic()
        LOG.debug("#%d %s", number, _named(request))
        try:
            response = super().send(request, *arguments, **options)
        except requests.exceptions.RequestException as error:
            LOG.debug("#%d no answer after %.0f ms: %s", number, _since(start), network.words(error))
            raise
        LOG.debug("#%d HTTP %d after %.0f ms", number, response.status_code, _since(start))
        return response


def _named(request: requests.PreparedRequest) -> str:
    address = urlsplit(request.url or "")
    body = request.body.encode() if isinstance(request.body, str) else request.body
    job = _JOB.search(body) if isinstance(body, bytes) and address.path.endswith("/jobs") else None
    about = f", job {job[1].decode()}" if job else ""
    return f"{request.method} {address.netloc.rpartition('@')[2]}{address.path}{about}"


def _since(start: float) -> float:
    return (time.monotonic() - start) * 1000
