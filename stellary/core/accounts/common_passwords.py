"""The most common passwords, which nobody may choose.

The list holds the first thousand passwords of at least eight characters, most frequent first, of the collection by
Royce Williams that Django ships as well.
"""

from __future__ import annotations

import functools
from importlib.resources import files

from stellary.contract.wire import invalid


def check_new_password(password: str, email: str, field: str) -> None:
    """Refuse a new password that would be among the first ones to be tried.

    Args:
        password: As it was given; its length has been checked.
        email: The e-mail address of the account.
        field: The field of the request that holds the password, by its wire name.

    Raises:
        Invalid: It is one of the most common passwords, or the e-mail address; case does not count.
    """
    folded = password.casefold()
    if folded in _common_passwords():
        raise invalid((field, "is one of the most common passwords; choose another one"))
    if folded == email.casefold():
        raise invalid((field, "must not be the e-mail address"))


@functools.cache
def _common_passwords() -> frozenset[str]:
    # Read at the first use: most processes never take a password.
    text = files(__package__).joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(text.split("\n"))
