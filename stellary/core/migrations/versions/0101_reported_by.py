"""Documents: the columns of the last reported change are called what they are; missions: so is an index.

Rows in the trash have the names of their columns, and are renamed as well.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

revision = "0101"
down_revision = "0100"

_NAMES = {"told_of_id": "reported_by_id", "told_at": "reported_at"}
_INDEXES = ("uq_stellary_agent_missions_card_id_at_work", "uq_stellary_agent_missions_card_id_active")
_RENAME_DELETED = text(
    "UPDATE stellary_trash_rows SET data = replace(replace(data, :id_before, :id_after), :time_before, :time_after)"
    " WHERE table_name = 'stellary_documents'"
)
# PostgreSQL names these constraints since version 18.
_RENAME_NOT_NULL = (
    "DO $$ BEGIN ALTER TABLE stellary_documents RENAME CONSTRAINT stellary_documents_{before}_not_null"
    " TO stellary_documents_{after}_not_null; EXCEPTION WHEN undefined_object THEN NULL; END $$"
)


def upgrade() -> None:
    _rename(_NAMES, *_INDEXES)


def downgrade() -> None:
    _rename({after: before for before, after in _NAMES.items()}, *reversed(_INDEXES))


def _rename(names: dict[str, str], index_before: str, index_after: str) -> None:
    is_postgresql = op.get_context().dialect.name == "postgresql"
    # First, since a renamed table is locked until the end.
    keys = [f'"{name}":' for pair in names.items() for name in pair]
    places = ("id_before", "id_after", "time_before", "time_after")
    op.execute(_RENAME_DELETED.bindparams(**dict(zip(places, keys, strict=True))))
    for before, after in names.items():
        op.execute(f"ALTER TABLE stellary_documents RENAME COLUMN {before} TO {after}")
        if is_postgresql:
            op.execute(_RENAME_NOT_NULL.format(before=before, after=after))
    if is_postgresql:
        op.execute(f"ALTER INDEX {index_before} RENAME TO {index_after}")
    else:
        op.drop_index(index_before)
        op.execute(
            f"CREATE UNIQUE INDEX {index_after} ON stellary_agent_missions (card_id)"
            " WHERE status IN ('running', 'awaiting_approval')"
        )
