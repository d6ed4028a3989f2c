"""The script that alembic runs, on the connection that ``upgrade`` holds and only for our own tables."""

from __future__ import annotations

from typing import Any

from alembic import context

from stellary.core.migrations import PREFIX, VERSION_TABLE
from stellary.core.migrations.schema import metadata


def _is_ours(name: str | None, kind: str, _: Any) -> bool:
    return kind != "table" or (name or "").startswith(PREFIX)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_name=_is_ours,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
