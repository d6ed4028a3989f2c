"""Recurring cards."""

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, create_index, drop_index

revision = "0114"
down_revision = "0113"

_COMPARED = (
    "title description status priority checklist label_ids custom_fields start_date due_date completed_at {added}archived "
    "estimate scope_id number created_by_id created_at"
)
_TRIGGER = """CREATE TRIGGER stellary_cards_version AFTER UPDATE ON stellary_cards WHEN NEW.version = OLD.version
    AND NEW.updated_at = OLD.updated_at AND NEW.position = OLD.position AND NEW.column_id = OLD.column_id
    AND NEW.comment_count = OLD.comment_count AND NEW.attachment_count = OLD.attachment_count
    AND NEW.assignee_id IS OLD.assignee_id AND ({new}) IS NOT ({old})
BEGIN UPDATE stellary_cards SET version = version + 1 WHERE id = NEW.id; END"""


def upgrade() -> None:
    add_column("stellary_cards", sa.Column("recurrence", sa.Text()))
    add_column("stellary_cards", sa.Column("recurs_at", sa.DateTime(timezone=True)))
    add_column("stellary_cards", sa.Column("recurs_after", sa.DateTime(timezone=True)))
    create_index(
        "ix_stellary_cards_recurs_at",
        "stellary_cards",
        ["recurs_at", "recurs_after"],
        where="recurs_at IS NOT NULL",
    )
    _replace_trigger("recurrence recurs_at recurs_after ")


def downgrade() -> None:
    _replace_trigger("")
    drop_index("ix_stellary_cards_recurs_at")
    op.drop_column("stellary_cards", "recurs_after")
    op.drop_column("stellary_cards", "recurs_at")
    op.drop_column("stellary_cards", "recurrence")


def _replace_trigger(added: str) -> None:
    if op.get_context().dialect.name == "sqlite":
        names = _COMPARED.format(added=added).split()
        new, old = (", ".join(f"{row}.{name}" for name in names) for row in ("NEW", "OLD"))
        op.execute("DROP TRIGGER stellary_cards_version")
        op.execute(_TRIGGER.format(new=new, old=old))
