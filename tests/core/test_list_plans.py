"""Plans of list statements: each is read by an index, and no page is sorted."""

import itertools
import re
from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import Dialect, Select, text
from sqlalchemy.dialects import postgresql, sqlite

from stellary.core import Core
from tests.support.boards import Board
from tests.support.core_parts import (
    CONDITIONS,
    Pages,
    card_counts,
    card_pages,
    dispatch,
    feed,
    search,
    searching,
    trash,
    windows,
)
from tests.support.core_parts import board_listing as listing
from tests.support.core_parts import knowledge_listing as documents
from tests.support.plans import find_declared
from tests.support.waiting import wait_until

assert dispatch.SERVICES, "the services build the statements of their lists"

CARD_FILTERS = sorted(CONDITIONS)
DOCUMENT_FILTERS = sorted(documents._FILTERS)
SORTED = {
    # The deleted containers of the organizations of one user.
    "containers",
    # The union of two indexes: of a workspace, and of its organization.
    "stellary_documents",
    # The relations of one card, in both directions.
    "stellary_relations",
    "stellary_columns",
    "stellary_scopes",
    "stellary_projects",
    "stellary_project_members",
    "stellary_workspaces",
    "stellary_workspace_members",
    "stellary_organizations",
    "stellary_organization_members",
    "stellary_invitations",
    # The organizations or workspaces that a user sees.
    "seen",
}
"""The tables of lists that are sorted, since each list has few rows."""


def combine(names: Sequence[str], most: int) -> Iterator[frozenset[str]]:
    """Yield the combinations of up to so many names."""
    for count in range(most + 1):
        yield from map(frozenset, itertools.combinations(names, count))


BOTH = (False, True)
"""Whether the caller sees only some projects."""


def pages() -> list[Pages]:
    """Return the lists of the core that are read by pages, with each combination of their filters."""
    feeds = [
        activity_feed.pages(names)
        for activity_feed in (feed.OF_PROJECT, feed.OF_WORKSPACE, feed.OF_ORGANIZATION)
        for names in combine(sorted(activity_feed.filters), len(activity_feed.filters))
    ]
    return [
        *find_declared(Pages),
        *feeds,
        *(documents._pages(names, limited) for names in combine(DOCUMENT_FILTERS, 1) for limited in BOTH),
        *(trash._pages(names, limited) for names in combine(sorted(trash._FILTERS), 2) for limited in BOTH),
    ]


def card_page_statements() -> list[Select]:
    """Return the statements of pages of cards, by each index of each combination of filters."""
    statements = {}
    for names in combine([*CARD_FILTERS, card_pages.TERM], 2):
        candidates = card_pages._find_candidates(names)
        statements[candidates] = card_pages._select_ends(candidates)
        for index in candidates:
            for has_end in (False, True):
                page = card_pages._select_page(names, index, has_end=has_end)
                statements[names, index, has_end] = page.fingerprints
                if len(names) < 2:
                    statements[names, index, has_end, "complete"] = page.complete
    return list(statements.values())


def search_statements() -> list[Select]:
    """Return the statements of a search, with each combination of its filters and each kind of index."""
    extents = [
        windows._build_extents(indexes, in_project=in_project)
        for indexes in ((-1, 0, 1, 2), (0,), (-1, 1))
        for in_project in (False, True)
    ]
    search_pages = [
        search._build_page(2, names, has_prefix, has_excluded)
        for names in combine(["_project_id", "_archived"], 2)
        for has_prefix, has_excluded in ((False, False), (False, True), (True, False))
    ]
    return [query.statement for query in (*extents, *search_pages)]


def page_statements() -> list[Select]:
    """Return the statements of all pages."""
    return [*card_page_statements(), *(page._part.statement for page in pages())]


def whole_statements() -> list[Select]:
    """Return the statements of all lists that are returned whole."""
    lists = [listing._select_whole(names) for names in combine(CARD_FILTERS, 1)]
    cards = [statement for cards in lists for statement in (cards.complete, cards.fingerprints)]
    return [*cards, *(page._whole.statement for page in pages())]


def write_sql(statement: Select, dialect: Dialect) -> str:
    """Return the SQL of a statement, with a place for each value of an ``IN``."""
    required = [name for name, parameter in statement.compile().binds.items() if parameter.required]
    filled = statement.params(dict.fromkeys(required, "1"))
    return str(filled.compile(dialect=dialect, compile_kwargs={"render_postcompile": True}))


