"""The ids of the options of custom fields."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    add_column(
        "stellary_custom_fields", sa.Column("option_ids", sa.Text(), nullable=False, server_default="[]")
    )


def downgrade() -> None:
    op.drop_column("stellary_custom_fields", "option_ids")
