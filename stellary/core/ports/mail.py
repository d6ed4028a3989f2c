"""Mail: the port by which emails leave. The server sends them by SMTP; without one, they are logged."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Literal, Protocol

import attrs

_log = logging.getLogger("stellary.mail")


EmailKind = Literal[
    "invitation",
    "password_reset",
    "email_confirmation",
    "email_change_notice",
    "account_confirmation",
    "security_notice",
]


@attrs.frozen
class Email:
    """An email: a finished message, and its data for a mailer that has templates of its own.

    Attributes:
        html: The same message as an HTML page; empty for an email in plain text only.
        kind: The occasion; None for an email that is not the core's.
        data: The values in the message: ``link`` in all kinds; ``inviter``, ``workspace`` and ``role`` of an invitation;
            ``newEmail`` of a notice of a changed address; ``action`` of the confirmation of a change of an account;
            ``change`` of a security notice, in a sentence. Names contain
            no URLs, but other characters of HTML: escape them.
        headers: Further headers by name, such as ``List-Unsubscribe``; a ``Message-ID`` among them replaces the mailer's.
    """

    to: str
    subject: str
    text: str = attrs.field(repr=False)
    html: str = attrs.field(default="", repr=False)
    kind: EmailKind | None = None
    data: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)


class Mailer(Protocol):
    """Takes an email; called after the commit, and never with a transaction open. Must not raise."""

    def __call__(self, email: Email, /) -> None: ...


def log_email(email: Email) -> None:
    """Log the email with its link: for a server that has no SMTP, whose operator hands links on by hand."""
    _log.warning("no mail server is set; the email to %s reads:\n%s", email.to, email.text)
