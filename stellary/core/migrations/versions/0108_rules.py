"""Rules with several actions or a schedule, and the step at which they failed."""

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, create_index, drop_index, refuse_if_any

revision = "0108"
down_revision = "0107"


def upgrade() -> None:
    add_column("stellary_automations", sa.Column("schedule", sa.Text()))
    add_column("stellary_automations", sa.Column("next_run_at", sa.DateTime(timezone=True)))
    create_index(
        "ix_stellary_automations_next_run_at",
        "stellary_automations",
        ["next_run_at"],
        where="next_run_at IS NOT NULL",
    )
    add_column(
        "stellary_automations", sa.Column("further_actions", sa.Text(), nullable=False, server_default="[]")
    )
    add_column(
        "stellary_workspaces",
        sa.Column("has_change_rules", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    add_column("stellary_automation_traces", sa.Column("step", sa.Integer()))


def downgrade() -> None:
    refuse_if_any("stellary_automations", "further_actions <> '[]'", "reduce these rules to one action")
    triggers = "trigger IN ('schedule', 'comment_added', 'card_archived', 'field_changed')"
    refuse_if_any("stellary_automations", triggers, "delete the rules with these triggers")
    drop_index("ix_stellary_automations_next_run_at")
    op.drop_column("stellary_automations", "next_run_at")
    op.drop_column("stellary_automations", "schedule")
    op.drop_column("stellary_workspaces", "has_change_rules")
    op.drop_column("stellary_automation_traces", "step")
    op.drop_column("stellary_automations", "further_actions")
