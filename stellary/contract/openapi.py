"""The endpoints as an OpenAPI 3.1 document, built without I/O."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from types import ModuleType

import attrs

from stellary.contract.addressing import Ref, parameter_names, pattern_of
from stellary.contract.components import PARTS, Json, describe_response, error_response
from stellary.contract.endpoint import EVENT_STREAM, JSON, TOKEN_SCOPES, Nothing
from stellary.contract.endpoints import ENDPOINTS, RESOURCES, list_endpoints
from stellary.contract.errors import BY_STATUS
from stellary.contract.examples import answer_of, request_of
from stellary.contract.naming import whole, wire_fields
from stellary.contract.proposals import Proposal
from stellary.contract.router import AnyEndpoint
from stellary.contract.schemas import Schemas, documentation


def document(endpoints: Iterable[AnyEndpoint] = ENDPOINTS, *, version: str = "0", server: str = "/") -> Json:
    """Return the OpenAPI 3.1 document of the endpoints.

    Args:
        endpoints: In the order of the document.
        version: The version of the deployment.
        server: The base URL; ``/`` means the origin of the document.
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
        paths.setdefault(re.sub(r":(\w+)", r"{\1}", endpoint.path), {})[endpoint.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stellary API",
            "version": version,
            "description": "".join(f"{line}\n" for line in PARTS["introduction"]),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": server}],
        "tags": _tags(endpoints),
        "paths": paths,
        "components": {
            "schemas": {"Error": PARTS["error"], **dict(sorted(schemas.definitions.items()))},
            "responses": {kind.__name__: error_response(status) for status, kind in BY_STATUS.items()},
            "parameters": PARTS["parameters"],
            "headers": PARTS["headers"],
            "securitySchemes": PARTS["security"],
        },
    }


def statuses(endpoint: AnyEndpoint, *, guarded: bool = False) -> list[int]:
    """Return the statuses of the errors that an endpoint can return, sorted.

    Args:
        endpoint: The endpoint.
        guarded: Whether it honors ``If-Match``.
    """
    takes = endpoint.takes is not Nothing or endpoint.takes_file
    needs_token = endpoint.policy.token != "public"
    writes = endpoint.method != "GET"
    possible = {
        400: takes or endpoint.idempotent,
        401: needs_token,
        403: needs_token,
        404: endpoint.ref is not Ref,
        409: writes,
        412: guarded,
        413: takes and not endpoint.in_query,
        415: takes and not endpoint.in_query,
        416: endpoint.returns_file,
        422: endpoint.idempotent,
        429: True,
        500: True,
        503: True,
        507: writes,
    }
    return sorted({*endpoint.also, *(status for status, is_possible in possible.items() if is_possible)})


# ---------------------------------------------------------------------------------------------------------- one place


def _operation(endpoint: AnyEndpoint, schemas: Schemas, guarded: bool) -> Json:
    policy = endpoint.policy
    operation: Json = {
        "operationId": endpoint.operation,
        "summary": endpoint.summary.rstrip("."),
        "description": policy.describe(),
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
    if _is_conditional(endpoint):
        parameters.append({"$ref": "#/components/parameters/IfNoneMatch"})
    if parameters:
        operation["parameters"] = parameters
    if endpoint.takes_file:
        form = {"schema": PARTS["form"], "encoding": {"file": {"contentType": "*/*"}}}
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": form}}
    elif not endpoint.in_query and endpoint.takes is not Nothing:
        operation["requestBody"] = _body(endpoint, schemas)
    operation["responses"] = {
        **(_file() if endpoint.returns_file else {str(endpoint.status): _success(endpoint, schemas)}),
        **({"202": _proposal_response(schemas)} if policy.agent == "w" else {}),
        **({"202": _unfinished_response(endpoint, schemas)} if endpoint.thinks else {}),
        **({"304": _not_modified(endpoint)} if _is_conditional(endpoint) else {}),
        **{
            str(status): {"$ref": f"#/components/responses/{BY_STATUS[status].__name__}"}
            for status in statuses(endpoint, guarded=guarded)
        },
        **({"400": _protocol_error()} if endpoint.resource == "mcp" else {}),
    }
    return operation


def _protocol_error() -> Json:
    """Return the 400 response of an endpoint that speaks JSON-RPC, which has its own error format."""
    text = "The body is not a message of the protocol. The error is a JSON-RPC error."
    return describe_response(text, {JSON: {"schema": PARTS["protocolError"]}})


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
            "description": _describe_parameter(endpoint.ref, field),
            "schema": {"type": "string", "pattern": f"^{pattern_of(field).pattern}$"},
        }
        for name, field in parameter_names(endpoint.path).items()
    ]


def _describe_parameter(ref: type[Ref], field: str) -> str:
    """Return the docstring (``A card of a project.``) of the ref class that adds this part of the path."""
    first = next(
        cls
        for cls in reversed(ref.__mro__)
        if attrs.has(cls) and field in {attribute.name for attribute in attrs.fields(cls)}
    )
    return documentation(first)[0]


