"""A BigQuery for tests: a REST server that answers, refuses and misbehaves as the real one is known to."""

from stand_in.clock import ManualClock, WallClock
from stand_in.errors import ServiceError
from stand_in.faults import Fault, Faults
from stand_in.limits import Limits
from stand_in.log import LogEntry
from stand_in.server import StandIn

__all__ = ["Fault", "Faults", "Limits", "LogEntry", "ManualClock", "ServiceError", "StandIn", "WallClock"]
