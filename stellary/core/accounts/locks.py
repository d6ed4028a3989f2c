"""Row locks of organizations, workspaces and users.

A service that changes what other requests base their decisions on takes the lock before its access check. On PostgreSQL,
rows are locked from the outside in: organization, workspace, project, column, card. On SQLite no statement is needed,
since a writing transaction excludes all others from its beginning.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, bindparam, select

from stellary.contract.refs import OrganizationRef, WorkspaceRef
from stellary.core.accounts.login_state import LOGIN_GENERATION
from stellary.core.accounts.tables import organizations, users, workspaces
from stellary.core.kernel.signer import build_invalid_token
from stellary.core.kernel.unit import UnitOfWork

_IS_ORGANIZATION = organizations.c.slug == bindparam("org_slug")
_ORGANIZATION = select(organizations.c.id).where(_IS_ORGANIZATION).with_for_update(key_share=True)
_IS_WORKSPACE = and_(_IS_ORGANIZATION, workspaces.c.slug == bindparam("ws_slug"))
_WORKSPACE = (
    select(workspaces.c.id)
    .join_from(workspaces, organizations)
    .where(_IS_WORKSPACE)
    .with_for_update(key_share=True, of=workspaces)
)
_BOTH = (
    select(workspaces.c.id)
    .join_from(organizations, workspaces)
    .where(_IS_WORKSPACE)
    # PostgreSQL locks the rows in this order.
    .with_for_update(key_share=True, of=[organizations, workspaces])
)
_USER = select(users.c.id).where(users.c.id == bindparam("user_id")).with_for_update(key_share=True)
_GENERATION = select(LOGIN_GENERATION)


def lock_organization(uow: UnitOfWork, ref: OrganizationRef) -> None:
    """Lock the row of an organization until the transaction ends, so that its members stay the same.

    Args:
        uow: The unit of work. Call this before the access check, which then reads the latest rows.
        ref: The organization; no error if it does not exist.
    """
    _lock(uow, _ORGANIZATION, org_slug=ref.org_slug)


def lock_workspace(uow: UnitOfWork, ref: WorkspaceRef) -> None:
    """Lock the row of a workspace until the transaction ends, so that its members stay the same.

    Args:
        uow: The unit of work. Call this before the access check, which then reads the latest rows.
        ref: The workspace; no error if it does not exist.
    """
    _lock(uow, _WORKSPACE, org_slug=ref.org_slug, ws_slug=ref.ws_slug)


def lock_seats(uow: UnitOfWork, ref: WorkspaceRef) -> None:
    """Lock the rows of an organization and of a workspace, since the role in the one follows from that in the other.

    Args:
        uow: The unit of work. Call this before the access check, which then reads the latest rows.
        ref: The workspace; no error if it does not exist.
    """
    _lock(uow, _BOTH, org_slug=ref.org_slug, ws_slug=ref.ws_slug)


def lock_caller(uow: UnitOfWork) -> None:
    """Lock the caller's user row until the transaction ends, so that limits per user hold under concurrency.

    Args:
        uow: The unit of work. Call this after all other locks, before creating anything that outlives the login.

    Raises:
        Unauthenticated: While the unit waited for the lock, the caller's login ended: the password was changed, or the
            session revoked, or the account deactivated.
    """
    _lock(uow, _USER, user_id=uow.user_id)
    login_id, generation = uow.actor.login_id, uow.actor.login_generation
    if uow.actor.acts_for_host:
        return
    # A statement of its own, which reads what was committed before the lock was granted.
    parameters = {"_user_id": uow.user_id, "_session_id": login_id or ""}
    current = uow.connection.execute(_GENERATION, parameters).scalar()
    if current is None or generation not in (None, current):
        raise build_invalid_token()


def _lock(uow: UnitOfWork, statement: Select[Any], **parameters: str) -> None:
    if uow.connection.dialect.name == "postgresql":
        uow.connection.execute(statement, parameters)
