"""The new address in the tokens of links that confirm it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    add_column("stellary_email_tokens", sa.Column("email", sa.String(length=254), nullable=True))


def downgrade() -> None:
    op.drop_column("stellary_email_tokens", "email")
