"""The most common passwords, which are rejected.

The list holds the first thousand passwords of at least eight characters, most frequent first, of the collection by
Royce Williams that Django ships as well.
"""

from __future__ import annotations

import functools
from importlib.resources import files

from stellary.contract.wire import invalid


def check_new_password(password: str, email: str, field: str) -> None:
    """Reject a new password that an attacker would try early.

    Args:
        password: The new password; its length has been checked.
        email: The e-mail address of the account.
        field: The wire name of the request's field.

    Raises:
        Invalid: It is one of the most common passwords, or the e-mail address, regardless of case.
    """
    folded = password.casefold()
    if folded in _common_passwords():
        raise invalid((field, "is one of the most common passwords; choose another one"))
    if folded == email.casefold():
        raise invalid((field, "must not be the e-mail address"))


@functools.cache
def _common_passwords() -> frozenset[str]:
    # Read on first use, since most processes never check a password.
    text = files(__package__).joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(text.split("\n"))
