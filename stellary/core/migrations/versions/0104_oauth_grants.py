"""OAuth grants: API tokens that programs renew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, create_index

revision = "0104"
down_revision = "0103"


def upgrade() -> None:
    """Add the columns of OAuth grants."""
    add_column("stellary_api_tokens", sa.Column("grant_digests", sa.Text()))
    add_column("stellary_api_tokens", sa.Column("renewals", sa.Integer()))
    add_column("stellary_api_tokens", sa.Column("renewable_until", sa.DateTime(timezone=True)))
    create_index("ix_stellary_api_tokens_renewable_until", "stellary_api_tokens", ["renewable_until"])


def downgrade() -> None:
    """Delete the OAuth grants, whose tokens would no longer end, and their columns."""
    op.execute("DELETE FROM stellary_api_tokens WHERE renewals IS NOT NULL")
    op.drop_index("ix_stellary_api_tokens_renewable_until", "stellary_api_tokens")
    for name in ("renewable_until", "renewals", "grant_digests"):
        op.drop_column("stellary_api_tokens", name)
