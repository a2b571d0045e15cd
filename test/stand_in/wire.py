"""HTTP/1.1 on a socket, as little of it as clients need, and all the ways to break it."""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from io import BufferedIOBase

LONGEST_LINE = 65_536
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class BrokenRequestError(Exception):
    """What came is not a request that the stand-in can read."""


@dataclass
class Request:
    """A request as it came; header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def keep_alive(self) -> bool:
        return self.headers.get("connection", "").lower() != "close"


@dataclass
class Answer:
    """An answer to be; text goes out as it is, anything else as JSON."""

    status: int = 200
    body: dict[str, Any] | str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def head_and_body(self) -> tuple[bytes, bytes]:
        """Return the two parts of the answer on the wire."""
        if isinstance(self.body, str):
            body, kind = self.body.encode(), "text/html; charset=UTF-8"
        else:
            body = b"" if self.body is None else json.dumps(self.body, ensure_ascii=False).encode()
            kind = "application/json; charset=UTF-8"
        lines = [f"HTTP/1.1 {int(self.status)} {_phrase(self.status)}", f"Content-Length: {len(body)}"]
        if body:
            lines.append(f"Content-Type: {kind}")
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode(), body


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Resume Incomplete"


def read_request(stream: BufferedIOBase, connection: socket.socket) -> Request | None:
    """Return the next request of a connection, or nothing when the client has closed it."""
    line = stream.readline(LONGEST_LINE)
    if not line.strip():
        return None
    try:
        method, target, _ = line.decode("latin-1").split()
    except ValueError:
        raise BrokenRequestError(f"no request line: {line!r}") from None
    headers = _read_headers(stream)
    if "transfer-encoding" in headers:
        raise BrokenRequestError("chunked requests are not read")
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(CONTINUE)
    given = headers.get("content-length", "0")
    if not given.isdigit():
        raise BrokenRequestError(f"no length: {given}")
    length = int(given)
    body = stream.read(length) if length else b""
    if len(body) < length:
        return None
    path, _, query = target.partition("?")
    return Request(method, unquote(path), dict(parse_qsl(query, keep_blank_values=True)), headers, body)


def _read_headers(stream: BufferedIOBase) -> dict[str, str]:
    headers = {}
    while (line := stream.readline(LONGEST_LINE).strip()) != b"":
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return headers


def reset(connection: socket.socket) -> None:
    """Close a connection so that the other side gets a reset, not an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def end(connection: socket.socket) -> None:
    """Close a connection in good order, without an answer."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was faster
    finally:
        connection.close()
