"""The error tree: the core raises it, the server carries it, the SDK raises it again.

    StellaryError
    └── ApiError                  an answer that is not 2xx
        ├── Invalid               400  the request says something that cannot be
        ├── Unauthenticated       401  no token, or one that is not (or no longer) good
        ├── Forbidden             403  the role or the token's scopes do not reach that far
        ├── NotFound              404  not there, or not visible to the caller
        ├── MethodNotAllowed      405  the path exists, the method does not
        ├── Conflict              409  a duplicate, or a state that does not allow it
        ├── PreconditionFailed    412  If-Match names a version that is no longer current
        ├── TooLarge              413  the body is larger than the endpoint takes
        ├── UnsupportedMedia      415  the body is not of a type that the endpoint takes
        ├── RangeNotSatisfiable   416  the file has no such bytes
        ├── Unprocessable         422  an Idempotency-Key that was used for something else
        ├── RateLimited           429  too many requests; ``retry_after`` says how long to wait
        └── ServerError           5xx  a defect, or an overload that will pass
            ├── Unavailable       503  busy or stopping; ``retry_after`` says how long to wait
            └── StorageFull       507  no room to write on

``except NotFound`` therefore reads the same embedded and remote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar

import attrs


@attrs.frozen
class FieldProblem:
    """What is wrong with one field of a request, in wire names (``checklist[1].title``)."""

    field: str
    message: str


class StellaryError(Exception):
    """The root of everything that this package raises on purpose.

    Attributes:
        made: What a method that makes many by several calls, such as ``cards.create_all``, had made before this one failed.
            It stays.
    """

    made: tuple[Any, ...] = ()


class ApiError(StellaryError):
    """An answer that is not 2xx, as in the section Error Handling of the API reference.

    Attributes:
        status: The HTTP status.
        message: One readable sentence in wire names.
        code: A stable snake_case name of the reason.
        details: One entry per field that is wrong, if any.
        request_id: The ``X-Request-Id`` of the answer, where it came from a server.
        method, path: The request, where it came from a server.
        retries: How often the client had tried again before it gave up.
        retry_after: Seconds to wait before the next try, if the server named them.
        body: The bytes of the answer, where it came from a server: a proxy's page may say more than the message.
    """

    status: int = 500
    default_code: ClassVar[str] = "error"

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
        self.request_id: str | None = None
        self.method: str | None = None
        self.path: str | None = None
        self.retries = 0

    @property
    def reason(self) -> str:
        """The reason phrase of the status: ``Not Found``."""
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return "Error"

    def __str__(self) -> str:
        where = [f"{self.method} {self.path}"] if self.method else []
        if self.request_id:
            where.append(f"request {self.request_id}")
        if self.retries:
            where.append(f"after {self.retries} {'retry' if self.retries == 1 else 'retries'}")
        place = f" ({', '.join(where)})" if where else ""
        return f"{self.status} {self.reason}: {self.message}{place}"

    def to_body(self, request_id: str | None = None) -> dict[str, Any]:
        """Return the error shape of the API reference, with what this product adds to it."""
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


class Invalid(ApiError):
    """400: the request says something that cannot be; ``details`` name the fields."""

    status = 400
    default_code = "invalid"


class Unauthenticated(ApiError):
    """401: no token, or one that is not (or no longer) good."""

    status = 401
    default_code = "unauthenticated"


class Forbidden(ApiError):
    """403: the role or the token's scopes do not reach that far."""

    status = 403
    default_code = "forbidden"


class NotFound(ApiError):
    """404: not there, or not visible to the caller; the two are never told apart."""

    status = 404
    default_code = "not_found"


class MethodNotAllowed(ApiError):
    """405: the path exists, the method does not; ``headers["Allow"]`` lists those that do."""

    status = 405
    default_code = "method_not_allowed"


class Conflict(ApiError):
    """409: a duplicate, or a state that does not allow it."""

    status = 409
    default_code = "conflict"


class PreconditionFailed(ApiError):
    """412: ``If-Match`` names a version that is no longer the current one."""

    status = 412
    default_code = "precondition_failed"


class TooLarge(ApiError):
    """413: the body is larger than the endpoint takes."""

    status = 413
    default_code = "too_large"


class UnsupportedMedia(ApiError):
    """415: the body is not of a type that the endpoint takes."""

    status = 415
    default_code = "unsupported_media_type"


class RangeNotSatisfiable(ApiError):
    """416: the file has no such bytes; ``headers["Content-Range"]`` says how many it has."""

    status = 416
    default_code = "range_not_satisfiable"


class Unprocessable(ApiError):
    """422: the ``Idempotency-Key`` was used for something else before."""

    status = 422
    default_code = "idempotency_key_reused"


class RateLimited(ApiError):
    """429: too many requests; ``retry_after`` says how many seconds to wait."""

    status = 429
    default_code = "rate_limited"


class ServerError(ApiError):
    """5xx: a defect of the server, or an overload that will pass."""

    status = 500
    default_code = "internal_error"


class Unavailable(ServerError):
    """503: busy, stopping, or without its database; ``retry_after`` says how long to wait."""

    status = 503
    default_code = "unavailable"


class StorageFull(ServerError):
    """507: the server has no room left to write on."""

    status = 507
    default_code = "storage_full"


BY_STATUS: Mapping[int, type[ApiError]] = {
    kind.status: kind
    for kind in (
        Invalid,
        Unauthenticated,
        Forbidden,
        NotFound,
        MethodNotAllowed,
        Conflict,
        PreconditionFailed,
        TooLarge,
        UnsupportedMedia,
        RangeNotSatisfiable,
        Unprocessable,
        RateLimited,
        ServerError,
        Unavailable,
        StorageFull,
    )
}


def error_from(status: int, body: bytes, headers: Mapping[str, str]) -> ApiError:
    """The error that an answer carries. Never raises, whatever the bytes are.

    Args:
        status: The HTTP status, 300 or more.
        body: The bytes of the answer: the error shape, or anything that a proxy made up.
        headers: With lower-case names.
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


def _details(found: Any) -> list[FieldProblem]:
    if not isinstance(found, list):
        return []
    return [
        FieldProblem(str(entry.get("field", "")), str(entry.get("message", "")))
        for entry in found
        if isinstance(entry, dict)
    ]
