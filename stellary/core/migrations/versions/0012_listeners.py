"""The flag of workspaces that have automations or webhooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_LISTENING = sa.text(
    "UPDATE stellary_workspaces SET has_listeners = true WHERE id IN"
    " (SELECT workspace_id FROM stellary_webhooks UNION SELECT p.workspace_id FROM stellary_automations a"
    " JOIN stellary_projects p ON p.id = a.project_id)"
)


def upgrade() -> None:
    op.add_column(
        "stellary_workspaces",
        sa.Column("has_listeners", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.execute(_LISTENING)


def downgrade() -> None:
    op.drop_column("stellary_workspaces", "has_listeners")
