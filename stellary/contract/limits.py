"""Limits: what must hold of a field, said once on the field, read by validation, OpenAPI and the docs.

A limit stands in ``Annotated``: ``title: Annotated[str, Length(1, 500)]``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Annotated, Any, get_args

import attrs


@attrs.frozen
class Named:
    """The wire name of a field that does not follow the naming rule (``_id``, ``access_token``)."""

    name: str


@attrs.frozen
class Whole:
    """The only field of a request whose body is that field itself: an object whose names the caller makes up."""


@attrs.frozen
class Reference:
    """The id of something else. A malformed one is told the same as an unknown one, so its form is no limit."""


@attrs.frozen
class Secret:
    """What must never be shown again: left out of every repr, and a password in OpenAPI."""


class Check(ABC):
    """The base of the limits: says what is wrong with a value, and what OpenAPI calls it."""

    @abstractmethod
    def problem(self, found: Any) -> str | None:
        """What must hold and does not (``must be 1 to 500 characters``), or None."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """The JSON schema keywords of the limit."""


@attrs.frozen
class Length(Check):
    """From ``min`` to ``max`` characters."""

    min: int
    max: int

    def problem(self, found: Any) -> str | None:
        if self.min <= len(found) <= self.max:
            return None
        if self.min == 0:
            return f"must be at most {self.max} characters"
        return f"must be {self.min} to {self.max} characters"

    def schema(self) -> dict[str, Any]:
        return ({"minLength": self.min} if self.min else {}) | {"maxLength": self.max}


@attrs.frozen
class Items(Check):
    """From ``min`` to ``max`` entries of a list."""

    min: int
    max: int

    def problem(self, found: Any) -> str | None:
        if self.min <= len(found) <= self.max:
            return None
        if self.min == 0:
            return f"must have at most {self.max} items"
        return f"must have {self.min} to {self.max} items"

    def schema(self) -> dict[str, Any]:
        return ({"minItems": self.min} if self.min else {}) | {"maxItems": self.max}


@attrs.frozen
class Different(Check):
    """No entry of a list is there twice."""

    def problem(self, found: Any) -> str | None:
        return None if len(set(found)) == len(found) else "must not have the same one twice"

    def schema(self) -> dict[str, Any]:
        return {"uniqueItems": True}


@attrs.frozen
class Range(Check):
    """From ``min`` to ``max``, both included."""

    min: int
    max: int

    def problem(self, found: Any) -> str | None:
        return None if self.min <= found <= self.max else f"must be {self.min} to {self.max}"

    def schema(self) -> dict[str, Any]:
        return {"minimum": self.min, "maximum": self.max}


@attrs.frozen
class Pattern(Check):
    """The whole text matches ``regex``; ``said`` tells a person what that means (``must be …``)."""

    regex: str
    said: str

    def problem(self, found: Any) -> str | None:
        return None if re.fullmatch(self.regex, found) else self.said

    def schema(self) -> dict[str, Any]:
        return {"pattern": f"^(?:{self.regex})$"}


NOT_BLANK = r"[^\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
"""A character that is no white space, spelled out: what is short for it means something else in each language."""


@attrs.frozen
class Blank(Check):
    """Whether a text of white space alone will do; where nothing is said, it does if an empty one does."""

    allowed: bool = False

    def problem(self, found: Any) -> str | None:
        return "must not be blank" if not self.allowed and found.isspace() else None

    def schema(self) -> dict[str, Any]:
        return {} if self.allowed else {"pattern": NOT_BLANK}


@attrs.frozen
class Email(Check):
    """An e-mail address. Its syntax is checked in full where an account is made of it."""

    def problem(self, found: Any) -> str | None:
        good = len(found) <= 254 and re.fullmatch(r"[^@\s]{1,64}@[^@\s]+", found)
        return None if good else "must be an e-mail address"

    def schema(self) -> dict[str, Any]:
        return {"format": "email", "maxLength": 254}


def checks(kind: Any) -> list[Check]:
    """The limits that an ``Annotated`` type bears. A text that must not be empty must not be blank either."""
    found = [mark for mark in kind.__metadata__ if isinstance(mark, Check)]
    must_say_something = any(isinstance(mark, Length) and mark.min for mark in found)
    if get_args(kind)[0] is str and must_say_something and not any(isinstance(mark, Blank) for mark in found):
        found.append(Blank())
    return found


ID_PATTERN = "[0-9a-f]{24}"
CARD_KEY_PATTERN = "[A-Za-z]{2,6}-[1-9][0-9]{0,9}"
SLUG_PATTERN = "[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])"

Id = Annotated[str, Reference()]
"""An id in a body or a query."""

Slug = Annotated[
    str,
    Pattern(
        SLUG_PATTERN, "must be 2 to 60 lower-case letters, digits and hyphens, not at either end a hyphen"
    ),
]
EmailAddress = Annotated[str, Email()]
Name = Annotated[str, Length(1, 100)]
"""What a person calls a thing: 1-100 characters."""

Place = Annotated[int, Range(0, 2**31 - 1)]
"""A wanted index, from 0; beyond the end means the end."""
