"""Actions: the params of what can be done by proxy, by an automation, an agent, or an approved proposal.

Things are named by their ids, or as people name them: a project by its name or key, a column by its name, a card by
``LAUNCH-12`` or its title, a person by e-mail address or name. A slip of the pen does no harm as long as only one thing can be meant.
"""

from __future__ import annotations

from typing import Annotated

from stellary.contract.cards import BULK_MAX, CardStatus, CreateCard, ListCards, Priority, UpdateCard
from stellary.contract.checklists import AddChecklistItem
from stellary.contract.columns import Column
from stellary.contract.comments import CreateComment
from stellary.contract.labels import Label
from stellary.contract.limits import Id, Items, Length, Place
from stellary.contract.paging import Paged
from stellary.contract.pilotage import UpdateMission, UpdatePriority, UpdateTodo
from stellary.contract.pilotage_state import PilotageState
from stellary.contract.portfolio import PortfolioProject
from stellary.contract.projects import Project, ProjectMember
from stellary.contract.proposed_actions import ProposedAction
from stellary.contract.search import Search
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

NOTIFIED_MAX = 20
Said = Annotated[str, Length(1, 500)]
"""An id, or what people call the thing."""


@request
class ProjectParams(Request):
    """A project.

    Attributes:
        project_id: Its id, key or name.
    """

    project_id: Said


@request
class CardParams(Request):
    """A card.

    Attributes:
        card_id: Its id, its key (``LAUNCH-12``) or its title.
        project_id: Where a title is looked for; all projects of the workspace if not given.
    """

    card_id: Said
    project_id: Said | Unset = UNSET


@request
class ListCardsParams(ListCards):
    """Which cards of which project.

    Attributes:
        column: Those of this column, by its id or name.
        assignee_id: Those of this person, by id, e-mail address or name; null for those of nobody.
        label_id: Those with this label, by its id or name; null for those without any.
    """

    project_id: Said
    column: Said | Unset = UNSET


@request
class CardCommentsParams(Paged):
    """The card whose comments are read."""

    card_id: Said
    project_id: Said | Unset = UNSET


@request
class CreateCardParams(CreateCard):
    """A card to be.

    Attributes:
        column: Where it shall be, by id or name; the project's first column if not given.
    """

    project_id: Said
    column: Said | Unset = UNSET


@request
class CardOfManyParams(CreateCard):
    """One card of many to be.

    Attributes:
        column: Where it shall be, if not where the others are.
    """

    column: Said | Unset = UNSET


@request
class CreateCardsParams(ProjectParams):
    """1 to 500 cards to be: all or none.

    Attributes:
        column: Where those shall be that name none of their own; the project's first column if not given.
    """

    cards: Annotated[list[CardOfManyParams], Items(1, BULK_MAX)]
    column: Said | Unset = UNSET


@request
class UpdateCardParams(UpdateCard):
    """A card, and what is to change; what is not named stays, null clears."""

    card_id: Said
    project_id: Said | Unset = UNSET


@request
class MoveCardParams(CardParams):
    """A card, and where it shall be.

    Attributes:
        target_column: By id or name; one of the same work package is preferred to another one of that name.
        order: The wanted index among the column's unarchived cards; the end if not given.
        before, after: A card of that column, beside which to stand; each beats ``order``.
    """

    target_column: Said
    order: Place | Unset = UNSET
    before: Id | Unset = UNSET
    after: Id | Unset = UNSET


@request
class AssignCardParams(CardParams):
    """A card, and whose it shall be.

    Attributes:
        assignee_id: Somebody who reaches the workspace, by id, e-mail address or name; null for nobody.
    """

    assignee_id: Said | None


@request
class ArchiveCardParams(CardParams):
    """A card to be taken from the board.

    Attributes:
        archived: False puts it back.
    """

    archived: bool = True


@request
class SetStatusParams(CardParams):
    """A card, and what has become of it."""

    status: CardStatus


@request
class SetPriorityParams(CardParams):
    """A card, and how urgent it is; null clears."""

    priority: Priority | None


@request
class CardLabelParams(CardParams):
    """A card, and a label of its project.

    Attributes:
        label: By its id or name.
    """

    label: Said


@request
class AddCommentParams(CreateComment):
    """A card, and what is to be said about it."""

    card_id: Said
    project_id: Said | Unset = UNSET


@request
class NotifyParams(CardParams):
    """A card, and what people shall read about it among their notifications.

    Attributes:
        message: 1-500 characters.
        to: Who shall: ids, e-mail addresses or names of people who reach the workspace, ``assignee``, ``creator``; both of
            these if not given.
    """

    message: Said
    to: Annotated[list[Said], Items(1, NOTIFIED_MAX)] | Unset = UNSET


@request
class AddChecklistItemParams(AddChecklistItem):
    """A card, and a step to be."""

    card_id: Said
    project_id: Said | Unset = UNSET


@request
class ToggleChecklistItemParams(CardParams):
    """A card, and a step of it.

    Attributes:
        item_id: By its id or title.
        done: What it shall be; the opposite of what it is if not given.
    """

    item_id: Said
    done: bool | Unset = UNSET


@value
class ProjectDetails(Value):
    """What a project is made of, without its cards."""

    project: Project
    columns: list[Column]
    labels: list[Label]
    members: list[ProjectMember]


@request
class UpdateMissionParams(UpdateMission):
    """A mission, and what is to change; what is not named stays, null clears.

    Attributes:
        mission_id: ``m-001``.
    """

    mission_id: Said


@request
class UpdatePriorityParams(UpdatePriority):
    """A priority, and what is to change; what is not named stays, null clears.

    Attributes:
        priority_id: ``p-001``.
    """

    priority_id: Said


@request
class UpdateTodoParams(UpdateTodo):
    """A todo, and what is to change; what is not named stays, null clears.

    Attributes:
        todo_id: ``t-001``.
    """

    todo_id: Said


@value
class CockpitDashboard(Value):
    """Where a workspace stands: its projects in figures, what it is working on, and what waits for a decision.

    Attributes:
        state: The todos and the running missions.
        actions_to_review: What was proposed and is to be approved or rejected.
        actions_to_apply: What was approved and is to be applied.
    """

    projects: list[PortfolioProject]
    state: PilotageState
    actions_to_review: list[ProposedAction]
    actions_to_apply: list[ProposedAction]


@request
class SearchParams(Search):
    """What to search for, and where.

    Attributes:
        project_id: Only in that project, by id, key or name.
    """

    project_id: Said | Unset = UNSET
