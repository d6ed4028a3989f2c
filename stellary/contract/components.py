"""Parts that the operations of the OpenAPI document share."""

from __future__ import annotations

import inspect
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

HEADERS: Json = {
    "RequestId": {
        "description": "The id of the request, as in the server's log.",
        "schema": {"type": "string"},
    },
    "Link": {
        "description": 'The next page, if there is one: `<…>; rel="next"` (RFC 8288).',
        "schema": {"type": "string"},
    },
    "FileETag": {
        "description": "The file's `ETag`, for use with `If-None-Match`.",
        "schema": {"type": "string"},
    },
    "ContentTag": {
        "description": "The tag of this response, for use with `If-None-Match`; absent if the response is larger than 32 KiB.",
        "schema": {"type": "string"},
    },
    "ContentDisposition": {
        "description": "`attachment`, with the file name (RFC 6266).",
        "schema": {"type": "string"},
    },
    "ContentRange": {
        "description": "The range and the total size: `bytes 0-99/1000`.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": 'The version in quotes, for use with `If-Match`: `"3"`.',
        "schema": {"type": "string"},
    },
    "Location": {"description": "The path of the item.", "schema": {"type": "string"}},
    "RetryAfter": {
        "description": "Seconds to wait before the next attempt.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimitLimit": {
        "description": "The number of requests allowed in the current window.",
        "schema": {"type": "integer"},
    },
    "RateLimitRemaining": {
        "description": "The number of requests left in the current window.",
        "schema": {"type": "integer"},
    },
    "RateLimitReset": {"description": "Seconds until the next window starts.", "schema": {"type": "integer"}},
    "Allow": {"description": "The methods that the path supports.", "schema": {"type": "string"}},
    "WwwAuthenticate": {"description": "`Bearer`", "schema": {"type": "string"}},
}

FILE_HEADERS = {
    "X-Request-Id": "RequestId",
    "ETag": "FileETag",
    "Content-Disposition": "ContentDisposition",
}

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
        "description": "The `ETag` of the version to change. If it is not the current version, the request fails with a 412.",
        "schema": {"type": "string"},
        "example": '"3"',
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A unique string chosen by the caller, 1-255 characters. A repeated request with the same key and body "
        "within 24 hours returns the first response and changes nothing; with another body, it fails with a 422.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    },
    "Range": {
        "name": "Range",
        "in": "header",
        "description": "A single range of bytes to return instead of the whole file (RFC 9110).",
        "schema": {"type": "string"},
        "example": "bytes=0-1048575",
    },
    "LastEventId": {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "The id of the last event received; the stream continues after it. Takes precedence over `lastEventId`.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of the caller's copy: the response is a 304 if it would be the same.",
        "schema": {"type": "string"},
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
    return {
        "description": " ".join(description.split()).replace("``", "`").capitalize(),
        "headers": header_references({"X-Request-Id": "RequestId"} | _ERROR_HEADERS.get(status, {})),
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def header_references(headers: dict[str, str]) -> Json:
    """Return references to response headers, given by their keys in ``HEADERS``."""
    return {name: {"$ref": f"#/components/headers/{key}"} for name, key in headers.items()}
