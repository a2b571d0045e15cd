"""Bytes that come with a load job: in one multipart request, or in the chunks of a resumable session."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from stand_in.errors import ServiceError, invalid, not_found

CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass
class Session:
    """A resumable upload: what it is for, what has arrived, and the answer once it is complete."""

    project: str
    metadata: dict[str, Any]
    received: bytearray = field(default_factory=bytearray)
    answer: dict[str, Any] | None = None


class Uploads:
    """The resumable uploads under way."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def begin(self, project: str, body: bytes) -> str:
        name = uuid.uuid4().hex
        self._sessions[name] = Session(project, document(body))
        return name

    def session(self, name: str) -> Session:
        if name not in self._sessions:
            raise not_found("Upload", name)
        return self._sessions[name]


def add_chunk(session: Session, content_range: str, body: bytes) -> bool:
    """Take the next chunk; return whether it was the last."""
    match = CONTENT_RANGE.fullmatch(content_range)
    if match is None:
        raise invalid(f"Invalid Content-Range: {content_range}")
    first, last, total = match.groups()
    if first is not None:
        if int(first) > len(session.received):
            raise ServiceError(503, None, f"Bytes are missing before {first}.")
        fresh = body[len(session.received) - int(first) :]
        if int(last) - int(first) + 1 != len(body):
            raise invalid("Content-Range does not fit the length of the body.")
        session.received.extend(fresh)
    return total != "*" and len(session.received) >= int(total)


def split_multipart(content_type: str, body: bytes) -> tuple[dict[str, Any], bytes]:
    """Return metadata and media of a multipart/related request."""
    match = re.search(r'boundary="?([^";]+)"?', content_type)
    if match is None:
        raise invalid("The request is multipart without a boundary.")
    delimiter = b"--" + match.group(1).encode("latin-1")
    parts = [part.partition(b"\r\n\r\n")[2] for part in body.split(delimiter)[1:-1]]
    if len(parts) != 2:  # metadata and media
        raise invalid("The request does not have the two parts of a multipart upload.")
    metadata, media = (part.removesuffix(b"\r\n") for part in parts)
    return document(metadata), media


def document(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a request carries."""
    try:
        read = json.loads(body or b"{}")
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise ServiceError(400, "parseError", "Parse Error")
    return read
