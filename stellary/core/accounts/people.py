"""Users and their access to workspaces, for other areas."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import attrs
from sqlalchemy import Connection, Select, and_, bindparam, or_, select

from stellary.core.accounts.audience import ACTIVE, audience, leads, seen_by, sees
from stellary.core.accounts.project_sight import knows, sees_project
from stellary.core.accounts.row_types import PersonRow
from stellary.core.accounts.tables import organization_members, organizations, users, workspaces
from stellary.core.db.base import is_among, is_given
from stellary.core.db.direct_connection import queue_statement
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import RightsLost
from stellary.core.kernel.unit import UnitOfWork


@attrs.frozen
class Person:
    """A user: id, address and name."""

    id: str
    email: str
    name: str


@attrs.frozen
class Contact(Person):
    """A user who may be contacted.

    Attributes:
        external_id: The id of the user in the application that embeds the core; None without one.
    """

    external_id: str | None


_PERSON = (users.c.id, users.c.email, users.c.name)
_CONTACT = select(*_PERSON, users.c.external_id, users.c.unverified_since).where(
    is_given(users.c.id, "user_id"), ACTIVE, users.c.email != ""
)
_BY_IDS: Select[Any] = select(*_PERSON).where(is_among(users.c.id))
_REACHING: Select[Any] = select(*_PERSON).where(ACTIVE, sees(users.c.id, bindparam("_workspace_id")))
_REACHING_OF = Query(PersonRow, _REACHING.where(is_among(users.c.id)))
_SEEING_OF = Query(
    PersonRow,
    _REACHING.where(
        is_among(users.c.id), sees_project(users.c.id, bindparam("_project_id"), bindparam("_workspace_id"))
    ),
)
_WITH_MEMBERSHIP: Select[Any] = select(
    *_PERSON, and_(ACTIVE, sees(users.c.id, bindparam("_workspace_id"))).label("reaches")
).where(is_among(users.c.id))
_CALLER_KNOWS = knows(bindparam("_user_id"), users.c.id, bindparam("_workspace_id"))
_REACHING_BY_EMAILS = _REACHING.add_columns(users.c.email_key).where(
    is_among(users.c.email_key), _CALLER_KNOWS
)
_shared = workspaces.alias("shared")
_KNOWN = (
    select(*_PERSON)
    .join_from(users, _shared, or_(sees(users.c.id, _shared.c.id), users.c.agent_of_id == _shared.c.id))
    .where(
        ACTIVE,
        knows(bindparam("_user_id"), users.c.id, _shared.c.id),
        or_(*(column.in_(bindparam("_texts", expanding=True)) for column in (users.c.id, users.c.email_key))),
    )
    .distinct()
)
_COLLEAGUES = _KNOWN.where(_shared.c.id.in_(seen_by(bindparam("_user_id"))))
_IN_WORKSPACE = _KNOWN.where(is_given(_shared.c.id, "workspace_id"))
_IN_ORGANIZATION = select(organization_members.c.user_id).where(
    is_given(organization_members.c.organization_id), is_given(organization_members.c.user_id)
)
_AUDIENCE = audience(bindparam("_workspace_id"))
_ADMINS = _AUDIENCE.where(leads(users.c.id, bindparam("_workspace_id")))
_NEXT_PEOPLE = (
    select(users.c.id)
    .where(users.c.id > bindparam("_after"), ACTIVE, users.c.agent_of_id.is_(None))
    .order_by(users.c.id)
    .limit(bindparam("_limit"))
)
_OTHERS = _AUDIENCE.where(users.c.id != bindparam("_user_id")).limit(1)
KNOWN_AUDIENCE: Select[Any] = _AUDIENCE.where(_CALLER_KNOWS)
"""The users with access to a workspace, as far as the user ``_user_id`` knows them: ``id``, ``name``, ``email``."""
_LOCK_WORKSPACE: Select[Any] = (
    select(workspaces.c.id)
    .join_from(organizations, workspaces, workspaces.c.organization_id == organizations.c.id)
    .where(is_given(workspaces.c.id, "workspace_id"))
    .with_for_update(read=True)
)


def load_people(uow: UnitOfWork, ids: Collection[str]) -> dict[str, Person]:
    """Return users by id, in the order of the ids, whether or not they belong to any organization.

    Args:
        ids: The ids of the users; unknown ones are missing in the result.
    """
    return read_people(uow.connection, ids)


def read_people(connection: Connection, ids: Collection[str]) -> dict[str, Person]:
    """Return the same as ``load_people``, for readers without a unit of work.

    Args:
        connection: A connection to the database.
        ids: The ids of the users; unknown ones are missing in the result.
    """
    if not ids:
        return {}
    rows = connection.execute(_BY_IDS, {"_ids": list(ids)})
    people_by_id = {row[0]: Person(*row) for row in rows}
    return {id: people_by_id[id] for id in ids if id in people_by_id}


def find_contact(uow: UnitOfWork, user_id: str) -> Contact | None:
    """Return a user who may be contacted; None if the account is deactivated or deleted.

    Where addresses have to be confirmed, users who have not done so may not be contacted.

    Args:
        uow: The unit.
        user_id: The user.
    """
    row = uow.connection.execute(_CONTACT, {"_user_id": user_id}).first()
    if row is None or (row.unverified_since is not None and uow.env.verify_email):
        return None
    return Contact(*row[:4])


def reaching(uow: UnitOfWork, workspace_id: str, ids: Collection[str]) -> dict[str, Person]:
    """Return the users who have access to a workspace, by id. A lock preserves their access until the transaction ends.

    Args:
        workspace_id: The workspace.
        ids: The ids of the users to check; those without access are missing in the result.
    """
    return queue_reaching(uow, workspace_id, ids)()


def queue_reaching(
    uow: UnitOfWork, workspace_id: str, ids: Collection[str], project_id: str | None = None
) -> Callable[[], dict[str, Person]]:
    """Send the statements of ``reaching`` together with later ones, and return a function that returns its result.

    Args:
        workspace_id: The workspace.
        ids: The ids of the users to check; those without access are missing in the result.
        project_id: A project that they have to see as well.
    """
    if not ids:
        return dict
    _lock_membership(uow, workspace_id)
    return queue_members(uow, workspace_id, ids, project_id)


def queue_members(
    uow: UnitOfWork, workspace_id: str, ids: Collection[str], project_id: str | None = None
) -> Callable[[], dict[str, Person]]:
    """Send the statement of ``reaching`` together with later ones, without a lock, and return a function that returns its result.

    Args:
        workspace_id: The workspace.
        ids: The ids of the users to look up; those without access are missing in the result.
        project_id: A project that they have to see as well.
    """
    if not ids:
        return dict
    query, parameters = _REACHING_OF, {"_workspace_id": workspace_id, "_ids": list(ids)}
    if project_id is not None:
        query, parameters["_project_id"] = _SEEING_OF, project_id
    rows = query.queue(uow.connection, parameters)

    def read() -> dict[str, Person]:
        people = [Person(row.id, row.email, row.name) for row in rows.all()]
        uow.members.update({(workspace_id, person.id): person.name for person in people})
        return {person.id: person for person in people}

    return read


def reaches(uow: UnitOfWork, workspace_id: str, user_id: str) -> bool:
    """Return whether a user has access to a workspace now.

    Args:
        workspace_id: The workspace.
        user_id: The user.
    """
    parameters = {"_workspace_id": workspace_id, "_ids": [user_id]}
    return _REACHING_OF.first(uow.connection, parameters) is not None


def emit_rights_lost(
    uow: UnitOfWork, event: type[RightsLost], workspace_id: str, user_id: str, owner_id: str
) -> None:
    """Emit that a user has lost rights in a workspace. The admin who takes them away takes over what the user leaves behind.

    Args:
        uow: A unit that may write.
        event: The class of the event.
        workspace_id: The workspace.
        user_id: The user.
        owner_id: The owner of the workspace, who takes over if the user gives up the rights.
    """
    uow.members.pop((workspace_id, user_id), None)
    successor_id = owner_id if uow.user_id == user_id else uow.user_id
    uow.emit(event(workspace_id=workspace_id, user_id=user_id, successor_id=successor_id))


def is_in_organization(uow: UnitOfWork, organization_id: str, user_id: str) -> bool:
    """Return whether a user is a member of an organization.

    Args:
        organization_id: The organization.
        user_id: The user.
    """
    parameters = {"_organization_id": organization_id, "_user_id": user_id}
    return uow.connection.execute(_IN_ORGANIZATION, parameters).first() is not None


def has_other_members(uow: UnitOfWork, workspace_id: str, user_id: str) -> bool:
    """Return whether any other user has access to a workspace.

    Args:
        workspace_id: The workspace.
        user_id: The user who does not count.
    """
    parameters = {"_workspace_id": workspace_id, "_user_id": user_id}
    return uow.connection.execute(_OTHERS, parameters).first() is not None


def list_admins(uow: UnitOfWork, workspace_id: str) -> list[str]:
    """Return the ids of the admins of a workspace, and of its organization unless it is personal.

    Args:
        workspace_id: The workspace.
    """
    rows = uow.connection.execute(_ADMINS, {"_workspace_id": workspace_id})
    return sorted(row.id for row in rows)


def list_next_people(uow: UnitOfWork, after: str, limit: int) -> list[str]:
    """Return the ids of the next active people, without agents, in the order of their ids.

    Args:
        after: The id after which they come.
        limit: The maximum number of people.
    """
    return list(uow.connection.execute(_NEXT_PEOPLE, {"_after": after, "_limit": limit}).scalars())


def all_reaching(uow: UnitOfWork, workspace_id: str) -> list[Person]:
    """Return all users with access to a workspace, as far as the caller knows them.

    Args:
        workspace_id: The workspace.
    """
    parameters = {"_workspace_id": workspace_id, "_user_id": uow.principal_id}
    rows = uow.connection.execute(KNOWN_AUDIENCE, parameters)
    return [Person(row.id, row.email, row.name) for row in rows]


def load_colleagues(uow: UnitOfWork, texts: Collection[str], workspace_id: str | None = None) -> list[Person]:
    """Return the users with one of some ids or addresses who have access to a workspace, and its agents, deleted ones included.

    Args:
        texts: The ids, and the addresses as ``address_key`` returns them.
        workspace_id: The workspace; None for all workspaces that the caller has access to.
    """
    parameters: dict[str, object] = {"_texts": list(texts)}
    parameters["_user_id"] = uow.principal_id
    if workspace_id is None:
        rows = uow.connection.execute(_COLLEAGUES, parameters)
    else:
        rows = uow.connection.execute(_IN_WORKSPACE, {**parameters, "_workspace_id": workspace_id})
    return [Person(*row) for row in rows]


def load_with_membership(
    uow: UnitOfWork, workspace_id: str, ids: Collection[str]
) -> dict[str, tuple[Person, bool]]:
    """Return users by id, with a flag for those who have access to the workspace now.

    Args:
        workspace_id: The workspace.
        ids: The ids of the users; unknown ones are missing in the result.
    """
    if not ids:
        return {}
    rows = uow.connection.execute(_WITH_MEMBERSHIP, {"_workspace_id": workspace_id, "_ids": list(ids)})
    return {row.id: (Person(row.id, row.email, row.name), row.reaches) for row in rows}


def reaching_by_emails(uow: UnitOfWork, workspace_id: str, email_keys: Collection[str]) -> dict[str, Person]:
    """Return the users with access to a workspace who have one of the addresses and are known to the caller, by address.

    A lock keeps their access until the transaction ends.

    Args:
        uow: The unit, which may write.
        workspace_id: The workspace.
        email_keys: The addresses, as ``address_key`` returns them.

    Returns:
        The users, by ``email_key``.
    """
    if not email_keys:
        return {}
    _lock_membership(uow, workspace_id)
    parameters = {
        "_workspace_id": workspace_id,
        "_email_keys": list(email_keys),
        "_user_id": uow.principal_id,
    }
    rows = uow.connection.execute(_REACHING_BY_EMAILS, parameters)
    return {row.email_key: Person(row.id, row.email, row.name) for row in rows}


def _lock_membership(uow: UnitOfWork, workspace_id: str) -> None:
    # Removing a member locks the workspace or the organization, so the two transactions wait for each other.
    if uow.connection.dialect.name == "postgresql":
        queue_statement(uow.connection, _LOCK_WORKSPACE, {"_workspace_id": workspace_id})
