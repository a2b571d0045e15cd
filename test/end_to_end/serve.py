"""Starts the emulator, in its own Python: `local-bigquery`, with one write at a time.

Its storage refuses transactions that commit at the same moment ("Failed to commit DuckLake transaction"), which
BigQuery does not. Requests still come at once and in any order; they only wait for each other.
"""

import asyncio
from typing import Any

from local_bigquery import app
from local_bigquery.cli import main


class OneWriteAtATime:
    """Lets a request that may write wait for the one before it."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401  # an ASGI application
        self._inner = inner
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # ASGI
        if scope.get("method", "GET") == "GET":
            await self._inner(scope, receive, send)
        else:
            async with self._lock:
                await self._inner(scope, receive, send)


if __name__ == "__main__":
    app.add_middleware(OneWriteAtATime)
    main()
