"""Ids of identities, by which their users list and unlink them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, create_index, drop_index, require_value

revision = "0036"
down_revision = "0035"

_ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
# As all ids: 8 digits of the time in seconds, and 16 random ones.
_NEW_ID = {
    "sqlite": "printf('%08x', strftime('%s', created_at)) || lower(hex(randomblob(8)))",
    "postgresql": (
        "lpad(to_hex(extract(epoch FROM created_at)::bigint), 8, '0')"
        " || substr(md5(random()::text || issuer || subject), 1, 16)"
    ),
}


def upgrade() -> None:
    add_column("stellary_identities", sa.Column("id", _ID))
    new_id = _NEW_ID[op.get_bind().dialect.name]
    op.execute(f"UPDATE stellary_identities SET id = {new_id} WHERE id IS NULL")  # noqa: S608 - no input
    require_value("stellary_identities", "id")
    create_index("ix_stellary_identities_user_id_id", "stellary_identities", ["user_id", "id"])
    drop_index("ix_stellary_identities_user_id")


def downgrade() -> None:
    create_index("ix_stellary_identities_user_id", "stellary_identities", ["user_id"])
    drop_index("ix_stellary_identities_user_id_id")
    op.drop_column("stellary_identities", "id")
