"""Parts that the operations of the OpenAPI document share. Those that are data are in ``components.json``."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from stellary.contract.errors import BY_STATUS

Json = dict[str, Any]

# The schemas, headers, parameters and security schemes. ``errorHeaders`` and ``fileHeaders`` have the keys of ``headers``.
PARTS: Json = json.loads(files(__package__).joinpath("components.json").read_text("utf-8"))


def error_response(status: int) -> Json:
    """Return the response object of an error status, described by its error class."""
    kind = BY_STATUS[status]
    _, _, description = inspect.cleandoc(kind.__doc__ or "").partition(": ")
    text = " ".join(description.split()).replace("``", "`").capitalize()
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return describe_response(text, content, PARTS["errorHeaders"].get(str(status), {}))


def describe_response(
    description: str, content: Json | None = None, headers: Mapping[str, str] = MappingProxyType({})
) -> Json:
    """Return a response object.

    Args:
        description: The description.
        content: The schemas of its body, by media type; None for no body.
        headers: The keys of its headers in ``PARTS``, by their names, beside that with the id of the request.
    """
    keys = {"X-Request-Id": "RequestId", **headers}
    references = {name: {"$ref": f"#/components/headers/{key}"} for name, key in keys.items()}
    body = {} if content is None else {"content": content}
    return {"description": description, "headers": references, **body}
