"""Resolving the names that actions give to projects, columns, cards, labels and people.

Each function checks access to the workspace, so that names only match items that the caller can see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import attrs
from sqlalchemy import Select, literal, select

from stellary.contract.limits import ID_PATTERN
from stellary.contract.refs import CardRef, FlatCardRef, ProjectRef, WorkspaceRef
from stellary.contract.wire import UNSET, Unset, invalid
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts import people
from stellary.core.accounts.agent_users import list_assignable_agents
from stellary.core.accounts.rules import CallerRoles, ProjectSight
from stellary.core.board.changes.card_keys import resolve_card_key
from stellary.core.board.queries import searching
from stellary.core.board.row_types import NamedCardRow, TitleRow
from stellary.core.board.rules.name_matching import (
    Candidate,
    build_ambiguity_error,
    build_no_match_error,
    find_matches,
    first_names,
    resolve_one,
)
from stellary.core.board.rules.references import unknown
from stellary.core.board.tables import cards, columns, labels, projects, scopes
from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork

_Titled = TypeVar("_Titled", bound=TitleRow)
_KEY = re.compile(r"([A-Za-z]{2,6})-([0-9]{1,9})", re.ASCII)

_IN_WORKSPACE = is_given(projects.c.workspace_id)
_IN_PROJECT = is_given(projects.c.id, "project_id")
_PROJECTS: Select[Any] = select(projects.c.id, projects.c.name, projects.c.key).where(_IN_WORKSPACE)
_COLUMNS: Select[Any] = (
    select(columns.c.id, columns.c.name, columns.c.scope_id, scopes.c.name.label("place"))
    .join_from(columns, projects)
    .join(scopes, scopes.c.id == columns.c.scope_id)
    .where(_IN_WORKSPACE, _IN_PROJECT)
    .order_by(scopes.c.position, scopes.c.id, columns.c.position, columns.c.id)
)
_LABELS, _SCOPES = (
    select(table.c.id, table.c.name, literal("").label("place"))
    .join_from(table, projects)
    .where(_IN_WORKSPACE, _IN_PROJECT)
    for table in (labels, scopes)
)
_CARDS: Select[Any] = (
    select(cards.c.id, cards.c.title, cards.c.project_id, cards.c.scope_id)
    .join_from(cards, projects)
    .where(_IN_WORKSPACE)
)
_CARD_BY_ID = Query(NamedCardRow, _CARDS.where(is_given(cards.c.id, "text")))
_CARD_BY_KEY = Query(NamedCardRow, _CARDS.where(is_given(projects.c.key), is_given(cards.c.number)))
_RECENT = (
    _CARDS.where(~cards.c.archived)
    .order_by(cards.c.updated_at.desc(), cards.c.id)
    .limit(searching.TITLES_MAX)
)
_ANYWHERE, _HERE = (
    [
        Query(NamedCardRow, rows.where(*conditions))
        for rows in (*searching.select_titled(_CARDS, cards.c.title), _RECENT)
    ]
    for conditions in ((), (_IN_PROJECT,))
)


@attrs.frozen
class ResolvedCard:
    """A card that a name was resolved to.

    Attributes:
        scope_id: The scope of the card, whose columns match by name.
    """

    ref: CardRef
    workspace_id: str
    scope_id: str

    @property
    def project(self) -> ProjectRef:
        return self.ref.parent(ProjectRef)


def resolve_workspace(uow: UnitOfWork, ref: WorkspaceRef) -> str:
    """Return the id of the workspace.

    Args:
        ref: The workspace.

    Raises:
        NotFound: The caller has no access to it.
    """
    return accounts_access.workspace(uow, ref).row.id


def resolve_project(uow: UnitOfWork, ref: WorkspaceRef, text: str, field: str = "projectId") -> ProjectRef:
    """Return the project that an id, a key or a name refers to.

    Args:
        ref: The workspace.
        text: The id, the key or the name.
        field: The field with the text, for the message of an error.

    Raises:
        NotFound: The caller has no access to the workspace.
        Invalid: No project matches, or several do.
    """
    return _project(uow, ref, accounts_access.workspace(uow, ref).roles, text, field)


def resolve_other_project(uow: UnitOfWork, ref: ProjectRef, text: str, path: str = "") -> ProjectRef:
    """Return the project that ``targetProjectId`` refers to, the destination of a card of another one.

    Args:
        ref: The project of the card.
        text: The id, the key or the name.
        path: The path of the field, for the message of an error.

    Raises:
        Invalid: No other project matches, or several do.
    """
    field = f"{path}targetProjectId"
    project = resolve_project(uow, ref.parent(WorkspaceRef), text, field)
    if project.project_id == ref.project_id:
        raise invalid((field, "must be another project"))
    return project


def _project(uow: UnitOfWork, ref: WorkspaceRef, roles: CallerRoles, text: str, field: str) -> ProjectRef:
    rows = uow.connection.execute(_PROJECTS, {"_workspace_id": roles.workspace_id})
    candidates = [Candidate(row.id, (row.name, row.key)) for row in rows if roles.sight.sees(row.id)]
    id = resolve_one(text, candidates, field)
    uow.record_dependency(f"project in {field}", id)
    return ref.child(ProjectRef, id)


def resolve_column(
    uow: UnitOfWork, ref: ProjectRef, text: str | Unset, field: str = "column", scope_id: str | None = None
) -> str:
    """Return the id of the column that an id or a name refers to; the first column without a name.

    Args:
        ref: The project.
        text: The id or the name.
        field: The wire name of the field that has the text.
        scope_id: The only scope whose columns match by name. Default: all scopes.

    Raises:
        NotFound: The caller has no access to the workspace.
        Invalid: No column matches, or several do.
    """
    return ColumnNames(uow, ref, scope_id).resolve(text, field)


class ColumnNames:
    """The columns of a project, by name.

    Args:
        uow: The unit of work.
        ref: The project.
        scope_id: The only scope whose columns match by name. Default: all scopes.
    """

    def __init__(self, uow: UnitOfWork, ref: ProjectRef, scope_id: str | None = None) -> None:
        self._uow = uow
        roles = accounts_access.workspace(uow, ref).roles
        parameters = {"_workspace_id": roles.workspace_id, "_project_id": ref.project_id}
        rows = (
            uow.connection.execute(_COLUMNS, parameters).fetchall()
            if roles.sight.sees(ref.project_id)
            else []
        )
        self._all = [Candidate(row.id, (row.name,), place=row.place) for row in rows]
        self._ids: dict[str | Unset, str] = {}
        self._elsewhere = {row.id for row in rows if scope_id not in (None, row.scope_id)}

    def resolve(self, text: str | Unset, field: str) -> str:
        """Return the id of the column that a text refers to; the first column without a text.

        Args:
            text: An id or a name.
            field: The wire name of the field that has the text.

        Raises:
            Invalid: No column matches, or several do.
        """
        if text is UNSET and not self._all:
            raise unknown(field)
        if text not in self._ids:
            self._ids[text] = self._all[0].id if text is UNSET else self._resolve(text, field)
        id = self._ids[text]
        self._uow.record_dependency(f"column in {field}", id)
        return id

    def _resolve(self, text: str, field: str) -> str:
        here = [
            candidate
            for candidate in self._all
            if candidate.id == text or candidate.id not in self._elsewhere
        ]
        matches = find_matches(text, here)
        elsewhere = [] if matches else find_matches(text, self._all)
        if elsewhere:
            raise build_ambiguity_error(field, text, elsewhere)
        return resolve_one(text, matches or self._all, field)


def list_columns(uow: UnitOfWork, workspace_id: str, project_id: str) -> list[Candidate]:
    """Return the columns of a project in board order.

    Args:
        workspace_id: The workspace of the project.
        project_id: The project.
    """
    return _list_candidates(uow, _COLUMNS, workspace_id, project_id)


def list_scopes(uow: UnitOfWork, workspace_id: str, project_id: str) -> list[Candidate]:
    """Return the scopes of a project.

    Args:
        workspace_id: The workspace of the project.
        project_id: The project.
    """
    return _list_candidates(uow, _SCOPES, workspace_id, project_id)


def list_labels(uow: UnitOfWork, workspace_id: str, project_id: str) -> list[Candidate]:
    """Return the labels of a project.

    Args:
        workspace_id: The workspace of the project.
        project_id: The project.
    """
    return _list_candidates(uow, _LABELS, workspace_id, project_id)


def _list_candidates(
    uow: UnitOfWork, names: Select[Any], workspace_id: str, project_id: str
) -> list[Candidate]:
    rows = uow.connection.execute(names, {"_workspace_id": workspace_id, "_project_id": project_id})
    return [Candidate(row.id, (row.name,), place=row.place) for row in rows]


def list_people(uow: UnitOfWork, workspace_id: str) -> list[Candidate]:
    """Return the people with access to a workspace, by name and e-mail address.

    Args:
        workspace_id: The workspace.
    """
    members = people.all_reaching(uow, workspace_id)
    # A name can be chosen freely: one with an "@" could be the address of another person.
    return [
        Candidate(person.id, (person.email,))
        if "@" in person.name
        else Candidate(person.id, (person.name, person.email), first_names(person.name))
        for person in members
    ]


def list_addresses(uow: UnitOfWork, workspace_id: str) -> list[tuple[str, str]]:
    """Return the id and the e-mail address of each person with access to a workspace.

    Args:
        workspace_id: The workspace.
    """
    return [(person.id, person.email) for person in people.all_reaching(uow, workspace_id)]


def resolve_label(uow: UnitOfWork, card: ResolvedCard, text: str, field: str = "label") -> str:
    """Return the id of the label of a card's project that an id or a name refers to.

    Args:
        card: The card, whose project has the label.
        text: The id or the name.
        field: The field with the text, for the message of an error.

    Raises:
        Invalid: No label matches, or several do.
    """
    id = resolve_one(text, list_labels(uow, card.workspace_id, card.ref.project_id), field)
    uow.record_dependency(f"label in {field}", id)
    return id


def list_assignees(uow: UnitOfWork, workspace_id: str) -> list[Candidate]:
    """Return the people with access to a workspace, and its agents: cards can be assigned to all of them.

    Args:
        workspace_id: The workspace.
    """
    agents = list_assignable_agents(uow, workspace_id)
    return [
        *list_people(uow, workspace_id),
        *(Candidate(id, (name,), first_names(name)) for id, name in agents),
    ]


def resolve_assignee(uow: UnitOfWork, workspace_id: str, text: str, field: str) -> str:
    """Return the id of the person or agent that an id, an e-mail address or a name refers to.

    Args:
        workspace_id: The workspace.
        text: The id, the e-mail address or the name.
        field: The field with the text, for the message of an error.

    Raises:
        Invalid: No person and no agent matches, or several do.
    """
    id = uow.user_id if is_caller(text) else resolve_one(text, list_assignees(uow, workspace_id), field)
    uow.record_dependency(f"person in {field}", id)
    return id


def is_caller(text: str) -> bool:
    """Return whether a text stands for the caller: ``me``, even if there is a person of that name."""
    return text.strip().casefold() == "me"


def resolve_people(uow: UnitOfWork, workspace_id: str, texts: Mapping[str, str]) -> dict[str, str]:
    """Return the ids of the people that several texts refer to, by field.

    Args:
        workspace_id: The workspace.
        texts: The ids, e-mail addresses or names, by the field that contains them.

    Raises:
        Invalid: A text matches no person, or several.
    """
    candidates = list_people(uow, workspace_id)
    ids = {field: resolve_one(text, candidates, field) for field, text in texts.items()}
    for field, id in ids.items():
        uow.record_dependency(f"person in {field}", id)
    return ids


def resolve_card(
    uow: UnitOfWork, ref: WorkspaceRef, text: str, project_text: str | Unset = UNSET, field: str = "cardId"
) -> ResolvedCard:
    """Return the card that an id, a key or a title refers to.

    The error for an unknown title suggests similar ones, of the most recently changed cards that are not archived.

    Args:
        ref: The workspace.
        text: The id, the key or the title.
        project_text: The project that the card must be in, by id, key or name.
        field: The wire name of the field that has the text.

    Raises:
        NotFound: The caller has no access to the workspace.
        Invalid: No card matches, or several do.
    """
    roles = accounts_access.workspace(uow, ref).roles
    workspace_id = roles.workspace_id
    parameters = {"_workspace_id": workspace_id}
    project_id = None
    if project_text is not UNSET:
        project_id = _project(uow, ref, roles, project_text, "projectId").project_id
        parameters["_project_id"] = project_id
    row = _card(uow, ref, roles.sight, text, parameters, field)
    if project_id not in (None, row.project_id) or not roles.sight.sees(row.project_id):
        raise unknown(field)
    uow.record_dependency(f"card in {field}", row.id)
    return ResolvedCard(ref.child(CardRef, row.project_id, row.id), workspace_id, row.scope_id)


def _card(
    uow: UnitOfWork,
    ref: WorkspaceRef,
    sight: ProjectSight,
    text: str,
    parameters: Mapping[str, str],
    field: str,
) -> NamedCardRow:
    row = None
    if re.fullmatch(ID_PATTERN, text):
        row = _CARD_BY_ID.first(uow.connection, {**parameters, "_text": text})
    elif key := _KEY.fullmatch(text):
        key_parameters = {"_key": key[1].upper(), "_number": int(key[2])}
        row = _CARD_BY_KEY.first(uow.connection, {**parameters, **key_parameters})
        if row is None and (card_id := resolve_card_key(uow, ref.child(FlatCardRef, text)).card_id):
            row = _CARD_BY_ID.first(uow.connection, {**parameters, "_text": card_id})
    if row is not None:
        return row
    queries = _HERE if "_project_id" in parameters else _ANYWHERE
    return resolve_title(uow, queries, parameters, text, field, lambda row: sight.sees(row.project_id))


def resolve_title(
    uow: UnitOfWork,
    queries: Sequence[Query[_Titled]],
    parameters: Mapping[str, object],
    text: str,
    field: str,
    is_visible: Callable[[_Titled], bool] = lambda row: True,
) -> _Titled:
    """Return the row with a title.

    Args:
        queries: Those of ``searching.select_titled``, and one for the rows whose titles an error suggests.
        parameters: The other parameters of the queries.
        text: The title.
        field: The field with the title, for the message of an error.
        is_visible: Returns whether the caller may see a row.

    Raises:
        Invalid: No row has the title, or several do.
    """
    searching.prepare(uow.connection)
    values = {**parameters, "_text": text, "_words": " ".join(text.split())}
    candidates: list[Candidate] = []
    for query in queries:
        rows_by_id = {row.id: row for row in query.all(uow.connection, values) if is_visible(row)}
        candidates = [Candidate(row.id, (row.title,)) for row in rows_by_id.values()]
        if candidates and query is not queries[-1]:
            return rows_by_id[resolve_one(text, candidates, field)]
    raise build_no_match_error(field, text, candidates)
