"""Indexes of the records that contain the address or the name of an account, and of the invitations to an address."""

from __future__ import annotations

import json
from hashlib import sha256
from unicodedata import normalize

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, create_index, drop_index, read_in_batches

revision = "0034"
down_revision = "0033"

_UPDATE = sa.text("UPDATE stellary_activities SET address_digest = :digest WHERE seq = :seq")


def upgrade() -> None:
    create_index("ix_stellary_invitations_email_key", "stellary_invitations", ["email_key"])
    create_index(
        "ix_stellary_organization_activities_members",
        "stellary_organization_activities",
        ["entity_id", "id"],
        where="entity = 'organization_member'",
    )
    add_column("stellary_activities", sa.Column("address_digest", sa.String(64)))
    create_index(
        "ix_stellary_activities_address_digest",
        "stellary_activities",
        ["address_digest"],
        where="address_digest IS NOT NULL",
    )
    connection = op.get_bind()
    for rows in read_in_batches("stellary_activities", ["meta"], "entity = 'invitation'", key="seq"):
        addresses = [(row.seq, str(json.loads(row.meta).get("name"))) for row in rows]
        # An address that was removed has been replaced by words.
        digests = [
            {"seq": seq, "digest": _digest(address)} for seq, address in addresses if "@" in address
        ]
        if digests:
            connection.execute(_UPDATE, digests)


def downgrade() -> None:
    drop_index("ix_stellary_activities_address_digest")
    op.drop_column("stellary_activities", "address_digest")
    drop_index("ix_stellary_organization_activities_members")
    drop_index("ix_stellary_invitations_email_key")


def _digest(address: str) -> str:
    return sha256(normalize("NFC", address).casefold().encode("utf-8", "surrogatepass")).hexdigest()
