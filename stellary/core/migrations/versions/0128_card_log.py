"""On SQLite, a log of changed cards, so that lists need not look for them."""

from alembic import op

revision = "0128"
down_revision = "0125"

_CHANGES = {
    "created": ("INSERT ON stellary_cards", "NEW.id"),
    "changed": ("UPDATE ON stellary_cards", "NEW.id"),
    "deleted": ("DELETE ON stellary_cards", "OLD.id"),
    "columns": ("UPDATE OF position, scope_id ON stellary_columns", "''"),
    "scopes": ("UPDATE OF position ON stellary_scopes", "''"),
}


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute("CREATE TABLE stellary_card_log (id INTEGER PRIMARY KEY, card_id VARCHAR(24) NOT NULL)")
    op.execute("INSERT INTO stellary_card_log VALUES (1, '')")
    for name, (change, id) in _CHANGES.items():
        op.execute(
            f"CREATE TRIGGER stellary_card_log_{name} AFTER {change} "
            f"BEGIN INSERT INTO stellary_card_log (card_id) VALUES ({id}); END"
        )
    op.execute(
        "CREATE TRIGGER stellary_card_log_end AFTER INSERT ON stellary_card_log WHEN NEW.id = NEW.id / 1000 * 1000 "
        "BEGIN DELETE FROM stellary_card_log WHERE id <= NEW.id - 1000; END"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in _CHANGES:
            op.execute(f"DROP TRIGGER stellary_card_log_{name}")
        op.drop_table("stellary_card_log")
