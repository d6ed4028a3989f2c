"""Projects: boards with columns and cards, and who works on them. Section Projects of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from stellary.contract.cards import Card, CardStatus
from stellary.contract.columns import Column
from stellary.contract.custom_fields import CustomField
from stellary.contract.endpoint import Ok, creates, deletes, lists, reads, updates
from stellary.contract.labels import Label
from stellary.contract.limits import EmailAddress, Length, Name, Pattern
from stellary.contract.paging import Paged
from stellary.contract.policies import BOARD_READ, BOARD_WRITE, PROJECT_DELETE, PROJECT_MANAGE
from stellary.contract.refs import ProjectMemberRef, ProjectRef, WorkspaceRef
from stellary.contract.scopes import Scope
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

TemplateId = Literal["simple", "development", "agency"]

Description = Annotated[str, Length(0, 5000)]
ProjectKey = Annotated[str, Pattern("[A-Z]{2,6}", "must be 2 to 6 capital letters")]


@value
class Project(Value):
    """A board with its columns and cards.

    Attributes:
        key: What its cards' keys begin with; unique in the workspace.
        archived: Put away, with all that is in it; it still can be read.
    """

    id: str
    name: str
    description: str | None
    key: str
    workspace_id: str
    archived: bool
    member_count: int
    created_at: datetime
    updated_at: datetime


@value
class TemplateColumn(Value):
    """A column that a template makes."""

    name: str
    card_status: CardStatus | None


@value
class TemplateLabel(Value):
    """A label that a template makes."""

    name: str
    color: str


@value
class ProjectTemplate(Value):
    """What a project can start with."""

    id: TemplateId
    name: str
    description: str
    columns: list[TemplateColumn]
    labels: list[TemplateLabel]


@value
class ProjectMember(Value):
    """Somebody who belongs to a project.

    Attributes:
        created_at: Since when.
    """

    user_id: str
    email: str
    name: str
    created_at: datetime


@value
class BoardMember(Value):
    """Somebody whose name the board needs.

    Attributes:
        is_member: Of the project; False for somebody who is merely assigned to a card.
    """

    user_id: str
    email: str
    name: str
    is_member: bool


@value
class Board(Value):
    """All that a project's board shows, as of one moment.

    Attributes:
        columns: By scope and then by place.
        cards: Those that are not archived, by column and then by place.
        members: The project's, and whoever else is assigned to one of the cards.
    """

    project: Project
    scopes: list[Scope]
    columns: list[Column]
    cards: list[Card]
    labels: list[Label]
    custom_fields: list[CustomField]
    members: list[BoardMember]


@request
class ListProjects(Paged):
    """Which projects; all of the workspace if nothing is named.

    Attributes:
        archived: Only those that are, or only those that are not.
    """

    archived: bool | Unset = UNSET


@request
class CreateProject(Request):
    """A project to be.

    Attributes:
        name: 1-100 characters.
        description: At most 5000 characters.
        key: 2-6 capitals, unique in the workspace; made from the name if not given.
        template_id: Which columns and labels it starts with.
    """

    name: Name
    description: Description | Unset | None = UNSET
    key: ProjectKey | Unset = UNSET
    template_id: TemplateId = "simple"


@request
class UpdateProject(Request):
    """What is not named stays; the key always does, since people have written it down.

    Attributes:
        name: 1-100 characters.
        description: At most 5000 characters; ``None`` clears it.
        archived: Put away, or taken out again.
    """

    name: Name | Unset = UNSET
    description: Description | Unset | None = UNSET
    archived: bool | Unset = UNSET


@request
class AddProjectMember(Request):
    """Somebody who reaches the workspace, by e-mail address."""

    email: EmailAddress


CREATE_PROJECT = creates(
    "projects.create",
    WorkspaceRef,
    "projects",
    summary="Create a project with the columns of a template; the caller becomes a member.",
    takes=CreateProject,
    returns=Project,
    policy=BOARD_WRITE,
)
LIST_PROJECTS = lists(
    "projects.list",
    WorkspaceRef,
    "projects",
    summary="List the projects of a workspace.",
    takes=ListProjects,
    item=Project,
    policy=BOARD_READ,
)
LIST_TEMPLATES = lists(
    "projects.templates",
    WorkspaceRef,
    "projects/templates",
    summary="List what a project can start with.",
    takes=Paged,
    item=ProjectTemplate,
    policy=BOARD_READ,
)
GET_PROJECT = reads(
    "projects.get", ProjectRef, summary="One project, by its id.", returns=Project, policy=BOARD_READ
)
UPDATE_PROJECT = updates(
    "projects.update",
    ProjectRef,
    summary="Change, archive or restore a project.",
    takes=UpdateProject,
    returns=Project,
    policy=BOARD_WRITE,
)
DELETE_PROJECT = deletes(
    "projects.delete",
    ProjectRef,
    summary="Delete a project with all that is in it. Its members or a workspace admin.",
    returns=Ok,
    policy=PROJECT_DELETE,
)
GET_BOARD = reads(
    "projects.board",
    ProjectRef,
    "board",
    summary="All that the board shows in one answer: scopes, columns, cards, labels, fields and people.",
    returns=Board,
    policy=BOARD_READ,
)
LIST_PROJECT_MEMBERS = lists(
    "projects.list_members",
    ProjectRef,
    "members",
    summary="List the members of a project.",
    takes=Paged,
    item=ProjectMember,
    policy=BOARD_READ,
)
ADD_PROJECT_MEMBER = creates(
    "projects.add_member",
    ProjectRef,
    "members",
    summary="Add somebody of the workspace to a project, by e-mail address.",
    takes=AddProjectMember,
    returns=ProjectMember,
    policy=PROJECT_MANAGE,
)
REMOVE_PROJECT_MEMBER = deletes(
    "projects.remove_member",
    ProjectMemberRef,
    summary="Remove a member from a project; the workspace still lets that person in.",
    returns=Ok,
    policy=PROJECT_MANAGE,
)

ENDPOINTS = (
    CREATE_PROJECT,
    LIST_PROJECTS,
    LIST_TEMPLATES,
    GET_PROJECT,
    UPDATE_PROJECT,
    DELETE_PROJECT,
    GET_BOARD,
    LIST_PROJECT_MEMBERS,
    ADD_PROJECT_MEMBER,
    REMOVE_PROJECT_MEMBER,
)
