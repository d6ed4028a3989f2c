"""Members of projects have roles, and projects say what other members of the workspace may do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column

revision = "0102"
down_revision = "0101"


def upgrade() -> None:
    add_column(
        "stellary_projects", sa.Column("member_role", sa.String(10), nullable=False, server_default="editor")
    )
    add_column(
        "stellary_project_members", sa.Column("role", sa.String(10), nullable=False, server_default="manager")
    )


def downgrade() -> None:
    op.drop_column("stellary_project_members", "role")
    op.drop_column("stellary_projects", "member_role")
