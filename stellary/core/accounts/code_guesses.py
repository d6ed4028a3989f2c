"""The limit on guesses of the codes of authenticator apps, apart from the limits on passwords.

A code has six digits, and three codes are accepted at a time: that of the current step, and those before and after it. So
a guess is right with a probability of 3 in 1,000,000. An account has 10 guesses in 24 hours, wherever they come from, which
makes 0.00003 a day. Whoever knows the password and guesses without a pause gets in with a probability of 1.1 % in a year,
and needs 63 years for even odds (ln 2 / 0.00003 days). Each attempt is counted before the code is compared, so concurrent
guesses do not exceed the limit.

Recovery codes have 80 random bits, so they are not counted, and let users in whose guesses are used up. A right code ends
the window. A new password does not: whoever reads the e-mails of the user can set one again and again.
"""

from __future__ import annotations

import re
from datetime import timedelta

from stellary.contract.errors import RateLimited
from stellary.core.accounts.login_attempts import attempts_key, count_attempt, delete_attempts
from stellary.core.kernel.unit import UnitOfWork

GUESSES_MAX = 10
"""The number of codes that an account may try in a window."""
WINDOW = timedelta(hours=24)
_SIX_DIGITS = re.compile(r"\d{6}", re.ASCII)


def is_guess(code: str) -> bool:
    """Return whether a code looks like that of an app, so that trying it is a guess."""
    return _SIX_DIGITS.fullmatch(code.replace(" ", "")) is not None


def count_guess(uow: UnitOfWork, user_id: str) -> RateLimited | None:
    """Count a guess, and return the error if the account has no more guesses.

    Args:
        uow: The unit that checks the code. It commits even if the code is wrong.
        user_id: The account.
    """
    reason = "too many wrong codes; use a recovery code, or"
    return count_attempt(uow, _key(user_id), GUESSES_MAX, WINDOW, reason, "too_many_codes")


def forget_guesses(uow: UnitOfWork, user_id: str) -> None:
    """End the window of an account that has used a right code, or whose factor is deleted.

    Args:
        uow: A unit that may write.
        user_id: The account.
    """
    delete_attempts(uow.connection, _key(user_id))


def _key(user_id: str) -> str:
    return attempts_key("codes", user_id)
