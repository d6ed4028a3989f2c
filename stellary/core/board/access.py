"""Access checks of the board: each reads a row, its project and the caller's roles in one statement."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, TypeVar

import attrs
from sqlalchemy import ColumnElement, FromClause, and_, func, or_, select

from stellary.contract.cards import Card
from stellary.contract.errors import NotFound
from stellary.contract.refs import (
    AttachmentRef,
    CardLabelRef,
    CardRef,
    ChecklistItemRef,
    ColumnRef,
    CommentRef,
    CustomFieldRef,
    FlatCardRef,
    LabelRef,
    ProjectMemberRef,
    ProjectRef,
    RelationRef,
    SavedFilterRef,
    ScopeRef,
    TemplateRef,
    TimeEntryRef,
    WorkspaceRef,
)
from stellary.core.accounts.access_checks import WORKSPACE_ID, AccessByRef, AccessCheck, Link, Loaded, by_ref
from stellary.core.accounts.audience import name_of_member
from stellary.core.board.order.locks import (
    lock_project,
    queue_column_locks,
    read_locked_column,
    uses_row_locks,
)
from stellary.core.board.order.ordering import ORDER, load_order
from stellary.core.board.row_types import (
    CardRow,
    CardWithMembersRow,
    CommentOnCardRow,
    CustomFieldRow,
    EdgeRow,
    ItemRow,
    LoadedAttachmentRow,
    LoadedColumnRow,
    LoadedMemberRow,
    LoadedScopeRow,
    LoadedTimeEntryRow,
    LockedPositionRow,
    ProjectRow,
    SavedFilterRow,
    TemplateRow,
)
from stellary.core.board.rows import card_rows
from stellary.core.board.rules import checklists
from stellary.core.board.rules.cards import LockedColumn
from stellary.core.board.tables import (
    PROJECT_WORKSPACE_ID,
    attachments,
    cards,
    columns,
    comments,
    custom_fields,
    labels,
    project_members,
    project_templates,
    projects,
    relations,
    saved_filters,
    scopes,
    time_entries,
)
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel.unit import UnitOfWork

R = TypeVar("R", bound=WorkspaceRef)
T = TypeVar("T")

IN_PROJECT: ColumnElement[str] = projects.c.id
"""The table of the project in the statement of an access check, to which other areas join their tables."""

_members = project_members.alias("members")
MEMBER_COUNT: ColumnElement[int] = (
    select(func.count())
    .select_from(_members)
    .where(_members.c.project_id == projects.c.id)
    .scalar_subquery()
    .label("member_count")
)

PROJECT = Link("Project", projects, "project_id", projects.c.workspace_id == WORKSPACE_ID, is_project=True)
CARD = Link("Card", cards, "card_id", cards.c.project_id == projects.c.id)


def in_project_of(project_id: ColumnElement[str], *, is_key: bool = True) -> Link:
    """Return the link to the project of a row that need not be in one.

    Args:
        project_id: The column with the id of the project, or null.
        is_key: Whether it is a foreign key; else the project is looked up in the workspace. Default: True.
    """
    within = projects.c.id == project_id
    if not is_key:
        within = and_(within, projects.c.workspace_id == WORKSPACE_ID)
    return Link(None, projects, within=within, is_project=True)


def in_any_project(name: str, table: FromClause, key: str) -> tuple[Link, Link]:
    """Return the links to a row whose path does not contain the project, or need not contain it.

    Args:
        name: The kind of resource, for the message.
        table: Its table, which has a ``project_id``.
        key: The attribute of the ref with its id.
    """
    of_row = and_(projects.c.id == table.c.project_id, projects.c.workspace_id == WORKSPACE_ID)
    return Link(None, table, key), Link(name, projects, within=of_row, is_project=True)


_PROJECT_KEY = projects.c.key.label("project_key")
# These columns are last in each statement, so that the same slice selects the columns of a card.
_CARD = (_PROJECT_KEY, *ORDER, *card_rows.STORED)
_STORED = slice(-len(card_rows.STORED), None)

_PROJECT_COLUMNS = (
    *(column for column in projects.c if column.name != "workspace_id"),
    PROJECT_WORKSPACE_ID,
    MEMBER_COUNT,
)

project = AccessCheck(ProjectRef, ProjectRow, PROJECT, columns=_PROJECT_COLUMNS)
"""The access check for a project."""

project_with_sight = AccessCheck(ProjectRef, ProjectRow, PROJECT, columns=_PROJECT_COLUMNS, reads_sight=True)
"""The same, for readers of what may refer to other projects."""

_MEMBER = (_members.c.user_id, _members.c.role, _members.c.created_at)
project_member = AccessCheck(
    ProjectMemberRef,
    LoadedMemberRow,
    PROJECT,
    Link("Member", _members, "user_id", _members.c.project_id == projects.c.id, column="user_id"),
    columns=(projects.c.id, PROJECT_WORKSPACE_ID, *_MEMBER),
)
"""The access check for a member of a project; the row has the project's ``id``."""

