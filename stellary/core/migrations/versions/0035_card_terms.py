"""Indexes for the filters of card lists and for the portfolio; the terms of cards, which triggers keep."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.board.card_terms import INSERTS, TRIGGERS
from stellary.core.migrations import begin_step
from stellary.core.migrations.operations import create_index, drop_index, read_in_batches

revision = "0035"
down_revision = "0034"

_ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
_TABLE = "stellary_cards"
_INDEXES: tuple[tuple[str, ...], ...] = (
    ("status", "project_id", "id"),
    ("priority", "project_id", "id"),
    ("archived", "project_id", "id"),
    ("column_id", "id"),
    ("project_id", "updated_at"),
)
_PARTIAL_INDEXES = {
    "counted": (("project_id", "column_id", "status"), "archived = false"),
    "open_due_date": (
        ("project_id", "due_date", "status", "archived"),
        "archived = false AND status <> 'done' AND due_date IS NOT NULL",
    ),
    "completed_at": (("project_id", "completed_at"), "completed_at IS NOT NULL"),
}
_TRIGGERS = tuple(f"stellary_card_terms_{kind}" for kind in ("insert", "update", "delete"))


def upgrade() -> None:
    for columns in _INDEXES:
        create_index(f"ix_{_TABLE}_{'_'.join(columns)}", _TABLE, columns)
    for name, (columns, where) in _PARTIAL_INDEXES.items():
        create_index(f"ix_{_TABLE}_{name}", _TABLE, columns, where=where)
    op.create_table(
        "stellary_card_terms",
        sa.Column("term", sa.String(length=100), nullable=False),
        sa.Column("card_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("term", "card_id", name="pk_stellary_card_terms"),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )
    connection = op.get_bind()
    dialect = connection.dialect.name
    if dialect != "sqlite":
        for trigger in _TRIGGERS:
            op.execute(f"DROP TRIGGER IF EXISTS {trigger} ON {_TABLE}")
    for statement in TRIGGERS[dialect]:
        connection.exec_driver_sql(statement)
    if dialect != "sqlite":
        # Writers wait for the locks of these statements.
        connection.commit()
        begin_step(connection)
    for rows in read_in_batches(_TABLE, ["project_id"], "label_ids <> '[]' OR custom_fields <> '{}'"):
        for insert in INSERTS[dialect]:
            connection.execute(sa.text(insert), {"first": rows[0].id, "last": rows[-1].id})


def downgrade() -> None:
    on_table = "" if op.get_context().dialect.name == "sqlite" else f" ON {_TABLE}"
    for columns in _INDEXES:
        drop_index(f"ix_{_TABLE}_{'_'.join(columns)}")
    for name in _PARTIAL_INDEXES:
        drop_index(f"ix_{_TABLE}_{name}")
    for trigger in _TRIGGERS:
        op.execute(f"DROP TRIGGER IF EXISTS {trigger}{on_table}")
    if on_table:
        op.execute("DROP FUNCTION IF EXISTS stellary_keep_card_terms()")
    op.execute("DROP TABLE IF EXISTS stellary_card_terms")
