"""Addresses of items: the parts of a URL that identify an item, built from and parsed into refs."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform
from urllib.parse import quote

import attrs

from stellary.contract.errors import Invalid
from stellary.contract.limits import CARD_KEY_PATTERN, ID_PATTERN, SLUG_PATTERN
from stellary.contract.naming import once, snake

R = TypeVar("R", bound="Ref")
NOWHERE = ""
"""The value that a ref has for a path part that cannot be an id or a slug."""


@dataclass_transform(frozen_default=True, field_specifiers=(attrs.field,))
@attrs.frozen(eq=False, repr=False, slots=False)
class Ref:
    """The root of the API, and the base class of all addresses. Refs of the same class with the same parts are equal."""

    template: ClassVar[str] = ""
    alias: ClassVar[str | None] = None

    def __init_subclass__(
        cls, tail: str = "", *, template: str | None = None, alias: str | None = None
    ) -> None:
        # Without a template, the paths go on where those of the base class end.
        if template is None:
            template, alias = cls.template + tail, alias or (cls.alias and cls.alias + tail)
        cls.template, cls.alias = template, alias
        attrs.frozen(cls, eq=False, repr=False, slots=False)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return _read_parts(self) == _read_parts(other)

    def __hash__(self) -> int:
        return hash((type(self), _read_parts(self)))

    def __repr__(self) -> str:
        fields = attrs.fields(type(self))
        parts = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields if field.repr)
        return f"{type(self).__name__}({parts})"

    def path(self) -> str:
        """Return the published path, with every part percent-encoded.

        Raises:
            Invalid: A part is empty, ``.`` or ``..``, which would lead to another path, or cannot be encoded in a URL.
        """
        return "/".join(
            quote_part(part[1:], getattr(self, snake(part[1:]))) if part.startswith(":") else part
            for part in self.template.split("/")
        )

    @classmethod
    def at(cls, parts: Mapping[str, str]) -> Self:
        """Return the ref that the parts of a path identify.

        A part that cannot be an id or a slug becomes ``NOWHERE``. The response, and its cost, are then the
        same as for an unknown id.
        """
        return cls(
            **{name: text if pattern_of(name).fullmatch(text) else NOWHERE for name, text in parts.items()}
        )

    def child(self, kind: type[R], *ids: str) -> R:
        """Return the ref of an item inside this one: ``project.child(CardRef, card_id)``.

        Args:
            kind: The class of the item's ref.
            ids: The parts that this ref does not have, in order.
        """
        shared = self._shared_parts(kind)
        missing = [
            field.name for field in attrs.fields(kind) if field.name not in shared and not field.kw_only
        ]
        return kind(**shared, **dict(zip(missing, ids, strict=True)))

    def parent(self, kind: type[R]) -> R:
        """Return the ref of an item that contains this one: ``card.parent(ProjectRef)``."""
        return kind(**self._shared_parts(kind))

    def _shared_parts(self, kind: type[Ref]) -> dict[str, Any]:
        own_names = {field.name for field in attrs.fields(type(self))}
        return {
            field.name: getattr(self, field.name) for field in attrs.fields(kind) if field.name in own_names
        }


def quote_part(name: str, text: str) -> str:
    """Return a part of a path, percent-encoded.

    Args:
        name: The name of the parameter, for messages.
        text: An id or a slug.

    Raises:
        Invalid: The text is empty, ``.`` or ``..``, which would lead to another path, or cannot be encoded in a URL.
    """
    if text in ("", ".", ".."):
        raise Invalid(f"{name} must not be {text!r}", code="invalid_path")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise Invalid(f"{name} must not contain half a surrogate pair", code="invalid_path") from None


def _read_parts(ref: Ref) -> object:
    """Return the parts of a ref, for comparisons."""
    return _reader(type(ref))(ref)


@once
def _reader(kind: type[Ref]) -> Callable[[Ref], object]:
    names = [field.name for field in attrs.fields(kind)]
    return operator.attrgetter(*names) if names else lambda _: ()


_ID = re.compile(ID_PATTERN)
_PATTERNS = {
    "org_slug": re.compile(SLUG_PATTERN),
    "ws_slug": re.compile(SLUG_PATTERN),
    "token": re.compile(r"[A-Za-z0-9_-]{1,200}"),
    # A card can be given by its key: ``LAUNCH-12``.
    "card_id": re.compile(f"{ID_PATTERN}|{CARD_KEY_PATTERN}"),
    # Ids of pilotage are short: ``m-001``.
    "id": re.compile(r"[a-z0-9-]{1,40}"),
}


def pattern_of(name: str) -> re.Pattern[str]:
    """Return the regular expression that a whole path part must match, given the name of the ref's field."""
    return _PATTERNS.get(name, _ID)


def parameter_names(template: str) -> dict[str, str]:
    """Return the parameters of a path template: wire name → name of the ref's field."""
    return {part[1:]: snake(part[1:]) for part in template.split("/") if part.startswith(":")}
