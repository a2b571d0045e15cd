"""Permissions that the caller lacks, on command."""

from __future__ import annotations

from stand_in.errors import denied


class Permissions:
    """A caller who may do everything, less what is denied."""

    def __init__(self) -> None:
        self.denied: set[str] = set()

    def check(self, permission: str, kind: str, name: object) -> None:
        """Raise accessDenied, naming the permission and what it is for."""
        if permission in self.denied:
            raise denied(permission, kind, name)
