"""Addressing: what a ref is: the parts of a URL that name a thing, and how they become a path and come out of one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar
from urllib.parse import quote

import attrs

from stellary.contract.errors import Invalid
from stellary.contract.limits import CARD_KEY_PATTERN, ID_PATTERN, SLUG_PATTERN
from stellary.contract.naming import snake

R = TypeVar("R", bound="Ref")
NOWHERE = ""
"""Stands in a ref for a part of the path that cannot be an id or a slug."""


@attrs.frozen
class Ref:
    """The root: nothing stands before the path."""

    template: ClassVar[str] = ""
    alias: ClassVar[str | None] = None

    def path(self) -> str:
        """The published path, each part quoted.

        Raises:
            Invalid: A part is empty, ``.`` or ``..``, which would lead to another place, or cannot stand in a URL.
        """
        parts = []
        for part in self.template.split("/"):
            if not part.startswith(":"):
                parts.append(part)
                continue
            name = part[1:]
            text = getattr(self, snake(name))
            if text in ("", ".", ".."):
                raise Invalid(f"{name} must not be {text!r}", code="invalid_path")
            try:
                parts.append(quote(text, safe=""))
            except UnicodeEncodeError:
                raise Invalid(f"{name} must not contain half a surrogate pair", code="invalid_path") from None
        return "/".join(parts)

    @classmethod
    def at(cls, parts: Mapping[str, str]) -> Self:
        """The ref of what stood in a path. A part that cannot be an id or a slug becomes one that is nowhere, so that
        it is answered, and costs, as an unknown one.
        """
        return cls(**{name: text if _possible(name, text) else NOWHERE for name, text in parts.items()})

    def child(self, kind: type[R], *ids: str) -> R:
        """The ref of something in this place: ``project.child(CardRef, card_id)``."""
        here = self._shared_with(kind)
        missing = [each.name for each in attrs.fields(kind) if each.name not in here and not each.kw_only]
        return kind(**here, **dict(zip(missing, ids, strict=True)))

    def parent(self, kind: type[R]) -> R:
        """The ref of the place that this stands in: ``card.parent(ProjectRef)``."""
        return kind(**self._shared_with(kind))

    def _shared_with(self, kind: type[Ref]) -> dict[str, Any]:
        own = {each.name for each in attrs.fields(type(self))}
        return {each.name: getattr(self, each.name) for each in attrs.fields(kind) if each.name in own}


_ID = re.compile(ID_PATTERN)
_PATTERNS = {
    "org_slug": re.compile(SLUG_PATTERN),
    "ws_slug": re.compile(SLUG_PATTERN),
    "token": re.compile(r"[A-Za-z0-9_-]{1,200}"),
    # A card may be named by its key: ``LAUNCH-12``.
    "card_id": re.compile(f"{ID_PATTERN}|{CARD_KEY_PATTERN}"),
    # Those of pilotage are short, and count: ``m-001``.
    "id": re.compile(r"[a-z0-9-]{1,40}"),
}


def _possible(name: str, text: str) -> bool:
    return _PATTERNS.get(name, _ID).fullmatch(text) is not None


def pattern(name: str) -> str:
    """The regular expression that a part of a path matches as a whole, by the name of the ref's field."""
    return _PATTERNS.get(name, _ID).pattern


def parameter_names(template: str) -> dict[str, str]:
    """The parameters of a template: wire name → name of the ref's field."""
    return {part[1:]: snake(part[1:]) for part in template.split("/") if part.startswith(":")}
