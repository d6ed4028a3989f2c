"""The projects whose items proposals and missions of agents name; earlier rows stay hidden from those who do not see all projects."""

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column

revision = "0131"
down_revision = "0130"

_TABLES = ("stellary_agent_proposals", "stellary_agent_missions")


def upgrade() -> None:
    for table in _TABLES:
        add_column(table, sa.Column("named_projects", sa.Text()))


def downgrade() -> None:
    for table in _TABLES:
        op.drop_column(table, "named_projects")
