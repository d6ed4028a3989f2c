"""The doors of accounts: the only way to a row. Each reads the caller's standing in the same statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
from sqlalchemy import ColumnElement, FromClause, Row, Select, and_, bindparam, select

from stellary.contract.errors import Forbidden, NotFound
from stellary.contract.refs import OrganizationRef, Ref, WorkspaceRef, WorkspacesRef
from stellary.core.accounts.rules import Standing
from stellary.core.accounts.tables import (
    organization_members,
    organizations,
    workspace_members,
    workspaces,
)
from stellary.core.unit import UnitOfWork

_ORG_STANDING = (
    organizations.c.id.label("_organization_id"),
    organization_members.c.role.label("_org_role"),
)
_WS_STANDING = (
    *_ORG_STANDING,
    workspaces.c.id.label("_workspace_id"),
    workspaces.c.owner_id.label("_workspace_owner_id"),
    workspaces.c.is_personal.label("_is_personal"),
    workspace_members.c.role.label("_ws_role"),
    workspace_members.c.pilotage_role.label("_pilotage_role"),
)
_TO_ORGANIZATION: FromClause = organizations.outerjoin(
    organization_members,
    and_(
        organization_members.c.organization_id == organizations.c.id,
        organization_members.c.user_id == bindparam("_user_id"),
    ),
)
_TO_WORKSPACE: FromClause = _TO_ORGANIZATION.join(
    workspaces,
    and_(workspaces.c.organization_id == organizations.c.id, workspaces.c.slug == bindparam("_ws_slug")),
).outerjoin(
    workspace_members,
    and_(
        workspace_members.c.workspace_id == workspaces.c.id,
        workspace_members.c.user_id == bindparam("_user_id"),
    ),
)
WORKSPACE_ID: ColumnElement[str] = workspaces.c.id
"""The workspace that a door has reached: what an area's own tables are joined to."""


def through_workspace(*columns: ColumnElement[Any], joins: Any = None) -> Select[Any]:
    """The statement of a door to something in a workspace. Built once, at import.

    Args:
        columns: What the door wants to know beside the caller's standing.
        joins: A function that extends the FROM clause by outer joins, so that a missing child still tells whether
            its container is there.
    """
    source = _TO_WORKSPACE if joins is None else joins(_TO_WORKSPACE)
    return (
        select(*_WS_STANDING, *columns)
        .select_from(source)
        .where(organizations.c.slug == bindparam("_org_slug"))
    )


def reach(
    uow: UnitOfWork, door: Select[Any], ref: WorkspaceRef, **parameters: Any
) -> tuple[Row[Any], Standing]:
    """Go through a door: its row, and the caller's standing at its workspace.

    Raises:
        NotFound: There is no such workspace, or the caller cannot see it.
    """
    row = uow.connection.execute(
        door, {"_user_id": uow.user_id, "_org_slug": ref.org_slug, "_ws_slug": ref.ws_slug, **parameters}
    ).first()
    standing = _standing(uow, row)
    if row is None or standing is None or not standing.sees_workspace:
        raise NotFound("Workspace not found")
    return row, standing


def grant(uow: UnitOfWork, standing: Standing, author_id: str | None = None) -> None:
    """Check the role of the policy row that runs.

    Args:
        uow: The unit, which carries the policy row.
        standing: The caller's, as a door has read it.
        author_id: Who made the thing, or whom it is about, where the policy asks that.

    Raises:
        Forbidden: The standing is not enough.
    """
    if not standing.grants(uow.policy.role, author_id):
        raise Forbidden("your role does not allow that", code="insufficient_role")
    uow.admit()


def _standing(uow: UnitOfWork, row: Row[Any] | None) -> Standing | None:
    if row is None:
        return None
    found = row._mapping
    return Standing(
        user_id=uow.user_id,
        organization_id=found["_organization_id"],
        org_role=found["_org_role"],
        workspace_id=found.get("_workspace_id"),
        workspace_owner_id=found.get("_workspace_owner_id"),
        is_personal=bool(found.get("_is_personal")),
        ws_role=found.get("_ws_role"),
        pilotage_role=found.get("_pilotage_role"),
        in_project=bool(found.get("_in_project")),
    )


@attrs.frozen
class At:
    """What a door found: the row, and the caller's standing."""

    row: Row[Any]
    standing: Standing


_ORGANIZATION = (
    select(*_ORG_STANDING, *organizations.c)
    .select_from(_TO_ORGANIZATION)
    .where(organizations.c.slug == bindparam("_org_slug"))
)
_WORKSPACE = through_workspace(*workspaces.c)


def organization(uow: UnitOfWork, ref: OrganizationRef) -> At:
    """The door to an organization.

    Raises:
        NotFound: There is none of that slug, or the caller is no member.
        Forbidden: The caller's role is not enough.
    """
    row = uow.connection.execute(_ORGANIZATION, {"_user_id": uow.user_id, "_org_slug": ref.org_slug}).first()
    standing = _standing(uow, row)
    if row is None or standing is None or not standing.sees_organization:
        raise NotFound("Organization not found")
    grant(uow, standing)
    return At(row, standing)


def workspace(uow: UnitOfWork, ref: WorkspaceRef) -> At:
    """The door to a workspace.

    Raises:
        NotFound: There is none of those slugs, or the caller does not reach it.
        Forbidden: The caller's role is not enough.
    """
    row, standing = reach(uow, _WORKSPACE, ref)
    grant(uow, standing)
    return At(row, standing)


DOORS: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {
    OrganizationRef: organization,
    WorkspacesRef: organization,
    WorkspaceRef: workspace,
}
"""The door to what each ref names."""
