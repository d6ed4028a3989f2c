"""The handles of a client, as its properties, its methods and calls lead to them."""

import inspect
from collections.abc import Iterator

from stellary.client.calling.method import Resource


def walk_handles(at: Resource) -> Iterator[Resource]:
    """Yield a handle and all handles that can be reached from it. The id of each item is the name of the parameter."""
    yield at
    for name, member in inspect.getmembers_static(type(at)):
        if isinstance(member, property):
            below = getattr(at, name)
        elif inspect.isfunction(member) and (name == "__call__" or _returns_handle(member)):
            below = member(at, *list(inspect.signature(member).parameters)[1:])
        else:
            continue
        if isinstance(below, Resource):
            yield from walk_handles(below)


def _returns_handle(function) -> bool:
    return "Handle[" in str(inspect.signature(function).return_annotation)