def _query_parameters(endpoint: AnyEndpoint, schemas: Schemas) -> list[Json]:
    if not endpoint.in_query:
        return []
    parameters = []
    for name, field in wire_fields(endpoint.request_class).items():
        schema = schemas.field(endpoint.request_class, field)
        description = {"description": schema.pop("description")} if "description" in schema else {}
        required = {"required": True} if field.default is attrs.NOTHING else {}
        parameters.append(
            {"name": name, "in": "query", **required, **description, "schema": _spell_null(schema)}
        )
    return parameters


def _spell_null(schema: object) -> object:
    """Return a schema, or a part of one, with the word ``none``, by which a query string expresses null."""
    if schema == {"type": "null"}:
        return {"const": "none"}
    if schema == ["string", "null"]:
        return "string"
    if isinstance(schema, list):
        return [_spell_null(part) for part in schema]
    if isinstance(schema, dict):
        return {name: _spell_null(part) for name, part in schema.items()}
    return "none" if schema is None else schema


def _body(endpoint: AnyEndpoint, schemas: Schemas) -> Json:
    cls = endpoint.request_class
    # No body is an empty object.
    required = whole(cls) is None and any(
        field.default is attrs.NOTHING for field in wire_fields(cls).values()
    )
    content = {"schema": schemas.of(cls), "example": request_of(endpoint)}
    return {"required": required, "content": {"application/json": content}}


def _success(endpoint: AnyEndpoint, schemas: Schemas) -> Json:
    is_partial = endpoint.in_query and "fields" in wire_fields(endpoint.request_class)
    item = schemas.partial(endpoint.returns) if is_partial else schemas.of(endpoint.returns)
    if endpoint.is_stream:
        return _stream(endpoint, item)
    schema = {"type": "array", "items": item} if endpoint.many else item
    headers = {}
    if endpoint.many:
        headers["Link"] = "Link"
    elif _is_versioned(endpoint):
        headers["ETag"] = "ETag"
    if _is_conditional(endpoint):
        headers["ETag"] = "ContentTag"
    # A page or a plain text has no example.
    example = {"example": answer_of(endpoint)} if endpoint.media == JSON else {}
    return describe_response(endpoint.summary, {endpoint.media: {"schema": schema, **example}}, headers)


def _not_modified(endpoint: AnyEndpoint) -> Json:
    link = {"Link": "Link"} if endpoint.many else {}
    text = "The response would be the same as the caller's copy."
    return describe_response(text, headers={**link, "ETag": "ContentTag"})


def _proposal_response(schemas: Schemas) -> Json:
    text = "The agent's request is stored as a proposal and waits for approval."
    return describe_response(text, {JSON: {"schema": schemas.of(Proposal)}})


def _unfinished_response(endpoint: AnyEndpoint, schemas: Schemas) -> Json:
    text = "The result is not available within 30 seconds: look for it at the path in `Location`."
    headers = {"Location": "Location", "Retry-After": "RetryAfter"}
    return describe_response(text, {JSON: {"schema": schemas.of(endpoint.returns)}}, headers)


def _stream(endpoint: AnyEndpoint, item: Json) -> Json:
    # OpenAPI 3.1 cannot describe the events of a stream, so an extension does.
    stream_schema = {
        "type": "string",
        "description": "Server-sent events. `x-event-data` is the schema of their data.",
    }
    return describe_response(
        endpoint.summary, {EVENT_STREAM: {"schema": stream_schema, "x-event-data": item}}
    )


def _file() -> Json:
    content, headers = {"*/*": {"schema": PARTS["bytes"]}}, PARTS["fileHeaders"]
    part = {**headers, "Content-Range": "ContentRange"}
    return {
        "200": describe_response("The bytes of the file.", content, headers),
        "206": describe_response("The requested range of bytes.", content, part),
        "304": describe_response("The file has not changed.", headers={"ETag": "FileETag"}),
    }


def _names_its_ref(endpoint: AnyEndpoint) -> bool:
    return bool(endpoint.path == endpoint.ref.template)


def _is_conditional(endpoint: AnyEndpoint) -> bool:
    """Return whether the response is JSON with a tag of its content, for use with ``If-None-Match``."""
    return (
        endpoint.method == "GET"
        and endpoint.media == JSON
        and endpoint.resource != "system"
        and not (endpoint.is_stream or endpoint.returns_file or endpoint.thinks or _is_versioned(endpoint))
    )


def _is_versioned(endpoint: AnyEndpoint) -> bool:
    """Return whether the response is a single item with a version."""
    if endpoint.many or not attrs.has(endpoint.returns):
        return False
    field = wire_fields(endpoint.returns).get("version")
    return field is not None and field.type is int


def _tags(endpoints: tuple[AnyEndpoint, ...]) -> list[Json]:
    # The first module of a resource describes it.
    descriptions = {
        endpoint.resource: _describe_resource(module)
        for module in reversed(RESOURCES)
        for endpoint in list_endpoints(module)
    }
    names = dict.fromkeys(endpoint.resource for endpoint in endpoints)
    return [{"name": name, "description": descriptions.get(name, "")} for name in names]


def _describe_resource(module: ModuleType) -> str:
    """Return the description of a resource from its module's docstring, without its name and section of the reference."""
    first = inspect.cleandoc(module.__doc__ or "").partition("\n")[0]
    description = (first.partition(": ")[2] or first).partition(" Section ")[0]
    return description[:1].upper() + description[1:]
