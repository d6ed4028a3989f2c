"""The prefixes of the index of search: the job that writes them, and the same prefixes computed again from the entries."""

from sqlalchemy import func, select

from stellary.core import Core
from stellary.core.search.indexing import index_batch
from stellary.core.search.prefixes import write_prefixes
from stellary.core.search.tables import IS_FRESH, entries, prefixes


def index_entries(core: Core) -> None:
    """Run the job until no entry is without the prefixes of its texts."""
    while _count_fresh(core):
        core.units.run(lambda uow: index_batch(uow, {}))


def find_wrong_prefixes(core: Core) -> set[tuple[int, str]]:
    """Return the prefixes that the database has too many or too few, each with the id of the entry.

    An entry that has changed since the job has run keeps its prefixes.
    """
    with core.database.reading() as connection:
        stored = {tuple(row) for row in connection.execute(select(prefixes.c.prefix, prefixes.c.entry_id))}
        computed = set()
        for row in connection.execute(select(entries)):
            containers = filter(None, (row.workspace_id, row.organization_id))
            text = write_prefixes(containers, row.title, row.body) if row.is_indexed else row.prefixes
            computed |= {(int(number), row.id) for number in filter(None, text.split(","))}
    return stored ^ computed


def _count_fresh(core: Core) -> int:
    with core.database.reading() as connection:
        count: int = connection.execute(
            select(func.count()).select_from(entries).where(IS_FRESH)
        ).scalar_one()
    return count
