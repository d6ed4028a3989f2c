"""Rules with several actions, and the step at which they failed."""

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, refuse_if_any

revision = "0108"
down_revision = "0107"


def upgrade() -> None:
    add_column(
        "stellary_automations", sa.Column("further_actions", sa.Text(), nullable=False, server_default="[]")
    )
    has_change_rules = sa.Column("has_change_rules", sa.Boolean(), nullable=False, server_default=sa.false())
    add_column("stellary_workspaces", has_change_rules)
    add_column("stellary_automation_traces", sa.Column("step", sa.Integer()))


def downgrade() -> None:
    refuse_if_any("stellary_automations", "further_actions <> '[]'", "reduce these rules to one action")
    op.drop_column("stellary_workspaces", "has_change_rules")
    op.drop_column("stellary_automation_traces", "step")
    op.drop_column("stellary_automations", "further_actions")
