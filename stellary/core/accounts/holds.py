"""Holds: who changes what others decide by makes them wait, and checks access only then.

On PostgreSQL a row is locked, from the outside in: organization, workspace, project, column, card. On SQLite a unit
that writes is alone from its beginning.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, bindparam, select

from stellary.contract.refs import OrganizationRef, WorkspaceRef
from stellary.core.accounts.tables import organizations, users, workspaces
from stellary.core.kernel.unit import UnitOfWork

_ORGANIZATION = (
    select(organizations.c.id)
    .where(organizations.c.slug == bindparam("org_slug"))
    .with_for_update(key_share=True)
)
_WORKSPACE = (
    select(workspaces.c.id)
    .join_from(workspaces, organizations)
    .where(organizations.c.slug == bindparam("org_slug"), workspaces.c.slug == bindparam("ws_slug"))
    .with_for_update(key_share=True, of=workspaces)
)
_USER = select(users.c.id).where(users.c.id == bindparam("user_id")).with_for_update(key_share=True)


def hold_organization(uow: UnitOfWork, ref: OrganizationRef) -> None:
    """Until the unit ends, nobody else changes who belongs to the organization. To be called before its access check."""
    _hold(uow, _ORGANIZATION, org_slug=ref.org_slug)


def hold_workspace(uow: UnitOfWork, ref: WorkspaceRef) -> None:
    """Until the unit ends, nobody else changes who belongs to the workspace. To be called before its access check."""
    _hold(uow, _WORKSPACE, org_slug=ref.org_slug, ws_slug=ref.ws_slug)


def hold_caller(uow: UnitOfWork) -> None:
    """Until the unit ends, the caller makes nothing else that is counted per user."""
    _hold(uow, _USER, user_id=uow.user_id)


def _hold(uow: UnitOfWork, statement: Select[Any], **parameters: str) -> None:
    if uow.connection.dialect.name == "postgresql":
        uow.connection.execute(statement, parameters)
