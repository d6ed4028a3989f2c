"""Email tokens: the secrets in links that are mailed to the owner of an account, valid for a time, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import attrs
from sqlalchemy import bindparam, delete, func, insert, or_, select

from stellary.contract.errors import ApiError, Invalid
from stellary.core.accounts.authentication import digest, new_secret
from stellary.core.accounts.tables import email_tokens, users
from stellary.core.db.base import is_among, is_given
from stellary.core.kernel.retention import RetentionRule
from stellary.core.kernel.unit import UnitOfWork

EmailPurpose = Literal["reset_password", "change_email", "confirm_change", "confirm_deletion"]
LIVE_MAX = 3
"""The number of valid links for one purpose after which no further ones are mailed to an account."""

_c = email_tokens.c
_IS_LIVE = (is_given(_c.purpose), _c.expires_at > bindparam("_now"))
_COUNT_LIVE = select(func.count()).where(is_given(_c.user_id), *_IS_LIVE)
_INSERT = insert(email_tokens)
_THIS = (is_given(_c.token_digest, "digest"), *_IS_LIVE)
_FIND = (
    select(_c.user_id, users.c.email, users.c.unverified_since, _c.email.label("new_email"))
    .join_from(email_tokens, users)
    .where(*_THIS)
)
_DELETE_ALL = delete(email_tokens).where(is_given(_c.user_id), is_among(_c.purpose))
_DELETE_FOREIGN = delete(email_tokens).where(
    is_given(_c.user_id),
    or_(
        _c.email.is_(None),
        _c.email != select(users.c.email).where(is_given(users.c.id, "user_id")).scalar_subquery(),
    ),
)
RETENTION = RetentionRule(email_tokens, _c.expires_at)
"""The rule for expired tokens."""


@attrs.frozen
class TokenOwner:
    """The account that an email token belongs to.

    Attributes:
        email: The address of the account.
        new_email: The address that the token confirms; empty if it is for something else.
        is_verified: Whether the address was known to be the user's before the token was used.
    """

    user_id: str
    email: str
    new_email: str = ""
    is_verified: bool = True


def has_room(uow: UnitOfWork, user_id: str, purpose: EmailPurpose) -> bool:
    """Return whether another link for a purpose may be mailed to an account, so that a mailbox cannot be flooded.

    Args:
        uow: A unit.
        user_id: The account.
        purpose: What the token is for.
    """
    parameters = {"_user_id": user_id, "_purpose": purpose, "_now": uow.now}
    count: int = uow.connection.execute(_COUNT_LIVE, parameters).scalar_one()
    return count < LIVE_MAX


def create_email_token(
    uow: UnitOfWork, user_id: str, purpose: EmailPurpose, lifetime: timedelta, new_email: str | None = None
) -> str:
    """Create a token, and return its secret.

    Earlier tokens stay valid: otherwise anyone could make the owner's link invalid by requesting another one.

    Args:
        uow: A unit that may write.
        user_id: The account.
        purpose: What the token is for.
        lifetime: How long the token is valid.
        new_email: The address that the token confirms. Default: none.
    """
    secret = new_secret()
    uow.connection.execute(
        _INSERT,
        {
            "id": uow.new_id(),
            "user_id": user_id,
            "purpose": purpose,
            "token_digest": digest(secret),
            "email": new_email,
            "expires_at": uow.now + lifetime,
            "created_at": uow.now,
        },
    )
    return secret


def find_owner(uow: UnitOfWork, secret: str, purpose: EmailPurpose) -> TokenOwner:
    """Return the account that a valid token belongs to.

    Args:
        uow: A unit.
        secret: The token.
        purpose: The required purpose of the token.

    Raises:
        Invalid: The token is unknown, was used, or has expired.
    """
    owner = find_owner_or_none(uow, secret, purpose)
    if owner is None:
        raise build_invalid_link()
    return owner


def find_owner_or_none(uow: UnitOfWork, secret: str, purpose: EmailPurpose) -> TokenOwner | None:
    """Return the account that a token belongs to; None if the token is not valid.

    Args:
        uow: A unit.
        secret: The token.
        purpose: The required purpose of the token.
    """
    parameters = {"_digest": digest(secret), "_purpose": purpose, "_now": uow.now}
    row = uow.connection.execute(_FIND, parameters).first()
    if row is None:
        return None
    return TokenOwner(row.user_id, row.email, row.new_email or "", row.unverified_since is None)


def build_invalid_link() -> ApiError:
    """Return the error for a link that is not valid, whatever the reason."""
    return Invalid("the link has expired or was used before; request a new one", code="invalid_link")


def take_email_token(uow: UnitOfWork, secret: str, purpose: EmailPurpose) -> None:
    """Delete a valid token, with all others of its account for this purpose.

    Args:
        uow: A unit that may write, and has locked the row of the account.
        secret: The token.
        purpose: The required purpose of the token.

    Raises:
        Invalid: The token was used in the meantime, or has expired.
    """
    delete_email_tokens(uow, find_owner(uow, secret, purpose).user_id, purpose)


def delete_email_tokens(uow: UnitOfWork, user_id: str, *purposes: EmailPurpose) -> None:
    """Delete all tokens of an account for some purposes.

    Args:
        uow: A unit that may write, and has locked the row of the account.
        user_id: The account.
        purposes: What the tokens are for.
    """
    uow.connection.execute(_DELETE_ALL, {"_user_id": user_id, "_purposes": purposes})


def delete_links(uow: UnitOfWork, user_id: str) -> None:
    """Delete all tokens of an account except those that verify its present address.

    Call it when a password ends the access of others, who may have asked for a link to an address of theirs.

    Args:
        uow: A unit that may write, and has locked the row of the account.
        user_id: The account.
    """
    uow.connection.execute(_DELETE_FOREIGN, {"_user_id": user_id})
