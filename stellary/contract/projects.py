"""Projects: boards with columns and cards, and their members. Section Projects of the API reference."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from stellary.contract.cards import Card, CardStatus
from stellary.contract.columns import Column
from stellary.contract.custom_fields import CustomField
from stellary.contract.endpoint import Collection, creates, reads
from stellary.contract.labels import Label
from stellary.contract.limits import EmailAddress, Length, Name, Pattern
from stellary.contract.policies import (
    BOARD_READ,
    BOARD_WRITE,
    PROJECT_CREATE,
    PROJECT_DELETE,
    PROJECT_DUPLICATE,
    PROJECT_MANAGE,
    WORKSPACE_AUTHOR,
)
from stellary.contract.refs import ProjectMemberRef, ProjectRef, TemplateRef, WorkspaceRef
from stellary.contract.roles import OthersRole, ProjectRole, Visibility
from stellary.contract.scopes import Scope
from stellary.contract.wire import UNSET, DatedItem, Paged, Request, Unset, Value

TEMPLATES_MAX = 100
"""The maximum number of templates of a workspace."""

TemplateId = Annotated[str, Length(1, 40)]
CopiedContent = Literal["all", "skeleton"]
EstimateUnit = Literal["points", "hours"]

ProjectDescription = Annotated[str, Length(0, 5000)]
ProjectKey = Annotated[str, Pattern("[A-Z]{2,6}", "must be 2 to 6 capital letters")]


class Project(DatedItem):
    """A board with its columns and cards.

    Attributes:
        key: The prefix of its cards' keys; unique in the workspace.
        archived: Whether the project is archived. An archived project and its contents can still be read.
        member_role: The role of the members of the workspace who are not members of the project.
        visibility: Who sees the project: ``workspace``, all members of the workspace; ``private``, only its own members,
            and the admins of the workspace. For everyone else, neither it nor anything in it exists.
        estimate_unit: The unit of its cards' estimates. They stay as they are if it changes.
    """

    name: str
    description: str | None
    key: str
    workspace_id: str
    archived: bool
    member_count: int
    member_role: OthersRole = "editor"
    visibility: Visibility = "workspace"
    estimate_unit: EstimateUnit = "points"


class TemplateColumn(Value):
    """A column that a template creates."""

    name: str
    card_status: CardStatus | None


class TemplateLabel(Value):
    """A label that a template creates."""

    name: str
    color: str


class ProjectTemplate(Value):
    """A set of columns and labels that a project can start with; one of the workspace has the other contents of a project, too.

    Attributes:
        card_count: The number of cards that it creates.
        created_by_id: The user who saved it; None for ``simple``, ``development`` and ``agency``, which each workspace has.
    """

    id: str
    name: str
    description: str
    columns: list[TemplateColumn]
    labels: list[TemplateLabel]
    card_count: int = 0
    created_by_id: str | None = None


class ProjectMember(Value):
    """A member of a project.

    Attributes:
        created_at: When the user became a member.
        role: What the member may do: ``viewer`` reads, ``commenter`` comments, ``editor`` writes, and ``manager`` also
            changes members and automations, and deletes the project.
    """

    user_id: str
    email: str
    name: str
    created_at: datetime
    role: ProjectRole = "manager"


class BoardMember(Value):
    """A user that the board refers to.

    Attributes:
        is_member: Whether the user is a member of the project; false for a user who is only assigned to one of its
            cards.
        role: The role of a member of the project; None for other users.
    """

    user_id: str
    email: str
    name: str
    is_member: bool
    role: ProjectRole | None = None


class Board(Value):
    """Everything that a project's board shows, read as one consistent snapshot.

    Attributes:
        columns: Ordered by scope, then by position.
        cards: The unarchived cards, ordered by column, then by position.
        members: The project's members, and other users assigned to one of the cards.
    """

    project: Project
    scopes: list[Scope]
    columns: list[Column]
    cards: list[Card]
    labels: list[Label]
    custom_fields: list[CustomField]
    members: list[BoardMember]


class ListProjects(Paged):
    """Filters for the list of projects.

    Attributes:
        archived: True for archived projects only, false for unarchived projects only. Default: both.
    """

    archived: bool | Unset = UNSET


class CreateProject(Request):
    """The fields of a new project.

    Attributes:
        name: 1-100 characters.
        description: At most 5000 characters.
        key: 2-6 capital letters, unique in the workspace. Default: derived from the name.
        template_id: ``simple``, ``development``, ``agency``, or the id of a template of the workspace.
        member_role: The role of the members of the workspace who are not members of the project.
        visibility: Who sees the project.
        estimate_unit: The unit of its cards' estimates. Default: that of the template, or else points.
        start_date: The day of the earliest date of a template of the workspace; all others keep their distance from it. Default: today.
    """

    name: Name
    description: ProjectDescription | Unset | None = UNSET
    key: ProjectKey | Unset = UNSET
    template_id: TemplateId = "simple"
    member_role: OthersRole = "editor"
    visibility: Visibility = "workspace"
    estimate_unit: EstimateUnit | Unset = UNSET
    start_date: date | Unset = UNSET


class SaveTemplate(Request):
    """A template that is made of a project. A workspace has at most 100.

    Attributes:
        name: 1-100 characters, unique among the templates of the workspace, regardless of case.
        description: At most 5000 characters.
        content: ``all`` keeps everything except archived cards, members, assignees, comments and files; ``skeleton`` no cards and
            documents either.
    """

    name: Name
    description: ProjectDescription = ""
    content: CopiedContent = "all"


class UpdateTemplate(Request):
    """The fields to change. Omitted fields keep their values.

    Attributes:
        name: 1-100 characters, unique among the templates of the workspace, regardless of case.
        description: At most 5000 characters.
    """

    name: Name | Unset = UNSET
    description: ProjectDescription | Unset = UNSET


class UpdateProject(Request):
    """The fields to change. Omitted fields keep their values. The key cannot be changed.

    Attributes:
        name: 1-100 characters.
        description: At most 5000 characters; ``None`` clears it.
        archived: True archives the project, false restores it.
        member_role: The role of the members of the workspace who are not members of the project. Only managers of the
            project can change it.
        visibility: Who sees the project. Only admins of the workspace can change it. People who no longer see the project
            are unassigned from its cards.
        estimate_unit: The unit of its cards' estimates, which stay as they are.
    """

    name: Name | Unset = UNSET
    description: ProjectDescription | Unset | None = UNSET
    archived: bool | Unset = UNSET
    member_role: OthersRole | Unset = UNSET
    visibility: Visibility | Unset = UNSET
    estimate_unit: EstimateUnit | Unset = UNSET


class ListProjectMembers(Paged):
    """Options of the list of members.

    Attributes:
        admins: True for the admins of the workspace and of its organization instead. They see each project, also a private
            one, and are managers of it, members or not. Guests and tokens that are bound to projects cannot list them.
    """

    admins: bool = False


class AddProjectMember(Request):
    """The e-mail address of a user with access to the workspace, and the role."""

    email: EmailAddress
    role: ProjectRole = "manager"


class UpdateProjectMember(Request):
    """The new role of a member."""

    role: ProjectRole


_PROJECTS = Collection(WorkspaceRef, "projects", ProjectRef, Project)
_TEMPLATES = Collection(WorkspaceRef, "projects/templates", TemplateRef, ProjectTemplate)
_MEMBERS = Collection(ProjectRef, "members", ProjectMemberRef, ProjectMember)
CREATE_PROJECT = _PROJECTS.creates(
    "projects.create",
    summary="Create a project from a template. The caller becomes a member.",
    takes=CreateProject,
    policy=PROJECT_CREATE,
)
LIST_PROJECTS = _PROJECTS.lists(
    "projects.list",
    summary="List the projects of a workspace.",
    takes=ListProjects,
    policy=BOARD_READ,
)
LIST_TEMPLATES = _TEMPLATES.lists(
    "projects.templates",
    summary="List the available project templates: the three of each workspace, then its own.",
    policy=BOARD_READ,
)
SAVE_TEMPLATE = creates(
    "projects.save_template",
    ProjectRef,
    "template",
    summary="Save a project of up to 500 cards as a template. Of a private project, only admins of the workspace may.",
    takes=SaveTemplate,
    returns=ProjectTemplate,
    policy=PROJECT_DUPLICATE,
)
UPDATE_TEMPLATE = _TEMPLATES.updates(
    "projects.update_template",
    summary="Rename or describe a template of the workspace.",
    takes=UpdateTemplate,
    policy=WORKSPACE_AUTHOR,
)
DELETE_TEMPLATE = _TEMPLATES.deletes(
    "projects.delete_template",
    summary="Delete a template of the workspace for good. Projects that were created from it stay.",
    policy=WORKSPACE_AUTHOR,
)
GET_PROJECT = _PROJECTS.reads("projects.get", summary="Get a project by its id.", policy=BOARD_READ)
UPDATE_PROJECT = _PROJECTS.updates(
    "projects.update",
    summary="Update, archive or restore a project.",
    takes=UpdateProject,
    policy=BOARD_WRITE,
)
DELETE_PROJECT = _PROJECTS.deletes(
    "projects.delete",
    summary="Delete a project with everything in it.",
    policy=PROJECT_DELETE,
)
GET_BOARD = reads(
    "projects.board",
    ProjectRef,
    "board",
    summary="Get everything the board shows: scopes, columns, cards, labels, custom fields and members.",
    returns=Board,
    policy=BOARD_READ,
)
LIST_PROJECT_MEMBERS = _MEMBERS.lists(
    "projects.list_members",
    summary="List the members of a project, or the admins who see it too.",
    takes=ListProjectMembers,
    policy=BOARD_READ,
)
ADD_PROJECT_MEMBER = _MEMBERS.creates(
    "projects.add_member",
    summary="Add a user with access to the workspace to a project, by e-mail address.",
    takes=AddProjectMember,
    policy=PROJECT_MANAGE,
)
UPDATE_PROJECT_MEMBER = _MEMBERS.updates(
    "projects.update_member",
    summary="Change the role of a member of a project.",
    takes=UpdateProjectMember,
    policy=PROJECT_MANAGE,
)
REMOVE_PROJECT_MEMBER = _MEMBERS.deletes(
    "projects.remove_member",
    summary="Remove a member from a project. The user keeps access to the workspace.",
    policy=PROJECT_MANAGE,
)
