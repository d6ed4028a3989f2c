"""The current state of a project, read page by page, without a request per item."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import attrs

from stellary.client.calling.frames import load_rows
from stellary.client.calling.steps import Steps
from stellary.client.methods.projects import ProjectHandle
from stellary.client.methods.workspaces import WorkspaceHandle
from stellary.client.project_setup.checking import RELATIONS
from stellary.client.project_setup.declaration import Declaration
from stellary.client.project_setup.problems import ProblemCollector
from stellary.client.project_setup.references import references
from stellary.contract.automations import Automation
from stellary.contract.cards import Card
from stellary.contract.custom_fields import CustomField
from stellary.contract.errors import Forbidden
from stellary.contract.labels import Label
from stellary.contract.project_exports import ProjectFile
from stellary.contract.projects import Project, ProjectTemplate
from stellary.contract.roles import ProjectRole
from stellary.contract.scopes import Scope
from stellary.contract.wire import UNSET

SetupTarget = WorkspaceHandle[Any] | ProjectHandle[Any]


@attrs.frozen
class Person:
    """A person who can be a member of the project, or the assignee of a card."""

    id: str
    email: str
    name: str


@attrs.frozen
class Edge:
    """A relation between two cards, by their ids: the source ``blocks`` the target. Stored once for both cards.

    Attributes:
        type: ``blocks``, ``duplicates``, ``parent_of`` or ``related_to``; for ``related_to`` the lower id comes first.
    """

    type: str
    source: str
    target: str


@attrs.frozen(kw_only=True)
class ProjectState:
    """The current state of a project; everything is empty for one that does not exist yet.

    Attributes:
        scopes: By position, each with its columns by position.
        cards: By column and position; archived cards last, if they were read.
        people: The members of the workspace, and the assignees of cards.
        members: The roles of the project's members, by user id.
        me: The user id of the caller.
    """

    project: Project | None = None
    scopes: list[Scope] = attrs.field(factory=list)
    labels: list[Label] = attrs.field(factory=list)
    fields: list[CustomField] = attrs.field(factory=list)
    cards: list[Card] = attrs.field(factory=list)
    automations: list[Automation] = attrs.field(factory=list)
    edges: frozenset[Edge] = frozenset()
    people: list[Person] = attrs.field(factory=list)
    members: dict[str, ProjectRole] = attrs.field(factory=dict)
    me: str = ""

    def describe_member(self, id: str) -> dict[str, str] | None:
        """Return the role of a member, as a field; None for others."""
        return {"role": self.members[id]} if id in self.members else None


@attrs.frozen
class StateParts:
    """The parts of a project's state that have to be read."""

    archived: bool
    automations: bool
    relations: bool
    people: bool

    @classmethod
    def needed_by(cls, declaration: Declaration, prune: bool) -> StateParts:
        """Return the parts that are needed to compare a declaration with the project.

        Args:
            declaration: The declaration.
            prune: True if undeclared items are deleted.
        """
        cards = declaration.cards or []
        rules = declaration.automations or []
        return cls(
            archived=declaration.cards is not UNSET or prune,
            automations=declaration.automations is not UNSET,
            relations=any(getattr(card, name) is not UNSET for card in cards for name in RELATIONS),
            people=any(card.assignee for card in cards)
            or declaration.members is not UNSET
            or any(
                kind == "member"
                for rule in rules
                for _, data in rule.parts
                for kind, *_ in references(data, "")
            ),
        )


EVERYTHING = StateParts(archived=True, automations=True, relations=True, people=True)


def workspace_of(at: SetupTarget) -> WorkspaceHandle[Any]:
    """Return the workspace of a handle; the handle itself if it is a workspace."""
    if isinstance(at, WorkspaceHandle):
        return at
    place = {name: part for name, part in at._path_params.items() if name != "project_id"}
    return WorkspaceHandle(at._caller, place)


