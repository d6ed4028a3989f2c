"""Deactivation of accounts by the host: all rights end, while memberships and assignments stay."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, select, update

from stellary.core.accounts import api_tokens, people
from stellary.core.accounts.audience import seen_by
from stellary.core.accounts.hosted import find_user_by_external_id
from stellary.core.accounts.row_types import SeatOwnersRow
from stellary.core.accounts.tables import email_tokens, organizations, sessions, users, workspaces
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import MemberDeactivated
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork
from stellary.core.kernel.units import Units

_WORKSPACES = Query(
    SeatOwnersRow,
    select(workspaces.c.id, workspaces.c.owner_id, organizations.c.owner_id.label("organization_owner_id"))
    .join_from(workspaces, organizations)
    .where(workspaces.c.id.in_(seen_by(bindparam("_user_id"))))
    .order_by(workspaces.c.id)
    # The lock makes a concurrent request of the user, who creates something in one of them, wait.
    .with_for_update(key_share=True, of=workspaces),
)
_DEACTIVATE = (
    update(users)
    .where(is_given(users.c.id), users.c.deactivated_at.is_(None))
    .values(deactivated_at=bindparam("_now"), token_generation=users.c.token_generation + 1)
)
_REACTIVATE = (
    update(users)
    .where(is_given(users.c.external_id), users.c.deactivated_at.is_not(None))
    .values(deactivated_at=None)
)
_END_LOGINS = [delete(table).where(is_given(table.c.user_id)) for table in (sessions, email_tokens)]


def deactivate(units: Units, external_id: str, connection: Connection | None) -> bool:
    """Deactivate the account of a user of the host; see ``Core.deactivate``.

    Args:
        units: Opens the units of work.
        external_id: The id of the user in the host's application.
        connection: The host's connection, in whose transaction the account is deactivated; None opens a transaction.
    """

    def work(uow: UnitOfWork) -> bool:
        user = find_user_by_external_id(uow, external_id)
        if user is None:
            return False
        with uow.caused_by(None, Actor(user.id, acts_for_host=True)):
            return _deactivate(uow)

    return units.run(work, NOBODY, connection)


def reactivate(units: Units, external_id: str, connection: Connection | None) -> bool:
    """Reactivate the account of a user of the host; see ``Core.reactivate``.

    Args:
        units: Opens the units of work.
        external_id: The id of the user in the host's application.
        connection: The host's connection, in whose transaction the account is reactivated; None opens a transaction.
    """

    def work(uow: UnitOfWork) -> bool:
        parameters = {"_external_id": external_id, "updated_at": uow.now}
        return bool(uow.connection.execute(_REACTIVATE, parameters).rowcount)

    return units.run(work, NOBODY, connection)


def _deactivate(uow: UnitOfWork) -> bool:
    seats = _WORKSPACES.all(uow.connection, {"_user_id": uow.user_id})
    parameters = {"_id": uow.user_id, "_now": uow.now, "updated_at": uow.now}
    if not uow.connection.execute(_DEACTIVATE, parameters).rowcount:
        return False
    for statement in _END_LOGINS:
        uow.connection.execute(statement, {"_user_id": uow.user_id})
    for seat in seats:
        owners = (seat.owner_id, seat.organization_owner_id)
        successor_id = next((owner for owner in owners if owner != uow.user_id), uow.user_id)
        people.emit_rights_lost(uow, MemberDeactivated, seat.id, uow.user_id, successor_id)
    api_tokens.revoke_all(uow)
    uow.ended_counts.clear()
    uow.send_on_commit(ACCESS)
    return True
