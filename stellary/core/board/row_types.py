"""The rows of boards: the columns that are read by name. ``RowFields`` reads those of fields that are not listed here."""

from __future__ import annotations

from datetime import datetime

from stellary.contract.cards import CardStatus
from stellary.contract.relations import RelationType
from stellary.contract.roles import Visibility
from stellary.contract.scopes import ViewType
from stellary.core.board.rules.scopes import ViewSettings
from stellary.core.db.row_types import RowType


class ItemRow(RowType):
    """An item, with the times of its creation and its last change."""

    id: str
    created_at: datetime
    updated_at: datetime


class ListedProjectRow(ItemRow):
    """A project in a list."""

    name: str
    key: str
    workspace_id: str
    visibility: Visibility


class IndexedProjectRow(RowType):
    """A project that search finds by its texts."""

    id: str
    workspace_id: str
    key: str
    name: str
    description: str | None


class ProjectRow(ListedProjectRow):
    """A project."""

    created_by_id: str
    version: int


class MemberRow(RowType):
    """A member of a project."""

    user_id: str


class LoadedMemberRow(MemberRow):
    """A project and one of its members."""

    id: str
    workspace_id: str


class ProjectMemberRow(MemberRow):
    """A member of one of several projects."""

    project_id: str


class ColumnRow(ItemRow):
    """A column, with the columns that ``read_card_count`` needs."""

    name: str
    project_id: str
    scope_id: str
    position: int
    directory: str | None
    card_count: int | None
    card_estimate: float | None


class LockedColumnRow(RowType):
    """A locked column."""

    id: str
    name: str
    scope_id: str
    card_status: CardStatus | None
    wip_limit: int | None
    directory: str | None


class LoadedColumnRow(LockedColumnRow):
    """A column, with the key of its project."""

    project_id: str
    project_key: str


class CardOrderRow(RowType):
    """A card, with the columns that ``load_order`` needs."""

    id: str
    column_id: str
    archived: bool
    place: int | None
    directory: str | None
    position: int


class CardRow(CardOrderRow):
    """A card. The last columns are those of ``card_rows.STORED``."""

    project_key: str
    project_id: str
    version: int


class CardWithMembersRow(CardRow):
    """A card, and the names of its assignee and its creator, if they have access and are not the caller."""

    assignee_id: str | None
    created_by_id: str | None
    assignee_name: str | None
    creator_name: str | None


class CommentOnCardRow(CardRow):
    """A card, and the author of a comment on it."""

    author_id: str


class CommentRow(RowType):
    """A comment with the name of its author, which ``CommentRows`` reads."""

    author_name: str
    imported_from: dict[str, str] | None


class IndexedCommentRow(RowType):
    """A comment that search finds by its text."""

    id: str
    card_id: str
    content: str
    project_id: str


class SavedFilterRow(ItemRow):
    """A saved filter."""

    workspace_id: str
    project_id: str | None
    name: str
    filter: str


class TemplateRow(RowType):
    """A template of a workspace, without its file."""

    id: str
    columns: list[dict[str, str | None]]
    labels: list[dict[str, str]]


class ScopeRow(ItemRow):
    """A scope."""

    project_id: str
    name: str
    position: int
    is_default: bool
    active_view: ViewType
    view_settings: ViewSettings


class LoadedScopeRow(ScopeRow):
    """A scope, with the key of its project."""

    project_key: str


class CustomFieldRow(ItemRow):
    """A custom field."""

    options: list[str]
    option_ids: list[str]


class EdgeRow(RowType):
    """A relation, with the projects of its cards."""

    id: str
    source_id: str
    target_id: str
    type: RelationType
    of_other_project: str


class OtherCardRow(RowType):
    """The card at the other end of a relation."""

    other_id: str
    number: int
    title: str
    project_id: str
    key: str


class RelationRow(OtherCardRow):
    """A relation of a card, with the card at its other end."""

    id: str
    card_id: str
    type: RelationType
    from_source: bool


class AttachmentRow(RowType):
    """A file on a card."""

    id: str
    card_id: str
    uploaded_by_id: str
    original_name: str
    mime_type: str
    size: int
    sha256: str
    blob_key: str


class LoadedAttachmentRow(AttachmentRow):
    """A file on a card, with the project."""

    of_project: str


class TitleRow(RowType):
    """An item by its title."""

    id: str
    title: str


class NamedCardRow(TitleRow):
    """A card that a text may refer to."""

    project_id: str
    scope_id: str


class HitRow(ItemRow):
    """A project, a card, or a comment on a card that a search finds."""

    project_id: str
    key: str
    project_archived: bool
    card_id: str | None
    number: int | None
    title: str
    archived: bool
    content: str | None
    checklist: list[dict[str, str]]


class PositionRow(RowType):
    """A card, with its position."""

    id: str
    position: int


class AnchorRow(PositionRow):
    """The card beside which another one is placed."""

    is_in_column: bool
    place: int | None


class LockedPositionRow(RowType):
    """The version and the position of a locked card."""

    version: int
    position: int


class ColumnEndRow(RowType):
    """The end of a column: the number of its unarchived cards, and the position of the last one."""

    card_count: int | None
    last: int | None


class ExportedCommentRow(RowType):
    """A comment for a project file."""

    author_id: str
    imported_from: dict[str, str] | None


class ExportedCardCommentRow(ExportedCommentRow):
    """A comment on a card for a project file."""

    card_id: str


class CardNumberRow(RowType):
    """The newest number of a project, and whether new cards need values of custom fields."""

    last_number: int
    has_required: bool


class FieldValuesRow(RowType):
    """A card, with its values of custom fields."""

    id: str
    custom_fields: dict[str, object]
    version: int


class DatedCardRow(RowType):
    """A card with a due date. The columns from the third on are those of ``card_rows.STORED``."""

    workspace_id: str
    key: str


class RecurringCardRow(RowType):
    """A card that recurs. The columns from the fifth on are those of ``card_rows.STORED``."""

    workspace_id: str
    key: str
    project_archived: bool
    reachable: bool


class ImportRow(RowType):
    """An import in parts."""

    id: str
    workspace_id: str
    project_id: str
    created_by_id: str
    name: str
    header: bytes
    ignored: list[str]
    new_ids: dict[str, list[tuple[str | None, str]]]
    column_counts: dict[str, tuple[int, int]]
    part_count: int
    card_count: int
    relation_count: int
    completed_at: datetime | None
    created_at: datetime


class ImportPartRow(RowType):
    """A part of an import."""

    cards: list[tuple[str | None, str, int | None]]
    relations: dict[str, list[object]]
    ignored: list[str]
    not_carried: list[dict[str, object]]


class CardInProgressRow(RowType):
    """The columns of a card in progress whose age is measured."""

    id: str
    number: int
    title: str
    column_id: str
    created_at: datetime


class LoadedTimeEntryRow(RowType):
    """The columns of a time entry that its access check reads."""

    id: str
    user_id: str


class TimeEntryRow(LoadedTimeEntryRow):
    """A time entry, with the names of its user and its card."""

    card_key: str
    card_title: str
    user_name: str
    minutes: int
    day: str
    note: str | None
