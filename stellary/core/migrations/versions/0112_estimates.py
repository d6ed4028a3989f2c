"""Estimates of cards, their unit in each project, and the index for their sums."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, create_index

revision = "0112"
down_revision = "0111"

_COMPARED = (
    "title description status priority checklist label_ids custom_fields start_date due_date completed_at archived "
    "{added}scope_id number created_by_id created_at"
)
_TRIGGER = """CREATE TRIGGER stellary_cards_version AFTER UPDATE ON stellary_cards WHEN NEW.version = OLD.version
    AND NEW.updated_at = OLD.updated_at AND NEW.position = OLD.position AND NEW.column_id = OLD.column_id
    AND NEW.comment_count = OLD.comment_count AND NEW.attachment_count = OLD.attachment_count
    AND NEW.assignee_id IS OLD.assignee_id AND ({new}) IS NOT ({old})
BEGIN UPDATE stellary_cards SET version = version + 1 WHERE id = NEW.id; END"""


def upgrade() -> None:
    add_column("stellary_cards", sa.Column("estimate", sa.Integer()))
    unit = sa.Column("estimate_unit", sa.String(10), nullable=False, server_default="points")
    add_column("stellary_projects", unit)
    create_index(
        "ix_stellary_cards_estimated",
        "stellary_cards",
        ["project_id", "column_id", "estimate"],
        where="archived = false AND estimate IS NOT NULL",
    )
    _replace_trigger("estimate ")


def downgrade() -> None:
    op.drop_index("ix_stellary_cards_estimated", "stellary_cards")
    _replace_trigger("")
    op.drop_column("stellary_cards", "estimate")
    op.drop_column("stellary_projects", "estimate_unit")


def _replace_trigger(added: str) -> None:
    if op.get_context().dialect.name == "sqlite":
        names = _COMPARED.format(added=added).split()
        new, old = (", ".join(f"{row}.{name}" for name in names) for row in ("NEW", "OLD"))
        op.execute("DROP TRIGGER stellary_cards_version")
        op.execute(_TRIGGER.format(new=new, old=old))
