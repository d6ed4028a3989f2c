"""What there is: a project as it is by now, read by a number of requests that does not grow with it, but for pages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from stellary.client.project_setup._steps import Steps, all_rows
from stellary.client.project_setup.checking import related
from stellary.client.project_setup.declaration import Declaration
from stellary.client.project_setup.problems import Problems
from stellary.client.project_setup.references import references
from stellary.client.resources.projects import ProjectHandle
from stellary.client.resources.workspaces import WorkspaceHandle
from stellary.contract.automations import Automation
from stellary.contract.cards import Card
from stellary.contract.custom_fields import CustomField
from stellary.contract.errors import Forbidden
from stellary.contract.labels import Label
from stellary.contract.project_exports import ProjectFile
from stellary.contract.projects import Project
from stellary.contract.scopes import Scope
from stellary.contract.unset import UNSET

Place = WorkspaceHandle[Any] | ProjectHandle[Any]


@attrs.frozen
class Person:
    """Somebody who may be a member, or be assigned a card."""

    id: str
    email: str
    name: str


@attrs.frozen
class Edge:
    """How two cards belong together, by their ids: the first one ``blocks`` the second one. Said once for both.

    Attributes:
        type: ``blocks``, ``duplicates``, ``parent_of`` or ``related_to``; of the last the lower id comes first.
    """

    type: str
    source: str
    target: str


@attrs.frozen(kw_only=True)
class State:
    """What there is of a project; nothing of one that is still to be made.

    Attributes:
        scopes: By place, each with its columns by place.
        cards: By column and then by place; the archived ones last, where they matter.
        people: Who belongs to the workspace, and whoever is assigned to a card.
        members: The ids of the project's.
        me: The caller's id.
    """

    project: Project | None = None
    scopes: list[Scope] = attrs.field(factory=list)
    labels: list[Label] = attrs.field(factory=list)
    fields: list[CustomField] = attrs.field(factory=list)
    cards: list[Card] = attrs.field(factory=list)
    automations: list[Automation] = attrs.field(factory=list)
    edges: frozenset[Edge] = frozenset()
    people: list[Person] = attrs.field(factory=list)
    members: list[str] = attrs.field(factory=list)
    me: str = ""


@attrs.frozen
class Wanted:
    """What of a project has to be known."""

    archived: bool
    automations: bool
    relations: bool
    people: bool

    @classmethod
    def by(cls, declaration: Declaration, prune: bool) -> Wanted:
        """What a declaration makes it necessary to know."""
        cards = declaration.cards or []
        rules = declaration.automations or []
        named = [card.assignee for card in cards if card.assignee]
        return cls(
            archived=declaration.cards is not UNSET or prune,
            automations=declaration.automations is not UNSET,
            relations=any(
                next(related(card), None)
                or any(
                    getattr(card, name) is not UNSET
                    for name in ("parent", "blocks", "related_to", "duplicates")
                )
                for card in cards
            ),
            people=bool(named)
            or declaration.members is not UNSET
            or any(
                kind == "member"
                for rule in rules
                for said in (rule.conditions, rule.action.params)
                for _, kind, _, _ in references(said, "")
            ),
        )


EVERYTHING = Wanted(archived=True, automations=True, relations=True, people=True)


def workspace_of(at: Place) -> WorkspaceHandle[Any]:
    """The workspace of a handle; the handle itself if it is one."""
    if isinstance(at, WorkspaceHandle):
        return at
    place = {name: part for name, part in at._place.items() if name != "project_id"}  # noqa: SLF001 - of the SDK
    return WorkspaceHandle(at._caller, place)  # noqa: SLF001


def find_project(at: Place, declaration: Declaration, problems: Problems) -> Steps[ProjectHandle[Any] | None]:
    """The project that a declaration is about; None if it is still to be made.

    Raises:
        UnsuitableDeclaration: Several have its name, or it has another key.
    """
    if isinstance(at, ProjectHandle):
        return at
    wanted = declaration.project
    projects: list[Project] = yield from all_rows(at.projects.list)
    by_key = {each.key: each for each in projects}
    if wanted.key in by_key:
        return at.project(by_key[wanted.key])
    for name in (wanted.name, wanted.was):
        found = [each for each in projects if each.name == name]
        if len(found) > 1:
            keys = ", ".join(each.key for each in found)
            problems.note("project", f'there are several projects "{name}"; say by "key" which one: {keys}')
            problems.refuse()
        if found:
            return at.project(found[0])
    return None


def read_state(at: Place, project: ProjectHandle[Any] | None, wanted: Wanted) -> Steps[State]:
    """What there is, as far as it has to be known."""
    workspace = workspace_of(at)
    people: list[Any] = (yield from all_rows(workspace.members.list)) if wanted.people else []
    me = ""
    if wanted.people:
        account = yield from _account(at)
        people += account
        me = account[0].id if account else ""
    if project is None:
        return State(people=list(_people(people)), me=me)
    board = yield project.board()
    archived = (yield from all_rows(project.cards.list, archived=True)) if wanted.archived else []
    automations = (yield from all_rows(project.automations.list)) if wanted.automations else []
    file = (yield project.export()) if wanted.relations else None
    cards = [*board.cards, *archived]
    return State(
        project=board.project,
        scopes=board.scopes,
        labels=board.labels,
        fields=board.custom_fields,
        cards=cards,
        automations=automations,
        edges=frozenset() if file is None else _edges(file, cards),
        people=list(_people([*people, *board.members])),
        members=[each.user_id for each in board.members if each.is_member],
        me=me,
    )


def _account(at: Place) -> Steps[list[Any]]:
    """The caller; nobody for a token that may not tell."""
    from stellary.client.resources.auth import Auth

    try:
        answer = yield Auth(at._caller, {}).me()  # noqa: SLF001 - of the SDK
    except Forbidden:
        return []
    return [answer.user]


def _people(found: Iterable[Any]) -> Iterable[Person]:
    """Everybody once."""
    seen: set[str] = set()
    for each in found:
        id = getattr(each, "user_id", None) or each.id
        if id not in seen:
            seen.add(id)
            yield Person(id, each.email or "", each.name or "")


_FROM_TARGET = {"blocked_by": "blocks", "duplicated_by": "duplicates", "child_of": "parent_of"}


def edge(type: str, card: str, other: str) -> Edge:
    """How a relation is kept that is seen from a card."""
    if type in _FROM_TARGET:
        return Edge(_FROM_TARGET[type], other, card)
    if type == "related_to":
        return Edge(type, min(card, other), max(card, other))
    return Edge(type, card, other)


def _edges(file: ProjectFile, cards: Iterable[Card]) -> frozenset[Edge]:
    """The relations among a project's cards. A file's ids are its own: its cards are known by their numbers."""
    by_number = {card.number: card.id for card in cards}
    ids = {card.id: by_number.get(card.number) for card in file.cards}
    found = set()
    for card in file.cards:
        for relation in card.relations:
            source, target = ids[card.id], ids.get(relation.target_card_id or "")
            if source and target:
                found.add(edge(relation.type, source, target))
    return frozenset(found)
