"""Parts that the operations of the OpenAPI document share."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from stellary.contract.errors import BY_STATUS

Json = dict[str, Any]

ERROR: Json = {
    "type": "object",
    "title": "Error",
    "description": "The body of every error response.",
    "properties": {
        "statusCode": {"type": "integer"},
        "message": {
            "type": "string",
            "description": "A readable sentence that uses the names of the request's fields.",
        },
        "error": {"type": "string", "description": "The reason phrase of the HTTP status."},
        "code": {"type": "string", "description": "A stable name of the reason, in snake_case."},
        "details": {
            "type": "array",
            "description": "One entry per invalid field.",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
        "requestId": {"type": "string", "description": "The value of the `X-Request-Id` header."},
    },
    "required": ["statusCode", "message", "error"],
}


def _header(description: str, type: str = "string", **limits: object) -> Json:
    return {"description": description, "schema": {"type": type, **limits}}


HEADERS: Json = {
    "RequestId": _header("The id of the request, as in the server's log."),
    "Link": _header('The next page, if there is one: `<…>; rel="next"` (RFC 8288).'),
    "FileETag": _header("The file's `ETag`, for use with `If-None-Match`."),
    "ContentTag": _header(
        "The tag of this response, for use with `If-None-Match`; absent if the response is larger than 32 KiB."
    ),
    "ContentDisposition": _header("`attachment`, with the file name (RFC 6266)."),
    "ContentRange": _header("The range and the total size: `bytes 0-99/1000`."),
    "ETag": _header('The version in quotes, for use with `If-Match`: `"3"`.'),
    "Location": _header("The path of the item."),
    "RetryAfter": _header("Seconds to wait before the next attempt.", "integer", minimum=0),
    "RateLimitLimit": _header("The number of requests allowed in the current window.", "integer"),
    "RateLimitRemaining": _header("The number of requests left in the current window.", "integer"),
    "RateLimitReset": _header("Seconds until the next window starts.", "integer"),
    "Allow": _header("The methods that the path supports."),
    "WwwAuthenticate": _header("`Bearer`"),
}

FILE_HEADERS = {"ETag": "FileETag", "Content-Disposition": "ContentDisposition"}

_ERROR_HEADERS = {
    401: {"WWW-Authenticate": "WwwAuthenticate"},
    405: {"Allow": "Allow"},
    416: {"Content-Range": "ContentRange"},
    429: {
        "Retry-After": "RetryAfter",
        "X-RateLimit-Limit": "RateLimitLimit",
        "X-RateLimit-Remaining": "RateLimitRemaining",
        "X-RateLimit-Reset": "RateLimitReset",
    },
    503: {"Retry-After": "RetryAfter"},
}

PARAMETERS: Json = {
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        **_header(
            "The `ETag` of the version to change. If it is not the current version, the request fails with a 412."
        ),
        "example": '"3"',
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        **_header(
            "A unique string chosen by the caller, 1-255 characters. A repeated request with the same key and body "
            "within 24 hours returns the first response and changes nothing; with another body, it fails with a 422.",
            minLength=1,
            maxLength=255,
        ),
    },
    "Range": {
        "name": "Range",
        "in": "header",
        **_header("A single range of bytes to return instead of the whole file (RFC 9110)."),
        "example": "bytes=0-1048575",
    },
    "LastEventId": {
        "name": "Last-Event-ID",
        "in": "header",
        **_header(
            "The id of the last event received; the stream continues after it. Takes precedence over `lastEventId`.",
            pattern="^[0-9]{1,18}$",
        ),
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        **_header("The `ETag` of the caller's copy: the response is a 304 if it would be the same."),
    },
}

BYTES: Json = {"type": "string", "contentMediaType": "application/octet-stream"}
FORM: Json = {
    "type": "object",
    "title": "Form",
    "properties": {
        "file": {**BYTES, "description": "The file, with its name and media type in the part's headers."}
    },
    "required": ["file"],
    "additionalProperties": False,
}

SECURITY: Json = {
    "login": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access_token` from login or registration.",
    },
    "apiToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "synth_…",
        "description": "A personal access token with the listed scopes.",
    },
}


def error_response(status: int) -> Json:
    """Return the response object of an error status, described by its error class."""
    kind = BY_STATUS[status]
    _, _, description = inspect.cleandoc(kind.__doc__ or "").partition(": ")
    text = " ".join(description.split()).replace("``", "`").capitalize()
    schema = {"$ref": "#/components/schemas/Error"}
    return describe_response(text, {"application/json": {"schema": schema}}, _ERROR_HEADERS.get(status, {}))


def describe_response(
    description: str, content: Json | None = None, headers: Mapping[str, str] = MappingProxyType({})
) -> Json:
    """Return a response object.

    Args:
        description: The description.
        content: The schemas of its body, by media type; None for no body.
        headers: The keys in ``HEADERS`` of its headers, by their names, beside that with the id of the request.
    """
    keys = {"X-Request-Id": "RequestId", **headers}
    references = {name: {"$ref": f"#/components/headers/{key}"} for name, key in keys.items()}
    body = {} if content is None else {"content": content}
    return {"description": description, "headers": references, **body}
