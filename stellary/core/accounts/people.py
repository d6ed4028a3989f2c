"""People: what the other areas may know of users, and who of them reaches a workspace."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import attrs
from sqlalchemy import Select, bindparam, select

from stellary.core.accounts.audience import audience, sees
from stellary.core.accounts.tables import organizations, users, workspaces
from stellary.core.kernel.events import AdminRightsLost, WorkspaceLeft
from stellary.core.kernel.unit import UnitOfWork


@attrs.frozen
class Person:
    """A user: id, address and name."""

    id: str
    email: str
    name: str


_PERSON = (users.c.id, users.c.email, users.c.name)
_KNOWN: Select[Any] = select(*_PERSON).where(users.c.id.in_(bindparam("_ids", expanding=True)))
_REACHING: Select[Any] = select(*_PERSON).where(sees(users.c.id, bindparam("_workspace_id")))
_REACHING_OF = _REACHING.where(users.c.id.in_(bindparam("_ids", expanding=True)))
_REACHING_BY_EMAILS = _REACHING.add_columns(users.c.email_key).where(
    users.c.email_key.in_(bindparam("_email_keys", expanding=True))
)
_INTRODUCED: Select[Any] = select(
    *_PERSON, sees(users.c.id, bindparam("_workspace_id")).label("reaches")
).where(users.c.id.in_(bindparam("_ids", expanding=True)))
_REACHING_BY_EMAIL = _REACHING.where(users.c.email_key == bindparam("_email_key"))
_AUDIENCE = audience(bindparam("_workspace_id"))
_OTHERS = _AUDIENCE.where(users.c.id != bindparam("_user_id")).limit(1)
_KEEP: Select[Any] = (
    select(workspaces.c.id)
    .join_from(organizations, workspaces, workspaces.c.organization_id == organizations.c.id)
    .where(workspaces.c.id == bindparam("_workspace_id"))
    .with_for_update(read=True)
)


def known(uow: UnitOfWork, ids: Collection[str]) -> dict[str, Person]:
    """Return users by id, whether or not they belong to any organization."""
    if not ids:
        return {}
    rows = uow.connection.execute(_KNOWN, {"_ids": list(ids)})
    return {row[0]: Person(*row) for row in rows}


def reaching(uow: UnitOfWork, workspace_id: str, ids: Collection[str]) -> dict[str, Person]:
    """Return the users with access to a workspace, by id. A lock keeps their access until the transaction ends."""
    if not ids:
        return {}
    _keep(uow, workspace_id)
    rows = uow.connection.execute(_REACHING_OF, {"_workspace_id": workspace_id, "_ids": list(ids)})
    people = {row[0]: Person(*row) for row in rows}
    uow.members.update({(workspace_id, person.id): person.name for person in people.values()})
    return people


def reaches(uow: UnitOfWork, workspace_id: str, user_id: str) -> bool:
    """Return whether a user has access to a workspace now."""
    who = {"_workspace_id": workspace_id, "_ids": [user_id]}
    return uow.connection.execute(_REACHING_OF, who).first() is not None


def emit_left(uow: UnitOfWork, workspace_id: str, user_id: str, owner_id: str) -> None:
    """Emit that a user no longer belongs to a workspace, or no longer reaches it.

    Args:
        uow: A unit that may write.
        workspace_id: Of the workspace.
        user_id: Of the user.
        owner_id: The owner of the workspace, who takes over if the user leaves.
    """
    uow.members.pop((workspace_id, user_id), None)
    successor_id = _successor(uow, user_id, owner_id)
    uow.emit(WorkspaceLeft(workspace_id=workspace_id, user_id=user_id, successor_id=successor_id))


def emit_admin_rights_lost(uow: UnitOfWork, workspace_id: str, user_id: str, owner_id: str) -> None:
    """Emit that a user is no longer an admin of a workspace, but still reaches it.

    Args:
        uow: A unit that may write.
        workspace_id: Of the workspace.
        user_id: Of the user.
        owner_id: The owner of the workspace, who takes over if the user gives up the role.
    """
    successor_id = _successor(uow, user_id, owner_id)
    uow.emit(AdminRightsLost(workspace_id=workspace_id, user_id=user_id, successor_id=successor_id))


def _successor(uow: UnitOfWork, user_id: str, owner_id: str) -> str:
    """Return who takes over: the admin who removes the user, or the workspace's owner if the user leaves."""
    return owner_id if uow.user_id == user_id else uow.user_id


def others_reach(uow: UnitOfWork, workspace_id: str, user_id: str) -> bool:
    """Return whether any other user has access to a workspace."""
    who = {"_workspace_id": workspace_id, "_user_id": user_id}
    return uow.connection.execute(_OTHERS, who).first() is not None


def all_reaching(uow: UnitOfWork, workspace_id: str) -> list[Person]:
    """Return all users with access to a workspace."""
    rows = uow.connection.execute(_AUDIENCE, {"_workspace_id": workspace_id})
    return [Person(row.id, row.email, row.name) for row in rows]


def introduced(uow: UnitOfWork, workspace_id: str, ids: Collection[str]) -> dict[str, tuple[Person, bool]]:
    """Return users by id, each with whether they have access to a workspace now."""
    if not ids:
        return {}
    rows = uow.connection.execute(_INTRODUCED, {"_workspace_id": workspace_id, "_ids": list(ids)})
    return {row.id: (Person(row.id, row.email, row.name), row.reaches) for row in rows}


def reaching_by_emails(uow: UnitOfWork, workspace_id: str, email_keys: Collection[str]) -> dict[str, Person]:
    """Return the users with access to a workspace who have some addresses, by address.

    A lock keeps their access until the transaction ends.

    Args:
        uow: The unit, which may write.
        workspace_id: Which one.
        email_keys: As ``address_key`` makes them.
    """
    if not email_keys:
        return {}
    _keep(uow, workspace_id)
    parameters = {"_workspace_id": workspace_id, "_email_keys": list(email_keys)}
    rows = uow.connection.execute(_REACHING_BY_EMAILS, parameters)
    return {row.email_key: Person(row.id, row.email, row.name) for row in rows}


def reaching_by_email(uow: UnitOfWork, workspace_id: str, email_key: str) -> Person | None:
    """Return the user with access to a workspace who has an address.

    A lock keeps their access until the transaction ends.

    Args:
        uow: The unit, which may write.
        workspace_id: Which one.
        email_key: As ``address_key`` makes it.
    """
    _keep(uow, workspace_id)
    row = uow.connection.execute(
        _REACHING_BY_EMAIL, {"_workspace_id": workspace_id, "_email_key": email_key}
    ).first()
    return None if row is None else Person(*row)


def _keep(uow: UnitOfWork, workspace_id: str) -> None:
    # Whoever removes somebody holds the workspace or the organization: they wait for us, or we for them.
    if uow.connection.dialect.name == "postgresql":
        uow.connection.execute(_KEEP, {"_workspace_id": workspace_id})