def explain(core: Core, statements: Sequence[Select]) -> Iterator[tuple[str, str]]:
    """Yield the SQL and the plan of each statement, made without its parameters."""
    is_sqlite = core.database.is_sqlite
    dialect = (
        sqlite.dialect(paramstyle="named") if is_sqlite else postgresql.dialect(paramstyle="numeric_dollar")
    )
    with core.database.open_raw() as connection, connection.begin() as transaction:
        driver = connection.connection.driver_connection
        if is_sqlite:
            searching.prepare(connection)
        else:
            # Empty tables are cheap to scan: a plan still does so only if no index can answer the statement.
            for method in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
                connection.execute(text(f"SET LOCAL enable_{method} = off"))
        for statement in statements:
            sql = write_sql(statement, dialect)
            if is_sqlite:
                parameters = dict.fromkeys(re.findall(r":(\w+)", sql))
                rows = driver.execute(f"EXPLAIN QUERY PLAN {sql}", parameters).fetchall()
            else:
                rows = driver.cursor().execute(f"EXPLAIN (GENERIC_PLAN) {sql}", prepare=False).fetchall()
            yield sql, "\n".join(str(row[-1]) for row in rows)
        transaction.rollback()


def scanned_tables(plan: str) -> list[str]:
    """Return the tables that a plan reads from their beginning to their end."""
    return re.findall(r"Seq Scan on (stellary_\w+)|^SCAN (stellary_\w+)(?! USING)", plan, re.MULTILINE)


def test_lists_of_every_area_are_collected():
    assert len(find_declared(Pages)) > 30


def find_order_table(sql: str) -> str:
    """Return the table of the column by which a statement is ordered; of a union, a table that it selects from."""
    return (re.search(r"ORDER BY (\w+)\.\w+[^()]*$", sql) or re.search(r"FROM (\w+)", sql))[1]


def is_of_few_cards(sql: str) -> bool:
    """Return whether a statement sorts the cards of an index that is in another order: no more than a page looks through."""
    return re.search(r"\bid (IN|= ANY \(ARRAY) ?\(SELECT|AS matches", sql) is not None


def sorts(plan: str) -> bool:
    return "Sort Key" in plan or "TEMP B-TREE FOR ORDER BY" in plan


@pytest.mark.slow("plans the query of each list")
@pytest.mark.parametrize("select_statements", [page_statements, whole_statements, search_statements])
def test_no_list_scans_a_table(core, select_statements):
    plans = list(explain(core, select_statements()))
    assert [f"{sql}\n{plan}" for sql, plan in plans if scanned_tables(plan)] == []


@pytest.mark.slow("plans the query of each list")
def test_no_page_is_sorted(core):
    sorted_plans = [(sql, plan) for sql, plan in explain(core, page_statements()) if sorts(plan)]
    not_known = [pair for pair in sorted_plans if find_order_table(pair[0]) not in SORTED]
    assert [f"{sql}\n{plan}" for sql, plan in not_known if not is_of_few_cards(sql)] == []


def vacuum_cards(driver):
    """Vacuum the table of cards on PostgreSQL, and return whether all of its pages are visible to all transactions."""
    driver.execute("VACUUM ANALYZE stellary_cards")
    (is_visible,) = driver.execute(
        "SELECT relallvisible = relpages FROM pg_class WHERE oid = 'stellary_cards'::regclass"
    ).fetchone()
    return is_visible


def test_portfolio_reads_only_indexes(core, world):
    Board(world, world.person("ann")).cards(300, title="Write", dueDate="2030-01-01")
    if not core.database.is_sqlite:
        # PostgreSQL compares costs, which are the same for a few rows, and must know which pages are visible to all.
        with core.database.open_raw() as connection:
            driver = connection.connection.driver_connection
            driver.autocommit = True
            # Pages are not visible to all while something else reads, such as the server's own VACUUM of another table.
            wait_until(lambda: vacuum_cards(driver))
            driver.autocommit = False
    ((_, plan),) = explain(core, [card_counts._OF_PROJECTS.params(_ids=["1"])])
    indexes = re.findall(r"COVERING INDEX (ix_\w+)|Index Only Scan using (ix_\w+)", plan)
    assert sorted(first or second for first, second in indexes) == [
        "ix_stellary_cards_completed_at",
        "ix_stellary_cards_counted",
        "ix_stellary_cards_estimated",
        "ix_stellary_cards_open_due_date",
    ]


def test_scan_and_sort_are_noticed(core):
    statement = text("SELECT id FROM stellary_cards WHERE title = 'a' ORDER BY title || id").columns()
    ((_, plan),) = explain(core, [statement])
    assert scanned_tables(plan)
    assert sorts(plan)
