"""The handles of the client, with the methods that are generated for them from the contract: the table in ``handles.toml``."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterator
from keyword import iskeyword
from pathlib import Path
from typing import Any

import attrs

from stellary.client.calling.call import ROOTS
from stellary.contract import refs
from stellary.contract.addressing import parameter_names
from stellary.contract.endpoint import Endpoint
from stellary.contract.endpoints import RESOURCES
from stellary.contract.limits import EmailFormat, Secret
from stellary.contract.naming import marks, wire_fields
from stellary.contract.router import AnyEndpoint
from stellary.contract.wire import Paged

_TABLE = Path(__file__).with_name("handles.toml")
CONSTANTS = {
    endpoint.operation: (module.__name__, name, endpoint)
    for module in RESOURCES
    for name, endpoint in vars(module).items()
    if isinstance(endpoint, Endpoint)
}
"""By operation, the module, the name and the value of each endpoint."""


@attrs.frozen
class Method:
    """A method of a handle.

    Attributes:
        owner: The name of its class.
        name: Its name.
        endpoint: The endpoint that it calls.
        ids: The fields of the ref that it takes by position, since the handle does not have them.
        iterates: Whether it iterates over all pages.
    """

    owner: str
    name: str
    endpoint: AnyEndpoint
    ids: tuple[str, ...]
    iterates: bool = False

    @property
    def id_names(self) -> list[str]:
        """The names of its positional parameters: ``column`` for ``column_id``."""
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", self.endpoint.ref.__name__.removesuffix("Ref")).lower()
        return [
            words.removeprefix("pilotage_") if field == "id" else to_parameter(field) for field in self.ids
        ]

    @property
    def keywords(self) -> list[attrs.Attribute[Any]]:
        """The fields of the request: required ones first, and those of pages last."""
        pages = {field.name for field in wire_fields(Paged).values()}
        fields = wire_fields(self.endpoint.request_class).values()
        return sorted(fields, key=lambda field: (field.default is not attrs.NOTHING, field.name in pages))

    @property
    def persons(self) -> list[attrs.Attribute[Any]]:
        """The field for the address of a new member, as which a person may be passed, also by position."""
        is_first = self.owner.endswith("Members") and self.keywords
        return self.keywords[:1] if is_first and has_mark(self.keywords[0].type, EmailFormat) else []

    @property
    def secrets(self) -> list[str]:
        """The names of the parameters that tracebacks must not show."""
        hidden = {field.name for field in attrs.fields(self.endpoint.ref) if not field.repr}
        names = [name for field, name in zip(self.ids, self.id_names, strict=True) if field in hidden]
        return names + [field.name for field in self.keywords if has_mark(field.type, Secret)]

    @property
    def call(self) -> str:
        """The method of the caller that it uses."""
        if self.iterates:
            return "iterate"
        return "list" if self.endpoint.many else "follow" if self.endpoint.is_stream else "one"


@functools.cache
def read_handles() -> dict[str, dict[str, Any]]:
    """Return the handles of each module, by the module's name."""
    tables: dict[str, dict[str, Any]] = tomllib.loads(_TABLE.read_text())
    return tables


def list_methods(module: str, owner: str) -> Iterator[Method]:
    """Yield the methods of a handle.

    Args:
        module: The name of its module.
        owner: The name of its class.
    """
    handle = read_handles()[module][owner]
    held = {field.name for field in attrs.fields(getattr(refs, handle["at"]))}
    for word in handle["methods"].split():
        name, _, operation = word.partition("=")
        iterated, name = name.endswith("+"), name.removesuffix("+")
        endpoint = CONSTANTS[operation or f"{module}.{name}"][2]
        ids = tuple(field for field in parameter_names(endpoint.path).values() if field not in held)
        method = Method(owner, name, endpoint, ids)
        yield method
        if iterated:
            suffix = name.removeprefix("list") if name.startswith("list") else f"_{name}"
            yield attrs.evolve(method, name=f"iterate{suffix}", iterates=True)


def methods_of(kind: type) -> Iterator[Method]:
    """Yield the generated methods of a class of handles."""
    for base in kind.__mro__:
        package, _, module = base.__module__.rpartition(".")
        if package == "stellary.client.methods":
            yield from list_methods(module, base.__name__)
            if "like" in read_handles()[module][base.__name__]:
                return


@functools.cache
def find_module(owner: str) -> str:
    """Return the name of the module of a handle."""
    return next(module for module, handles in read_handles().items() if owner in handles)


def find_last_id(owner: str) -> str:
    """Return the last parameter of a handle's path; an empty string if there is none."""
    ref = getattr(refs, read_handles()[find_module(owner)][owner]["at"])
    return ["", *parameter_names(ref.template).values()][-1]


def to_parameter(field: str) -> str:
    """Return the name of the parameter for a field of a ref: ``column`` for ``column_id``."""
    name = ROOTS.get(field, field.removesuffix("_id"))
    return f"{name}_" if iskeyword(name) else name


def has_mark(kind: object, mark: type) -> bool:
    """Return whether a type has a mark of a class.

    Args:
        kind: The type.
        mark: The class, such as ``Secret``.
    """
    return any(isinstance(candidate, mark) for candidate in marks(kind))
