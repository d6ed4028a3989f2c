"""The project of a missing item that a rule needs, whose name only those may read who see the project."""

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column

revision = "0129"
down_revision = "0128"


def upgrade() -> None:
    identifier = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
    add_column("stellary_action_references", sa.Column("project_id", identifier))


def downgrade() -> None:
    op.drop_column("stellary_action_references", "project_id")
