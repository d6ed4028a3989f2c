"""Keys of addresses that take only what is the same mailbox for the same, and encrypted second factors."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from unicodedata import normalize

import idna
import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import read_in_batches, refuse_if_any

revision = "0042"
down_revision = "0041"

# A key that another row has is kept: it is found as before.
_USER = "UPDATE stellary_users SET email_key = :key WHERE id = :id AND NOT EXISTS (SELECT 1 FROM stellary_users WHERE email_key = :key)"
_INVITATION = (
    "UPDATE stellary_invitations SET email_key = :key WHERE id = :id AND NOT EXISTS (SELECT 1 FROM stellary_invitations AS other"
    " WHERE other.email_key = :key AND other.workspace_id = stellary_invitations.workspace_id)"
)
_ACTIVITY = "UPDATE stellary_activities SET address_digest = :key WHERE seq = :id"


def upgrade() -> None:
    _change_keys(_find_key)


def downgrade() -> None:
    refuse_if_any(
        "stellary_second_factors",
        "secret LIKE 'encrypted:%'",
        "their users, or the operator, must remove these second factors first",
    )
    _change_keys(lambda address: normalize("NFC", address).casefold())


def _change_keys(find_key: Callable[[str], str]) -> None:
    """Compute the keys of all addresses with other letters than those of ASCII."""
    for table, statement in (("stellary_users", _USER), ("stellary_invitations", _INVITATION)):
        for rows in read_in_batches(table, ["email"]):
            _update(
                statement,
                {row.id: find_key(row.email) for row in rows if not row.email.isascii()},
            )
    for rows in read_in_batches("stellary_activities", ["meta"], "address_digest IS NOT NULL", key="seq"):
        addresses = {row.seq: str(json.loads(row.meta).get("name")) for row in rows}
        _update(
            _ACTIVITY,
            {
                seq: sha256(find_key(address).encode("utf-8", "surrogatepass")).hexdigest()
                for seq, address in addresses.items()
                if not address.isascii()
            },
        )


def _update(statement: str, keys: dict[object, str]) -> None:
    for id, key in keys.items():
        op.get_bind().execute(sa.text(statement), {"id": id, "key": key})


def _find_key(address: str) -> str:
    local, at, domain = normalize("NFC", address).rpartition("@")
    if not domain.isascii():
        with suppress(UnicodeError):
            domain = idna.encode(domain, uts46=True).decode()
    return f"{local}{at}{domain}".encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
