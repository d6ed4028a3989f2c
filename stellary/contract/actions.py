"""Parameters of actions: operations that automations, agents and approved proposals run on a user's behalf.

Items are given by id or by name: a project by its name or key, a column by its name, a card by ``LAUNCH-12`` or its
title, a person by e-mail address, name or unique first name, the caller as ``me``. Only case, accents and blanks may
differ. A similar name is refused, and the error lists up to five candidates. Documents are given by id or title; their content
is Markdown if it is a string without a format. Missions are started and followed by users, and worked on by programs.
"""

from __future__ import annotations

from typing import Annotated

from stellary.contract.agent_missions import PROMPT_MAX, AgentMission
from stellary.contract.agents import Agent
from stellary.contract.cards import (
    BULK_MAX,
    CardStatus,
    CreateCard,
    FieldFilters,
    MainCardFilters,
    Missing,
    Priority,
    Title,
    UpdateCard,
)
from stellary.contract.checklists import AddChecklistItem
from stellary.contract.columns import Column
from stellary.contract.comments import CreateComment
from stellary.contract.documents import CreateDocument, GetDocument, ListDocuments, UpdateDocument
from stellary.contract.endpoint import acts
from stellary.contract.labels import Label
from stellary.contract.limits import Id, Items, Length, Place
from stellary.contract.pilotage import UpdateMission, UpdatePriority, UpdateTodo
from stellary.contract.pilotage_state import PilotageState
from stellary.contract.policies import MISSION_WORK
from stellary.contract.portfolio import PortfolioProject
from stellary.contract.projects import Project, ProjectMember
from stellary.contract.proposed_actions import ProposedAction
from stellary.contract.refs import WorkspaceRef
from stellary.contract.relations import RelationType, SeenRelationType
from stellary.contract.rich_text import ContentFormat
from stellary.contract.search import Search
from stellary.contract.wire import UNSET, Paged, Request, Unset, Value

NOTIFIED_MAX = 20
SPLIT_MAX = 50
IdOrName = Annotated[str, Length(1, 500)]
"""An id, or a name as people use it."""


class ProjectParams(Request):
    """A project.

    Attributes:
        project_id: Its id, key or name.
    """

    project_id: IdOrName


class CardParams(Request):
    """A card.

    Attributes:
        card_id: Its id, its key (``LAUNCH-12``) or its title.
        project_id: The project in which to look for a title. Default: all projects of the workspace.
    """

    card_id: IdOrName
    project_id: IdOrName | Unset = UNSET


class ListCardsParams(MainCardFilters):
    """A project, and filters for its cards.

    Attributes:
        column: Only cards in this column, by its id or name.
        assignee_id: Only cards assigned to this user, by id, e-mail address or name; null for unassigned cards.
        label_id: Only cards with this label, by its id or name; null for cards without labels.
    """

    project_id: IdOrName
    column: IdOrName | Unset = UNSET
    # One value each: ``filter`` expresses several.
    column_id: Id | Unset = UNSET
    scope_id: Id | Unset = UNSET
    assignee_id: Id | Unset | None = UNSET
    label_id: Id | Unset | None = UNSET
    priority: Priority | Unset | None = UNSET
    status: CardStatus | Unset = UNSET
    custom_field: FieldFilters | Unset = UNSET


class CardCommentsParams(Paged):
    """The card whose comments are listed."""

    card_id: IdOrName
    project_id: IdOrName | Unset = UNSET


class CreateCardParams(CreateCard):
    """The fields of a new card.

    Attributes:
        column: The column, by its id, or by its name if no other scope has a column of that name. Default: the project's
            first column.
        assignee_id: A user with access to the workspace, by id, e-mail address or name, or an agent, by id or name.
        label_ids: Labels of the project, by id or name; at most 100.
    """

    project_id: IdOrName
    column: IdOrName | Unset = UNSET


class CardOfManyParams(CreateCard):
    """The fields of one of several new cards.

    Attributes:
        column: The column, by id or name. Default: the column of the whole request.
        assignee_id: A user with access to the workspace, by id, e-mail address or name, or an agent, by id or name.
        label_ids: Labels of the project, by id or name; at most 100.
    """

    column: IdOrName | Unset = UNSET


class CreateCardsParams(ProjectParams):
    """The cards to create, 1 to 500: all of them or none.

    Attributes:
        column: The column of cards that name none. Default: the project's first column.
    """

    cards: Annotated[list[CardOfManyParams], Items(1, BULK_MAX)]
    column: IdOrName | Unset = UNSET


