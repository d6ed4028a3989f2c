"""``python -m reference_server reset-password`` and ``remove-second-factor``: for users who cannot log in."""

from __future__ import annotations

import sys

from reference_server.jobs import open_migrated
from reference_server.settings import Settings
from stellary.core.accounts.email_links import create_reset_link
from stellary.core.accounts.second_factors import remove_second_factor
from stellary.core.kernel.unit import NOBODY


def print_reset_link(settings: Settings, email: str) -> int:
    """Print a link with which the owner of an address can choose a new password, and return the exit code.

    The operator passes the link on, and never knows the password. The server may be running.

    Args:
        settings: The settings of the server.
        email: The address of the account.

    Raises:
        SettingsError: The database cannot be used.
    """
    with open_migrated(settings) as core:
        link = core.run(NOBODY, lambda uow: create_reset_link(uow, email))
    if link is None:
        sys.stderr.write(f"stellary: no account with a password has the address {email}\n")
        return 1
    sys.stdout.write(f"{link}\n")
    sys.stderr.write("The link is valid for one hour and can be used once.\n")
    return 0


def print_removed_factor(settings: Settings, email: str) -> int:
    """Remove the second factor of an account whose owner has lost the app and the recovery codes; return the exit code.

    The password stays. The server may be running.

    Args:
        settings: The settings of the server.
        email: The address of the account.

    Raises:
        SettingsError: The database cannot be used.
    """
    with open_migrated(settings) as core:
        is_removed = core.run(NOBODY, lambda uow: remove_second_factor(uow, email))
    if not is_removed:
        reason = "no account has" if is_removed is None else "no second factor belongs to the account with"
        sys.stderr.write(f"stellary: {reason} the address {email}\n")
        return 1
    sys.stdout.write(f"Removed the second factor of {email}. The password is enough to log in.\n")
    return 0
