"""E-mail addresses: what is one, and when two are the same."""

from __future__ import annotations

import unicodedata

from email_validator import EmailNotValidError, validate_email

from stellary.contract.errors import Invalid
from stellary.contract.wire import invalid

ADDRESS_MAX = 254


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


def host_address(email: str) -> str:
    """Return the address of a host's user as it is kept, which need not be one that emails can be sent to.

    Hosts have accounts from before they checked, from directories, and from providers with rules of their own
    (``jane..doe@docomo.ne.jp``, ``svc backup@corp``).

    Raises:
        Invalid: It has no @, characters that cannot be printed, or more than 254 of them.
    """
    try:
        return address(email)
    except Invalid:
        if "@" in email and email.isprintable() and len(email) <= ADDRESS_MAX:
            return email
        problem = (
            f"must have an @ and at most {ADDRESS_MAX} printable characters; or None for a user without one"
        )
        raise invalid(("email", problem)) from None


def address_key(email: str) -> str:
    """The form in which addresses are compared: without regard to case, and to how accents are encoded."""
    return unicodedata.normalize("NFC", email).casefold()
