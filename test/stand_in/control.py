"""The stand-in's own pages under /stand-in/, for tests in other processes and for people."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from stand_in.faults import Fault
from stand_in.limits import Limits
from stand_in.wire import Answer

if TYPE_CHECKING:
    from stand_in.server import StandIn
    from stand_in.wire import Request

SIMPLE_SETTINGS = ("latency", "billing", "job_seconds", "refusals_in")


class Control:
    """Shows the state, and takes faults and settings."""

    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in
        self._pages = {
            ("GET", "/stand-in/state"): self._state,
            ("GET", "/stand-in/requests"): self._requests,
            ("DELETE", "/stand-in/requests"): self._forget_requests,
            ("GET", "/stand-in/faults"): self._faults,
            ("POST", "/stand-in/faults"): self._add_faults,
            ("DELETE", "/stand-in/faults"): self._clear_faults,
            ("GET", "/stand-in/settings"): self._settings,
            ("POST", "/stand-in/settings"): self._change_settings,
        }

    def answer(self, request: Request) -> Answer:
        page = self._pages.get((request.method, request.path))
        if page is None:
            known = ", ".join(f"{method} {path}" for method, path in self._pages)
            return Answer(404, {"problem": f"There is no {request.method} {request.path}; there is {known}."})
        try:
            given = json.loads(request.body) if request.body else None
            return Answer(body=page(given))
        except (ValueError, TypeError, AttributeError) as error:
            return Answer(400, {"problem": str(error)})

    def _state(self, _: object) -> dict[str, Any]:
        return self._stand_in.state()

    def _requests(self, _: object) -> dict[str, Any]:
        return {"requests": [entry.to_json() for entry in self._stand_in.requests]}

    def _forget_requests(self, _: object) -> dict[str, Any]:
        self._stand_in.log.clear()
        return {}

    def _faults(self, _: object) -> dict[str, Any]:
        return {"faults": [asdict(fault) for fault in self._stand_in.faults.all()]}

    def _add_faults(self, given: object) -> dict[str, Any]:
        documents: list[Any] = given if isinstance(given, list) else [given]
        self._stand_in.faults.add(*[Fault.from_json(document) for document in documents])
        return self._faults(None)

    def _clear_faults(self, _: object) -> dict[str, Any]:
        self._stand_in.faults.clear()
        return {}

    def _settings(self, _: object) -> dict[str, Any]:
        stand_in = self._stand_in
        seconds = stand_in.job_seconds
        return {
            "latency": stand_in.latency,
            "billing": stand_in.billing,
            "job_seconds": None if callable(seconds) else seconds,
            "refusals_in": stand_in.refusals_in,
            "denied": sorted(stand_in.permissions.denied),
            "limits": asdict(stand_in.limits),
        }

    def _change_settings(self, given: object) -> dict[str, Any]:
        if not isinstance(given, dict):
            raise ValueError("Settings are an object.")  # noqa: TRY004  one kind of answer for all bad input
        limits = given.get("limits", {})
        unknown = (set(given) - {*SIMPLE_SETTINGS, "denied", "limits"}) | (
            set(limits) - {each.name for each in fields(Limits)}
        )
        if unknown:
            raise ValueError(f"There are no settings {', '.join(sorted(unknown))}.")
        for name in SIMPLE_SETTINGS:
            if name in given:
                setattr(self._stand_in, name, given[name])
        for name, value in limits.items():
            setattr(self._stand_in.limits, name, value)
        if "denied" in given:
            self._stand_in.permissions.denied = set(given["denied"])
        return self._settings(None)
