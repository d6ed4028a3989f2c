"""The docstrings of the methods of the client: summary, endpoint, arguments, result and errors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import attrs

from stellary.client.calling.call import ROOTS
from stellary.client.calling.page import DEFAULT_LIMIT
from stellary.contract.endpoint import Nothing, Ok
from stellary.contract.errors import BY_STATUS
from stellary.contract.limits import Items, Length, Pattern, Range, Reference
from stellary.contract.naming import marks
from stellary.contract.openapi import statuses
from stellary.contract.schemas import documentation
from tools.handles import Method, has_mark

# The statuses that any call can have; the guide describes their errors.
_COMMON_STATUSES = {401, 412, 413, 415, 422, 429, 500, 503, 507}


def describe_method(method: Method) -> str:
    """Return the docstring of a method: summary, endpoint, arguments, result and errors."""
    endpoint = method.endpoint
    summary = endpoint.summary
    paragraphs = [
        f"Iterate over all rows: {summary[:1].lower()}{summary[1:]}" if method.iterates else summary
    ]
    if endpoint.takes is not Nothing:
        # The first sentence only says what the class is.
        prose = inspect.cleandoc(endpoint.request_class.__doc__ or "").partition("Attributes:")[0]
        paragraphs += [text.strip() for text in prose.split("\n\n")[1:] if text.strip()]
    permission = endpoint.policy.describe().replace("`", "``")
    path = f"``{endpoint.method} {endpoint.path}``. {permission}"
    # Below the prose: each generated line is committed.
    paragraphs[1:] = ["\n".join(["\n\n".join(paragraphs[1:]), path]).strip()]
    arguments = [f"{name}: {_describe_id(name)}" for name in method.id_names]
    arguments += _describe_fields(method)
    # Without a body or parameters, only headers could be invalid.
    hidden = (
        _COMMON_STATUSES if endpoint.takes_file or endpoint.takes is not Nothing else _COMMON_STATUSES | {400}
    )
    errors = [BY_STATUS[status] for status in statuses(endpoint) if status not in hidden]
    sections = {
        "Args": arguments,
        "Returns": [] if endpoint.returns is Ok else [_describe_result(method)],
        "Raises": [f"{error.__name__}: {_describe_error(error)}" for error in errors],
    }
    for title, entries in sections.items():
        if entries:
            paragraphs.append("\n".join([f"{title}:", *(f"    {entry}" for entry in entries)]))
    return "\n\n".join(paragraphs)


def _describe_id(name: str) -> str:
    words = name.replace("_", " ").strip()
    if name == "token":
        return "The token from the e-mail."
    if name in ROOTS.values():
        return f"The slug of the {words}, or a value or a handle of one."
    key = ", its key" if name == "card" else ""
    return f"The id of the {words}{key}, or a value or a handle of one."


def _describe_fields(method: Method) -> Iterator[str]:
    descriptions = documentation(method.endpoint.request_class)[1]
    for field in method.keywords:
        text = descriptions.get(field.name, "").replace("`", "``")
        if method.iterates and field.name == "limit":
            text = f"The number of rows per request, 1-500. Default: {DEFAULT_LIMIT}."
        limit = _describe_limit(field.type)
        if limit and not re.search(r"\d", text):
            text = f"{text} {limit}.".strip()
        if field in method.persons:
            text = text or "The e-mail address, or a value that has one, such as a member."
        yield f"{field.name}: {text or _describe_by_name(field)}"


def _describe_by_name(field: attrs.Attribute[Any]) -> str:
    words = field.name.replace("_", " ")
    if has_mark(field.type, Reference):
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


def _describe_result(method: Method) -> str:
    endpoint = method.endpoint
    name = getattr(endpoint.returns, "__name__", "")
    if method.iterates:
        return f"An iterator over the rows, each a ``{name}``. Pages are requested when they are needed."
    if endpoint.many:
        return f"A page of ``{name}``: all rows, or as many as ``limit`` allows."
    if endpoint.is_stream:
        return f"The stream, a context manager that yields each event as a ``{name}``."
    if endpoint.returns_file:
        return "The bytes of the file."
    if not attrs.has(endpoint.returns):
        return "The values, in the order of the request."
    text = documentation(endpoint.returns)[0].replace("`", "``")
    return re.split(r"(?<=\.)\s", text)[0] or f"The ``{name}``."


def _describe_error(error: type[Exception]) -> str:
    text = inspect.cleandoc(error.__doc__ or "").partition("\n")[0].partition(": ")[2]
    return text[:1].upper() + text[1:]
