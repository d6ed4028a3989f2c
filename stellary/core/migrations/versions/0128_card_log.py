"""On SQLite, a log of changed cards, so that lists need not look for them."""

import sqlalchemy as sa
from alembic import op

revision = "0128"
down_revision = "0126"

_CHANGES = {
    "created": ("INSERT ON stellary_cards", "NEW.id"),
    "changed": ("UPDATE ON stellary_cards", "NEW.id"),
    "deleted": ("DELETE ON stellary_cards", "OLD.id"),
    "columns": ("UPDATE OF position, scope_id ON stellary_columns", "''"),
    "scopes": ("UPDATE OF position ON stellary_scopes", "''"),
}


def upgrade() -> None:
    identifier = sa.String(24).with_variant(sa.String(24, collation="C"), "postgresql")
    op.create_table(
        "stellary_card_log",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("card_id", identifier, nullable=False),
    )
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute("INSERT INTO stellary_card_log VALUES (1, '')")
    for name, (change, id) in _CHANGES.items():
        op.execute(
            f"CREATE TRIGGER stellary_card_log_{name} AFTER {change}\n"
            f"BEGIN INSERT INTO stellary_card_log (card_id) VALUES ({id}); END"
        )
    op.execute(
        "CREATE TRIGGER stellary_card_log_end AFTER INSERT ON stellary_card_log WHEN NEW.id = NEW.id / 1000 * 1000\n"
        "BEGIN DELETE FROM stellary_card_log WHERE id <= NEW.id - 1000; END"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in _CHANGES:
            op.execute(f"DROP TRIGGER stellary_card_log_{name}")
    op.drop_table("stellary_card_log")
