"""Members of projects have roles, and projects say what other people may see and do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, refuse_if_any

revision = "0102"
down_revision = "0101"

_ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")


def upgrade() -> None:
    for table, name, default in (
        ("stellary_projects", "member_role", "editor"),
        ("stellary_projects", "visibility", "workspace"),
        ("stellary_project_members", "role", "manager"),
    ):
        add_column(table, sa.Column(name, sa.String(10), nullable=False, server_default=default))
    add_column("stellary_api_tokens", sa.Column("project_ids", sa.Text()))
    op.create_table(
        "stellary_private_projects",
        sa.Column("project_id", _ID, primary_key=True),
        sa.Column(
            "workspace_id",
            _ID,
            sa.ForeignKey("stellary_workspaces.id", ondelete="CASCADE"),
            nullable=False,
        ),
    )
    op.create_index(
        "ix_stellary_private_projects_workspace_id", "stellary_private_projects", ["workspace_id"]
    )


def downgrade() -> None:
    refuse_if_any("stellary_private_projects", "true", "show private projects to the workspace, or delete them for good")
    refuse_if_any("stellary_project_members", "role <> 'manager'", "make all members managers, or remove them")
    refuse_if_any("stellary_projects", "member_role <> 'editor'", "let all members of the workspace edit")
    refuse_if_any("stellary_api_tokens", "project_ids IS NOT NULL", "revoke the tokens that are bound to projects")
    op.drop_table("stellary_private_projects")
    op.drop_column("stellary_api_tokens", "project_ids")
    op.drop_column("stellary_project_members", "role")
    op.drop_column("stellary_projects", "visibility")
    op.drop_column("stellary_projects", "member_role")
