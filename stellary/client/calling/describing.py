"""Descriptions of methods: the signature and the docstring that ``help()`` shows and that stubs are generated from."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import AsyncIterator, Iterator
from keyword import iskeyword
from typing import Annotated, Any

import attrs

from stellary.client.calling.call import ROOTS
from stellary.client.calling.page import DEFAULT_LIMIT, AsyncPage, Page
from stellary.client.calling.stream import AsyncEventStream, EventStream
from stellary.contract.addressing import parameter_names
from stellary.contract.endpoint import Nothing, Ok
from stellary.contract.errors import BY_STATUS
from stellary.contract.limits import Items, Length, Pattern, Range, Reference
from stellary.contract.naming import marks, wire_fields
from stellary.contract.router import AnyEndpoint
from stellary.contract.schemas import documentation
from stellary.contract.statuses import statuses
from stellary.contract.unset import Unset

# The statuses that any call can have; the guide describes their errors.
_COMMON = {401, 412, 413, 415, 422, 429, 500, 503, 507}


def id_names(endpoint: AnyEndpoint, count: int) -> tuple[str, ...]:
    """Return the names of the parameters for the last ids of an endpoint's path: ``column`` for ``column_id``.

    Args:
        endpoint: The endpoint.
        count: The number of ids that the method takes.
    """
    fields = list(parameter_names(endpoint.path).values())
    return tuple(_id_name(endpoint, field) for field in fields[len(fields) - count :])


def keyword_fields(endpoint: AnyEndpoint) -> list[attrs.Attribute[Any]]:
    """Return the fields of a request that are the keywords of its method, required ones first."""
    fields = wire_fields(endpoint.request_class).values()
    return sorted(fields, key=lambda field: field.default is not attrs.NOTHING)


def _id_name(endpoint: AnyEndpoint, field: str) -> str:
    if field == "id":
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", endpoint.ref.__name__.removesuffix("Ref")).lower()
        return words.removeprefix("pilotage_")
    name = ROOTS.get(field, field.removesuffix("_id"))
    return f"{name}_" if iskeyword(name) else name


def describe_method(endpoint: AnyEndpoint, ids: int, *, all: bool = False) -> str:
    """Return the docstring of a method: summary, endpoint, arguments, result and errors.

    Args:
        endpoint: The endpoint that the method calls.
        ids: The number of ids that it takes.
        all: Whether it iterates over all pages.
    """
    paragraphs = [endpoint.summary]
    if all:
        paragraphs = [f"Iterate over all rows: {endpoint.summary[:1].lower()}{endpoint.summary[1:]}"]
    if endpoint.takes is not Nothing:
        # The first sentence only says what the class is.
        prose = inspect.cleandoc(endpoint.request_class.__doc__ or "").partition("Attributes:")[0]
        paragraphs += [text.strip() for text in prose.split("\n\n")[1:] if text.strip()]
    permission = endpoint.policy.describe().replace("`", "``")
    paragraphs.append(f"``{endpoint.method} {endpoint.path}``. {permission}")
    arguments = [
        *(f"{name}: {_describe_id(endpoint, name)}" for name in id_names(endpoint, ids)),
        *_describe_fields(endpoint, all=all),
    ]
    if arguments:
        paragraphs.append(_section("Args", arguments))
    paragraphs.append(_section("Returns", [_describe_result(endpoint, all=all)]))
    if errors := _describe_errors(endpoint):
        paragraphs.append(_section("Raises", errors))
    return "\n\n".join(paragraphs)


def _section(title: str, entries: list[str]) -> str:
    return "\n".join([f"{title}:", *(f"    {entry}" for entry in entries)])


def _describe_id(endpoint: AnyEndpoint, name: str) -> str:
    words = name.replace("_", " ").strip()
    if name == "token":
        return "The token from the e-mail."
    if name in ROOTS.values():
        return f"The slug of the {words}, or a value or a handle of one."
    key = ", its key" if name == "card" else ""
    return f"The id of the {words}{key}, or a value or a handle of one."


def _describe_fields(endpoint: AnyEndpoint, *, all: bool) -> Iterator[str]:
    descriptions = documentation(endpoint.request_class)[1]
    for field in keyword_fields(endpoint):
        text = descriptions.get(field.name, "").replace("`", "``")
        if all and field.name == "limit":
            text = f"The number of rows per request, 1-500. Default: {DEFAULT_LIMIT}."
        limit = _describe_limit(field.type)
        if limit and not re.search(r"\d", text):
            text = f"{text} {limit}.".strip()
        yield f"{field.name}: {text or _describe_by_name(field)}"


def _describe_by_name(field: attrs.Attribute[Any]) -> str:
    words = field.name.replace("_", " ")
    if any(isinstance(mark, Reference) for mark in marks(field.type)):
        many = words.endswith(" ids")
        thing = words.removesuffix(" ids").removesuffix(" id")
        return f"The ids of the {thing}s." if many else f"The id of the {thing}."
    return f"The {words}."


def _describe_limit(kind: Any) -> str:
    """Return the limits of a field in words, such as ``1-500 characters``; an empty string if it has none."""
    for mark in marks(kind):
        if isinstance(mark, Length | Items):
            unit = "characters" if isinstance(mark, Length) else "items"
            return f"At most {mark.max} {unit}" if not mark.min else f"{mark.min}-{mark.max} {unit}"
        if isinstance(mark, Range) and mark.max < 2**31 - 1:
            return f"{mark.min}-{mark.max}"
        if isinstance(mark, Pattern):
            words = mark.message.removeprefix("must be ")
            return words[:1].upper() + words[1:]
    return ""


def _describe_result(endpoint: AnyEndpoint, *, all: bool) -> str:
    name = getattr(endpoint.returns, "__name__", "")
    if all:
        return f"An iterator over the rows, each a ``{name}``. Pages are requested when they are needed."
    if endpoint.many:
        return f"A page of ``{name}``: all rows, or as many as ``limit`` allows."
    if endpoint.is_stream:
        return f"The stream, a context manager that yields each event as a ``{name}``."
    if endpoint.returns_file:
        return "The bytes of the file."
    if endpoint.returns is Ok:
        return "A confirmation."
    if not attrs.has(endpoint.returns):
        return "The values, in the order of the request."
    text = documentation(endpoint.returns)[0].replace("`", "``")
    return re.split(r"(?<=\.)\s", text)[0] or f"The ``{name}``."


def _describe_errors(endpoint: AnyEndpoint) -> list[str]:
    # Without a body or parameters, only headers could be invalid.
    hidden = _COMMON if endpoint.takes_file or endpoint.takes is not Nothing else _COMMON | {400}
    errors = [BY_STATUS[status] for status in statuses(endpoint) if status not in hidden]
    return [f"{error.__name__}: {_describe_error(error)}" for error in errors]


def _describe_error(error: type[Exception]) -> str:
    text = inspect.cleandoc(error.__doc__ or "").partition("\n")[0].partition(": ")[2]
    return text[:1].upper() + text[1:]


def make_signature(endpoint: AnyEndpoint, ids: int, *, all: bool, awaits: bool) -> inspect.Signature:
    """Return the signature that ``help()`` shows: types without limits, and UNSET as the default of optional keywords.

    Args:
        endpoint: The endpoint that the method calls.
        ids: The number of ids that it takes.
        all: Whether it iterates over all pages.
        awaits: Whether it is the method of an async client.
    """
    kinds = inspect.Parameter
    parameters = [kinds("self", kinds.POSITIONAL_ONLY)]
    parameters += [kinds(name, kinds.POSITIONAL_ONLY, annotation=str) for name in id_names(endpoint, ids)]
    for field in keyword_fields(endpoint):
        default = kinds.empty if field.default is attrs.NOTHING else field.default
        parameters.append(
            kinds(field.name, kinds.KEYWORD_ONLY, default=default, annotation=_bare(field.type))
        )
    row: Any = endpoint.returns
    result: Any = row
    if all:
        result = AsyncIterator[row] if awaits else Iterator[row]
    elif endpoint.many:
        result = AsyncPage[row] if awaits else Page[row]
    elif endpoint.is_stream:
        result = AsyncEventStream[row] if awaits else EventStream[row]
    if awaits and not all and not endpoint.is_stream:
        result = typing.Awaitable[result]
    return inspect.Signature(parameters, return_annotation=result)


def _bare(kind: Any) -> Any:
    """Return a type without its limits and without UNSET."""
    if typing.get_origin(kind) is Annotated:
        return _bare(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        parts = [_bare(part) for part in typing.get_args(kind) if part is not Unset]
        return typing.Union[tuple(parts)]  # noqa: UP007 - of a list of types
    if typing.get_origin(kind) in (list, dict):
        return typing.get_origin(kind)[tuple(_bare(part) for part in typing.get_args(kind))]
    return kind
