"""User rows of agents, so that an agent's id can be used in place of a user's id.

Such a user cannot log in, be mentioned, or become a member.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import bindparam, delete, insert, select, update

from stellary.core.accounts.audience import is_guest
from stellary.core.accounts.tables import users
from stellary.core.db.base import is_among, is_given
from stellary.core.kernel.unit import UnitOfWork

_INSERT = insert(users)
_UPDATE = update(users).where(is_given(users.c.id))
_LIST = select(users.c.id, users.c.name).where(is_given(users.c.agent_of_id, "workspace_id"))
_THIS_ONE = _LIST.where(is_given(users.c.id))
# Guests know no agents.
_OF_MEMBERS = _LIST.where(
    users.c.email_key.startswith("agent:"), ~is_guest(bindparam("_user_id"), bindparam("_workspace_id"))
)
# The lock keeps an agent from being deleted before the reference to it is written.
_ASSIGNABLE = _OF_MEMBERS.where(is_among(users.c.id)).with_for_update(read=True, of=users)
_FORGET = delete(users).where(is_among(users.c.agent_of_id, "workspace_ids"))


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
        "agent_of_id": workspace_id,
        "token_generation": 0,
        "created_at": uow.now,
        "updated_at": uow.now,
    }
    uow.connection.execute(_INSERT, row)


def find_assignable_agents(uow: UnitOfWork, workspace_id: str, ids: Collection[str]) -> set[str]:
    """Return the ids among ``ids`` of a workspace's agents that are not deleted, and lock them until the commit.

    Args:
        workspace_id: The workspace of the agents.
        ids: The ids of users, of which any may be unknown.
    """
    if not ids:
        return set()
    parameters = {"_workspace_id": workspace_id, "_ids": list(ids), "_user_id": uow.principal_id}
    return {row.id for row in uow.connection.execute(_ASSIGNABLE, parameters)}


def list_assignable_agents(uow: UnitOfWork, workspace_id: str) -> list[tuple[str, str]]:
    """Return the id and name of each agent of a workspace that is not deleted.

    Args:
        workspace_id: The workspace of the agents.
    """
    parameters = {"_workspace_id": workspace_id, "_user_id": uow.principal_id}
    rows = uow.connection.execute(_OF_MEMBERS, parameters)
    return [(row.id, row.name) for row in rows]


def is_agent_user(uow: UnitOfWork, workspace_id: str, id: str) -> bool:
    """Return whether an id belongs to an agent of the workspace; a deleted agent counts too.

    Args:
        workspace_id: The workspace of the agent.
        id: The id of a user.
    """
    parameters = {"_workspace_id": workspace_id, "_id": id}
    return uow.connection.execute(_THIS_ONE, parameters).first() is not None


def rename_agent_user(uow: UnitOfWork, id: str, name: str) -> None:
    """Rename the user of an agent; past activity then shows the new name.

    Args:
        id: The id of the agent, which is also that of its user.
        name: The new name, of at most 100 characters.
    """
    uow.connection.execute(_UPDATE, {"_id": id, "name": name, "updated_at": uow.now})


def retire_agent_user(uow: UnitOfWork, id: str) -> None:
    """Mark the user of a deleted agent: it keeps its name, but cards can no longer be assigned to it.

    Args:
        id: The id of the agent, which is also that of its user.
    """
    uow.connection.execute(_UPDATE, {"_id": id, "email_key": f"former-agent:{id}", "updated_at": uow.now})


def delete_agent_users(uow: UnitOfWork, workspace_ids: Collection[str]) -> None:
    """Delete the users of the agents of deleted workspaces.

    Args:
        workspace_ids: The deleted workspaces; may be empty.
    """
    if workspace_ids:
        uow.connection.execute(_FORGET, {"_workspace_ids": list(workspace_ids)})
