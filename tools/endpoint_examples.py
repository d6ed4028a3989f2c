"""Examples of a call for the documentation: with the client, with the asynchronous client, and with curl."""

from __future__ import annotations

import functools
import inspect
import json
import shlex
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlencode

import attrs

from stellary import Stellary
from stellary.client.calling.method import Resource, Sync
from stellary.client.testing import RecordingPort
from stellary.contract.addressing import parameter_names
from stellary.contract.endpoint import Nothing
from stellary.contract.examples import ID, example, request_of
from stellary.contract.naming import wire_fields
from stellary.contract.router import AnyEndpoint
from stellary.contract.wire import UNSET, Request, load, load_query
from tools.handles import methods_of

SERVER = "http://localhost:3001"
_SLUGS = {"organization": "acme", "workspace": "eng", "org_slug": "acme", "ws_slug": "eng"}
_UPLOADED_FILE = "report.pdf"
# Methods that are written by hand, because they take a file.
_WRITTEN_OUT = {"attachments.upload": f'.card("{ID}").attachments.upload("{_UPLOADED_FILE}")'}
_PAGE_SIZE = 20
_LINE_LENGTH = 90

_BOARD = f'client.workspace("acme", "eng").project("{ID}")'
_WORKSPACE = 'client.workspace("acme", "eng")'


def render_python(endpoint: AnyEndpoint, *, awaits: bool = False) -> str | None:
    """Return a program that calls an endpoint with the client, or None if the client has no method for it.

    Args:
        endpoint: The endpoint.
        awaits: Whether to use ``AsyncStellary``.
    """
    expression = find_methods().get(endpoint.operation)
    if expression is None:
        return None
    imports = {("stellary", "AsyncStellary" if awaits else "Stellary")}
    if not expression.endswith(")"):
        ids, arguments = _split(expression)
        arguments += _render_keywords(endpoint, imports)
        expression = _join_call(ids, arguments)
    lines = [f"from {module} import {name}" for module, name in sorted(imports)]
    client = "AsyncStellary" if awaits else "Stellary"
    token = "" if endpoint.policy.token == "public" else ', token="YOUR_TOKEN"'
    lines += ["", f'client = {client}("{SERVER}"{token})']
    for name, prefix in (("board", _BOARD), ("ws", _WORKSPACE)):
        if expression.startswith(f"{prefix}."):
            lines.append(f"{name} = {prefix}")
            expression = name + expression.removeprefix(prefix)
    if endpoint.is_stream:
        before = "async " if awaits else ""
        return "\n".join(
            [
                *lines,
                f"{before}with {expression} as events:",
                f"    {before}for event in events:",
                "        print(event)",
            ]
        )
    return "\n".join([*lines, f"{'await ' if awaits else ''}{expression}"])


def render_curl(endpoint: AnyEndpoint) -> str:
    """Return a command that calls an endpoint with curl."""
    url = SERVER + _fill_path(endpoint)
    parts = ["curl" if endpoint.method == "GET" else f"curl -X {endpoint.method}"]
    if endpoint.is_stream:
        parts[0] = "curl -N"
    query = make_query(endpoint)
    parts[0] += f' "{url}?{urlencode(query)}"' if query else f" {url}"
    if endpoint.policy.token != "public":
        parts.append('-H "Authorization: Bearer YOUR_TOKEN"')
    if endpoint.takes_file:
        parts.append(f"-F file=@{_UPLOADED_FILE}")
    elif not endpoint.in_query and endpoint.takes is not Nothing:
        parts.append('-H "Content-Type: application/json"')
        body = json.dumps(request_of(endpoint), indent=2, ensure_ascii=False)
        parts.append(f"-d {shlex.quote(body)}")
    elif endpoint.returns_file:
        parts.append("-O")
    return " \\\n  ".join(parts)


def make_query(endpoint: AnyEndpoint) -> dict[str, str]:
    """Return the query parameters of the example: required ones, and the size of a page."""
    if not endpoint.in_query:
        return {}
    fields = wire_fields(endpoint.request_class)
    values = example(endpoint.request_class)
    query = {name: str(values[name]) for name, field in fields.items() if field.default is attrs.NOTHING}
    return {**query, "limit": str(_PAGE_SIZE)} if "limit" in fields else query


