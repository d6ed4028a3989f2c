"""The cost of pages of cards, which does not depend on the size of the project: the work of the database, without a clock."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from benchmarks.pages import FEW, Board, make_board
from stellary.core import Core
from stellary.core.board.queries import card_pages, card_windows
from tests.conftest import RUN
from tests.support.databases import KINDS
from tests.support.plans import Statement, count_steps, explain, sent_statements
from tests.support.world import Person, World

SMALL, LARGE = 1_500, 3_950
SCAN_MAX = 150
"""Instead of 1,000, so that the small project has more cards for most filters than a page looks through."""
RATIO_MAX = 1.5


class Boards:
    """A small project and a large one in the same workspace."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.world = World(core)
        people = self.world.people("ann bob cyn dan eve")
        self.owner: Person = people[0]
        workspace = self.world.workspace(self.owner)
        for person in people[1:]:
            self.world.join(person, workspace)
        self.small, self.large = (make_board(self.world, people, workspace, size) for size in (SMALL, LARGE))

        if not core.database.is_sqlite:
            with core.database.open_dedicated("AUTOCOMMIT") as connection:
                # Of all tables: statistics that an earlier test has left in this database could change a plan.
                connection.exec_driver_sql("VACUUM ANALYZE")

    def read(self, board: Board, query: str) -> tuple[list[dict], str]:
        """Return the cards of a page, and the cursor of the next one."""
        path = f"{board.path}/cards?limit=100&{query}"
        link = self.world.call(self.owner, "GET", path).headers.get("link", "")
        cursor = re.search(r"cursor=([^>&]+)", link)
        return self.world.ask(self.owner, "GET", path), cursor[1] if cursor else ""

    def walk(self, board: Board, query: str) -> Iterator[list[dict]]:
        """Return an iterator over the pages of a list."""
        return self.world.walk(self.owner, f"{board.path}/cards?limit=100&{query}")

    def cost(self, board: Board, query: str) -> int:
        """Return the work of the database for a page, without the counts for the orders of its cards, which are bounded per card."""
        return self.cost_of(f"{board.path}/cards?limit=100&{query}")

    def cost_of(self, path: str) -> int:
        """Return the work of the database for a list, as ``cost`` does."""
        # The first request remembers the JSON of the cards, which are then not read again.
        self.world.ask(self.owner, "GET", path)
        with sent_statements() as statements:
            self.world.ask(self.owner, "GET", path)
        return sum(self._cost_of(statement) for statement in statements if "ranges" not in statement[0])

    def _cost_of(self, statement: Statement) -> int:
        if self.core.database.is_sqlite:
            return count_steps(self.core, statement)
        # A small table is cheap to scan and to sort: in a large one, the planner uses the indexes.
        plan = explain(self.core, statement, without=("seqscan", "bitmapscan", "sort"))
        return sum(map(_count_rows, re.split(r"\n(?=.*actual rows)", plan)))


def _count_rows(step: str) -> int:
    """Return the number of rows that a step of a plan of PostgreSQL reads from a table or index."""
    rows = re.search(r"Scan using .*actual rows=([0-9.]+) loops=(\d+)", step)
    removed = re.search(r"Rows Removed by Filter: (\d+)", step)
    return int((float(rows[1]) + int(removed[1] if removed else 0)) * int(rows[2])) if rows else 0


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def boards(request: pytest.FixtureRequest) -> Iterator[Boards]:
    with (
        pytest.MonkeyPatch.context() as patch,
        KINDS[request.param](request.config.stash[RUN]).database() as url,
    ):
        patch.setattr(card_pages, "SCAN_MAX", SCAN_MAX)
        patch.setattr(card_windows, "SCAN_MAX", SCAN_MAX)
        core = Core(url, bcrypt_rounds=4)
        try:
            yield Boards(core)
        finally:
            core.close()


