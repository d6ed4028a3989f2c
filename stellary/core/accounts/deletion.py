"""The deletion and the deactivation of an account.

The cards and comments of a deleted account stay, under the name "former member". Section Auth. A host deactivates an
account: all rights end, while memberships and assignments stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select, update

from stellary.contract.auth import DELETE_ACCOUNT, DeleteAccount
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict
from stellary.contract.refs import OrganizationRef, Ref
from stellary.core.accounts import api_tokens, people
from stellary.core.accounts.audience import seen_by
from stellary.core.accounts.deleted_containers import delete_container
from stellary.core.accounts.email_links import check_confirmed, use_confirmation
from stellary.core.accounts.hosted import find_user_by_external_id
from stellary.core.accounts.locks import lock_caller, lock_organization
from stellary.core.accounts.organizations import leave_organization
from stellary.core.accounts.row_types import MembershipRow, SeatOwnersRow, UserRow
from stellary.core.accounts.rules import FORMER_NAME
from stellary.core.accounts.tables import (
    email_tokens,
    identities,
    invitations,
    organizations,
    recovery_codes,
    second_factors,
    sessions,
    users,
    workspaces,
)
from stellary.core.accounts.tables import organization_members as members
from stellary.core.accounts.users import address_key
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import AddressReleased, MemberDeactivated
from stellary.core.kernel.signals import ACCESS
from stellary.core.kernel.unit import NOBODY, Actor, UnitOfWork, serves_self_managed
from stellary.core.kernel.units import Units

_others = members.alias("others")
_MEMBERSHIPS = Query(
    MembershipRow,
    select(
        organizations.c.id,
        organizations.c.slug,
        members.c.role,
        organizations.c.trash_id,
        select(func.count())
        .where(_others.c.organization_id == members.c.organization_id)
        .scalar_subquery()
        .label("member_count"),
    )
    .join_from(members, organizations)
    .where(is_given(members.c.user_id))
    .order_by(organizations.c.id),
)
_FORGET = (
    update(users)
    .where(is_given(users.c.id), is_given(users.c.token_generation, "generation"))
    .values(
        name=FORMER_NAME,
        email="",
        password_hash=None,
        external_id=None,
        deactivated_at=None,
        token_generation=users.c.token_generation + 1,
    )
)
_FORMER = select(users.c.email, users.c.name).where(is_given(users.c.id, "user_id"))
_DELETE_INVITATIONS = delete(invitations).where(is_given(invitations.c.email_key))
_DELETE_OWN = [
    delete(table).where(is_given(table.c.user_id))
    for table in (sessions, email_tokens, second_factors, recovery_codes, identities)
]
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
    update(users).where(is_given(users.c.id), users.c.deactivated_at.is_not(None)).values(deactivated_at=None)
)
_END_LOGINS = [delete(table).where(is_given(table.c.user_id)) for table in (sessions, email_tokens)]


@serves_self_managed(DELETE_ACCOUNT)
def delete_account(units: Units, actor: Actor, ref: Ref, request: DeleteAccount) -> Ok:
    """Delete the caller's account, with the organizations of which the caller is the only member.

    Args:
        units: The core.
        actor: The caller, who has logged in.
        ref: The root ref, which is not used.
        request: The current password, or the confirmation of an account without one.

    Raises:
        Invalid: The password or the confirmation is missing or wrong.
        Conflict: The caller owns organizations with other members, or the account was changed at the same time.
        Unauthenticated: The caller's login has ended at the same time.
    """
    user = check_confirmed(units, actor, request, "delete_account")

    def confirm(uow: UnitOfWork) -> None:
        use_confirmation(uow, user, request, "delete_account")

    units.run(lambda uow: _delete(uow, user.token_generation, confirm), actor)
    return Ok()


def change_user_of_host(
    units: Units,
    external_id: str,
    connection: Connection | None,
    change: Callable[[UnitOfWork, UserRow], bool],
) -> bool:
    """Change the account of a user of the host on behalf of this user; return False if there is none.

    Args:
        units: Opens the units of work.
        external_id: The id of the user in the host's application.
        connection: The host's connection, in whose transaction the account is changed; None opens a transaction.
        change: ``erase``, ``deactivate`` or ``reactivate``.
    """

    def work(uow: UnitOfWork) -> bool:
        user = find_user_by_external_id(uow, external_id)
        if user is None:
            return False
        with uow.caused_by(None, Actor(user.id, acts_for_host=True)):
            return change(uow, user)

    return units.run(work, NOBODY, connection)


def erase(uow: UnitOfWork, user: UserRow) -> bool:
    """Delete the account of a user of the host; see ``Core.erase``."""
    _delete(uow, user.token_generation)
    return True


def _delete(uow: UnitOfWork, generation: int, confirm: Callable[[UnitOfWork], None] | None = None) -> None:
    for membership in _list_memberships(uow):
        lock_organization(uow, OrganizationRef(membership.slug))
    memberships = _list_memberships(uow)
    _check_owned(memberships)
    for membership in memberships:
        if membership.role == "owner":
            delete_container(uow, "organization", membership.id)
        else:
            leave_organization(uow, OrganizationRef(membership.slug))
    lock_caller(uow)
    if confirm is not None:
        confirm(uow)
    api_tokens.revoke_all(uow)
    for statement in _DELETE_OWN:
        uow.connection.execute(statement, {"_user_id": uow.user_id})
    former = uow.connection.execute(_FORMER, {"_user_id": uow.user_id}).one()
    uow.connection.execute(_DELETE_INVITATIONS, {"_email_key": address_key(former.email)})
    uow.emit(AddressReleased(user_id=uow.user_id, email=former.email, name=former.name))
    forgotten = uow.connection.execute(
        _FORGET,
        {
            "_id": uow.user_id,
            "_generation": generation,
            # No e-mail address has this form, so the address can be registered again.
            "email_key": f"former:{uow.user_id}",
            "updated_at": uow.now,
        },
    ).rowcount
    # A concurrent request that adds the user to an organization waits for the changed key, and finds no account.
    if not forgotten or _list_memberships(uow):
        raise Conflict("the account was changed at the same time; try again", code="account_changed")
    uow.send_on_commit(ACCESS)


def _list_memberships(uow: UnitOfWork) -> Sequence[MembershipRow]:
    return _MEMBERSHIPS.all(uow.connection, {"_user_id": uow.user_id})


def _check_owned(memberships: Sequence[MembershipRow]) -> None:
    shared = [
        membership.slug
        for membership in memberships
        if membership.role == "owner" and membership.member_count > 1 and membership.trash_id is None
    ]
    if shared:
        raise Conflict(
            f"you own organizations with other members: {', '.join(shared)}; remove the members, or delete them first",
            code="owns_organizations",
        )


def reactivate(uow: UnitOfWork, user: UserRow) -> bool:
    """Reactivate the account of a user of the host; see ``Core.reactivate``. Return False if it is not deactivated."""
    parameters = {"_id": user.id, "updated_at": uow.now}
    return bool(uow.connection.execute(_REACTIVATE, parameters).rowcount)


def deactivate(uow: UnitOfWork, user: UserRow) -> bool:
    """Deactivate the account of a user of the host; see ``Core.deactivate``. Return False if it is deactivated already."""
    seats = _WORKSPACES.all(uow.connection, {"_user_id": user.id})
    parameters = {"_id": user.id, "_now": uow.now, "updated_at": uow.now}
    if not uow.connection.execute(_DEACTIVATE, parameters).rowcount:
        return False
    for statement in _END_LOGINS:
        uow.connection.execute(statement, {"_user_id": user.id})
    for seat in seats:
        owners = (seat.owner_id, seat.organization_owner_id)
        successor_id = next((owner for owner in owners if owner != user.id), user.id)
        people.emit_rights_lost(uow, MemberDeactivated, seat.id, user.id, successor_id)
    api_tokens.revoke_all(uow)
    uow.ended_counts.clear()
    uow.send_on_commit(ACCESS)
    return True
