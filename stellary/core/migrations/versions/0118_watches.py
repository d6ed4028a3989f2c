"""The cards and projects that users watch or mute."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column

revision = "0118"
down_revision = "0117"


def upgrade() -> None:
    add_column(
        "stellary_workspaces", sa.Column("has_watches", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    identifier = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
    op.create_table(
        "stellary_watches",
        sa.Column("card_id", identifier, nullable=False),
        sa.Column("project_id", identifier, nullable=False),
        sa.Column("user_id", identifier, nullable=False),
        sa.Column("level", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("card_id", "project_id", "user_id", name="pk_stellary_watches"),
        *(
            sa.ForeignKeyConstraint(
                [f"{item}_id"],
                [f"stellary_{item}s.id"],
                name=f"fk_stellary_watches_{item}_id",
                ondelete="CASCADE",
            )
            for item in ("project", "user")
        ),
    )
    op.create_index("ix_stellary_watches_project_id", "stellary_watches", ["project_id"])
    op.create_index("ix_stellary_watches_user_id", "stellary_watches", ["user_id"])


def downgrade() -> None:
    op.drop_table("stellary_watches")
    op.drop_column("stellary_workspaces", "has_watches")