class UpdateCardParams(UpdateCard):
    """A card, and the fields to change. Omitted fields keep their values; null clears a nullable field.

    Attributes:
        assignee_id: A user with access to the workspace, by id, e-mail address or name, or an agent, by id or name.
        label_ids: Replaces all labels of the card: labels of the project, by id or name.
    """

    card_id: IdOrName
    project_id: IdOrName | Unset = UNSET


class MoveCardParams(CardParams):
    """A card, and its destination.

    Attributes:
        target_column: The column, by its id, or by its name in the card's scope. A column of another scope is given by
            its id.
        order: The new position among the column's unarchived cards, from 0. Default: the end.
        before, after: Put the card directly before or after this card of the column. Each takes precedence over
            ``order``.
    """

    target_column: IdOrName
    order: Place | Unset = UNSET
    before: Id | Unset = UNSET
    after: Id | Unset = UNSET


class AssignCardParams(CardParams):
    """A card, and its new assignee.

    Attributes:
        assignee_id: A user with access to the workspace, by id, e-mail address or name, or an agent, by id or name;
            null to unassign.
    """

    assignee_id: IdOrName | None


class ArchiveCardParams(CardParams):
    """A card to archive or restore.

    Attributes:
        archived: False restores the card.
    """

    archived: bool = True


class SetStatusParams(CardParams):
    """A card, and its new status."""

    status: CardStatus


class SetPriorityParams(CardParams):
    """A card, and its new priority; null clears it."""

    priority: Priority | None


class CardLabelParams(CardParams):
    """A card, and a label of its project.

    Attributes:
        label: The label's id or name.
    """

    label: IdOrName


class AddCommentParams(CreateComment):
    """A card, and the text of a new comment."""

    card_id: IdOrName
    project_id: IdOrName | Unset = UNSET


class NotifyParams(CardParams):
    """A card, and a message about it that appears among the recipients' notifications.

    Attributes:
        message: 1-500 characters.
        to: The recipients: ids, e-mail addresses or names of users with access to the workspace, ``assignee``,
            ``creator``. Default: the assignee and the creator.
    """

    message: IdOrName
    to: Annotated[list[IdOrName], Items(1, NOTIFIED_MAX)] | Unset = UNSET


class CardRelationsParams(Paged):
    """The card whose relations are listed."""

    card_id: IdOrName
    project_id: IdOrName | Unset = UNSET


class AddRelationParams(CardParams):
    """A card, and its relation to another card.

    Attributes:
        target_card_id: The other card, by its id, key or title.
        type: Reads as a sentence: the card ``blocks`` the other card.
    """

    target_card_id: IdOrName
    type: RelationType


class RemoveRelationParams(CardParams):
    """A card, and a relation to remove.

    Attributes:
        target_card_id: The card at the other end, by its id, key or title.
        type: The relation, as the card sees it. Default: the only relation between the two cards.
    """

    target_card_id: IdOrName
    type: SeenRelationType | Unset = UNSET


class SplitCardParams(CardParams):
    """A card, and the titles of the new cards that become its children: all of them or none.

    Attributes:
        titles: 1-50 titles.
        column: The column of the new cards, by id or name. Default: the card's column.
    """

    titles: Annotated[list[Title], Items(1, SPLIT_MAX)]
    column: IdOrName | Unset = UNSET


class DuplicateCardParams(CardParams):
    """A card, and the differences of its copy.

    Attributes:
        title: Default: that of the card.
        column: The column of the copy, by id or name. Default: the card's column.
        comments: Whether the comments are copied too.
        attachments: Whether the files are copied too.
    """

    title: Title | Unset = UNSET
    column: IdOrName | Unset = UNSET
    comments: bool = False
    attachments: bool = False


class TransferCardParams(CardParams):
    """A card, and its destination in another project of the workspace.

    Attributes:
        target_project_id: The other project, by its id, key or name.
        target_column: A column of it, by id or name. Default: its first column.
        missing: What happens to labels, fields and options that the other project lacks. ``refuse`` changes nothing.
    """

    target_project_id: IdOrName
    target_column: IdOrName | Unset = UNSET
    missing: Missing = "refuse"


class AddChecklistItemParams(AddChecklistItem):
    """A card, and a new checklist item."""

    card_id: IdOrName
    project_id: IdOrName | Unset = UNSET


class ToggleChecklistItemParams(CardParams):
    """A card, and one of its checklist items.

    Attributes:
        item_id: The item's id or title.
        done: The new state. Default: the opposite of the current state.
    """

    item_id: IdOrName
    done: bool | Unset = UNSET


class ProjectDetails(Value):
    """A project with its columns, labels and members, without its cards."""

    project: Project
    columns: list[Column]
    labels: list[Label]
    members: list[ProjectMember]


