"""The schema of the board. The row of a card has everything that lists of cards show."""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

from stellary.core.board.card_terms import TRIGGERS
from stellary.core.db.base import (
    Hundredths,
    IdType,
    Json,
    UtcDateTime,
    item_table,
    metadata,
    parent_key,
    partial_index,
    record_table,
)

projects = item_table(
    "stellary_projects",
    # Null while the project is imported in parts: it belongs to no workspace, and no reader finds it.
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id")),
    Column("name", String(100), nullable=False),
    Column("description", Text),
    Column("key", String(6), nullable=False),
    Column("template_id", String(40), nullable=False),
    Column("archived", Boolean, nullable=False),
    # The number of the newest card; numbers are never reused.
    Column("last_number", Integer, nullable=False),
    Column("created_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    Column("version", Integer, nullable=False),
    # The role of the members of the workspace who are not members of the project.
    Column("member_role", String(10), nullable=False, server_default="editor"),
    Column("visibility", String(10), nullable=False, server_default="workspace"),
    Column("estimate_unit", String(10), nullable=False, server_default="points"),
    UniqueConstraint("workspace_id", "key"),
)

PROJECT_WORKSPACE_ID: ColumnElement[str] = projects.c.workspace_id.label("workspace_id")
"""The workspace of a project, for statements that find only projects that have one."""

project_members = Table(
    "stellary_project_members",
    metadata,
    Column("project_id", IdType, parent_key("stellary_projects.id"), primary_key=True),
    Column("user_id", IdType, parent_key("stellary_users.id"), primary_key=True, index=True),
    Column("role", String(10), nullable=False, server_default="manager"),
    Column("created_at", UtcDateTime, nullable=False),
)

scopes = item_table(
    "stellary_scopes",
    Column("project_id", IdType, parent_key("stellary_projects.id"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("description", Text),
    Column("position", Integer, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("start_date", UtcDateTime),
    Column("due_date", UtcDateTime),
    Column("active_view", String(10), nullable=False),
    Column("view_settings", Json, nullable=False),
    Index("ix_stellary_scopes_project_id_position", "project_id", "position"),
)

columns = item_table(
    "stellary_columns",
    Column("project_id", IdType, parent_key("stellary_projects.id"), nullable=False),
    Column("scope_id", IdType, parent_key("stellary_scopes.id"), nullable=False),
    Column("name", String(100), nullable=False),
    # Consecutive from 0 in the scope. There are few columns, so a move may rewrite all of them.
    Column("position", Integer, nullable=False),
    Column("card_status", String(20)),
    Column("wip_limit", Integer),
    # The position index of a large column; null if it has few cards.
    Column("directory", Text),
    Index("ix_stellary_columns_project_id", "project_id"),
    Index("ix_stellary_columns_scope_id_position", "scope_id", "position"),
)

IS_COUNTED = text("archived = false")
"""The condition of the cards that the portfolio counts. Only a statement with the same text can use their index."""
IS_DUE = text("archived = false AND status <> 'done' AND due_date IS NOT NULL")
"""The condition of the open cards with a due date, and of their index."""
IS_TO_START = text("archived = false AND status <> 'done' AND start_date IS NOT NULL")
"""The condition of the open cards with a start date, and of their index."""
IS_ESTIMATED = text("archived = false AND estimate IS NOT NULL")
"""The condition of the cards whose estimates are summed, and of their index."""

cards = item_table(
    "stellary_cards",
    Column("project_id", IdType, parent_key("stellary_projects.id"), nullable=False),
    # The scope of the column. It needs no foreign key, since the column has one.
    Column("scope_id", IdType, nullable=False),
    Column("column_id", IdType, ForeignKey("stellary_columns.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("title", String(500), nullable=False),
    Column("description", Text),
    Column("status", String(20), nullable=False),
    Column("priority", String(20)),
    Column("start_date", UtcDateTime),
    Column("due_date", UtcDateTime),
    Column("completed_at", UtcDateTime),
    Column("assignee_id", IdType, ForeignKey("stellary_users.id", ondelete="SET NULL")),
    Column("created_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    # With gaps. The order in responses is computed, not stored.
    Column("position", BigInteger, nullable=False),
    Column("archived", Boolean, nullable=False),
    # In wire format: [{"_id", "title", "done", "order"}].
    Column("checklist", Json, nullable=False),
    Column("label_ids", Json, nullable=False),
    Column("custom_fields", Json, nullable=False),
    Column("comment_count", Integer, nullable=False),
    Column("attachment_count", Integer, nullable=False),
    Column("estimate", Hundredths),
    # In wire format: ``CardRecurrence``.
    Column("recurrence", Json),
    # Its ``nextAt``, and its ``occurrenceAt`` if it does not wait for the card, for the search for series that are due.
    Column("recurs_at", UtcDateTime),
    Column("recurs_after", UtcDateTime),
    Column("version", Integer, nullable=False),
    UniqueConstraint("project_id", "number"),
    Index("ix_stellary_cards_project_id_id", "project_id", "id"),
    # For pages of lists with a filter: the cards that match, in order of creation.
    Index("ix_stellary_cards_assignee_id_project_id_id", "assignee_id", "project_id", "id"),
    Index("ix_stellary_cards_status_project_id_id", "status", "project_id", "id"),
    Index("ix_stellary_cards_priority_project_id_id", "priority", "project_id", "id"),
    Index("ix_stellary_cards_archived_project_id_id", "archived", "project_id", "id"),
    Index("ix_stellary_cards_column_id_id", "column_id", "id"),
    Index("ix_stellary_cards_project_id_updated_at", "project_id", "updated_at"),
    # The order of cards in a column. Archived cards have no position in it.
    Index("ix_stellary_cards_place", "column_id", "archived", "position", "id"),
    partial_index("ix_stellary_cards_due_date", "project_id", "due_date", where="due_date IS NOT NULL"),
    partial_index("ix_stellary_cards_recurs_at", "recurs_at", "recurs_after", where="recurs_at IS NOT NULL"),
    # For the portfolio: each has all columns that it reads.
    partial_index("ix_stellary_cards_counted", "project_id", "column_id", "status", where=IS_COUNTED),
    partial_index(
        "ix_stellary_cards_open_due_date", "project_id", "due_date", "status", "archived", where=IS_DUE
    ),
    # For the sums of columns, scopes and projects.
    partial_index("ix_stellary_cards_estimated", "project_id", "column_id", "estimate", where=IS_ESTIMATED),
    # For the work of one person.
    partial_index(
        "ix_stellary_cards_assigned_due_date", "assignee_id", "due_date", "project_id", where=IS_DUE
    ),
    # For the reminders of one person.
    partial_index("ix_stellary_cards_assigned_start_date", "assignee_id", "start_date", where=IS_TO_START),
    partial_index(
        "ix_stellary_cards_completed_at", "project_id", "completed_at", where="completed_at IS NOT NULL"
    ),
)

former_keys = Table(
    "stellary_former_card_keys",
    metadata,
    # The project that the card has left, and its number there.
    Column("project_id", IdType, parent_key("stellary_projects.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("card_id", IdType, parent_key("stellary_cards.id"), nullable=False, index=True),
)
"""The keys that cards had in other projects, which still lead to them."""

card_terms = Table(
    "stellary_card_terms",
    metadata,
    # The id of a label, or the id of a custom field with a value: ``<fieldId>:<value>``.
    Column("term", String(100), primary_key=True),
    # No foreign key, since the triggers also delete the terms, without a second index.
    Column("card_id", IdType, primary_key=True),
    sqlite_with_rowid=False,
    info={"derived": True},
)
"""The cards by label and by value, in order of creation. Triggers keep it: see ``card_terms``."""

_TEXTS = ("title", "description", "status", "priority", "checklist", "label_ids", "custom_fields")
_OTHERS = (
    "start_date",
    "due_date",
    "completed_at",
    "recurrence",
    "recurs_at",
    "recurs_after",
    "archived",
    "estimate",
    "scope_id",
    "number",
    "created_by_id",
    "created_at",
)
_NEW, _OLD = (", ".join(f"{row}.{name}" for name in (*_TEXTS, *_OTHERS)) for row in ("NEW", "OLD"))
VERSION_TRIGGER = f"""CREATE TRIGGER stellary_cards_version AFTER UPDATE ON stellary_cards WHEN NEW.version = OLD.version
    AND NEW.updated_at = OLD.updated_at AND NEW.position = OLD.position AND NEW.column_id = OLD.column_id
    AND NEW.comment_count = OLD.comment_count AND NEW.attachment_count = OLD.attachment_count
    AND NEW.assignee_id IS OLD.assignee_id AND ({_NEW}) IS NOT ({_OLD})
BEGIN UPDATE stellary_cards SET version = version + 1 WHERE id = NEW.id; END"""  # noqa: S608 - no input
"""A trigger of SQLite that increments the version of a card after a change that lists could not see otherwise."""


def _execute_after_create(table: Table, statement: str, dialect: str = "sqlite") -> None:
    ddl = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]
    event.listen(table, "after_create", ddl.execute_if(dialect=dialect))


_execute_after_create(cards, VERSION_TRIGGER)

card_log = Table(
    "stellary_card_log",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("card_id", IdType, nullable=False),
    info={"derived": True},
)
"""The ids of changed cards in order of their changes, on SQLite. Triggers keep the last rows. On PostgreSQL, it is empty."""
NO_CARD = ""
"""Stands in the log for a change of the order of columns."""
LOG_MAX = 1_000
"""The least number of rows that are kept."""
_LOG_CHANGES = (
    ("created", "INSERT ON stellary_cards", "NEW.id"),
    ("changed", "UPDATE ON stellary_cards", "NEW.id"),
    ("deleted", "DELETE ON stellary_cards", "OLD.id"),
    ("columns", "UPDATE OF position, scope_id ON stellary_columns", "''"),
    ("scopes", "UPDATE OF position ON stellary_scopes", "''"),
)
# Old rows are deleted rarely, so that most commits write only the last page of the log.
_LOG_END = f"""CREATE TRIGGER stellary_card_log_end AFTER INSERT ON stellary_card_log WHEN NEW.id = NEW.id / {LOG_MAX} * {LOG_MAX}
BEGIN DELETE FROM stellary_card_log WHERE id <= NEW.id - {LOG_MAX}; END"""  # noqa: S608 - no input
_LOG_TRIGGERS = [
    f"CREATE TRIGGER stellary_card_log_{name} AFTER {change}\n"  # noqa: S608 - no input
    f"BEGIN INSERT INTO stellary_card_log (card_id) VALUES ({id}); END"
    for name, change, id in _LOG_CHANGES
]
_execute_after_create(card_log, f"INSERT INTO stellary_card_log VALUES (1, '{NO_CARD}')")  # noqa: S608 - no input
_execute_after_create(card_log, _LOG_END)
for _trigger in _LOG_TRIGGERS:
    _execute_after_create(cards, _trigger)
for _dialect, _triggers in TRIGGERS.items():
    for _trigger in _triggers:
        _execute_after_create(cards, _trigger, _dialect)

saved_filters = item_table(
    "stellary_saved_filters",
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), nullable=False),
    Column("project_id", IdType, parent_key("stellary_projects.id"), index=True),
    Column("name", String(100), nullable=False),
    # As for custom fields.
    Column("name_key", String(300), nullable=False),
    Column("filter", Text, nullable=False),
    Column("shared", Boolean, nullable=False),
    Column("position", Integer, nullable=False),
    # The id of the project or the workspace, followed by that of the owner of a filter that is not shared.
    Column("list_key", String(48), nullable=False),
    Column("created_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    UniqueConstraint("list_key", "name_key"),
    Index("ix_stellary_saved_filters_workspace_id_id", "workspace_id", "id"),
)

project_templates = Table(
    "stellary_project_templates",
    metadata,
    Column("id", IdType, primary_key=True),
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), nullable=False),
    Column("name", String(100), nullable=False),
    # As for custom fields.
    Column("name_key", String(300), nullable=False),
    Column("description", Text, nullable=False),
    Column("columns", Json, nullable=False),
    Column("labels", Json, nullable=False),
    Column("card_count", Integer, nullable=False),
    # The project file, as JSON.
    Column("file", LargeBinary, nullable=False),
    Column("created_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    UniqueConstraint("workspace_id", "name_key"),
)

comments = item_table(
    "stellary_comments",
    Column("card_id", IdType, parent_key("stellary_cards.id"), nullable=False),
    # The author; for an imported comment, the importer.
    Column("author_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    # The author of an imported comment as named by its file, which is not verified: {"name", "email"}.
    Column("imported_from", Json),
    Column("content", Text, nullable=False),
    Index("ix_stellary_comments_card_id_id", "card_id", "id"),
)

labels = item_table(
    "stellary_labels",
    Column("project_id", IdType, parent_key("stellary_projects.id"), nullable=False),
    Column("name", String(50), nullable=False),
    # The case-folded name, which must be unique.
    Column("name_key", String(100), nullable=False),
    Column("color", String(7), nullable=False),
    UniqueConstraint("project_id", "name_key"),
    Index("ix_stellary_labels_project_id_id", "project_id", "id"),
)

custom_fields = item_table(
    "stellary_custom_fields",
    Column("project_id", IdType, parent_key("stellary_projects.id"), nullable=False),
    Column("name", String(100), nullable=False),
    # As for labels; a case-folded name can be three times as long.
    Column("name_key", String(300), nullable=False),
    Column("type", String(20), nullable=False),
    # Empty as long as no option was changed: then the ids follow from the names.
    Column("option_ids", Json, nullable=False, server_default="[]"),
    Column("options", Json, nullable=False),
    Column("required", Boolean, nullable=False),
    UniqueConstraint("project_id", "name_key"),
    Index("ix_stellary_custom_fields_project_id_id", "project_id", "id"),
)

relations = record_table(
    "stellary_relations",
    # One row for both cards. The blocked card is the target; for ``related_to`` the older card is the source.
    Column("source_id", IdType, parent_key("stellary_cards.id"), nullable=False),
    Column("target_id", IdType, parent_key("stellary_cards.id"), nullable=False),
    Column("type", String(20), nullable=False),
    Column("created_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    UniqueConstraint("source_id", "target_id", "type"),
    Index("ix_stellary_relations_target_id_id", "target_id", "id"),
    # A card has at most one parent.
    partial_index("uq_stellary_relations_parent", "target_id", unique=True, where="type = 'parent_of'"),
)

attachments = record_table(
    "stellary_attachments",
    Column("card_id", IdType, parent_key("stellary_cards.id"), nullable=False),
    Column("uploaded_by_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    Column("original_name", String(255), nullable=False),
    Column("mime_type", String(255), nullable=False),
    Column("size", Integer, nullable=False),
    # The SHA-256 of the bytes in hex, used as the ETag.
    Column("sha256", String(64), nullable=False),
    # The key of the bytes in the store. Files without a row are swept.
    # Copies of a file share its bytes.
    Column("blob_key", String(40), nullable=False, index=True),
    Index("ix_stellary_attachments_card_id_id", "card_id", "id"),
)

time_entries = item_table(
    "stellary_time_entries",
    # The project of the card.
    Column("project_id", IdType, parent_key("stellary_projects.id"), nullable=False),
    Column("card_id", IdType, parent_key("stellary_cards.id"), nullable=False),
    Column("user_id", IdType, ForeignKey("stellary_users.id"), nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("day", String(10), nullable=False),
    Column("note", String(500)),
    Index("ix_stellary_time_entries_card_id_id", "card_id", "id"),
    Index("ix_stellary_time_entries_project_id_id", "project_id", "id"),
    Index("ix_stellary_time_entries_project_id_day", "project_id", "day", "id"),
)

timers = Table(
    "stellary_timers",
    metadata,
    Column("user_id", IdType, parent_key("stellary_users.id"), primary_key=True),
    # No foreign key, so that the timer goes on if the card is restored from the trash.
    Column("card_id", IdType, nullable=False, index=True),
    Column("started_at", UtcDateTime, nullable=False),
)

imports = record_table(
    "stellary_imports",
    Column("workspace_id", IdType, parent_key("stellary_workspaces.id"), nullable=False),
    Column("project_id", IdType, parent_key("stellary_projects.id"), nullable=False, unique=True),
    Column("created_by_id", IdType, parent_key("stellary_users.id"), nullable=False, index=True),
    Column("name", String(100), nullable=False),
    # The file without its cards, as JSON.
    Column("header", LargeBinary, nullable=False),
    # The names of its unknown fields.
    Column("ignored", Json, nullable=False),
    # By part of the file, such as columns: the id in the file, or null, and the new id of each entry.
    Column("new_ids", Json, nullable=False),
    # By column: the number of its cards, and of those that are not archived.
    Column("column_counts", Json, nullable=False),
    Column("part_count", Integer, nullable=False),
    Column("card_count", Integer, nullable=False),
    Column("relation_count", Integer, nullable=False),
    Column("completed_at", UtcDateTime),
    Index("ix_stellary_imports_workspace_id", "workspace_id"),
)

import_parts = Table(
    "stellary_import_parts",
    metadata,
    Column("import_id", IdType, parent_key("stellary_imports.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    # Of the cards as they were sent, by which a repeated part is recognized.
    Column("digest", String(64), nullable=False),
    # Of each card: its id in the file, or null, its new id, and its number in the file, or null.
    Column("cards", Json, nullable=False),
    # By the index of the card in the part: its relations, as they were sent.
    Column("relations", Json, nullable=False),
    Column("ignored", Json, nullable=False),
    Column("not_carried", Json, nullable=False),
)
