"""The versions whose servers may use the schema; functions for the rows of the trash; and triggers that find their tables on a shard."""

import sqlalchemy as sa
from alembic import op

from stellary.core.migrations.operations import add_column

revision = "0124"
down_revision = "0122"

_BEFORE = (
    " DECLARE former text; BEGIN IF current_schema() IS DISTINCT FROM TG_TABLE_SCHEMA THEN "
    "former := current_setting('search_path'); PERFORM set_config('search_path', quote_ident(TG_TABLE_SCHEMA), true); END IF; "
)
_AFTER = " IF former IS NOT NULL THEN PERFORM set_config('search_path', former, true); END IF; RETURN NULL; END "
_PLAIN = (" BEGIN ", " RETURN NULL; END ")
_EDIT = """DO $do$ DECLARE name text; BEGIN
FOREACH name IN ARRAY ARRAY['stellary_keep_card_terms', 'stellary_keep_search_prefixes'] LOOP
EXECUTE format('CREATE OR REPLACE FUNCTION %I() RETURNS trigger LANGUAGE plpgsql AS %L', name,
(SELECT {start} || substr(prosrc, {first}, length(prosrc) - {cut}) || {end} FROM pg_proc WHERE oid = to_regproc(name)));
END LOOP; END $do$"""


def upgrade() -> None:
    add_column("stellary_alembic_version", sa.Column("supported_since", sa.String(32)))
    op.execute("UPDATE stellary_alembic_version SET supported_since = '0120'")
    if op.get_context().dialect.name == "sqlite":
        return
    _replace_ends(_PLAIN, (_BEFORE, _AFTER))
    op.execute(
        "CREATE OR REPLACE FUNCTION stellary_store_row(anyelement) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE"
        " AS $$ SELECT to_json($1)::text $$"
    )
    op.execute(
        "CREATE OR REPLACE FUNCTION stellary_load_row(anyelement, text) RETURNS anyelement LANGUAGE sql IMMUTABLE"
        " PARALLEL SAFE AS $$ SELECT json_populate_record($1, $2::json) $$"
    )


def downgrade() -> None:
    op.drop_column("stellary_alembic_version", "supported_since")
    if op.get_context().dialect.name == "sqlite":
        return
    op.execute("DROP FUNCTION IF EXISTS stellary_load_row(anyelement, text)")
    op.execute("DROP FUNCTION IF EXISTS stellary_store_row(anyelement)")
    _replace_ends((_BEFORE, _AFTER), _PLAIN)


def _replace_ends(former: tuple[str, str], ends: tuple[str, str]) -> None:
    """Replace the first and the last statements of the trigger functions."""
    start, end = (f"'{text.replace(chr(39), 2 * chr(39))}'" for text in ends)
    first, cut = len(former[0]) + 1, len(former[0]) + len(former[1])
    op.execute(_EDIT.format(start=start, end=end, first=first, cut=cut))
