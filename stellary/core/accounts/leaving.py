"""The end of a user's membership or admin rights in an organization.

Other areas end the rights that they manage (assignments, project membership, notifications): they react to
``WorkspaceLeft`` and ``AdminRightsLost``, and add the number of ended items to ``uow.ended_counts``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import and_, bindparam, delete, select, update

from stellary.contract.fields import replace_fields
from stellary.contract.organizations import EndedRights
from stellary.contract.wire import wire_fields
from stellary.core.accounts import people, rules
from stellary.core.accounts.access_checks import join_seat
from stellary.core.accounts.joining import HAS_SEATS, add_workspace_owner
from stellary.core.accounts.member_rows import (
    INVITATION,
    ORGANIZATION_MEMBER,
    WORKSPACE_MEMBER,
    select_user,
    workspace_value,
)
from stellary.core.accounts.row_types import OrganizationMemberRow, SeatRow, WorkspaceRow
from stellary.core.accounts.tables import (
    invitations,
    organization_members,
    users,
    workspace_members,
    workspaces,
)
from stellary.core.db.base import IdType, is_given
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel.events import AdminRightsLost, WorkspaceLeft
from stellary.core.kernel.item_changes import emit_change, emit_organization_change
from stellary.core.kernel.unit import UnitOfWork

_HERE = is_given(workspaces.c.organization_id)
_OWNED = and_(_HERE, is_given(workspaces.c.owner_id, "user_id"))
_WORKSPACES = select(workspaces.c.id).where(_HERE)

_SEATS = (
    select(workspaces.c.id, workspaces.c.is_personal, workspaces.c.owner_id, workspace_members.c.role)
    .select_from(join_seat(workspaces))
    .where(_HERE)
    # The lock makes a concurrent request of an admin, who creates something in one of them, wait.
    .order_by(workspaces.c.id)
    .with_for_update(key_share=True, of=workspaces)
)
_HEIR_ID = bindparam("_heir_id", type_=IdType)
_HEIRS_SEATS = and_(
    workspace_members.c.user_id == _HEIR_ID,
    workspace_members.c.workspace_id.in_(select(workspaces.c.id).where(_OWNED)),
)
_LOAD_HEIRS_SEATS = Query(SeatRow, select(*workspace_members.c, *select_user(_HEIR_ID)).where(_HEIRS_SEATS))
_RAISE_THE_HEIR = (
    update(workspace_members)
    .where(_HEIRS_SEATS)
    .values(role="admin", pilotage_role="owner")
    .returning(workspace_members.c.workspace_id)
)
_TRANSFER_WORKSPACES = Query(
    WorkspaceRow,
    update(workspaces)
    .where(_OWNED)
    .values(owner_id=_HEIR_ID, updated_at=bindparam("_now"))
    .returning(*workspaces.c),
)
_LEAVE_WORKSPACES = Query(
    SeatRow,
    delete(workspace_members)
    .where(is_given(workspace_members.c.user_id), workspace_members.c.workspace_id.in_(_WORKSPACES))
    .returning(*workspace_members.c, *select_user(bindparam("_user_id"))),
)
_END_INVITATIONS = delete(invitations).where(
    invitations.c.workspace_id.in_(_WORKSPACES),
    invitations.c.email_key
    == select(users.c.email_key).where(is_given(users.c.id, "user_id")).scalar_subquery(),
)
_END_SENT_INVITATIONS = Query(
    RowType,
    delete(invitations)
    .where(is_given(invitations.c.workspace_id), is_given(invitations.c.invited_by_id, "user_id"))
    .returning(*INVITATION.columns),
)
_LEAVE, _LEAVE_AS_GUEST = (
    Query(
        OrganizationMemberRow,
        delete(organization_members)
        .where(
            is_given(organization_members.c.organization_id),
            is_given(organization_members.c.user_id),
            *conditions,
        )
        .returning(*organization_members.c, *select_user(bindparam("_user_id"))),
    )
    for conditions in ((), (organization_members.c.role == "guest", ~HAS_SEATS))
)


def leave_organization(uow: UnitOfWork, organization_id: str, owner_id: str, user_id: str, role: str) -> None:
    """Remove a user from an organization and its workspaces. Owned workspaces pass to the organization's owner.

    Args:
        uow: The unit of work, which has locked the organization.
        organization_id: The organization.
        owner_id: The organization's owner.
        user_id: The leaving user, who is not the owner.
        role: The user's role in the organization before.
    """
    seats, owners = _load_seats(uow, organization_id, user_id)
    who = {"_organization_id": organization_id, "_user_id": user_id}
    owned_ids = [workspace_id for workspace_id, owner in owners.items() if owner == user_id]
    if owned_ids:
        _transfer_workspaces(uow, who, owner_id, owned_ids)
    for seat in _LEAVE_WORKSPACES.all(uow.connection, who):
        emit_change(uow, seat.workspace_id, WORKSPACE_MEMBER.to_value(seat), None)
    # A pending invitation would let the user back in.
    uow.connection.execute(_END_INVITATIONS, who)
    end_seat(uow, organization_id, user_id)
    for workspace_id in rules.find_lost_workspaces(seats, role, None):
        owner = owners[workspace_id]
        people.emit_rights_lost(
            uow, WorkspaceLeft, workspace_id, user_id, owner_id if owner == user_id else owner
        )


def end_seat(uow: UnitOfWork, organization_id: str, user_id: str, *, is_guest: bool = False) -> None:
    """Delete the membership of a user in an organization.

    Args:
        organization_id: The organization.
        user_id: The user.
        is_guest: Whether only the membership of a guest without workspaces is deleted.
    """
    query = _LEAVE_AS_GUEST if is_guest else _LEAVE
    for row in query.all(uow.connection, {"_organization_id": organization_id, "_user_id": user_id}):
        emit_organization_change(uow, organization_id, ORGANIZATION_MEMBER.to_value(row), None)


def _transfer_workspaces(
    uow: UnitOfWork, who: Mapping[str, str], heir_id: str, owned_ids: Collection[str]
) -> None:
    """Make the organization's owner the owner of the workspaces of a leaving user, and an admin there.

    Args:
        who: The organization and the leaving user, as parameters.
        heir_id: The organization's owner.
        owned_ids: The workspaces.
    """
    parameters = {**who, "_heir_id": heir_id, "_now": uow.now}
    former_seats = {seat.workspace_id: seat for seat in _LOAD_HEIRS_SEATS.all(uow.connection, parameters)}
    # A purge may have deleted seats since; those that the update has found stay until the transaction ends.
    raised_ids = set(uow.connection.execute(_RAISE_THE_HEIR, parameters).scalars())
    add_workspace_owner(uow, [id for id in owned_ids if id not in raised_ids], heir_id)
    seats = _LOAD_HEIRS_SEATS.all(uow.connection, parameters)
    for seat in seats:
        former_seat = former_seats.get(seat.workspace_id)
        before = None if former_seat is None else WORKSPACE_MEMBER.to_value(former_seat)
        emit_change(uow, seat.workspace_id, before, WORKSPACE_MEMBER.to_value(seat))
    for row in _TRANSFER_WORKSPACES.all(uow.connection, parameters):
        roles = rules.CallerRoles(
            user_id=row.owner_id, organization_id=row.organization_id, org_role="owner", workspace_id=row.id
        )
        workspace = workspace_value(row, roles)
        former = replace_fields(workspace, owner_id=who["_user_id"])
        # The heir has a seat in each of the workspaces now.
        emit_change(uow, workspace.id, former, workspace, owner=seats[0].name)


def change_role(uow: UnitOfWork, organization_id: str, user_id: str, before: str, after: str) -> None:
    """Emit the events of a role change, since admins have access to all workspaces without being members.

    Args:
        organization_id: The organization.
        user_id: The member whose role changes.
        before: The current role in the organization.
        after: The new role; nothing is emitted if it is the same.
    """
    if before == after:
        return
    seats, owners = _load_seats(uow, organization_id, user_id)
    for workspace_id in rules.find_lost_workspaces(seats, before, after):
        people.emit_rights_lost(uow, WorkspaceLeft, workspace_id, user_id, owners[workspace_id])
    for workspace_id in rules.find_lost_admin_rights(seats, before, after):
        people.emit_rights_lost(uow, AdminRightsLost, workspace_id, user_id, owners[workspace_id])


def end_invitations(uow: UnitOfWork, events: Sequence[WorkspaceLeft | AdminRightsLost]) -> None:
    """Delete the pending invitations of users who may no longer invite.

    Args:
        uow: A unit that may write.
        events: The lost rights.
    """
    for event in events:
        sent_by = {"_workspace_id": event.workspace_id, "_user_id": event.user_id}
        for row in _END_SENT_INVITATIONS.all(uow.connection, sent_by):
            emit_change(uow, event.workspace_id, INVITATION.to_value(row), None)
            uow.ended_counts["invitations"] += 1


def settle_ended_rights(uow: UnitOfWork) -> EndedRights:
    """Run the reactions of all areas to the lost rights, and return the numbers of items that ended with them."""
    uow.settle()
    counts = {field.name: uow.ended_counts[field.name] for field in wire_fields(EndedRights).values()}
    uow.ended_counts.clear()
    return EndedRights(**counts)


def _load_seats(
    uow: UnitOfWork, organization_id: str, user_id: str
) -> tuple[list[rules.Seat], dict[str, str]]:
    """Load a user's seats in the workspaces of an organization, and the owner of each workspace."""
    rows = uow.connection.execute(_SEATS, {"_organization_id": organization_id, "_user_id": user_id}).all()
    seats = [rules.Seat(row.id, row.is_personal, row.role) for row in rows]
    return seats, {row.id: row.owner_id for row in rows}
