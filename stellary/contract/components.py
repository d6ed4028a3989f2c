"""Components: what the operations of the OpenAPI document share, and the reader of the schemas need not know."""

from __future__ import annotations

import inspect
from typing import Any

from stellary.contract.errors import BY_STATUS

Json = dict[str, Any]

ERROR: Json = {
    "type": "object",
    "title": "Error",
    "description": "What every error answers with.",
    "properties": {
        "statusCode": {"type": "integer"},
        "message": {"type": "string", "description": "One readable sentence in wire names."},
        "error": {"type": "string", "description": "The reason phrase of the status."},
        "code": {"type": "string", "description": "A stable name of the reason, in snake_case."},
        "details": {
            "type": "array",
            "description": "One entry per field that is wrong.",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
                "required": ["field", "message"],
            },
        },
        "requestId": {"type": "string", "description": "That of the `X-Request-Id` header."},
    },
    "required": ["statusCode", "message", "error"],
}

HEADERS: Json = {
    "RequestId": {
        "description": "The id of this exchange; the server's log has it too.",
        "schema": {"type": "string"},
    },
    "Link": {
        "description": 'The next page, if there is one: `<…>; rel="next"` (RFC 8288).',
        "schema": {"type": "string"},
    },
    "FileETag": {"description": "Of the file's bytes, for `If-None-Match`.", "schema": {"type": "string"}},
    "ContentDisposition": {
        "description": "`attachment`, with the file's name (RFC 6266).",
        "schema": {"type": "string"},
    },
    "ContentRange": {
        "description": "Which bytes of how many: `bytes 0-99/1000`.",
        "schema": {"type": "string"},
    },
    "ETag": {"description": 'The version in quotes, for `If-Match`: `"3"`.', "schema": {"type": "string"}},
    "RetryAfter": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
    "RateLimitLimit": {
        "description": "How many requests the window takes.",
        "schema": {"type": "integer"},
    },
    "RateLimitRemaining": {"description": "How many are left in it.", "schema": {"type": "integer"}},
    "RateLimitReset": {"description": "Seconds until it starts anew.", "schema": {"type": "integer"}},
    "Allow": {"description": "The methods that the path has.", "schema": {"type": "string"}},
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
        "description": "The version that the caller has seen, as its `ETag` had it; a stale one is a 412.",
        "schema": {"type": "string"},
        "example": '"3"',
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Any text of the caller's. The same key with the same body within 24 hours gets the first "
        "answer again, and makes nothing twice.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    },
    "Range": {
        "name": "Range",
        "in": "header",
        "description": "One range of bytes to be answered with in place of the whole file (RFC 9110).",
        "schema": {"type": "string"},
        "example": "bytes=0-1048575",
    },
    "LastEventId": {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "The id of the last event that was seen; all that came after it is told. Comes before `lastEventId`.",
        "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` that the caller has seen: 304 if the file is the same.",
        "schema": {"type": "string"},
    },
}

BYTES: Json = {"type": "string", "contentMediaType": "application/octet-stream"}
FORM: Json = {
    "type": "object",
    "title": "Form",
    "properties": {
        "file": {**BYTES, "description": "The file, with its name and type in the part's headers."}
    },
    "required": ["file"],
    "additionalProperties": False,
}

SECURITY: Json = {
    "login": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access_token` of a login or a registration.",
    },
    "apiToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "synth_…",
        "description": "A personal access token, with the scopes that are named.",
    },
}


def error_response(status: int) -> Json:
    """What is answered with that status, as the error class says."""
    kind = BY_STATUS[status]
    _, _, said = inspect.cleandoc(kind.__doc__ or "").partition(": ")
    return {
        "description": " ".join(said.split()).replace("``", "`").capitalize(),
        "headers": header_references({"X-Request-Id": "RequestId"} | _ERROR_HEADERS.get(status, {})),
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def header_references(headers: dict[str, str]) -> Json:
    """Headers of an answer, each by its key in ``HEADERS``."""
    return {name: {"$ref": f"#/components/headers/{key}"} for name, key in headers.items()}
