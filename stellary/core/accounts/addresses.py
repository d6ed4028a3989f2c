"""E-mail addresses: validation and comparison."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

from stellary.contract.errors import Invalid
from stellary.contract.wire import invalid
from stellary.core.accounts.tokens import digest

ADDRESS_MAX = 254


def address(email: str) -> str:
    """Return an e-mail address in the form in which it is stored. Only its syntax is checked.

    Raises:
        Invalid: It is not an e-mail address.
    """
    # Imported on first use: it takes 0.4 MB, and most processes read no address for a while.
    from email_validator import EmailNotValidError, validate_email

    try:
        # An installation without a public domain has addresses like ann@intranet.
        validated = validate_email(
            email, check_deliverability=False, globally_deliverable=False, test_environment=True, strict=True
        )
    except EmailNotValidError:
        raise invalid(("email", "must be a valid e-mail address")) from None
    return validated.normalized


def host_address(email: str) -> str:
    """Return the address of a host's user in the form in which it is stored. It need not be able to receive emails.

    Some accounts of hosts come from directories, from providers with other rules, or are older than the host's checks
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
    """Return the form in which addresses are compared.

    Upper and lower case are the same in ASCII only: nearly all mail servers ignore that case, while other letters that
    Unicode takes for the same (``ß`` and ``ss``) are different mailboxes. Domains are compared in the form of DNS.
    """
    local, at_sign, domain = unicodedata.normalize("NFC", email).rpartition("@")
    if not domain.isascii() and len(domain) <= ADDRESS_MAX:
        # Loaded on first use, as in ``address``.
        import idna

        with suppress(UnicodeError):
            domain = idna.encode(domain, uts46=True).decode()
    folded = f"{local}{at_sign}{domain}".encode("utf-8", "surrogatepass").lower()
    return folded.decode("utf-8", "surrogatepass")


def digest_address(email: str) -> str:
    """Return the digest by which the records that contain an address are found, however it was written."""
    return digest(address_key(email))
