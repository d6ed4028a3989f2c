"""User rows of agents, so that an agent's id can stand wherever a user's id can.

Such a user cannot log in, be mentioned, or become a member.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, delete, insert, select, update

from stellary.core.accounts.tables import users
from stellary.core.kernel.unit import UnitOfWork

_INSERT = insert(users)
_RENAME = update(users).where(users.c.id == bindparam("_id"))
_LIST = select(users.c.id, users.c.name).where(users.c.agent_of_id == bindparam("_workspace_id"))
_THIS_ONE = _LIST.where(users.c.id == bindparam("_id"))
_FORGET = delete(users).where(users.c.agent_of_id.in_(bindparam("_workspace_ids", expanding=True)))


def create_agent_user(uow: UnitOfWork, id: str, workspace_id: str, name: str) -> None:
    """Insert the user row of an agent.

    Args:
        uow: A unit of work that writes.
        id: The agent's id, which becomes the user's id.
        workspace_id: The agent's workspace.
        name: The agent's name.
    """
    row = {
        "id": id,
        "email": "",
        # No e-mail address has this form, so a lookup by address never returns an agent.
        "email_key": f"agent:{id}",
        "name": name,
        "password_hash": None,
        "external_id": None,
        "agent_of_id": workspace_id,
        "token_generation": 0,
        "created_at": uow.now,
        "updated_at": uow.now,
    }
    uow.connection.execute(_INSERT, row)


def list_agent_users(uow: UnitOfWork, workspace_id: str) -> list[tuple[str, str]]:
    """Return the id and name of each agent of a workspace, deleted agents included."""
    rows = uow.connection.execute(_LIST, {"_workspace_id": workspace_id})
    return [(row.id, row.name) for row in rows]


def is_agent_user(uow: UnitOfWork, workspace_id: str, id: str) -> bool:
    """Return whether an id is that of an agent of the workspace, which may be deleted."""
    parameters = {"_workspace_id": workspace_id, "_id": id}
    return uow.connection.execute(_THIS_ONE, parameters).first() is not None


def rename_agent_user(uow: UnitOfWork, id: str, name: str) -> None:
    """Rename the user of an agent; past activity then shows the new name."""
    uow.connection.execute(_RENAME, {"_id": id, "name": name, "updated_at": uow.now})


def delete_agent_users(uow: UnitOfWork, workspace_ids: Collection[str]) -> None:
    """Delete the users of the agents of deleted workspaces."""
    if workspace_ids:
        uow.connection.execute(_FORGET, {"_workspace_ids": list(workspace_ids)})