@pytest.mark.slow("reads a large project")
def test_page_costs_the_same_in_a_large_project(boards: Boards):
    costs = {}
    for name in (*boards.small.queries, *boards.small.sparse_queries):
        costs[name] = [
            boards.cost(board, {**board.queries, **board.sparse_queries}[name])
            for board in (boards.small, boards.large)
        ]
    assert {name: cost for name, cost in costs.items() if cost[1] > RATIO_MAX * cost[0]} == {}


CONDITIONS = {
    "all": "",
    "priorities": "priority=high&priority=low",
    "mine": "assigneeId=me",
    "mine and open": "assigneeId=me&status=open&archived=false&dueBefore=2026-04-20",
    "due": "dueBefore=2026-04-20",
    "few: due": "dueAfter=2026-05-15&sort=dueDate",
    "few: changed": "updatedSince=2026-04-02T00:00:00Z&sort=-priority",
    "blocked": "blocked=true",
    "two that never meet": f"filter={quote('priority = high and text = zebra')}",
    "one of two": f"filter={quote('text = zebra or checklist = any')}",
    "none of two": f"filter={quote('not (priority = high or label = none) and assignee != me')}",
}


@pytest.mark.slow("reads a large project")
def test_page_by_conditions_costs_the_same_in_a_large_project(boards: Boards):
    costs = {}
    for name, query in CONDITIONS.items():
        for path in ("{0.path}/cards?", "{1}/cards?projectId={2}&", "/cards?projectId={2}&"):
            paths = [
                path.format(board, board.path.partition("/projects")[0], board.path[-24:])
                for board in (boards.small, boards.large)
            ]
            costs[name, path] = [boards.cost_of(f"{path}limit=100&{query}") for path in paths]
    assert {case: cost for case, cost in costs.items() if cost[1] > RATIO_MAX * cost[0]} == {}


@pytest.mark.slow("reads a large project")
def test_page_by_conditions_reads_no_more_than_it_may_look_through(boards: Boards):
    for name, query in CONDITIONS.items():
        path = f"/cards?limit=100&{query}"
        boards.world.ask(boards.owner, "GET", path)
        with sent_statements() as statements:
            boards.world.ask(boards.owner, "GET", path)
        plans = [explain(boards.core, statement) for statement in statements if "matches" in statement[0]]
        assert [plan for plan in plans if sorts_cards(plan)] == [], name


def sorts_cards(plan: str) -> bool:
    """Return whether a plan scans the table of cards, or sorts more cards than a page looks through."""
    if "Seq Scan on stellary_cards" in plan or re.search("^SCAN stellary_cards", plan, re.MULTILINE):
        return True
    rows = [int(rows) for rows in re.findall(r"Sort  \(.*actual rows=(\d+)", plan)]
    return "TEMP B-TREE FOR ORDER BY" in plan or any(count > SCAN_MAX + 1 for count in rows)


@pytest.mark.slow("reads a large project")
def test_filters_by_an_index_find_few_cards_on_the_first_page(boards: Boards):
    sizes = {
        name: len(boards.read(boards.large, query)[0])
        for name, query in boards.large.sparse_queries.items()
        if name.startswith("few: ") and "text" not in name
    }
    expected = {"few: due before": 0, "few: assignee, open": 0, "few: column, priority": 0}
    assert {name: size for name, size in sizes.items() if size < FEW // 2} == expected


@pytest.mark.slow("reads a large project")
@pytest.mark.parametrize("kind_of_query", ["queries", "sparse_queries"])
def test_pages_have_the_cards_of_the_whole_list_in_order_of_creation(boards: Boards, kind_of_query: str):
    board = boards.small
    for name, query in getattr(board, kind_of_query).items():
        if "cursor=" in query:
            continue
        whole = boards.world.ask(boards.owner, "GET", f"{board.path}/cards?{query}")
        pages = [card["id"] for page in boards.walk(board, query) for card in page]
        assert pages == sorted(card["id"] for card in whole), name


@pytest.mark.slow("creates many cards")
def test_page_that_looks_through_many_cards_ends_before_its_limit(boards: Boards):
    pages = list(boards.walk(boards.large, "q=zebra"))
    assert [len(page) for page in pages] == [0] * (LARGE // SCAN_MAX) + [FEW]
