"""Robots: the names that agents go by. Each is a user's row that nobody can log in with, mention, or make a member.

So that what an agent does bears its id wherever a user's would stand.
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


def create_robot(uow: UnitOfWork, id: str, workspace_id: str, name: str) -> None:
    """Give an agent a name to go by, under its own id."""
    row = {
        "id": id,
        "email": "",
        # No address is like that, so that nobody is looked up by it.
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


def list_robots(uow: UnitOfWork, workspace_id: str) -> list[tuple[str, str]]:
    """Return the id and the name of each agent that a workspace has, or has had."""
    rows = uow.connection.execute(_LIST, {"_workspace_id": workspace_id})
    return [(row.id, row.name) for row in rows]


def is_robot(uow: UnitOfWork, workspace_id: str, id: str) -> bool:
    """Return whether an id is that of an agent that a workspace has, or has had."""
    place = {"_workspace_id": workspace_id, "_id": id}
    return uow.connection.execute(_THIS_ONE, place).first() is not None


def rename_robot(uow: UnitOfWork, id: str, name: str) -> None:
    """Let an agent go by another name, also on what it has done before."""
    uow.connection.execute(_RENAME, {"_id": id, "name": name, "updated_at": uow.now})


def forget_robots(uow: UnitOfWork, workspace_ids: Collection[str]) -> None:
    """Forget the names of agents whose workspaces are gone, with all that they have done."""
    if workspace_ids:
        uow.connection.execute(_FORGET, {"_workspace_ids": list(workspace_ids)})
