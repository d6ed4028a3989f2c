"""The errors: raised by the core, transported by the server, and raised again by the SDK.

    StellaryError
    └── ApiError                  a response that is not 2xx
        ├── Invalid               400  the request is invalid
        ├── Unauthenticated       401  the token is missing, invalid, expired or revoked
        ├── Forbidden             403  the role or the token's scopes are insufficient
        ├── NotFound              404  the item does not exist or is not visible to the caller
        ├── MethodNotAllowed      405  the path exists, but not with this method
        ├── Conflict              409  a duplicate, or a state that does not allow the change
        ├── PreconditionFailed    412  If-Match has a version that is not the current one
        ├── TooLarge              413  the body is larger than the endpoint accepts
        ├── UnsupportedMedia      415  the endpoint does not accept the body's media type
        ├── RangeNotSatisfiable   416  the file does not have these bytes
        ├── Unprocessable         422  the Idempotency-Key was used for another request
        ├── RateLimited           429  too many requests; see ``retry_after``
        └── ServerError           5xx  a defect of the server, or a temporary overload
            ├── Unavailable       503  busy or stopping; see ``retry_after``
            └── StorageFull       507  no storage space left

``except NotFound`` therefore works the same embedded and remote.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

import attrs

PHRASES: Mapping[int, str] = {status.value: status.phrase for status in HTTPStatus}
"""The reason phrases of HTTP statuses."""


@attrs.frozen
class FieldProblem:
    """The problem with one field of a request, in wire names (``checklist[1].title``)."""

    field: str
    message: str


class StellaryError(Exception):
    """The base class of all errors that this package raises deliberately.

    Attributes:
        created: The items that a method with several calls, such as ``cards.create_all``, had created before it failed.
            They are not undone.
    """

    created: tuple[Any, ...] = ()


class RequestDetails:
    """The request that an error is about; without a client, nothing is known of it."""

    method: str | None = None
    path: str | None = None
    request_id: str | None = None
    retries = 0

    def describe_request(self) -> str:
        """Return the request in parentheses, to follow the message; an empty string if nothing is known."""
        where = [f"{self.method} {self.path}"] if self.method else []
        if self.request_id:
            where.append(f"request {self.request_id}")
        if self.retries:
            where.append(f"after {self.retries} {'retry' if self.retries == 1 else 'retries'}")
        return f" ({', '.join(where)})" if where else ""


class ApiError(RequestDetails, StellaryError):
    """A response that is not 2xx, as in the section Error Handling of the API reference.

    Attributes:
        status: The HTTP status.
        message: A readable sentence in wire names.
        code: A stable snake_case name of the reason.
        details: One entry per invalid field, if any.
        request_id: The ``X-Request-Id`` of the response; None if it came from an embedded core.
        method, path: The request; None if it went to an embedded core.
        retries: The number of retries before the client gave up.
        retry_after: Seconds to wait before the next attempt, if the server specified them.
        body: The body of the response, if it came from a server; a proxy's page may explain more than the message.
        parameters: The wire names of the method's parameters that have other names in Python.
    """

    status: int = 500
    default_code: ClassVar[str] = "error"

    def __init_subclass__(cls, *, status: int | None = None, code: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if status is not None:
            cls.status = status
        if code is not None:
            cls.default_code = code

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: Sequence[FieldProblem] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.details = tuple(details)
        self.retry_after = retry_after
        self.headers: dict[str, str] = {}
        self.body = b""
        self.parameters: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """The reason phrase of the status: ``Not Found``."""
        return PHRASES.get(self.status, "Error")

    def __str__(self) -> str:
        return f"{self.status} {self.reason}: {self._add_python_names()}{self.describe_request()}"

    def _add_python_names(self) -> str:
        """Return the message with the Python name of each field before its wire name: ``due_date (dueDate) must …``."""
        message = self.message
        for problem in self.details:
            # Params of actions have the same names in Python.
            head, params, tail = problem.field.partition("params.")
            name = f"{_to_python_name(head)}{params}{tail}"
            if name != problem.field:
                sentence = f"{problem.field} {problem.message}"
                message = message.replace(
                    sentence, f"{name.rpartition('].')[2]} ({problem.field}) {problem.message}"
                )
        for name in self.parameters:
            # Not in quotes, where names of items are, nor where the name has been added.
            message = re.sub(rf"(?<![\w.('\"]){name}\b", f"{_to_python_name(name)} ({name})", message)
        return message

    def to_body(self, request_id: str | None = None) -> dict[str, Any]:
        """Return the error as JSON: the shape of the API reference, with this product's additional fields."""
        shape: dict[str, Any] = {
            "statusCode": self.status,
            "message": self.message,
            "error": self.reason,
            "code": self.code,
        }
        if self.details:
            shape["details"] = [attrs.asdict(problem) for problem in self.details]
        if request_id:
            shape["requestId"] = request_id
        return shape


