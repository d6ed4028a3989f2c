"""Changes of watched projects, and an index of what is muted, so that a change does not read all people who watch its project."""

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import create_index

revision = "0126"
down_revision = "0125"


def upgrade() -> None:
    create_index("ix_stellary_watches_muted", "stellary_watches", ["project_id", "card_id"], where="level = 'mute'")
    identifier = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
    op.create_table(
        "stellary_watched_changes",
        sa.Column("id", identifier, nullable=False),
        sa.Column("project_id", identifier, nullable=False),
        sa.Column("notified", sa.Text(), nullable=False),
        sa.Column("after", identifier, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_stellary_watched_changes"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("stellary_watched_changes")
    op.drop_index("ix_stellary_watches_muted", "stellary_watches")
