"""The keys that cards had in projects that they have left."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0116"
down_revision = "0114"

_TABLE = "stellary_former_card_keys"


def upgrade() -> None:
    identifier = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
    op.create_table(
        _TABLE,
        sa.Column("project_id", identifier, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("card_id", identifier, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "number", name=f"pk_{_TABLE}"),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"stellary_{table}.id"], name=f"fk_{_TABLE}_{column}", ondelete="CASCADE"
            )
            for column, table in (("project_id", "projects"), ("card_id", "cards"))
        ),
    )
    op.create_index(f"ix_{_TABLE}_card_id", _TABLE, ["card_id"])


def downgrade() -> None:
    op.drop_table(_TABLE)
