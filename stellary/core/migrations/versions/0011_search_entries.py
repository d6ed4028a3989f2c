"""The search index: one entry for each item that search can find."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

# The current function, since the texts must be comparable to those that are indexed from now on.
from stellary.core.knowledge.rules.plain_text import plain_text
from stellary.core.search.rules import fold

revision = "0011"
down_revision = "0010"

# As they were at the time: what the code calls these today may become something else.
ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")

_INSERT = sa.text(
    "INSERT INTO stellary_search_entries"
    " (workspace_id, id, kind, organization_id, project_id, card_id, document_id, title, body) VALUES"
    " (:workspace_id, :id, :kind, :organization_id, :project_id, :card_id, :document_id, :title, :body)"
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
_DOCUMENTS = sa.text(
    "SELECT workspace_id, id, organization_id, context_type, project_id, title, content, tags FROM stellary_documents"
)


def upgrade() -> None:
    op.create_table(
        "stellary_search_entries",
        sa.Column("workspace_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("organization_id", ID, nullable=True),
        sa.Column("project_id", ID, nullable=True),
        sa.Column("card_id", ID, nullable=True),
        sa.Column("document_id", ID, nullable=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        *(
            sa.ForeignKeyConstraint(
                [f"{thing}_id"],
                [f"stellary_{thing}s.id"],
                name=f"fk_stellary_search_entries_{thing}_id",
                ondelete="CASCADE",
            )
            for thing in ("workspace", "organization", "project", "card", "document")
        ),
        sa.PrimaryKeyConstraint("workspace_id", "id", name="pk_stellary_search_entries"),
    )
    for column in ("card_id", "document_id", "organization_id", "project_id"):
        op.create_index(f"ix_stellary_search_entries_{column}", "stellary_search_entries", [column])
    connection = op.get_bind()
    for entry in _entries(connection):
        connection.execute(_INSERT, entry)


def _entries(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    for row in connection.execute(_PROJECTS).fetchall():
        title = f"{row.key} {row.name}"
        yield _entry("project", row, title, row.description or "", project_id=row.id)
    for row in connection.execute(_CARDS).fetchall():
        steps = [step["title"] for step in json.loads(row.checklist)]
        text = "\n".join(filter(None, [row.description, *steps]))
        title = f"{row.key}-{row.number} {row.title}"
        yield _entry("card", row, title, text, project_id=row.project_id, card_id=row.id)
    for row in connection.execute(_COMMENTS).fetchall():
        yield _entry("comment", row, "", row.content, project_id=row.project_id, card_id=row.card_id)
    for row in connection.execute(_DOCUMENTS):
        text = "\n".join(filter(None, (plain_text(json.loads(row.content)), " ".join(json.loads(row.tags)))))
        everywhere = row.organization_id if row.context_type == "organization" else None
        at = {"organization_id": everywhere, "project_id": row.project_id, "document_id": row.id}
        yield _entry("document", row, row.title, text, **at)


def _entry(kind: str, row: sa.Row[Any], title: str, text: str, **at: str | None) -> dict[str, Any]:
    nowhere = dict.fromkeys(("organization_id", "project_id", "card_id", "document_id"))
    return {
        **nowhere,
        **at,
        "workspace_id": row.workspace_id,
        "id": row.id,
        "kind": kind,
        "title": fold(title),
        "body": fold(text),
    }


def downgrade() -> None:
    op.drop_table("stellary_search_entries")
