"""``python -m reference_server reset-password``: a link for a user who cannot receive email."""

from __future__ import annotations

import sys

from reference_server.jobs import open_migrated
from reference_server.settings import Settings
from stellary.core.accounts.password_resets import create_reset_link
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
