"""The script that alembic runs, on the connection that ``upgrade`` holds only for the tables of the core."""

from __future__ import annotations

from alembic import context

from stellary.core.migrations.history import VERSION_TABLE, is_ours
from stellary.core.migrations.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_name=is_ours,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