@functools.cache
def find_methods() -> dict[str, str]:
    """Return the client's shortest way to each operation, such as ``client.organizations.get("acme"``, without keywords."""
    methods: dict[str, str] = {}
    with Stellary.embedded(RecordingPort()) as client:
        for expression, handle in _iterate_handles("client", client):
            for method in methods_of(type(handle)):
                if not method.iterates:
                    ids = ", ".join(f'"{_SLUGS.get(field, ID)}"' for field in method.ids)
                    candidate = f"{expression}.{method.name}({ids}"
                    best = methods.setdefault(method.endpoint.operation, candidate)
                    methods[method.endpoint.operation] = min(best, candidate, key=_rank)
    return {**methods, **{operation: _BOARD + call for operation, call in _WRITTEN_OUT.items()}}


def _rank(expression: str) -> tuple[int, int]:
    """Return the order of preference: few calls of handles, then few characters."""
    short = expression.replace(_BOARD, "board").replace(_WORKSPACE, "ws")
    return short.count("("), len(short)


def _iterate_handles(expression: str, handle: Resource[Sync]) -> Iterator[tuple[str, Resource[Sync]]]:
    """Yield a handle and all handles below it, each with the expression that leads to it."""
    yield expression, handle
    for name, member in inspect.getmembers_static(type(handle)):
        if isinstance(member, property):
            below, path = getattr(handle, name), f"{expression}.{name}"
        elif inspect.isfunction(member) and (
            name == "__call__" or "Handle[" in str(inspect.signature(member).return_annotation)
        ):
            parameters = list(inspect.signature(member).parameters)[1:]
            ids = [_SLUGS.get(parameter, ID) for parameter in parameters]
            written = ", ".join(f'"{id}"' for id in ids)
            below = member(handle, *ids)
            path = f"{expression}({written})" if name == "__call__" else f"{expression}.{name}({written})"
        else:
            continue
        if isinstance(below, Resource):
            yield from _iterate_handles(path, below)


def _fill_path(endpoint: AnyEndpoint) -> str:
    names = parameter_names(endpoint.path)
    parts = endpoint.path.split("/")
    return "/".join(_SLUGS.get(names[part[1:]], ID) if part.startswith(":") else part for part in parts)


def _render_keywords(endpoint: AnyEndpoint, imports: set[tuple[str, str]]) -> list[str]:
    """Return the keywords of a call, such as ``title="Write the spec"``."""
    if endpoint.takes is Nothing:
        return []
    if endpoint.in_query:
        request = load_query(endpoint.request_class, list(make_query(endpoint).items()))
    else:
        request = load(endpoint.request_class, request_of(endpoint))
    return list(_render_fields(request, imports))


def _render_fields(request: Request, imports: set[tuple[str, str]]) -> Iterator[str]:
    for field in wire_fields(type(request)).values():
        value = getattr(request, field.name)
        if value is not UNSET and (field.default is attrs.NOTHING or value != field.default):
            yield f"{field.name}={_render_value(value, imports)}"


def _render_value(value: object, imports: set[tuple[str, str]]) -> str:
    if isinstance(value, Request):
        imports.add((type(value).__module__, type(value).__name__))
        return f"{type(value).__name__}({', '.join(_render_fields(value, imports))})"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_render_value(item, imports) for item in value)}]"
    if isinstance(value, dict):
        items = (
            f"{_render_value(name, imports)}: {_render_value(item, imports)}" for name, item in value.items()
        )
        return f"{{{', '.join(items)}}}"
    if isinstance(value, datetime):
        imports.add(("datetime", "date"))
        return f"date({value.year}, {value.month}, {value.day})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _split(expression: str) -> tuple[str, list[str]]:
    """Return the function and the positional arguments of a call that is not closed yet."""
    function, _, ids = expression.rpartition("(")
    return function, [ids] if ids else []


def _join_call(function: str, arguments: list[str]) -> str:
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= _LINE_LENGTH:
        return line
    return "\n".join([f"{function}(", *(f"    {argument}," for argument in arguments), ")"])
