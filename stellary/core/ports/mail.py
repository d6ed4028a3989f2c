"""Mail: the port by which letters leave. The server sends them by SMTP; without one, they are logged."""

from __future__ import annotations

import logging
from typing import Protocol

import attrs

_log = logging.getLogger("stellary.mail")


@attrs.frozen
class Letter:
    """A mail in plain text."""

    to: str
    subject: str
    text: str = attrs.field(repr=False)


class Mailer(Protocol):
    """Takes a letter; called after the commit, and never with a transaction open. Must not raise."""

    def __call__(self, letter: Letter, /) -> None: ...


def log_letter(letter: Letter) -> None:
    """Log the letter with its link: for a server that has no SMTP, whose operator hands links on by hand."""
    _log.warning("no mail server is set; the letter to %s reads:\n%s", letter.to, letter.text)
