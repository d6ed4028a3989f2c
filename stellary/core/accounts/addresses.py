"""E-mail addresses: what is one, and when two are the same."""

from __future__ import annotations

import unicodedata

from email_validator import EmailNotValidError, validate_email

from stellary.contract.wire import invalid


def address(email: str) -> str:
    """The address as it is kept and shown. Its syntax is checked, nothing is looked up.

    Raises:
        Invalid: It is no e-mail address.
    """
    try:
        # An installation without a public domain has addresses like ann@intranet.
        found = validate_email(
            email, check_deliverability=False, globally_deliverable=False, test_environment=True, strict=True
        )
    except EmailNotValidError:
        raise invalid(("email", "must be a valid e-mail address")) from None
    return found.normalized


def address_key(email: str) -> str:
    """The form in which addresses are compared: without regard to case, and to how accents are encoded."""
    return unicodedata.normalize("NFC", email).casefold()
