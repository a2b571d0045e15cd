"""Starts the emulator, in its own Python: `local-bigquery`, with one request at a time.

Its storage refuses transactions that commit at the same moment ("Failed to commit DuckLake transaction"), and shows a
table without columns while it is made, neither of which BigQuery does. Requests still come at once and in any order;
they only wait for each other.
"""

import asyncio
from typing import Any

from local_bigquery import app
from local_bigquery.cli import main


class OneAtATime:
    """Lets a request wait for the one before it."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401  # an ASGI application
        self._inner = inner
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI
        if scope["type"] != "http":  # the application's start and end, which lasts as long as it
            await self._inner(scope, receive, send)
        else:
            async with self._lock:
                await self._inner(scope, receive, send)


if __name__ == "__main__":
    app.add_middleware(OneAtATime)
    main()
