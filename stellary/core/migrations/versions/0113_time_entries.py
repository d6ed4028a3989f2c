"""Time entries of cards, and the running timers of people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0113"
down_revision = "0112"


def upgrade() -> None:
    identifier = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
    op.create_table(
        "stellary_time_entries",
        sa.Column("id", identifier, nullable=False),
        sa.Column("project_id", identifier, nullable=False),
        sa.Column("card_id", identifier, nullable=False),
        sa.Column("user_id", identifier, nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("note", sa.String(500)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_time_entries"),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["stellary_projects.id"],
            name="fk_stellary_time_entries_project_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["card_id"], ["stellary_cards.id"], name="fk_stellary_time_entries_card_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["stellary_users.id"], name="fk_stellary_time_entries_user_id"
        ),
    )
    for columns in (["card_id", "id"], ["project_id", "id"]):
        op.create_index(f"ix_stellary_time_entries_{'_'.join(columns)}", "stellary_time_entries", columns)
    op.create_index(
        "ix_stellary_time_entries_project_id_day", "stellary_time_entries", ["project_id", "day", "id"]
    )
    op.create_table(
        "stellary_timers",
        sa.Column("user_id", identifier, nullable=False),
        sa.Column("card_id", identifier, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_stellary_timers"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["stellary_users.id"], name="fk_stellary_timers_user_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_stellary_timers_card_id", "stellary_timers", ["card_id"])


def downgrade() -> None:
    op.drop_table("stellary_timers")
    op.drop_table("stellary_time_entries")
