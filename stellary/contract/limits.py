"""Limits: constraints on a field, declared once and used by validation, OpenAPI and the documentation.

A limit is part of an ``Annotated`` type: ``title: Annotated[str, Length(1, 500)]``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from typing import Annotated, Any, ClassVar, get_args

import attrs


@attrs.frozen
class Named:
    """The wire name of a field that does not follow the naming rule (``_id``, ``access_token``)."""

    name: str


@attrs.frozen
class Whole:
    """A mark for the only field of a request whose body is that field: an object with arbitrary keys."""


@attrs.frozen
class Reference:
    """A mark for the id of another item. Malformed and unknown ids get the same error, so the format is no limit."""


@attrs.frozen
class Repeatable:
    """A mark for a filter that also takes a list of up to 100 values, any of which may match: a repeated parameter.

    Attributes:
        takes_none: Whether None may be among the values.
    """

    takes_none: bool = True


@attrs.frozen
class RelativeDay:
    """A mark for a date that may also be a text relative to the current day: ``today``, ``+7d``."""


@attrs.frozen
class Secret:
    """A mark for a value that is shown only once: hidden in every repr, and a password in OpenAPI."""


class Check(ABC):
    """The base class of the limits."""

    @abstractmethod
    def problem(self, value: Any) -> str | None:
        """Return the requirement that the value violates (``must be 1 to 500 characters``), or None."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema keywords of the limit."""


@attrs.frozen
class Size(Check):
    """A text or a list that has ``min`` to ``max`` parts."""

    min: int
    max: int
    keyword: ClassVar[str]
    sentence: ClassVar[str]

    def problem(self, value: Any) -> str | None:
        if self.min <= len(value) <= self.max:
            return None
        return self.sentence.format(f"{self.min} to {self.max}" if self.min else f"at most {self.max}")

    def schema(self) -> dict[str, Any]:
        return ({f"min{self.keyword}": self.min} if self.min else {}) | {f"max{self.keyword}": self.max}


class Length(Size):
    """A string of ``min`` to ``max`` characters."""

    keyword, sentence = "Length", "must be {} characters"


class Items(Size):
    """A list of ``min`` to ``max`` items."""

    keyword, sentence = "Items", "must have {} items"


@attrs.frozen
class Different(Check):
    """A list without duplicates."""

    def problem(self, value: Any) -> str | None:
        return None if len(set(value)) == len(value) else "must not contain duplicates"

    def schema(self) -> dict[str, Any]:
        return {"uniqueItems": True}


@attrs.frozen
class Range(Check):
    """A number from ``min`` to ``max``, both inclusive, with a limited number of decimals, which JSON Schema cannot express."""

    min: int
    max: int
    decimals: int = 0

    def problem(self, value: Any) -> str | None:
        if not self.min <= value <= self.max:
            return f"must be {self.min} to {self.max}"
        return None if round(value, self.decimals) == value else f"must have at most {self.decimals} decimals"

    def schema(self) -> dict[str, Any]:
        return {"minimum": self.min, "maximum": self.max}


@attrs.frozen
class Pattern(Check):
    """A string that matches ``regex`` as a whole. ``message`` explains the pattern to people (``must be …``)."""

    regex: str
    message: str

    def problem(self, value: Any) -> str | None:
        return None if re.fullmatch(self.regex, value) else self.message

    def schema(self) -> dict[str, Any]:
        return {"pattern": f"^(?:{self.regex})$"}


NOT_BLANK = r"[^\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
"""A regular expression for a character other than white space, spelled out because ``\\s`` differs between languages.
"""


@attrs.frozen
class Blank(Check):
    """A rule on strings that consist of white space only. Without it, they are valid if an empty string is."""

    allowed: bool = False

    def problem(self, value: Any) -> str | None:
        return "must not be blank" if not self.allowed and value.isspace() else None

    def schema(self) -> dict[str, Any]:
        return {} if self.allowed else {"pattern": NOT_BLANK}


@attrs.frozen
class EmailFormat(Check):
    """An e-mail address. The full syntax is checked when an account is created with it."""

    def problem(self, value: Any) -> str | None:
        is_valid = len(value) <= 254 and re.fullmatch(r"[^@\s]{1,64}@[^@\s]+", value)
        return None if is_valid else "must be an e-mail address"

    def schema(self) -> dict[str, Any]:
        return {"format": "email", "maxLength": 254}


def checks(kind: Any) -> list[Check]:
    """Return the limits of an ``Annotated`` type. A string that must not be empty must not be blank either."""
    limits = [mark for mark in kind.__metadata__ if isinstance(mark, Check)]
    requires_text = any(isinstance(limit, Length) and limit.min for limit in limits)
    if get_args(kind)[0] is str and requires_text and not any(isinstance(limit, Blank) for limit in limits):
        limits.append(Blank())
    return limits


REPEATED_MAX = 100
RELATIVE_DAY_PATTERN = "today|tomorrow|[ +-]?[0-9]{1,4}[dw]"
"""A day relative to the current one in UTC. In a query string, an unescaped plus sign is a space."""
ID_PATTERN = "[0-9a-f]{24}"
CARD_KEY_PATTERN = "[A-Za-z]{2,6}-[1-9][0-9]{0,9}"
SLUG_PATTERN = "[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])"

Id = Annotated[str, Reference()]
"""An id in a body or a query."""

Slug = Annotated[
    str,
    Pattern(
        SLUG_PATTERN, "must be 2 to 60 lowercase letters, digits and hyphens, without a hyphen at either end"
    ),
]
EmailAddress = Annotated[str, EmailFormat()]
Name = Annotated[str, Length(1, 100)]
"""The name of an item: 1-100 characters."""

Place = Annotated[int, Range(0, 2**31 - 1)]
"""A requested position, from 0. A number beyond the end means the end."""
