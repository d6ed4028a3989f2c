"""Actions of the board: its cards read and written by name, for agents and rules."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Protocol

from stellary.contract.actions import (
    AddChecklistItemParams,
    AddCommentParams,
    AddRelationParams,
    ArchiveCardParams,
    AssignCardParams,
    CardCommentsParams,
    CardLabelParams,
    CardParams,
    CardRelationsParams,
    CreateCardParams,
    CreateCardsParams,
    DuplicateCardParams,
    ListCardsParams,
    MoveCardParams,
    NotifyParams,
    ProjectDetails,
    ProjectParams,
    RemoveRelationParams,
    SetPriorityParams,
    SetStatusParams,
    SplitCardParams,
    ToggleChecklistItemParams,
    TransferCardParams,
    UpdateCardParams,
)
from stellary.contract.cards import (
    CREATE_CARD,
    CREATE_CARDS,
    DUPLICATE_CARD,
    GET_CARD,
    LIST_CARDS,
    TRANSFER_CARD,
    UPDATE_CARD,
    Card,
    CardInColumn,
    CreateCard,
    CreateCards,
    DuplicateCard,
    ListCards,
    TransferCard,
    TransferredCard,
    UpdateCard,
)
from stellary.contract.checklists import (
    ADD_CHECKLIST_ITEM,
    UPDATE_CHECKLIST_ITEM,
    AddChecklistItem,
    ChecklistItem,
    UpdateChecklistItem,
)
from stellary.contract.columns import ListColumns
from stellary.contract.comments import CREATE_COMMENT, LIST_COMMENTS, Comment, CreateComment
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Invalid, NotFound
from stellary.contract.fields import convert
from stellary.contract.labels import ADD_LABEL_TO_CARD, REMOVE_LABEL_FROM_CARD
from stellary.contract.limits import ID_PATTERN
from stellary.contract.projects import GET_PROJECT, LIST_PROJECTS, ListProjectMembers, ListProjects, Project
from stellary.contract.refs import (
    CardLabelRef,
    ChecklistItemRef,
    ColumnRef,
    FlatCardRef,
    ProjectRef,
    RelationRef,
    WorkspaceRef,
)
from stellary.contract.relations import (
    CREATE_RELATION,
    DELETE_RELATION,
    LIST_RELATIONS,
    CreateRelation,
    Relation,
)
from stellary.contract.wire import UNSET, Listing, Paged, Unset
from stellary.core.accounts.locks import lock_workspace
from stellary.core.board import (
    access,
    bulk,
    cards,
    checklists,
    columns,
    comments,
    duplicates,
    labels,
    listing,
    project_members,
    projects,
    relations,
    resolve_names,
    transfers,
)
from stellary.core.board.rules.name_matching import Candidate, resolve_one
from stellary.core.kernel.actions import ActionList
from stellary.core.kernel.events import NoticeGiven
from stellary.core.kernel.unit import UnitOfWork

ACTIONS = ActionList()
"""All actions: reading ones first, then writing ones."""


@ACTIONS.add("board.read", ListProjects, LIST_PROJECTS)
def _list_projects(uow: UnitOfWork, ref: WorkspaceRef, params: ListProjects) -> Listing[Project]:
    """List the projects of the workspace."""
    resolve_names.resolve_workspace(uow, ref)
    return projects.list_projects(uow, ref, params)


@ACTIONS.add("board.read", ProjectParams, GET_PROJECT)
def _get_project_details(uow: UnitOfWork, ref: WorkspaceRef, params: ProjectParams) -> ProjectDetails:
    """Read a project with its columns, labels and members."""
    project = resolve_names.resolve_project(uow, ref, params.project_id)
    return ProjectDetails(
        project=projects.get_project(uow, project),
        columns=list(columns.list_columns(uow, project, ListColumns()).items),
        labels=list(labels.list_labels(uow, project, Paged()).items),
        members=list(project_members.list_project_members(uow, project, ListProjectMembers()).items),
    )


@ACTIONS.add("board.read", ListCardsParams, LIST_CARDS)
def _list_cards(uow: UnitOfWork, ref: WorkspaceRef, params: ListCardsParams) -> Listing[Card]:
    """List the cards of a project, by column, status, assignee, label, text or date."""
    project = resolve_names.resolve_project(uow, ref, params.project_id)
    ids: dict[str, object] = {}
    if params.column is not UNSET:
        ids["column_id"] = resolve_names.resolve_column(uow, project, params.column)
    for name, name_or_id in (("assignee_id", params.assignee_id), ("label_id", params.label_id)):
        if name_or_id == "none":
            ids[name] = None
        elif isinstance(name_or_id, str):
            ids[name] = _find_filter(uow, project, name, name_or_id)
    return listing.list_cards(uow, project, convert(ListCards, params, **ids))


def _find_filter(uow: UnitOfWork, project: ProjectRef, name: str, name_or_id: str) -> str:
    """Return the id of the person or the label by which cards are filtered."""
    workspace_id = resolve_names.resolve_workspace(uow, project)
    if name == "assignee_id":
        return resolve_names.resolve_assignee(uow, workspace_id, name_or_id, "assigneeId")
    labels_of_project = resolve_names.list_labels(uow, workspace_id, project.project_id)
    return resolve_one(name_or_id, labels_of_project, "labelId")


@ACTIONS.add("board.read", CardParams, GET_CARD)
def _get_card_details(uow: UnitOfWork, ref: WorkspaceRef, params: CardParams) -> Card:
    """Read a card with its checklist."""
    return cards.get_card(uow, _card(uow, ref, params).ref)


@ACTIONS.add("board.read", CardCommentsParams, LIST_COMMENTS)
def _get_card_comments(uow: UnitOfWork, ref: WorkspaceRef, params: CardCommentsParams) -> Listing[Comment]:
    """List the comments on a card, oldest first."""
    return comments.list_comments(uow, _card(uow, ref, params).ref, convert(Paged, params))


@ACTIONS.add("board.read", CardRelationsParams, LIST_RELATIONS)
def _get_card_relations(uow: UnitOfWork, ref: WorkspaceRef, params: CardRelationsParams) -> Listing[Relation]:
    """List the relations of a card, as seen from it."""
    flat = _card(uow, ref, params).ref.parent(FlatCardRef)
    return relations.list_relations(uow, flat, convert(Paged, params))


@ACTIONS.add("board.write", CreateCardParams, CREATE_CARD)
def _create_card(uow: UnitOfWork, ref: WorkspaceRef, params: CreateCardParams) -> Card:
    """Create a card at the end of a column."""
    project = resolve_names.resolve_project(uow, ref, params.project_id)
    column_id = resolve_names.resolve_column(uow, project, params.column)
    card = convert(CreateCard, params, **_FieldNames(uow, project).resolve(params))
    return cards.create_card(uow, project.child(ColumnRef, column_id), card)


@ACTIONS.add("board.write", CreateCardsParams, CREATE_CARDS)
def _create_cards_bulk(uow: UnitOfWork, ref: WorkspaceRef, params: CreateCardsParams) -> list[Card]:
    """Create up to 500 cards, all or none."""
    project = resolve_names.resolve_project(uow, ref, params.project_id)
    column_names = resolve_names.ColumnNames(uow, project)
    field_names = _FieldNames(uow, project)
    requests = []
    for index, item in enumerate(params.cards):
        if item.column is UNSET:
            column_id = column_names.resolve(params.column, "column")
        else:
            column_id = column_names.resolve(item.column, f"cards[{index}].column")
        ids = field_names.resolve(item, f"cards[{index}].")
        requests.append(convert(CardInColumn, item, column_id=column_id, **ids))
    return bulk.create_cards(uow, project, CreateCards(cards=requests))


@ACTIONS.add("board.write", UpdateCardParams, UPDATE_CARD)
def _update_card(uow: UnitOfWork, ref: WorkspaceRef, params: UpdateCardParams) -> Card:
    """Change the given fields of a card; labelIds and checklist replace the whole list."""
    card = _card(uow, ref, params)
    ids = _FieldNames(uow, card.project).resolve(params)
    return cards.update_card(uow, card.ref, convert(UpdateCard, params, **ids))


class _FieldNames:
    """The assignees and labels that the fields of cards name. They are read once, and only if a field is not an id."""

    def __init__(self, uow: UnitOfWork, project: ProjectRef) -> None:
        self._uow = uow
        workspace_id = cache(lambda: resolve_names.resolve_workspace(uow, project))
        self._people = cache(lambda: resolve_names.list_assignees(uow, workspace_id()))
        self._labels = cache(lambda: resolve_names.list_labels(uow, workspace_id(), project.project_id))

    def resolve(self, fields: CreateCard | UpdateCard, path: str = "") -> dict[str, object]:
        """Return the fields with names, with ids in their place.

        Args:
            fields: The fields of a card.
            path: The path of the fields in the parameters.
        """
        ids: dict[str, object] = {}
        if isinstance(fields.assignee_id, str):
            ids["assignee_id"] = self._resolve(
                "person", self._people, fields.assignee_id, f"{path}assigneeId"
            )
        if isinstance(fields.label_ids, list):
            ids["label_ids"] = [
                self._resolve("label", self._labels, text, f"{path}labelIds[{index}]")
                for index, text in enumerate(fields.label_ids)
            ]
        return ids

    def _resolve(
        self, kind: str, list_candidates: Callable[[], list[Candidate]], text: str, field: str
    ) -> str:
        if re.fullmatch(ID_PATTERN, text):
            return text
        is_caller = kind == "person" and resolve_names.is_caller(text)
        id = self._uow.user_id if is_caller else resolve_one(text, list_candidates(), field)
        self._uow.record_dependency(f"{kind} in {field}", id)
        return id


@ACTIONS.add("board.write", MoveCardParams, UPDATE_CARD)
def _move_card(uow: UnitOfWork, ref: WorkspaceRef, params: MoveCardParams) -> Card:
    """Move a card to a column."""
    card = _card(uow, ref, params)
    column_id = _column(uow, card, params.target_column, "targetColumn")
    return cards.update_card(uow, card.ref, convert(UpdateCard, params, column_id=column_id))


@ACTIONS.add("board.write", AssignCardParams, UPDATE_CARD)
def _assign_card(uow: UnitOfWork, ref: WorkspaceRef, params: AssignCardParams) -> Card:
    """Assign a card to a person or an agent, or unassign it."""
    card = _card(uow, ref, params)
    assignee_id = params.assignee_id
    if assignee_id is not None:
        assignee_id = resolve_names.resolve_assignee(uow, card.workspace_id, assignee_id, "assigneeId")
    return cards.update_card(uow, card.ref, UpdateCard(assignee_id=assignee_id))


@ACTIONS.add("board.write", ArchiveCardParams, UPDATE_CARD)
def _archive_card(uow: UnitOfWork, ref: WorkspaceRef, params: ArchiveCardParams) -> Card:
    """Archive a card, or restore it."""
    return cards.update_card(uow, _card(uow, ref, params).ref, UpdateCard(archived=params.archived))


@ACTIONS.add("board.write", SetStatusParams, UPDATE_CARD)
def _set_status(uow: UnitOfWork, ref: WorkspaceRef, params: SetStatusParams) -> Card:
    """Set the status of a card."""
    return cards.update_card(uow, _card(uow, ref, params).ref, UpdateCard(status=params.status))


@ACTIONS.add("board.write", SetPriorityParams, UPDATE_CARD)
def _set_priority(uow: UnitOfWork, ref: WorkspaceRef, params: SetPriorityParams) -> Card:
    """Set the priority of a card, or clear it."""
    return cards.update_card(uow, _card(uow, ref, params).ref, UpdateCard(priority=params.priority))


@ACTIONS.add("board.write", CardLabelParams, ADD_LABEL_TO_CARD)
def _add_label(uow: UnitOfWork, ref: WorkspaceRef, params: CardLabelParams) -> Card:
    """Put a label on a card."""
    target = _card(uow, ref, params)
    labels.add_label_to_card(uow, _label(uow, target, params))
    return access.card(uow, target.ref).card


@ACTIONS.add("board.write", CardLabelParams, REMOVE_LABEL_FROM_CARD)
def _remove_label(uow: UnitOfWork, ref: WorkspaceRef, params: CardLabelParams) -> Card:
    """Take a label off a card."""
    target = _card(uow, ref, params)
    labels.remove_label_from_card(uow, _label(uow, target, params))
    return access.card(uow, target.ref).card


@ACTIONS.add("board.write", AddCommentParams, CREATE_COMMENT)
def _add_comment(uow: UnitOfWork, ref: WorkspaceRef, params: AddCommentParams) -> Comment:
    """Comment on a card; @name notifies that person."""
    return comments.create_comment(uow, _card(uow, ref, params).ref, convert(CreateComment, params))


@ACTIONS.add("board.write", NotifyParams, CREATE_COMMENT)
def _notify(uow: UnitOfWork, ref: WorkspaceRef, params: NotifyParams) -> Card:
    """Notify people about a card: its assignee, its creator, or the people that you name."""
    target = _card(uow, ref, params)
    card = access.card(uow, target.ref).card
    card_people = {"assignee": card.assignee_id, "creator": card.created_by_id}
    recipients = list(card_people) if params.to is UNSET else params.to
    named_people = {
        f"to[{index}]": recipient
        for index, recipient in enumerate(recipients)
        if recipient not in card_people
    }
    ids = {card_people[recipient] for recipient in recipients if recipient in card_people}
    if named_people:
        ids |= set(resolve_names.resolve_people(uow, target.workspace_id, named_people).values())
    uow.emit(
        NoticeGiven(
            workspace_id=target.workspace_id,
            project_id=card.project_id,
            card=card,
            message=params.message,
            user_ids=tuple(sorted(id for id in ids if id is not None)),
        )
    )
    return card


@ACTIONS.add("board.write", AddChecklistItemParams, ADD_CHECKLIST_ITEM)
def _add_checklist_item(uow: UnitOfWork, ref: WorkspaceRef, params: AddChecklistItemParams) -> ChecklistItem:
    """Add an item to a card's checklist."""
    flat = _card(uow, ref, params).ref.parent(FlatCardRef)
    return checklists.add_checklist_item(uow, flat, convert(AddChecklistItem, params))


