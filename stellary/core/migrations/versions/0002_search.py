"""What search reads, and what the feeds of projects and cards are read from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

# As texts are compared by whoever reads the index from now on, which may not be as it once was.
from stellary.core.search.rules import folded

revision = "0002"
down_revision = "0001"

# As they were at the time: what the code calls these today may become something else.
ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")

_INSERT = sa.text(
    "INSERT INTO stellary_search_entries (workspace_id, id, kind, project_id, card_id, title, body)"
    " VALUES (:workspace_id, :id, :kind, :project_id, :card_id, :title, :body)"
)
_PROJECTS = sa.text("SELECT workspace_id, id, key, name, description FROM stellary_projects")
_CARDS = sa.text(
    "SELECT p.workspace_id, p.id AS project_id, p.key, c.id, c.number, c.title, c.description, c.checklist"
    " FROM stellary_cards c JOIN stellary_projects p ON p.id = c.project_id"
)
_COMMENTS = sa.text(
    "SELECT p.workspace_id, p.id AS project_id, c.id AS card_id, m.id, m.content FROM stellary_comments m"
    " JOIN stellary_cards c ON c.id = m.card_id JOIN stellary_projects p ON p.id = c.project_id"
)


def upgrade() -> None:
    op.create_index("ix_stellary_activities_project_id_id", "stellary_activities", ["project_id", "id"])
    op.create_index("ix_stellary_activities_card_id_id", "stellary_activities", ["card_id", "id"])
    op.create_table(
        "stellary_search_entries",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("project_id", ID, nullable=True),
        sa.Column("card_id", ID, nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id"], ["stellary_cards.id"], name="fk_stellary_search_entries_card_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["stellary_projects.id"],
            name="fk_stellary_search_entries_project_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["stellary_workspaces.id"],
            name="fk_stellary_search_entries_workspace_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_stellary_search_entries"),
    )
    for column in ("card_id", "project_id"):
        op.create_index(f"ix_stellary_search_entries_{column}", "stellary_search_entries", [column])
    connection = op.get_bind()
    for entry in _entries(connection):
        connection.execute(_INSERT, entry)


def _entries(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    for row in connection.execute(_PROJECTS).fetchall():
        title = f"{row.key} {row.name}"
        yield _entry("project", row, row.id, None, title, row.description or "")
    for row in connection.execute(_CARDS).fetchall():
        steps = [step["title"] for step in json.loads(row.checklist)]
        text = "\n".join(filter(None, [row.description, *steps]))
        yield _entry("card", row, row.project_id, row.id, f"{row.key}-{row.number} {row.title}", text)
    for row in connection.execute(_COMMENTS).fetchall():
        yield _entry("comment", row, row.project_id, row.card_id, "", row.content)


def _entry(
    kind: str, row: sa.Row[Any], project_id: str, card_id: str | None, title: str, text: str
) -> dict[str, Any]:
    return {
        "workspace_id": row.workspace_id,
        "id": row.id,
        "kind": kind,
        "project_id": project_id,
        "card_id": card_id,
        "title": folded(title),
        "body": folded(text),
    }
