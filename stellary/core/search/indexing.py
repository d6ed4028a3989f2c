"""The job that writes the prefixes of new and changed entries: in batches, since each prefix is in another place of its table."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import Boolean, Text, bindparam, select, update

from stellary.core.db.base import is_given
from stellary.core.db.row_types import Query, RowType
from stellary.core.kernel import jobs
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.search.prefixes import write_prefixes
from stellary.core.search.tables import IS_FRESH, entries

INDEX: Final = "search.index"
"""The kind of the recurring job."""
BATCH_SIZE = 50
PAUSE = timedelta(seconds=30)


class _FreshRow(RowType):
    """An entry without the prefixes of its current texts."""

    workspace_id: str
    organization_id: str | None
    id: str
    title: str
    body: str


_FRESH = Query(
    _FreshRow,
    select(entries.c.workspace_id, entries.c.organization_id, entries.c.id, entries.c.title, entries.c.body)
    .where(IS_FRESH)
    .limit(bindparam("_limit"))
    .with_for_update(skip_locked=True),
)
_UPDATE = (
    update(entries)
    .where(is_given(entries.c.workspace_id), is_given(entries.c.id))
    .values(prefixes=bindparam("_prefixes", type_=Text), is_indexed=bindparam("_is_indexed", type_=Boolean))
)


def index_batch(uow: UnitOfWork, _: object) -> None:
    """Write the prefixes of some entries, and schedule the next run."""
    rows = _FRESH.all(uow.connection, {"_limit": BATCH_SIZE})
    if rows:
        uow.connection.execute(
            _UPDATE,
            [
                {
                    "_workspace_id": row.workspace_id,
                    "_id": row.id,
                    "_prefixes": write_prefixes(
                        filter(None, (row.workspace_id, row.organization_id)), row.title, row.body
                    ),
                    "_is_indexed": True,
                }
                for row in rows
            ],
        )
    is_full = len(rows) == BATCH_SIZE
    jobs.enqueue(uow, INDEX, {}, due_at=uow.now if is_full else uow.now + PAUSE, key=INDEX)
