"""Aiming: what is meant by the names that an action gives to projects, columns, cards, labels and people.

Each function checks access to the workspace, so that names are looked up among what the caller sees and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs
from sqlalchemy import Row, Select, bindparam, select

from stellary.contract.limits import ID_PATTERN
from stellary.contract.refs import CardRef, ProjectRef, WorkspaceRef
from stellary.contract.unset import UNSET, Unset
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts import people
from stellary.core.board import searching
from stellary.core.board.rules.name_matching import Candidate, build_ambiguity_error, first_names, resolve_one
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards, columns, labels, projects, scopes
from stellary.core.kernel.unit import UnitOfWork

NEAR_CARDS = 1_000
_KEY = re.compile(r"([A-Za-z]{2,6})-([0-9]{1,9})", re.ASCII)

_HERE = projects.c.workspace_id == bindparam("_workspace_id")
_IN_PROJECT = projects.c.id == bindparam("_project_id")
_PROJECTS: Select[Any] = select(projects.c.id, projects.c.name, projects.c.key).where(_HERE)
_COLUMNS: Select[Any] = (
    select(columns.c.id, columns.c.name, columns.c.scope_id)
    .join_from(columns, projects, projects.c.id == columns.c.project_id)
    .join(scopes, scopes.c.id == columns.c.scope_id)
    .where(_HERE, _IN_PROJECT)
    .order_by(scopes.c.position, scopes.c.id, columns.c.position, columns.c.id)
)
_LABELS: Select[Any] = (
    select(labels.c.id, labels.c.name)
    .join_from(labels, projects, projects.c.id == labels.c.project_id)
    .where(_HERE, _IN_PROJECT)
)
_SCOPES: Select[Any] = (
    select(scopes.c.id, scopes.c.name)
    .join_from(scopes, projects, projects.c.id == scopes.c.project_id)
    .where(_HERE, _IN_PROJECT)
)
_CARDS: Select[Any] = (
    select(cards.c.id, cards.c.title, cards.c.project_id, cards.c.scope_id)
    .join_from(cards, projects, projects.c.id == cards.c.project_id)
    .where(_HERE)
)
_CARD_BY_ID = _CARDS.where(cards.c.id == bindparam("_said"))
_CARD_BY_KEY = _CARDS.where(projects.c.key == bindparam("_key"), cards.c.number == bindparam("_number"))
_BY_TITLE = _CARDS.where(searching.folded(cards.c.title) == searching.folded(bindparam("_said"))).limit(10)
_NEWEST = _CARDS.where(~cards.c.archived).order_by(cards.c.updated_at.desc(), cards.c.id).limit(NEAR_CARDS)
_BY_TITLE_HERE, _NEWEST_HERE = (rows.where(_IN_PROJECT) for rows in (_BY_TITLE, _NEWEST))


@attrs.frozen
class ResolvedCard:
    """The card that is meant.

    Attributes:
        scope_id: Its work package, whose columns are meant first.
    """

    ref: CardRef
    workspace_id: str
    scope_id: str

    @property
    def project(self) -> ProjectRef:
        return self.ref.parent(ProjectRef)


def resolve_workspace(uow: UnitOfWork, ref: WorkspaceRef) -> str:
    """The id of the workspace.

    Raises:
        NotFound: The caller does not reach it.
    """
    found: str = accounts_access.workspace(uow, ref).row.id
    return found


def resolve_project(uow: UnitOfWork, ref: WorkspaceRef, said: str, field: str = "projectId") -> ProjectRef:
    """The project that is meant by an id, a key or a name.

    Raises:
        NotFound: The caller does not reach the workspace.
        Invalid: It has no such project, or several.
    """
    return _project(uow, ref, resolve_workspace(uow, ref), said, field)


def _project(uow: UnitOfWork, ref: WorkspaceRef, workspace_id: str, said: str, field: str) -> ProjectRef:
    rows = uow.connection.execute(_PROJECTS, {"_workspace_id": workspace_id})
    things = [Candidate(row.id, (row.name, row.key)) for row in rows if _is_there(uow, row.id)]
    return ref.child(ProjectRef, resolve_one(said, things, field))


def _is_there(uow: UnitOfWork, project_id: str) -> bool:
    limits = uow.actor.agent_limits
    return limits is None or limits.sees(project_id)


def resolve_column(
    uow: UnitOfWork, ref: ProjectRef, said: str | Unset, field: str = "column", scope_id: str | None = None
) -> str:
    """The id of the column of a project that is meant by an id or a name; its first one if nothing is said.

    Args:
        uow: The unit.
        ref: The project.
        said: What was said.
        field: Where.
        scope_id: The work package in which it is looked for first; the project's first one if not given.

    Raises:
        NotFound: The caller does not reach the workspace.
        Invalid: It has no such column, or several.
    """
    id = Columns(uow, ref, scope_id).resolve_one(said, field)
    uow.record_dependency("named column", id)
    return id


class Columns:
    """The columns of a project, to be named.

    Args:
        uow: The unit.
        ref: The project.
        scope_id: The work package whose columns are meant first; the project's first one if not given.
    """

    def __init__(self, uow: UnitOfWork, ref: ProjectRef, scope_id: str | None = None) -> None:
        place = {"_workspace_id": resolve_workspace(uow, ref), "_project_id": ref.project_id}
        rows = uow.connection.execute(_COLUMNS, place).fetchall()
        first = scope_id or (rows[0].scope_id if rows else None)
        self._all = [Candidate(row.id, (row.name,)) for row in rows]
        self._near = [Candidate(row.id, (row.name,)) for row in rows if row.scope_id == first]

    def resolve_one(self, said: str | Unset, field: str) -> str:
        """The id of the one that is meant, the first if nothing is said.

        Raises:
            Invalid: There is no such column, or there are several.
        """
        if said is UNSET:
            if not self._all:
                raise unknown(field)
            return self._all[0].id
        folded = said.casefold()
        here = [thing for thing in self._near if said == thing.id or folded == thing.names[0].casefold()]
        return resolve_one(said, here or self._all, field)


def list_columns(uow: UnitOfWork, workspace_id: str, project_id: str) -> list[Candidate]:
    """Return the columns of a project in the order of the board."""
    return _list_named(uow, _COLUMNS, workspace_id, project_id)


def list_scopes(uow: UnitOfWork, workspace_id: str, project_id: str) -> list[Candidate]:
    """Return the work packages of a project."""
    return _list_named(uow, _SCOPES, workspace_id, project_id)


def list_labels(uow: UnitOfWork, workspace_id: str, project_id: str) -> list[Candidate]:
    """Return the labels of a project."""
    return _list_named(uow, _LABELS, workspace_id, project_id)


def _list_named(uow: UnitOfWork, rows: Select[Any], workspace_id: str, project_id: str) -> list[Candidate]:
    place = {"_workspace_id": workspace_id, "_project_id": project_id}
    return [Candidate(row.id, (row.name,)) for row in uow.connection.execute(rows, place)]


def list_people(uow: UnitOfWork, workspace_id: str) -> list[Candidate]:
    """Return the people who reach a workspace, by name and e-mail address."""
    everybody = people.all_reaching(uow, workspace_id)
    return [Candidate(each.id, (each.name, each.email), first_names(each.name)) for each in everybody]


def list_addresses(uow: UnitOfWork, workspace_id: str) -> list[tuple[str, str]]:
    """Return the id and the e-mail address of each person who reaches a workspace."""
    return [(person.id, person.email) for person in people.all_reaching(uow, workspace_id)]


def resolve_label(uow: UnitOfWork, found: ResolvedCard, said: str, field: str = "label") -> str:
    """The id of the label of a card's project that is meant by an id or a name.

    Raises:
        Invalid: The project has no such label, or several.
    """
    id = resolve_one(said, list_labels(uow, found.workspace_id, found.ref.project_id), field)
    uow.record_dependency("named label", id)
    return id


def resolve_person(uow: UnitOfWork, workspace_id: str, said: str, field: str) -> str:
    """The id of whoever of those who reach a workspace is meant by an id, an e-mail address, a name, or a first
    name that is nobody else's.

    Raises:
        Invalid: Nobody is called so, or several are.
    """
    return resolve_people(uow, workspace_id, {field: said})[field]


def resolve_people(uow: UnitOfWork, workspace_id: str, said: Mapping[str, str]) -> dict[str, str]:
    """The same for several at once, by where each was said.

    Raises:
        Invalid: One of them is nobody, or could be several people.
    """
    things = list_people(uow, workspace_id)
    found = {field: resolve_one(each, things, field) for field, each in said.items()}
    for id in found.values():
        uow.record_dependency("named person", id)
    return found


def resolve_card(
    uow: UnitOfWork, ref: WorkspaceRef, said: str, project_said: str | Unset = UNSET, field: str = "cardId"
) -> ResolvedCard:
    """The card that is meant by an id, a key or a title.

    A title that is not exactly right is looked for among the cards on the boards that were changed last.

    Args:
        uow: The unit.
        ref: The workspace.
        said: What was said.
        project_said: The project in which it has to be, by id, key or name.
        field: Where it was said.

    Raises:
        NotFound: The caller does not reach the workspace.
        Invalid: It has no such card, or several.
    """
    workspace_id = resolve_workspace(uow, ref)
    place = {"_workspace_id": workspace_id}
    project_id = None
    if project_said is not UNSET:
        project_id = _project(uow, ref, workspace_id, project_said, "projectId").project_id
        place["_project_id"] = project_id
    row = _card(uow, said, place, field)
    if project_id not in (None, row.project_id) or not _is_there(uow, row.project_id):
        raise unknown(field)
    return ResolvedCard(ref.child(CardRef, row.project_id, row.id), workspace_id, row.scope_id)


def _card(uow: UnitOfWork, said: str, place: Mapping[str, str], field: str) -> Row[Any]:
    row = None
    if re.fullmatch(ID_PATTERN, said):
        row = uow.connection.execute(_CARD_BY_ID, {**place, "_said": said}).first()
    elif key := _KEY.fullmatch(said):
        named = {"_key": key[1].upper(), "_number": int(key[2])}
        row = uow.connection.execute(_CARD_BY_KEY, {**place, **named}).first()
    return _card_by_title(uow, said, place, field) if row is None else row


def _card_by_title(uow: UnitOfWork, said: str, place: Mapping[str, str], field: str) -> Row[Any]:
    searching.prepare(uow)
    by_title, newest = (_BY_TITLE_HERE, _NEWEST_HERE) if "_project_id" in place else (_BY_TITLE, _NEWEST)
    rows = uow.connection.execute(by_title, {**place, "_said": said}).fetchall()
    rows = [row for row in rows if _is_there(uow, row.project_id)]
    if len(rows) > 1:
        raise build_ambiguity_error(field, said, [Candidate(row.id, (row.title,)) for row in rows])
    if rows:
        return rows[0]
    found = uow.connection.execute(newest, place)
    near = {row.id: row for row in found if _is_there(uow, row.project_id)}
    return near[resolve_one(said, [Candidate(row.id, (row.title,)) for row in near.values()], field)]
