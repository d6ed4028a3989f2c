"""Automations, the traces of their runs, and the due dates that were reached."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

# As they were at the time: what the code calls these today may become something else.
ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True)
JSON = sa.Text()


def upgrade() -> None:
    op.create_table(
        "stellary_automations",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", ID, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("trigger", sa.String(length=40), nullable=False),
        sa.Column("conditions", JSON, nullable=False),
        sa.Column("action_type", sa.String(length=100), nullable=False),
        sa.Column("action_params", JSON, nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("armed_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["stellary_users.id"], name="fk_stellary_automations_owner_id"
        ),
        sa.ForeignKeyConstraint(
            ["project_id"],
            ["stellary_projects.id"],
            name="fk_stellary_automations_project_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_automations"),
    )
    for columns in (["owner_id"], ["project_id", "id"], ["trigger", "project_id"]):
        op.create_index(f"ix_stellary_automations_{'_'.join(columns)}", "stellary_automations", columns)
    op.create_table(
        "stellary_automation_traces",
        sa.Column("id", ID, nullable=False),
        sa.Column("automation_id", ID, nullable=False),
        sa.Column("event_id", ID, nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("chain_id", ID, nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("actor_id", ID, nullable=False),
        sa.Column("triggered_by_id", ID, nullable=True),
        sa.Column("card_id", ID, nullable=True),
        sa.Column("card_key", sa.String(length=20), nullable=True),
        sa.Column("card_title", sa.String(length=500), nullable=True),
        sa.Column("result", sa.String(length=20), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["automation_id"],
            ["stellary_automations.id"],
            name="fk_stellary_automation_traces_automation_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_automation_traces"),
        sa.UniqueConstraint(
            "automation_id", "event_id", name="uq_stellary_automation_traces_automation_id_event_id"
        ),
    )
    for columns in (["automation_id", "id"], ["chain_id"]):
        op.create_index(
            f"ix_stellary_automation_traces_{'_'.join(columns)}", "stellary_automation_traces", columns
        )
    op.create_table(
        "stellary_due_dates_reached",
        sa.Column("card_id", ID, nullable=False),
        sa.Column("due_date", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["card_id"],
            ["stellary_cards.id"],
            name="fk_stellary_due_dates_reached_card_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("card_id", "due_date", name="pk_stellary_due_dates_reached"),
    )
    op.create_index(
        "ix_stellary_cards_due_date",
        "stellary_cards",
        ["project_id", "due_date"],
        sqlite_where=sa.text("due_date IS NOT NULL"),
        postgresql_where=sa.text("due_date IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_stellary_cards_due_date", "stellary_cards")
    op.drop_table("stellary_due_dates_reached")
    op.drop_table("stellary_automation_traces")
    op.drop_table("stellary_automations")