@ACTIONS.add("board.write", ToggleChecklistItemParams, UPDATE_CHECKLIST_ITEM)
def _toggle_checklist_item(
    uow: UnitOfWork, ref: WorkspaceRef, params: ToggleChecklistItemParams
) -> ChecklistItem:
    """Mark a checklist item as done, or open it again."""
    flat = _card(uow, ref, params).ref.parent(FlatCardRef)
    items = access.flat_card(uow, flat).card.checklist
    id = resolve_one(params.item_id, [Candidate(item.id, (item.title,)) for item in items], "itemId")
    uow.record_dependency("checklist item in itemId", id)
    done = params.done
    if done is UNSET:
        done = not next(item.done for item in items if item.id == id)
    return checklists.update_checklist_item(
        uow, flat.child(ChecklistItemRef, id), UpdateChecklistItem(done=done)
    )


@ACTIONS.add("board.write", AddRelationParams, CREATE_RELATION)
def _add_relation(uow: UnitOfWork, ref: WorkspaceRef, params: AddRelationParams) -> Relation:
    """Relate a card to another card: blocks, blocked_by, related_to, duplicates or parent_of."""
    flat = _card(uow, ref, params).ref.parent(FlatCardRef)
    target = resolve_names.resolve_card(uow, ref, params.target_card_id, field="targetCardId")
    request = CreateRelation(target_card_id=target.ref.card_id, type=params.type)
    return relations.create_relation(uow, flat, request)


