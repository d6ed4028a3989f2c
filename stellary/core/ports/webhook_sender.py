"""The courier: the port by which messages to other systems leave. The server brings them by HTTP; without one, they wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import attrs


@attrs.frozen
class Parcel:
    """A message on its way.

    Attributes:
        headers: All that it needs beside what HTTP itself asks for.
        private: Whether it may go to addresses that are not public: of this machine, or of a network of its own.
    """

    url: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)
    private: bool = False


@attrs.frozen
class Receipt:
    """What became of it.

    Attributes:
        status: What was answered; None if nothing was.
        error: Why not, in a sentence.
        duration_ms: How long that took.
        retry_after: Seconds that whoever answered asks to wait.
        final: Whether there is no use in trying again, whatever was answered.
    """

    status: int | None = None
    error: str | None = None
    duration_ms: int = 0
    retry_after: float | None = None
    final: bool = False


class Courier(Protocol):
    """Brings a parcel; called with no transaction open, from several threads.

    It follows no redirect, and connects to no address that is not public unless that is allowed: it looks at the very
    address to which it connects. Must not raise, and must be back within half a minute.
    """

    def __call__(self, parcel: Parcel, /) -> Receipt: ...
