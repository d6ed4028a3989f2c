"""Mail: the port by which emails leave. The server sends them by SMTP; without one, they are logged."""

from __future__ import annotations

import logging
from typing import Protocol

import attrs

_log = logging.getLogger("stellary.mail")


@attrs.frozen
class Email:
    """An email.

    Attributes:
        html: The same message as an HTML page; empty for an email in plain text only.
    """

    to: str
    subject: str
    text: str = attrs.field(repr=False)
    html: str = attrs.field(default="", repr=False)


class Mailer(Protocol):
    """Takes an email; called after the commit, and never with a transaction open. Must not raise."""

    def __call__(self, email: Email, /) -> None: ...


def log_email(email: Email) -> None:
    """Log the email with its link: for a server that has no SMTP, whose operator hands links on by hand."""
    _log.warning("no mail server is set; the email to %s reads:\n%s", email.to, email.text)
