"""Every failure the operator expects, with what to do about it.

An error carries a reason code (for metrics, Events and conditions) and a retry decision, so that
no caller compares status codes. What is not listed here is a defect and is logged as one.
"""

from __future__ import annotations

import json
from enum import StrEnum


class Retry(StrEnum):
    """`SOON`: what we knew was out of date, look again. `BACK_OFF`: wait longer each time.
    `ON_CHANGE`: no use until an object or a permission changes.
    """

    SOON = "Soon"
    BACK_OFF = "BackOff"
    ON_CHANGE = "OnChange"


class OperatorError(Exception):
    """`retry_after` in seconds where the server asked for a pause, else None."""

    reason = "InternalError"
    retry = Retry.BACK_OFF
    retry_after: float | None = None


class NotLeaderError(OperatorError):
    """A write was refused by ourselves: the lease may be somebody else's by now."""

    reason = "NotLeader"


class LoginFailedError(OperatorError):
    """No credentials, or none that can be read. The message names the file."""

    reason = "LoginFailed"


class NameConflictError(OperatorError):
    """An object of that name exists and is not ours; we leave it alone."""

    reason = "NameConflict"
    retry = Retry.ON_CHANGE


class NewerStatusError(OperatorError):
    """The status was written by a newer operator, before a rollback; we leave it alone."""

    reason = "NewerStatus"
    retry = Retry.ON_CHANGE


class UnsettledError(OperatorError):
    """Each answer of the API server raised a question anew, as things changed meanwhile."""

    reason = "Unsettled"
    retry = Retry.SOON


class ApiError(OperatorError):
    """The API server refused a request, or did not answer (`status` 0).

    `of_object`: the answer speaks of this one object, so other writes may go through.
    """

    reason = "ApiError"
    of_object = True

    def __init__(self, status: int, message: str, request: str) -> None:
        super().__init__(f"{request}: {message}")
        self.status = status
        self.said = message
        self.request = request


class UnreachableError(ApiError):
    """No answer: connection refused or reset, TLS, timeout. A write may have happened."""

    reason = "ApiUnreachable"
    of_object = False


class AnswerTooLargeError(ApiError):
    """The answer has more bytes than the request allows; the rest was not read."""

    reason = "AnswerTooLarge"
    of_object = False


class UnauthorizedError(ApiError):
    reason = "Unauthorized"
    of_object = False


class ForbiddenError(ApiError):
    reason = "Forbidden"


class TerminatingError(ForbiddenError):
    """The namespace is being deleted, nothing can be made in it."""

    reason = "NamespaceTerminating"
    of_object = False
    retry = Retry.ON_CHANGE


class NotFoundError(ApiError):
    reason = "NotFound"
    of_object = False
    retry = Retry.SOON


class ConflictError(ApiError):
    """Another resourceVersion or uid than the one we worked from."""

    reason = "Conflict"
    of_object = False
    retry = Retry.SOON


class AlreadyExistsError(ApiError):
    reason = "AlreadyExists"
    of_object = False
    retry = Retry.SOON


class ExpiredError(ApiError):
    """A page of a list is no longer to be had; list again from the start."""

    reason = "Expired"
    of_object = False
    retry = Retry.SOON


class InvalidError(ApiError):
    """The server refuses the object itself; the same object will be refused again."""

    reason = "Invalid"


class RefusedError(OperatorError):
    """The server refuses one object of a plan: what `cause` says, of that `kind` and `name`.
    Waiting may help, as quotas, roles and webhooks change; asking at once does not.
    """

    def __init__(self, kind: str, name: str, cause: ApiError) -> None:
        super().__init__(str(cause))
        self.kind = kind
        self.name = name
        self.cause = cause
        self.reason = cause.reason
        self.retry = cause.retry


class ThrottledError(ApiError):
    reason = "Throttled"
    of_object = False


class ServerError(ApiError):
    reason = "ServerError"


_BY_STATUS: dict[int, type[ApiError]] = {
    400: InvalidError,
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: ExpiredError,
    422: InvalidError,
    429: ThrottledError,
}


def from_response(status: int, body: bytes, retry_after: str, request: str) -> ApiError:
    """The error of an answer of 400 and more; `request` is verb and path for the message."""
    reason, message, causes = _status_object(body)
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
    if reason == "AlreadyExists":
        kind = AlreadyExistsError
    elif kind is ForbiddenError and "NamespaceTerminating" in causes:
        kind = TerminatingError
    elif kind is InvalidError and "metadata.uid" in causes:
        kind = ConflictError  # the name belongs to another object by now
    error = kind(status, f"{status} {reason or 'error'}: {message}"[:1024], request)
    if retry_after.isdigit():
        error.retry_after = float(retry_after)
    return error


def _status_object(body: bytes) -> tuple[str, str, set[str]]:
    """Reason, message, and what the causes name: reasons and fields."""
    try:
        document = json.loads(body)
        details = document.get("details") or {}
        causes = details.get("causes") or ()
        words = {str(cause.get(key)) for cause in causes for key in ("reason", "field")}
        return str(document.get("reason") or ""), str(document.get("message") or ""), words
    except (ValueError, AttributeError):
        return "", body[:200].decode(errors="replace"), set()
