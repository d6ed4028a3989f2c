"""What alembic runs: on the connection that ``upgrade`` holds, and on our own tables alone."""

from __future__ import annotations

from typing import Any

from alembic import context

# All that a schema is made of, so that a new revision can be compared with it.
from stellary.core import idempotency  # noqa: F401
from stellary.core.accounts import tables as accounts  # noqa: F401
from stellary.core.base import metadata
from stellary.core.board import tables as board  # noqa: F401
from stellary.core.migrations import PREFIX, VERSION_TABLE
from stellary.core.notifications import tables as notifications  # noqa: F401


def _ours(name: str | None, kind: str, _: Any) -> bool:
    return kind != "table" or (name or "").startswith(PREFIX)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_name=_ours,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
