"""OpenAPI: the endpoints as an OpenAPI 3.1 document. Pure: values in, a dict out."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from types import ModuleType

import attrs

from stellary.contract.addressing import Ref, parameter_names, pattern
from stellary.contract.components import (
    BYTES,
    ERROR,
    FILE_HEADERS,
    FORM,
    HEADERS,
    PARAMETERS,
    SECURITY,
    Json,
    error_response,
    header_references,
)
from stellary.contract.endpoint import EVENT_STREAM, JSON, TOKEN_SCOPES, Nothing
from stellary.contract.endpoints import ENDPOINTS, RESOURCES
from stellary.contract.errors import BY_STATUS
from stellary.contract.examples import answer_of, request_of
from stellary.contract.naming import whole, wire_fields
from stellary.contract.proposals import Proposal
from stellary.contract.router import AnyEndpoint
from stellary.contract.schemas import Schemas, documentation

_INTRODUCTION = """\
Organizations hold workspaces, workspaces hold projects, projects hold boards of columns and cards.

* Every error has the shape of the schema `Error`; `message` is a sentence in the names of the request's fields.
* In a PATCH, a field that is absent stays as it is, and `null` clears one that can be empty.
* A list is complete unless `limit` is given; the next page then stands in the `Link` header.
* A path under `/projects/{projectId}` is also served for the labels, checklists and cards whose own path is shorter.
"""


def document(endpoints: Iterable[AnyEndpoint] = ENDPOINTS, *, version: str = "0", server: str = "/") -> Json:
    """The OpenAPI 3.1 document of these endpoints.

    Args:
        endpoints: In the order in which they shall be shown.
        version: Of the deployment.
        server: The base URL; ``/`` means where the document was found.
    """
    endpoints = tuple(endpoints)
    schemas = Schemas()
    versioned = {
        endpoint.ref for endpoint in endpoints if _names_its_ref(endpoint) and _is_versioned(endpoint)
    }
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        guarded = _names_its_ref(endpoint) and endpoint.ref in versioned and endpoint.method != "GET"
        operation = _operation(endpoint, schemas, guarded)
        paths.setdefault(_braced(endpoint.path), {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stellary API",
            "version": version,
            "description": _INTRODUCTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": server}],
        "tags": _tags(endpoints),
        "paths": paths,
        "components": {
            "schemas": {"Error": ERROR, **dict(sorted(schemas.made.items()))},
            "responses": {kind.__name__: error_response(status) for status, kind in BY_STATUS.items()},
            "parameters": PARAMETERS,
            "headers": HEADERS,
            "securitySchemes": SECURITY,
        },
    }


def statuses(endpoint: AnyEndpoint, *, guarded: bool = False) -> list[int]:
    """Which errors an endpoint may answer with, by status.

    Args:
        endpoint: The endpoint.
        guarded: Whether it honours ``If-Match``.
    """
    takes = endpoint.takes is not Nothing or endpoint.takes_file
    known = endpoint.policy.token != "public"
    writes = endpoint.method != "GET"
    possible = {
        400: takes or endpoint.idempotent,
        401: known,
        403: known,
        404: endpoint.ref is not Ref,
        409: writes,
        412: guarded,
        413: takes and not endpoint.in_query,
        415: takes and not endpoint.in_query,
        422: endpoint.idempotent,
        429: True,
        500: True,
        503: True,
        507: writes,
    }
    return sorted({status for status, is_possible in possible.items() if is_possible} | {*endpoint.also})


# ---------------------------------------------------------------------------------------------------------- one place


def _operation(endpoint: AnyEndpoint, schemas: Schemas, guarded: bool) -> Json:
    policy = endpoint.policy
    made: Json = {
        "operationId": endpoint.operation,
        "summary": endpoint.summary.rstrip("."),
        "tags": [endpoint.resource],
        "x-role": policy.role,
        "x-token-scope": policy.token,
        "x-agent": policy.agent,
        "security": _security(endpoint),
    }
    parameters = [*_path_parameters(endpoint), *_query_parameters(endpoint, schemas)]
    if guarded:
        parameters.append({"$ref": "#/components/parameters/IfMatch"})
    if endpoint.idempotent:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if endpoint.is_stream:
        parameters.append({"$ref": "#/components/parameters/LastEventId"})
    if endpoint.returns_file:
        parameters += [{"$ref": f"#/components/parameters/{name}"} for name in ("Range", "IfNoneMatch")]
    if parameters:
        made["parameters"] = parameters
    if endpoint.takes_file:
        form = {"schema": FORM, "encoding": {"file": {"contentType": "*/*"}}}
        made["requestBody"] = {"required": True, "content": {"multipart/form-data": form}}
    elif not endpoint.in_query and endpoint.takes is not Nothing:
        made["requestBody"] = _body(endpoint, schemas)
    made["responses"] = {
        **(_file() if endpoint.returns_file else {str(endpoint.status): _success(endpoint, schemas)}),
        **({"202": _proposed(schemas)} if policy.agent == "w" else {}),
        **{
            str(status): {"$ref": f"#/components/responses/{BY_STATUS[status].__name__}"}
            for status in statuses(endpoint, guarded=guarded)
        },
        **({"400": _protocol_error()} if endpoint.resource == "mcp" else {}),
    }
    return made


def _protocol_error() -> Json:
    """The 400 of an endpoint that speaks JSON-RPC, which has a shape of its own for errors."""
    code, message = {"type": "integer"}, {"type": "string"}
    error = {
        "type": "object",
        "required": ["code", "message"],
        "properties": {"code": code, "message": message},
    }
    schema = {
        "type": "object",
        "required": ["jsonrpc", "id", "error"],
        "properties": {
            "jsonrpc": {"const": "2.0"},
            "id": {"type": ["string", "integer", "null"]},
            "error": error,
        },
    }
    return {
        "description": "The body is no message of the protocol. The error is one of JSON-RPC.",
        "headers": {"X-Request-Id": {"$ref": "#/components/headers/RequestId"}},
        "content": {"application/json": {"schema": schema}},
    }


def _security(endpoint: AnyEndpoint) -> list[Json]:
    token = endpoint.policy.token
    if token == "public":
        return []
    if token == "jwt":
        return [{"login": []}]
    scopes = {"any": [], "full": list(TOKEN_SCOPES)}.get(token, [token])
    return [{"login": []}, {"apiToken": scopes}]


def _path_parameters(endpoint: AnyEndpoint) -> list[Json]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _introduced(endpoint.ref, field),
            "schema": {"type": "string", "pattern": f"^{pattern(field)}$"},
        }
        for name, field in parameter_names(endpoint.path).items()
    ]


def _introduced(ref: type[Ref], field: str) -> str:
    """What the class says that brings a part of the path: ``A card of a project.``"""
    first = next(
        each
        for each in reversed(ref.__mro__)
        if attrs.has(each) and field in {own.name for own in attrs.fields(each)}
    )
    return documentation(first)[0]


def _query_parameters(endpoint: AnyEndpoint, schemas: Schemas) -> list[Json]:
    if not endpoint.in_query:
        return []
    made = []
    for name, field in wire_fields(endpoint.request_class).items():
        schema = schemas.field(endpoint.request_class, field)
        described = {"description": schema.pop("description")} if "description" in schema else {}
        required = {"required": True} if field.default is attrs.NOTHING else {}
        made.append({"name": name, "in": "query", **required, **described, "schema": schema})
    return made


def _body(endpoint: AnyEndpoint, schemas: Schemas) -> Json:
    cls = endpoint.request_class
    # No body is an empty object.
    required = whole(cls) is None and any(
        field.default is attrs.NOTHING for field in wire_fields(cls).values()
    )
    content = {"schema": schemas.of(cls), "example": request_of(endpoint)}
    return {"required": required, "content": {"application/json": content}}


def _success(endpoint: AnyEndpoint, schemas: Schemas) -> Json:
    item = schemas.of(endpoint.returns)
    if endpoint.is_stream:
        return _stream(endpoint, item)
    schema = {"type": "array", "items": item} if endpoint.many else item
    headers = {"X-Request-Id": "RequestId"}
    if endpoint.many:
        headers["Link"] = "Link"
    elif _is_versioned(endpoint):
        headers["ETag"] = "ETag"
    return {
        "description": endpoint.summary,
        "headers": header_references(headers),
        "content": {endpoint.media: _told(endpoint, schema)},
    }


def _told(endpoint: AnyEndpoint, schema: Json) -> Json:
    # A document, a page or a line of text is its own example.
    return (
        {"schema": schema, "example": answer_of(endpoint)} if endpoint.media == JSON else {"schema": schema}
    )


def _proposed(schemas: Schemas) -> Json:
    return {
        "description": "What an agent asked for waits for somebody to approve it.",
        "headers": header_references({"X-Request-Id": "RequestId"}),
        "content": {"application/json": {"schema": schemas.of(Proposal)}},
    }


def _stream(endpoint: AnyEndpoint, item: Json) -> Json:
    # What stands in a stream cannot be said in OpenAPI 3.1, so that it is said beside it.
    described = {
        "type": "string",
        "description": "Server-sent events; the data of each is as `x-event-data` says.",
    }
    return {
        "description": endpoint.summary,
        "headers": header_references({"X-Request-Id": "RequestId"}),
        "content": {EVENT_STREAM: {"schema": described, "x-event-data": item}},
    }


def _file() -> Json:
    content = {"*/*": {"schema": BYTES}}
    part = {**FILE_HEADERS, "Content-Range": "ContentRange"}
    return {
        "200": {
            "description": "The bytes of the file.",
            "headers": header_references(FILE_HEADERS),
            "content": content,
        },
        "206": {
            "description": "The bytes that were asked for.",
            "headers": header_references(part),
            "content": content,
        },
        "304": {
            "description": "The caller has the file already.",
            "headers": header_references({"X-Request-Id": "RequestId", "ETag": "FileETag"}),
        },
    }


def _names_its_ref(endpoint: AnyEndpoint) -> bool:
    return bool(endpoint.path == endpoint.ref.template)


def _is_versioned(endpoint: AnyEndpoint) -> bool:
    """Whether the answer is a single thing that carries its version."""
    if endpoint.many or not attrs.has(endpoint.returns):
        return False
    field = wire_fields(endpoint.returns).get("version")
    return field is not None and field.type is int


def _braced(path: str) -> str:
    return "/".join(f"{{{part[1:]}}}" if part.startswith(":") else part for part in path.split("/"))


def _tags(endpoints: tuple[AnyEndpoint, ...]) -> list[Json]:
    # The first module of a resource is the one that says what it is.
    said = {
        endpoint.resource: _said_of(module) for module in reversed(RESOURCES) for endpoint in module.ENDPOINTS
    }
    names = dict.fromkeys(endpoint.resource for endpoint in endpoints)
    return [{"name": name, "description": said.get(name, "")} for name in names]


def _said_of(module: ModuleType) -> str:
    """What a module says of its resource, but for the name and the place in the reference: both are beside it."""
    first = inspect.cleandoc(module.__doc__ or "").partition("\n")[0]
    said = first.partition(": ")[2] or first
    said = said.partition(" Section ")[0]
    return said[:1].upper() + said[1:]