@ACTIONS.add("board.write", RemoveRelationParams, DELETE_RELATION)
def _remove_relation(uow: UnitOfWork, ref: WorkspaceRef, params: RemoveRelationParams) -> Ok:
    """Remove a relation between two cards."""
    flat = _card(uow, ref, params).ref.parent(FlatCardRef)
    target = resolve_names.resolve_card(uow, ref, params.target_card_id, field="targetCardId")
    candidates = relations.find_relations(uow, flat, target.ref.card_id)
    matching = [relation for relation in candidates if params.type in (UNSET, relation.type)]
    if not matching:
        raise NotFound("Relation not found")
    if len(matching) > 1:
        types = ", ".join(relation.type for relation in matching)
        raise Invalid(f"type is required: the cards are related by {types}", code="ambiguous_name")
    return relations.delete_relation(uow, ref.child(RelationRef, matching[0].id))


@ACTIONS.add("board.write", SplitCardParams, CREATE_CARDS)
def _split_card(uow: UnitOfWork, ref: WorkspaceRef, params: SplitCardParams) -> list[Card]:
    """Split a card: create cards that become its children, all or none."""
    card = _card(uow, ref, params)
    # Relations lock the workspace, so it is locked before the column of the new cards.
    lock_workspace(uow, ref)
    column_id = access.card(uow, card.ref).card.column_id
    if params.column is not UNSET:
        column_id = _column(uow, card, params.column)
    requests = [CardInColumn(title=title, column_id=column_id) for title in params.titles]
    children = bulk.create_cards(uow, card.project, CreateCards(cards=requests))
    # A proposal does not depend on the children: they get new ids when it is carried out.
    dependencies, uow.dependencies = uow.dependencies, None
    try:
        for child in children:
            request = CreateRelation(target_card_id=child.id, type="parent_of")
            relations.create_relation(uow, card.ref.parent(FlatCardRef), request)
    finally:
        uow.dependencies = dependencies
    return children