column = AccessCheck(
    ColumnRef,
    LoadedColumnRow,
    PROJECT,
    Link("Column", columns, "column_id", columns.c.project_id == projects.c.id),
    columns=(_PROJECT_KEY, *columns.c),
    dependency="column",
)
"""The access check for a column."""

label = AccessCheck(
    LabelRef,
    ItemRow,
    *in_any_project("Label", labels, "label_id"),
    columns=labels.c,
    path_project=("of_project",),
    dependency="label",
)
"""The access check for a label, by its flat path or below its project."""

saved_filter = AccessCheck(
    SavedFilterRef,
    SavedFilterRow,
    Link(
        "Saved filter",
        saved_filters,
        "saved_filter_id",
        and_(
            saved_filters.c.workspace_id == WORKSPACE_ID,
            or_(saved_filters.c.shared, is_given(saved_filters.c.created_by_id, "user_id")),
        ),
    ),
    in_project_of(saved_filters.c.project_id),
    columns=saved_filters.c,
    author="created_by_id",
)
"""The access check for a saved filter: one that is shared, or the caller's own."""

TEMPLATE: Final = tuple(column for column in project_templates.c if column.name != "file")
template = AccessCheck(
    TemplateRef,
    TemplateRow,
    Link("Template", project_templates, "template_id", project_templates.c.workspace_id == WORKSPACE_ID),
    columns=TEMPLATE,
    author="created_by_id",
)
"""The access check for a template of a workspace."""


@attrs.frozen
class LoadedCard(Loaded[CardRow]):
    """The result of an access check of a card.

    Attributes:
        card: The card, with its order.
        position: The stored position that the order follows from.
    """

    card: Card
    position: int

    @property
    def place(self) -> dict[str, str]:
        """The workspace and the project of the card, as events name them."""
        return {"workspace_id": self.roles.workspace_id, "project_id": self.card.project_id}


class _CardCheck(AccessCheck[R, CardRow]):
    """An access check that returns the card of the row, with its order."""

    def __call__(self, uow: UnitOfWork, ref: R) -> LoadedCard:
        """Check the access of the caller, and return the card."""
        return _load_card(uow, super().__call__(uow, ref))


card = _CardCheck(CardRef, CardRow, PROJECT, CARD, columns=_CARD)
_card_with_members = AccessCheck(
    CardRef,
    CardWithMembersRow,
    PROJECT,
    CARD,
    columns=(
        name_of_member(cards.c.assignee_id, projects.c.workspace_id).label("assignee_name"),
        name_of_member(cards.c.created_by_id, projects.c.workspace_id).label("creator_name"),
        *_CARD,
    ),
)
flat_card, card_with_sight = (
    _CardCheck(
        FlatCardRef,
        CardRow,
        *in_any_project("Card", cards, "card_id"),
        columns=_CARD,
        path_project=("of_project",),
        reads_sight=reads_sight,
    )
    for reads_sight in (False, True)
)
_card_label = _CardCheck(
    CardLabelRef,
    CardRow,
    *in_any_project("Card", cards, "card_id"),
    Link("Label", labels, "label_id", labels.c.project_id == projects.c.id),
    columns=_CARD,
    path_project=("of_project",),
)
_comment = AccessCheck(
    CommentRef,
    CommentOnCardRow,
    PROJECT,
    CARD,
    Link("Comment", comments, "comment_id", comments.c.card_id == cards.c.id),
    columns=(comments.c.author_id, *_CARD),
    author="author_id",
)

_CARDS = select(*_CARD).join_from(cards, projects)
_CARDS_NOW = Query(CardRow, _CARDS.where(is_among(cards.c.id)))
_THIS_CARD = _CARDS.where(is_given(cards.c.id, "card_id"))
_CARD_BY_ID = Query(CardRow, _THIS_CARD)
_LOCK_POSITION = Query(
    LockedPositionRow,
    select(cards.c.version, cards.c.position)
    .where(is_given(cards.c.id, "card_id"))
    .with_for_update(key_share=True),
)
_LOCK = Query(CardRow, _THIS_CARD.with_for_update(key_share=True, of=cards))

time_entry = AccessCheck(
    TimeEntryRef,
    LoadedTimeEntryRow,
    PROJECT,
    CARD,
    Link("Time entry", time_entries, "entry_id", time_entries.c.card_id == cards.c.id),
    columns=(time_entries.c.id, time_entries.c.user_id),
    author="user_id",
)
"""The access check for a time entry."""


