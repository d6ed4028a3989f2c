"""Changes of fields in activities: the item that was changed, its fields, and the means of the change."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column, create_index, update_in_batches

revision = "0019"
down_revision = "0018"

_TABLE = "stellary_activities"
_ID = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
_OTHER_KINDS = (
    "comment",
    "attachment",
    "relation",
    "member",
    "project",
    "document",
    "mission",
    "priority",
    "todo",
    "decision",
    "doc",
    "action",
)


def upgrade() -> None:
    for column in (
        sa.Column("entity", sa.String(40), nullable=False, server_default="card"),
        sa.Column("entity_id", _ID),
        sa.Column("changes", sa.Text()),
        sa.Column("via", sa.Text()),
    ):
        add_column(_TABLE, column)
    kinds = " ".join(f"WHEN type LIKE '{kind}!_%' ESCAPE '!' THEN '{kind}'" for kind in _OTHER_KINDS)
    update_in_batches(
        _TABLE,
        f"entity = CASE {kinds} ELSE 'card' END",
        "entity = 'card' AND type NOT LIKE 'card!_%' ESCAPE '!' AND type <> 'notice_given'",
    )
    for columns in (("project_id", "entity", "id"), ("project_id", "created_at")):
        create_index(f"ix_{_TABLE}_{'_'.join(columns)}", _TABLE, columns)


def downgrade() -> None:
    for columns in (("project_id", "created_at"), ("project_id", "entity", "id")):
        op.drop_index(f"ix_{_TABLE}_{'_'.join(columns)}", _TABLE)
    for column in ("via", "changes", "entity_id", "entity"):
        op.drop_column(_TABLE, column)