class UpdateMissionParams(UpdateMission):
    """A mission, and the fields to change. Omitted fields keep their values; null clears a nullable field.

    Attributes:
        mission_id: ``m-001``.
    """

    mission_id: IdOrName


class UpdatePriorityParams(UpdatePriority):
    """A priority, and the fields to change. Omitted fields keep their values; null clears a nullable field.

    Attributes:
        priority_id: ``p-001``.
    """

    priority_id: IdOrName


class UpdateTodoParams(UpdateTodo):
    """A todo, and the fields to change. Omitted fields keep their values; null clears a nullable field.

    Attributes:
        todo_id: ``t-001``.
    """

    todo_id: IdOrName


class CockpitDashboard(Value):
    """An overview of a workspace: project metrics, current work, and pending decisions.

    Attributes:
        state: The todos and the running missions.
        actions_to_review: The proposed actions to approve or reject.
        actions_to_apply: The approved actions to apply.
    """

    projects: list[PortfolioProject]
    state: PilotageState
    actions_to_review: list[ProposedAction]
    actions_to_apply: list[ProposedAction]


class SearchParams(Search):
    """The search query and its filters.

    Attributes:
        project_id: Only results in this project, by id, key or name.
    """

    project_id: IdOrName | Unset = UNSET


class ListDocumentsParams(ListDocuments):
    """Filters for the list of documents.

    Attributes:
        project_id: Only documents of this project and its scopes, by its id, key or name.
        parent_id: Only direct children of this document, by its id or title.
    """

    project_id: IdOrName | Unset = UNSET
    parent_id: IdOrName | Unset = UNSET


class GetDocumentParams(GetDocument):
    """The document to read, and its format.

    Attributes:
        document_id: Its id or title.
        content_format: ``tiptap`` returns TipTap JSON instead of Markdown.
    """

    document_id: IdOrName
    content_format: ContentFormat = "markdown"


class CreateDocumentParams(CreateDocument):
    """The fields of a new document.

    Attributes:
        project_id: The project that the document belongs to, by id, key or name, unless ``context_type`` is given.
        parent_id: The parent document, by its id or title.
        content_format: The format of ``content`` and of the content in the response. Default: the format that
            ``content`` has.
    """

    project_id: IdOrName | Unset = UNSET
    parent_id: IdOrName | Unset | None = UNSET
    content_format: ContentFormat | Unset = UNSET  # type: ignore[assignment] # it need not be said here


class UpdateDocumentParams(UpdateDocument):
    """A document, and the fields to change. Omitted fields keep their values.

    Attributes:
        document_id: Its id or title.
        parent_id: The new parent, by its id or title; None moves the document to the top level.
        content_format: The format of ``content`` and of the content in the response. Default: the format that
            ``content`` has.
    """

    document_id: IdOrName
    parent_id: IdOrName | Unset | None = UNSET
    content_format: ContentFormat | Unset = UNSET  # type: ignore[assignment]


ReportText = Annotated[str, Length(1, 2000)]


class AgentParams(Request):
    """An agent.

    Attributes:
        agent: Its id, slug or name.
    """

    agent: IdOrName


class RunMissionParams(CardParams):
    """A card, and the instructions for an agent.

    Attributes:
        agent: The agent's id, slug or name.
        prompt: The instructions; 1-10 000 characters.
    """

    agent: IdOrName
    prompt: Annotated[str, Length(1, PROMPT_MAX)]


class MissionParams(Request):
    """A mission."""

    mission_id: Id


class ReportStepParams(MissionParams):
    """A running mission, and a progress message, which is posted on the card as a comment."""

    text: ReportText


class CompleteMissionParams(MissionParams):
    """A running mission, and a summary of its outcome, which is posted on the card as a comment."""

    summary: ReportText


class FailMissionParams(MissionParams):
    """A running mission, and the reason why it cannot be completed, which is posted on the card as a comment."""

    reason: ReportText


class AgentAtWork(Value):
    """An agent, and its queued and running missions, oldest first."""

    agent: Agent
    missions: list[AgentMission]


# Actions without an endpoint: an agent's program takes missions, and reports their progress and outcome.
CLAIM_MISSION = acts(
    "agent_missions.claim",
    WorkspaceRef,
    "missions/claim",
    summary="Take the mission that has waited longest.",
    returns=AgentMission,
    policy=MISSION_WORK,
)
REPORT_MISSION = acts(
    "agent_missions.report",
    WorkspaceRef,
    "missions/report",
    summary="Report the progress or outcome of a mission.",
    returns=AgentMission,
    policy=MISSION_WORK,
)
