"""Refusals in Google's JSON form, with the wording that BigQuery is known to use."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

CANONICAL_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}

# The HTTP status that jobs.getQueryResults and jobs.query give to a job's own error.
STATUS_OF_REASON = {
    "accessDenied": 403,
    "backendError": 500,
    "billingNotEnabled": 403,
    "duplicate": 409,
    "internalError": 500,
    "invalid": 400,
    "invalidQuery": 400,
    "notFound": 404,
    "notImplemented": 501,
    "quotaExceeded": 403,
    "rateLimitExceeded": 403,
    "resourcesExceeded": 400,
    "stopped": 400,
}

QUOTA_PAGE = "For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas"


class ServiceError(Exception):
    """One refusal: an HTTP answer, or the errorResult of a job."""

    def __init__(self, status: int, reason: str | None, message: str, location: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.location = location
        self.details: list[dict[str, str]] = []

    def answer(self) -> dict[str, Any]:
        """Return the body of the HTTP answer; without a reason it has no list of errors."""
        error: dict[str, Any] = {"code": self.status, "message": self.message}
        if self.reason is not None:
            error["errors"] = [{"message": self.message, "domain": "global", "reason": self.reason}]
            if self.location:
                error["errors"][0]["location"] = self.location
        if self.status in CANONICAL_STATUS:
            error["status"] = CANONICAL_STATUS[self.status]
        return {"error": error}

    def result(self) -> dict[str, str]:
        """Return the errorResult of a job."""
        result = {"reason": self.reason or "internalError", "message": self.message}
        if self.location:
            result["location"] = self.location
        return result


def already_exists(kind: str, name: object) -> ServiceError:
    return ServiceError(HTTPStatus.CONFLICT, "duplicate", f"Already Exists: {kind} {name}")


def not_found(kind: str, name: object, location: str | None = None) -> ServiceError:
    where = f" was not found in location {location}" if location else ""
    return ServiceError(HTTPStatus.NOT_FOUND, "notFound", f"Not found: {kind} {name}{where}")


def invalid(message: str, location: str | None = None) -> ServiceError:
    return ServiceError(HTTPStatus.BAD_REQUEST, "invalid", message, location)


def invalid_query(message: str) -> ServiceError:
    return ServiceError(HTTPStatus.BAD_REQUEST, "invalidQuery", message, "query")


def condition_not_met() -> ServiceError:
    return ServiceError(HTTPStatus.PRECONDITION_FAILED, "conditionNotMet", "Precondition check failed.", "If-Match")


def denied(permission: str, kind: str, name: object) -> ServiceError:
    if kind == "Project":
        message = f"Access Denied: Project {name}: User does not have {permission} permission in project {name}."
    else:
        message = (
            f"Access Denied: {kind} {name}: Permission {permission} denied on {kind.lower()} {name}"
            " (or it may not exist)."
        )
    return ServiceError(HTTPStatus.FORBIDDEN, "accessDenied", message)


def too_many_updates(kind: str) -> ServiceError:
    what = {
        "Table": "too many table update operations for this table.",
        "Dataset": "too many dataset metadata update operations for this dataset.",
    }[kind]
    return ServiceError(HTTPStatus.FORBIDDEN, "rateLimitExceeded", f"Exceeded rate limits: {what} {QUOTA_PAGE}")


def too_many_requests() -> ServiceError:
    message = f"Exceeded rate limits: too many api requests per user per method for this user_method. {QUOTA_PAGE}"
    return ServiceError(HTTPStatus.FORBIDDEN, "rateLimitExceeded", message)


def too_many_loads() -> ServiceError:
    message = f"Quota exceeded: Your table exceeded quota for imports or query appends per table. {QUOTA_PAGE}"
    return ServiceError(HTTPStatus.FORBIDDEN, "quotaExceeded", message, "load_job_per_table.long")


def too_many_statements(table: object, limit: int) -> ServiceError:
    message = (
        "Resources exceeded during query execution: Too many DML statements outstanding against table"
        f" {table}, limit is {limit}."
    )
    return ServiceError(HTTPStatus.BAD_REQUEST, "resourcesExceeded", message)


def dml_needs_billing() -> ServiceError:
    message = (
        "Billing has not been enabled for this project. Enable billing at https://console.cloud.google.com/billing."
        " DML queries are not allowed in the free tier. Set up a billing account to remove this restriction."
    )
    return ServiceError(HTTPStatus.FORBIDDEN, "billingNotEnabled", message)


def streaming_needs_billing() -> ServiceError:
    message = "Access Denied: BigQuery BigQuery: Streaming insert is not allowed in the free tier"
    return ServiceError(HTTPStatus.FORBIDDEN, "accessDenied", message)


def unsupported(what: str) -> ServiceError:
    """Say that the stand-in, not BigQuery, lacks something."""
    return ServiceError(HTTPStatus.NOT_IMPLEMENTED, "notImplemented", f"The stand-in does not do this: {what}")
