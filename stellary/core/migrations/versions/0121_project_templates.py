"""Templates of workspaces, and copies of files that share their bytes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import create_index, drop_index, refuse_if_any

revision = "0121"
down_revision = "0120"


_KEYS = "ix_stellary_attachments_blob_key"
_UNIQUE = "uq_stellary_attachments_blob_key"
# An earlier version would purge the bytes of a file in the trash, although its copy needs them.
_SHARED = (
    "blob_key IN (SELECT blob_key FROM (SELECT blob_key FROM stellary_attachments UNION ALL SELECT blob_key"
    " FROM stellary_trash_rows WHERE table_name = 'stellary_attachments') AS files"
    " GROUP BY blob_key HAVING count(*) > 1)"
)


def _rebuild(*constraints: sa.UniqueConstraint) -> None:
    """Build the table of attachments again, since SQLite cannot drop or add a constraint."""
    identifier = sa.String(24)
    op.rename_table("stellary_attachments", "stellary_attachments_before")
    op.create_table(
        "stellary_attachments",
        sa.Column("id", identifier, primary_key=True),
        sa.Column(
            "card_id", identifier, sa.ForeignKey("stellary_cards.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("uploaded_by_id", identifier, sa.ForeignKey("stellary_users.id"), nullable=False),
        sa.Column("original_name", sa.String(255), nullable=False),
        sa.Column("mime_type", sa.String(255), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("blob_key", sa.String(40), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        *constraints,
    )
    op.execute("INSERT INTO stellary_attachments SELECT * FROM stellary_attachments_before")
    op.drop_table("stellary_attachments_before")
    op.create_index("ix_stellary_attachments_card_id_id", "stellary_attachments", ["card_id", "id"])


def upgrade() -> None:
    identifier = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
    is_sqlite = op.get_context().dialect.name == "sqlite"
    if is_sqlite:
        _rebuild()
    create_index(_KEYS, "stellary_attachments", ["blob_key"])
    if not is_sqlite:
        op.drop_constraint(_UNIQUE, "stellary_attachments")
    op.create_table(
        "stellary_project_templates",
        sa.Column("id", identifier, primary_key=True),
        sa.Column(
            "workspace_id",
            identifier,
            sa.ForeignKey("stellary_workspaces.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("name_key", sa.String(300), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("columns", sa.Text(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("card_count", sa.Integer(), nullable=False),
        sa.Column("file", sa.LargeBinary(), nullable=False),
        sa.Column("created_by_id", identifier, sa.ForeignKey("stellary_users.id"), nullable=False),
        sa.UniqueConstraint(
            "workspace_id", "name_key", name="uq_stellary_project_templates_workspace_id_name_key"
        ),
    )


def downgrade() -> None:
    for table in ("stellary_attachments", "stellary_trash_rows"):
        refuse_if_any(table, _SHARED, "delete the copies of files that share their bytes for good")
    drop_index(_KEYS)
    if op.get_context().dialect.name == "sqlite":
        _rebuild(sa.UniqueConstraint("blob_key"))
    else:
        op.create_unique_constraint(_UNIQUE, "stellary_attachments", ["blob_key"])
    op.drop_table("stellary_project_templates")
