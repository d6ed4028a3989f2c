"""The identities of a user, listed and unlinked by their user; ``identities`` signs users in. Section Auth."""

from __future__ import annotations

from sqlalchemy import delete, func, select

from stellary.contract.auth import LIST_IDENTITIES, UNLINK_IDENTITY, LinkedIdentity
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict
from stellary.contract.refs import IdentityRef, Ref
from stellary.contract.wire import Listing, Paged
from stellary.core.accounts import access
from stellary.core.accounts.authentication import confirm_login
from stellary.core.accounts.current_password import has_password
from stellary.core.accounts.locks import lock_caller
from stellary.core.accounts.row_types import IdentityRow
from stellary.core.accounts.tables import identities
from stellary.core.db.base import is_given
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.kernel.writes import delete_row

_OF_USER = is_given(identities.c.user_id)
_LIST = Pages(IdentityRow, select(identities).where(_OF_USER), identities.c.id)
_COUNT = select(func.count()).where(_OF_USER)
_DELETE = delete(identities).where(_OF_USER, is_given(identities.c.id))


@serves(LIST_IDENTITIES)
def list_identities(uow: UnitOfWork, ref: Ref, request: Paged) -> Listing[LinkedIdentity]:
    """Return the caller's identities, oldest first."""
    return _LIST.fetch(uow, request, _build_identity, _user_id=uow.user_id)


@serves(UNLINK_IDENTITY)
def unlink_identity(uow: UnitOfWork, ref: IdentityRef) -> Ok:
    """Unlink an identity. Sessions that it has started stay, since the user can end them.

    Raises:
        NotFound: The caller has no such identity.
        Conflict: It is the only way to sign in: the account has no password and no other identity.
        Unauthenticated: The caller's login has ended at the same time.
    """
    confirm_login(uow)
    # Of two requests that unlink the last two identities, the second one finds one.
    lock_caller(uow)
    identity = access.identity(uow, ref)
    parameters = {"_user_id": uow.user_id}
    if not has_password(uow, uow.user_id) and uow.connection.execute(_COUNT, parameters).scalar_one() == 1:
        raise Conflict(
            "this is the only way to sign in, since the account has no password and no other identity;"
            " delete the account if you no longer need it",
            code="last_identity",
        )
    delete_row(uow, _DELETE, {**parameters, "_id": identity.id}, "Identity")
    return Ok()


def _build_identity(row: IdentityRow) -> LinkedIdentity:
    return LinkedIdentity(id=row.id, issuer=row.issuer, subject=row.subject, created_at=row.created_at)