@ACTIONS.add("board.write", DuplicateCardParams, DUPLICATE_CARD)
def _duplicate_card(uow: UnitOfWork, ref: WorkspaceRef, params: DuplicateCardParams) -> Card:
    """Copy a card to the end of a column of its project."""
    card = _card(uow, ref, params)
    column_id = UNSET if params.column is UNSET else _column(uow, card, params.column)
    return duplicates.duplicate_card(uow, card.ref, convert(DuplicateCard, params, column_id=column_id))


@ACTIONS.add("board.write", TransferCardParams, TRANSFER_CARD)
def _transfer_card(uow: UnitOfWork, ref: WorkspaceRef, params: TransferCardParams) -> TransferredCard:
    """Move a card to another project of the workspace. It gets a new key."""
    card = _card(uow, ref, params)
    project = resolve_names.resolve_other_project(uow, card.project, params.target_project_id)
    column_id = resolve_names.resolve_column(uow, project, params.target_column, "targetColumn")
    return transfers.transfer_card(uow, card.ref, convert(TransferCard, params, column_id=column_id))


class _AboutCard(Protocol):
    """Parameters that name a card."""

    @property
    def card_id(self) -> str: ...
    @property
    def project_id(self) -> str | Unset: ...


def _card(uow: UnitOfWork, ref: WorkspaceRef, params: _AboutCard) -> resolve_names.ResolvedCard:
    return resolve_names.resolve_card(uow, ref, params.card_id, params.project_id)


def _column(uow: UnitOfWork, card: resolve_names.ResolvedCard, name: str, field: str = "column") -> str:
    return resolve_names.resolve_column(uow, card.project, name, field, card.scope_id)


def _label(uow: UnitOfWork, card: resolve_names.ResolvedCard, params: CardLabelParams) -> CardLabelRef:
    return card.ref.parent(FlatCardRef).child(
        CardLabelRef, resolve_names.resolve_label(uow, card, params.label)
    )