@attrs.frozen
class LoadedComment(LoadedCard):
    """The result of an access check of a comment: its card, and in ``row`` the comment."""

    row: CommentOnCardRow


def load_locked_project(uow: UnitOfWork, ref: ProjectRef) -> Loaded[ProjectRow]:
    """Check access to a project, and lock it: until the unit ends, no other unit changes it or its columns.

    Args:
        ref: The project.

    Raises:
        NotFound: The caller has no access to the workspace, or it has no such project.
        Forbidden: The caller's role is not enough.
    """
    loaded = project(uow, ref)
    if not uses_row_locks(uow):
        return loaded
    lock_project(uow, loaded.row.id)
    return project(uow, ref)


def card_with_members(uow: UnitOfWork, ref: CardRef) -> LoadedCard:
    """Check access to a card like ``card``, and remember in the unit who is notified of a change of it.

    Args:
        ref: The card.
    """
    loaded = _card_with_members(uow, ref)
    row, workspace_id = loaded.row, loaded.roles.workspace_id
    for user_id, name in ((row.assignee_id, row.assignee_name), (row.created_by_id, row.creator_name)):
        if name is not None:
            uow.members[workspace_id, user_id or ""] = name
    return _load_card(uow, loaded)


def checklist_item(uow: UnitOfWork, ref: ChecklistItemRef) -> LoadedCard:
    """Check access to an item of a card's checklist; return the card that has it.

    Args:
        ref: The item.

    Raises:
        NotFound: The caller has no access to the workspace, or there is no such item of such a card.
    """
    loaded = flat_card(uow, ref)
    checklists.find_item(loaded.card.checklist, ref.item_id)
    return loaded


def card_label(uow: UnitOfWork, ref: CardLabelRef) -> LoadedCard:
    """Check access to a card and a label of its project, whether or not the card has the label.

    Args:
        ref: The card and the label.

    Raises:
        NotFound: The caller has no access to the workspace, or there is no such card, or no such label in its project.
    """
    loaded = _card_label(uow, ref)
    uow.record_dependency("label", ref.label_id)
    return loaded


def comment(uow: UnitOfWork, ref: CommentRef) -> LoadedComment:
    """Check access to a comment; return its card, and in the row ``author_id``.

    Args:
        ref: The comment.

    Raises:
        NotFound: The caller has no access to the workspace, or there is no such comment on such a card.
        Forbidden: The caller's role is not enough.
    """
    loaded = _comment(uow, ref)
    loaded_card = _load_card(uow, loaded)
    card, position = loaded_card.card, loaded_card.position
    return LoadedComment(row=loaded.row, roles=loaded.roles, card=card, position=position)


def lock_card(uow: UnitOfWork, loaded: LoadedCard) -> LoadedCard:
    """Lock the row of a card until the transaction ends, and re-read it.

    On SQLite a writing unit is alone, so nothing is read again. Callers that move the card lock its columns first
    (``locks.lock_columns``).

    Args:
        loaded: The card, as an access check has loaded it.

    Raises:
        NotFound: The card was deleted in between.
    """
    if not uses_row_locks(uow):
        return loaded
    row = _LOCK.first(uow.connection, {"_card_id": loaded.card.id})
    if row is not None and row.version != loaded.card.version:
        # Another unit may have moved the card, since its order was computed before the lock was granted.
        row = _CARD_BY_ID.first(uow.connection, {"_card_id": loaded.card.id})
    # A card that has left the project in between may be in one that the caller does not see.
    if row is None or row.project_id != loaded.card.project_id:
        raise NotFound("Card not found")
    if row.version != loaded.card.version:
        uow.record_dependency("held card", row.id, row.version)
    return attrs.evolve(_load_card(uow, Loaded(row, loaded.roles)), row=loaded.row)


def queue_card_lock(uow: UnitOfWork, loaded: LoadedCard) -> Callable[[], LoadedCard | None]:
    """Lock the row of a card until the transaction ends, in the same round trip as the locks of its columns before.

    Args:
        loaded: The card, as an access check has loaded it.

    Returns:
        A function that returns the card with its current position, but its order as loaded; None if it has changed.
    """
    if not uses_row_locks(uow):
        return lambda: loaded
    rows = _LOCK_POSITION.queue(uow.connection, {"_card_id": loaded.card.id})

    def read() -> LoadedCard | None:
        row = rows.first()
        if row is None or row.version != loaded.card.version:
            return None
        return attrs.evolve(loaded, position=row.position)

    return read


def queue_column_lock(uow: UnitOfWork, loaded: Loaded[LoadedColumnRow]) -> Callable[[], LockedColumn]:
    """Lock the row of a column until the transaction ends, in the same round trip as later statements.

    Args:
        loaded: The column, as an access check has loaded it.

    Returns:
        A function that returns the current state of the column. It raises ``NotFound`` if the column was deleted in between.
    """
    if not uses_row_locks(uow):
        return lambda: read_locked_column(loaded.row)
    read_columns = queue_column_locks(uow, loaded.row.project_id, [loaded.row.id])
    return lambda: require_row(read_columns().get(loaded.row.id), "Column")


