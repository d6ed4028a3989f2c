"""Strings and headers whose repr hides their contents, for logs and for tracebacks with local variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsIndex, TypeVar, cast

T = TypeVar("T")
HIDDEN = "***"
"""The text that stands for a secret."""
_SECRET_WORDS = ("auth", "cookie", "token", "secret", "password", "key")
_SECRET_FIELDS = ("token", "secret", "password")
_NO_SECRETS = frozenset({"idempotency-key", "www-authenticate", "proxy-authenticate"})


class SecretStr(str):
    """A string that shows ``'***'`` as its repr; ``str()``, formatting and comparison use the text itself.

    Tracebacks with local variables, debuggers and error trackers show the repr of what a frame holds. Slices and stripped
    copies stay secret, because rich shortens a long string before it takes the repr.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(HIDDEN)

    def __getitem__(self, index: SupportsIndex | slice) -> SecretStr:
        return SecretStr(super().__getitem__(index))

    def strip(self, chars: str | None = None, /) -> SecretStr:
        """Return the text without white space (or ``chars``) at its ends, still secret."""
        return SecretStr(super().strip(chars))


def conceal(text: T) -> T:
    """Return the text as a ``SecretStr``. None and other types are returned unchanged."""
    return cast("T", SecretStr(text)) if isinstance(text, str) else text


def conceal_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with a hidden repr for each value that may be a credential, judging by the header's name.

    Raises:
        TypeError: The headers are no mapping.
    """
    if not hasattr(headers, "items"):
        raise TypeError(f"headers must be Mapping, not {type(headers).__name__}")
    return {name: conceal(text) if _is_secret(name) else text for name, text in headers.items()}


def show_headers(headers: Mapping[str, str]) -> str:
    """Return the repr of headers without the credentials in them."""
    return repr(conceal_headers(headers))


def show_body(body: bytes) -> str:
    """Return the repr of a body: only its length, because bodies contain passwords and tokens."""
    return f"<{len(body)} bytes>"


def _is_secret(name: object) -> bool:
    lowered = str(name).lower()
    return lowered not in _NO_SECRETS and any(word in lowered for word in _SECRET_WORDS)


def is_secret_field(name: str) -> bool:
    """Return whether a field of a body may hold a secret, judging by its name."""
    lowered = name.lower()
    return any(word in lowered for word in _SECRET_FIELDS)