def find_project(
    at: SetupTarget, declaration: Declaration, problems: ProblemCollector
) -> Steps[ProjectHandle[Any] | None]:
    """Return the project that a declaration is about; None if it does not exist yet.

    Args:
        at: The handle of a workspace or a project.
        declaration: The declaration, with the name or key of the project.
        problems: The problems found so far; new ones are added.

    Raises:
        UnsuitableDeclaration: Several projects have the declared name.
    """
    if isinstance(at, ProjectHandle):
        return at
    declared = declaration.project
    projects: list[Project] = yield from load_rows(at.projects.list)
    by_key = {project.key: project for project in projects}
    if declared.key in by_key:
        return at.project(by_key[declared.key])
    for name in (declared.name, declared.was):
        matches = [project for project in projects if project.name == name]
        if len(matches) > 1:
            keys = ", ".join(project.key for project in matches)
            problems.fail("project", f'there are several projects "{name}"; set "key" to one of {keys}')
        if matches:
            return at.project(matches[0])
    if declared.template and (yield from find_template(at, declared.template)) is None:
        problems.fail("project.template", f'there is no template "{declared.template}"')
    return None


def find_template(workspace: WorkspaceHandle[Any], name: str) -> Steps[ProjectTemplate | None]:
    """Return the template with a name or an id; None if there is none.

    Args:
        workspace: The handle of the workspace.
        name: The name or the id.
    """
    templates: list[ProjectTemplate] = yield from load_rows(workspace.projects.templates)
    return next((template for template in templates if name in (template.id, template.name)), None)


def read_state(at: SetupTarget, project: ProjectHandle[Any] | None, parts: StateParts) -> Steps[ProjectState]:
    """Read the parts of the state that are needed.

    Args:
        at: The handle of a workspace or a project.
        project: The handle of the project; None if it does not exist yet.
        parts: The parts to read.
    """
    workspace = workspace_of(at)
    people: list[Any] = (yield from load_rows(workspace.members.list)) if parts.people else []
    me = ""
    if parts.people:
        caller = yield from _fetch_caller(at)
        people += caller
        me = caller[0].id if caller else ""
    if project is None:
        return ProjectState(people=list(_unique_people(people)), me=me)
    board = yield project.board
    archived = (yield from load_rows(partial(project.cards.list, archived=True))) if parts.archived else []
    automations = (yield from load_rows(project.automations.list)) if parts.automations else []
    file = (yield project.export) if parts.relations else None
    cards = [*board.cards, *archived]
    return ProjectState(
        project=board.project,
        scopes=board.scopes,
        labels=board.labels,
        fields=board.custom_fields,
        cards=cards,
        automations=automations,
        edges=frozenset() if file is None else _read_edges(file, cards),
        people=list(_unique_people([*people, *board.members])),
        members={member.user_id: member.role for member in board.members if member.role is not None},
        me=me,
    )


def _fetch_caller(at: SetupTarget) -> Steps[list[Any]]:
    """Return the caller's account; an empty list if the token may not read it."""
    from stellary.client.methods.auth import Auth

    try:
        response = yield Auth(at._caller, {}).me
    except Forbidden:
        return []
    return [response.user]


def _unique_people(accounts: Iterable[Any]) -> Iterable[Person]:
    """Yield every person once."""
    seen: set[str] = set()
    for account in accounts:
        id = getattr(account, "user_id", None) or account.id
        if id not in seen:
            seen.add(id)
            yield Person(id, account.email or "", account.name or "")


_FROM_TARGET = {"blocked_by": "blocks", "duplicated_by": "duplicates", "child_of": "parent_of"}


def to_edge(type: str, card: str, other: str) -> Edge:
    """Return the edge for a relation that one of its cards lists.

    Args:
        type: The type of the relation, as seen from ``card``.
        card: The id of the card that lists the relation.
        other: The id of the other card.

    Returns:
        The edge; the same one for both cards of a relation.
    """
    if type in _FROM_TARGET:
        return Edge(_FROM_TARGET[type], other, card)
    if type == "related_to":
        return Edge(type, min(card, other), max(card, other))
    return Edge(type, card, other)


def _read_edges(file: ProjectFile, cards: Iterable[Card]) -> frozenset[Edge]:
    """Return the relations among a project's cards."""
    # The ids in an export are its own, so cards are identified by their numbers.
    by_number = {card.number: card.id for card in cards}
    ids = {card.id: by_number.get(card.number) for card in file.cards}
    edges = set()
    for card in file.cards:
        for relation in card.relations:
            source, target = ids[card.id], ids.get(relation.target_card_id or "")
            if source and target:
                edges.add(to_edge(relation.type, source, target))
    return frozenset(edges)