def _to_python_name(name: str) -> str:
    return re.sub("(?<=[a-z])[A-Z]", lambda match: f"_{match.group().lower()}", name)


class Invalid(ApiError, status=400, code="invalid"):
    """400 ``invalid``: the request is invalid; ``details`` lists the fields."""


class Unauthenticated(ApiError, status=401, code="unauthenticated"):
    """401 ``unauthenticated``: the token is missing, invalid, expired or revoked."""


class Forbidden(ApiError, status=403, code="forbidden"):
    """403 ``forbidden``: the role or the token's scopes are insufficient."""


class NotFound(ApiError, status=404, code="not_found"):
    """404 ``not_found``: the item does not exist or is not visible to the caller, without distinction."""


class MethodNotAllowed(ApiError, status=405, code="method_not_allowed"):
    """405 ``method_not_allowed``: the path exists, but not with this method; ``headers["Allow"]`` lists the methods it has."""


class Conflict(ApiError, status=409, code="conflict"):
    """409 ``conflict``: a duplicate, or a state that does not allow the change."""


class PreconditionFailed(ApiError, status=412, code="precondition_failed"):
    """412 ``precondition_failed``: ``If-Match`` has a version that is not the current one."""


class TooLarge(ApiError, status=413, code="too_large"):
    """413 ``too_large``: the body is larger than the endpoint accepts."""


class UnsupportedMedia(ApiError, status=415, code="unsupported_media_type"):
    """415 ``unsupported_media_type``: the endpoint does not accept the body's media type."""


class RangeNotSatisfiable(ApiError, status=416, code="range_not_satisfiable"):
    """416 ``range_not_satisfiable``: the file does not have these bytes; ``headers["Content-Range"]`` has its size."""


class Unprocessable(ApiError, status=422, code="idempotency_key_reused"):
    """422 ``idempotency_key_reused``: the ``Idempotency-Key`` was used for another request."""


class RateLimited(ApiError, status=429, code="rate_limited"):
    """429 ``rate_limited``: too many requests; ``retry_after`` is the number of seconds to wait."""


class ServerError(ApiError, status=500, code="internal_error"):
    """5xx ``internal_error``: a defect of the server, or a temporary overload."""


class Unavailable(ServerError, status=503, code="unavailable"):
    """503 ``unavailable``: busy, stopping, or without its database; ``retry_after`` is the number of seconds to wait."""


class StorageFull(ServerError, status=507, code="storage_full"):
    """507 ``storage_full``: the server has no storage space left."""


BY_STATUS: Mapping[int, type[ApiError]] = {
    kind.status: kind for kind in (*ApiError.__subclasses__(), *ServerError.__subclasses__())
}


def error_from(status: int, body: bytes, headers: Mapping[str, str]) -> ApiError:
    """Return the error of a response. Never raises, whatever the body is.

    Args:
        status: The HTTP status, 300 or more.
        body: The body: the error shape, or anything that a proxy sent.
        headers: With lowercase names.
    """
    shape: Any
    try:
        shape = json.loads(body)
    except (ValueError, RecursionError):
        shape = None
    if not isinstance(shape, dict):
        shape = {}
    kind = BY_STATUS.get(status) or (ServerError if status >= 500 else ApiError)
    message = shape.get("message")
    if isinstance(message, list):
        message = "; ".join(str(part) for part in message)
    if not isinstance(message, str) or not message:
        message = "the server gave no reason"
    code = shape.get("code")
    error = kind(
        message, code=code if isinstance(code, str) else None, details=_details(shape.get("details"))
    )
    error.status = status
    error.headers = dict(headers)
    error.body = bytes(body)
    request_id = headers.get("x-request-id") or shape.get("requestId")
    error.request_id = request_id if isinstance(request_id, str) else None
    return error


def _details(entries: Any) -> list[FieldProblem]:
    if not isinstance(entries, list):
        return []
    return [
        FieldProblem(str(entry.get("field", "")), str(entry.get("message", "")))
        for entry in entries
        if isinstance(entry, dict)
    ]