def read_cards(uow: UnitOfWork, ids: Collection[str]) -> dict[str, Card]:
    """Return the current state of cards that this unit has accessed before, by id.

    Deleted cards are left out.

    Args:
        ids: The ids of the cards.
    """
    rows = _CARDS_NOW.all(uow.connection, {"_ids": sorted(ids)})
    return {row.id: card_rows.card(row[_STORED], row.project_key, load_order(uow, row)) for row in rows}


def require_row(row: T | None, name: str) -> T:
    """Return a row, or raise if it no longer exists.

    Args:
        row: The row that a statement has returned.
        name: The kind of resource for the message, such as ``Card``.

    Raises:
        NotFound: The row is None.
    """
    if row is None:
        raise NotFound(f"{name} not found")
    return row


def _load_card(uow: UnitOfWork, loaded: Loaded[CardRow]) -> LoadedCard:
    row = loaded.row
    uow.record_dependency("card", row.id, row.version)
    card = card_rows.card(row[_STORED], row.project_key, load_order(uow, row))
    return LoadedCard(row, loaded.roles, card, row.position)


attachment = AccessCheck(
    AttachmentRef,
    LoadedAttachmentRow,
    PROJECT,
    CARD,
    Link("Attachment", attachments, "attachment_id", attachments.c.card_id == cards.c.id),
    columns=attachments.c,
    author="uploaded_by_id",
)
"""The access check for a file on a card."""


_target = cards.alias("target")

relation = AccessCheck(
    RelationRef,
    EdgeRow,
    Link(None, relations, "relation_id"),
    Link(None, cards, within=cards.c.id == relations.c.source_id),
    Link(None, _target, within=_target.c.id == relations.c.target_id),
    Link(
        "Relation",
        projects,
        within=and_(projects.c.id == cards.c.project_id, projects.c.workspace_id == WORKSPACE_ID),
        is_project=True,
    ),
    columns=(
        _target.c.project_id.label("of_other_project"),
        relations.c.id,
        relations.c.source_id,
        relations.c.target_id,
        relations.c.type,
    ),
    path_project=("of_project", "of_other_project"),
    reads_sight=True,
)
"""The access check for a relation, by its flat path or below the project of one of its cards."""


scope = AccessCheck(
    ScopeRef,
    LoadedScopeRow,
    *in_any_project("Scope", scopes, "scope_id"),
    columns=(projects.c.key.label("project_key"), *scopes.c),
    path_project=("of_project",),
    dependency="scope",
)
"""The access check for a scope, by its flat path or below its project."""


def load_locked_scope(uow: UnitOfWork, ref: ScopeRef) -> Loaded[LoadedScopeRow]:
    """Check access to a scope, and lock its project: until the unit ends, no other unit changes its scopes or their columns.

    Args:
        ref: The scope.

    Raises:
        NotFound: The caller has no access to the workspace, or it has no such scope (in that project).
    """
    loaded = scope(uow, ref)
    if not uses_row_locks(uow):
        return loaded
    lock_project(uow, loaded.row.project_id)
    return scope(uow, ref)


custom_field = AccessCheck(
    CustomFieldRef,
    CustomFieldRow,
    *in_any_project("Custom field", custom_fields, "field_id"),
    columns=custom_fields.c,
    path_project=("of_project",),
    dependency="custom field",
)
"""The access check for a custom field, by its flat path or below its project."""

_LOCK_FIELD = Query(
    CustomFieldRow,
    select(custom_fields).where(is_given(custom_fields.c.id, "field_id")).with_for_update(key_share=True),
)


def load_locked_custom_field(uow: UnitOfWork, ref: CustomFieldRef) -> Loaded[CustomFieldRow]:
    """Check access to a custom field, and lock it: until the unit ends, no other unit changes it or sets a value of it.

    Args:
        ref: The custom field.

    Raises:
        NotFound: The caller has no access to the workspace, or it has no such field (in that project).
    """
    loaded = custom_field(uow, ref)
    if not uses_row_locks(uow):
        return loaded
    row = require_row(_LOCK_FIELD.first(uow.connection, {"_field_id": loaded.row.id}), "Custom field")
    return attrs.evolve(loaded, row=row)


ACCESS_BY_REF: AccessByRef = {
    **by_ref(project, project_member, column, label, time_entry, saved_filter, template),
    **by_ref(card, flat_card, attachment, relation, scope, custom_field),
    ChecklistItemRef: checklist_item,
    CardLabelRef: card_label,
    CommentRef: comment,
}
