"""Searches of large workspaces: a page looks through a limited number of items, and the pages together find each hit once."""

import re
from collections.abc import Iterator
from urllib.parse import urlencode

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select

from stellary.core import Core
from stellary.core.search import indexing, windows
from stellary.core.search.prefixes import LONG, find_prefixes, number_prefix, write_prefixes
from stellary.core.search.rules import fold, parse_terms
from stellary.core.search.tables import IS_FRESH
from tests.conftest import RUN
from tests.support.boards import Board, ask
from tests.support.databases import KINDS
from tests.support.plans import Statement, count_steps, explain, sent_statements
from tests.support.search_prefixes import find_wrong_prefixes, index_entries
from tests.support.tables import search_entries as entries
from tests.support.world import World

SCAN_MAX = 20
"""Instead of 1,000."""
SMALL, LARGE = 150, 900
RATIO_MAX = 1.5
QUERIES = {
    "a word of few": "zebra",
    "a word of all": "customer",
    "a word of half": "painting",
    "a short word of all": "the",
    "a short word of few": "ox",
    "a beginning of few": "zebr",
    "a beginning of all": "cust",
    "a short beginning of all": "cu",
    "the inside of words": "ustomer",
    "an unknown word": "giraffe",
    "two words of all": "customer shows",
    "a word of all and one of few": "customer zebra",
    "a phrase of all": '"the customer"',
    "a phrase of few": '"customer zebra"',
    "the key of the oldest card": "LAU-1",
    "many words": " ".join(f"cust{number}" for number in range(20)),
}


@attrs.frozen
class Workspaces:
    """A small workspace and a large one, whose cards have the same words."""

    core: Core
    small: Board
    large: Board

    def read(self, board: Board, query: str, **filters: str) -> tuple[list[dict], str]:
        """Return the hits of a page, and the path of the next one."""
        return self.follow(board, f"{board.flat}/search?{urlencode({'q': query, **filters})}")

    def follow(self, board: Board, path: str) -> tuple[list[dict], str]:
        """Return the hits of a page by its path, and the path of the next one."""
        link = board.world.call(board.owner, "GET", path).headers.get("link", "")
        return ask(board, "GET", path), link.partition("<")[2].partition(">")[0]

    def walk(self, board: Board, query: str, **filters: str) -> list[dict]:
        """Return the hits of all pages."""
        path = f"{board.flat}/search?{urlencode({'q': query, **filters})}"
        return [hit for page in board.walk(path) for hit in page]

    def measure(self, board: Board, query: str) -> int:
        """Return the work of the database for the first page."""
        path = f"{board.flat}/search?{urlencode({'q': query})}"
        ask(board, "GET", path)
        with sent_statements() as statements:
            ask(board, "GET", path)
        return sum(map(self._measure_statement, statements))

    def _measure_statement(self, statement: Statement) -> int:
        if self.core.database.is_sqlite:
            return count_steps(self.core, statement)
        # A small table is cheap to scan and to sort: in a large one, the planner uses the indexes.
        plan = explain(self.core, statement, without=("seqscan", "bitmapscan", "sort"))
        rows = re.findall(r"Scan .*actual rows=([0-9.]+) loops=(\d+)", plan)
        removed = re.findall(r"Rows Removed by Filter: (\d+)", plan)
        return int(sum(float(count) * int(loops) for count, loops in rows)) + sum(map(int, removed))


def fill(world: World, owner, size: int) -> Board:
    """Create a workspace with so many cards, and documents of the organization."""
    board = Board(world, owner)
    column = board.columns[0]["id"]
    cards = [
        {
            "columnId": column,
            "title": f"Say what the customer {('zebra ' if number % (size // 5) == 3 else '')}shows",
            "description": ("painting" if number % 2 else "drawing")
            + (" ox" if number % (size // 3) == 5 else ""),
        }
        for number in range(size)
    ]
    for start in range(0, size, 300):
        world.ask(owner, "POST", f"{board.path}/cards/bulk", {"cards": cards[start : start + 300]})
    organization = board.workspace.organization
    for place in (board, Board(world, owner, world.workspace(owner, organization))):
        for _ in range(4):
            document = {
                "title": "The customer's zebra",
                "contextType": "organization",
                "contextId": organization.id,
            }
            world.ask(owner, "POST", f"{place.flat}/documents", document)
    return board


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def workspaces(request: pytest.FixtureRequest) -> Iterator[Workspaces]:
    with KINDS[request.param](request.config.stash[RUN]).database() as url:
        core = Core(url, bcrypt_rounds=4)
        try:
            core.migrate()
            world = World(core)
            owner = world.person("ann")
            boards = [fill(world, owner, size) for size in (SMALL, LARGE)]
            index_entries(core)
            if not core.database.is_sqlite:
                with core.database.open_dedicated("AUTOCOMMIT") as connection:
                    connection.exec_driver_sql("VACUUM ANALYZE")
            yield Workspaces(core, *boards)
        finally:
            core.close()


@pytest.fixture
def few_items(monkeypatch):
    monkeypatch.setattr(windows, "SCAN_MAX", SCAN_MAX)


@pytest.mark.slow("searches thousands of items")
@pytest.mark.usefixtures("few_items")
def test_search_costs_the_same_in_a_large_workspace(workspaces):
    costs = {
        name: [workspaces.measure(board, query) for board in (workspaces.small, workspaces.large)]
        for name, query in QUERIES.items()
    }
    assert {name: cost for name, cost in costs.items() if cost[1] > RATIO_MAX * cost[0]} == {}


@pytest.mark.slow("searches thousands of items")
@pytest.mark.parametrize(
    "filters", [{}, {"kind": "card"}, {"archived": "false", "limit": "7"}, {"projectId": ""}]
)
def test_pages_find_each_hit_once(workspaces, filters, monkeypatch):
    board = workspaces.small
    if "projectId" in filters:
        filters = {"projectId": board.project["id"]}
    expected = {name: workspaces.walk(board, query, **filters) for name, query in QUERIES.items()}
    monkeypatch.setattr(windows, "SCAN_MAX", SCAN_MAX)
    for name, query in QUERIES.items():
        assert sorted(workspaces.walk(board, query, **filters), key=lambda hit: hit["id"]) == sorted(
            expected[name], key=lambda hit: hit["id"]
        ), name


@pytest.mark.usefixtures("few_items")
def test_first_page_finds_the_word_of_few_items_wherever_they_are(workspaces):
    for query, count in {"zebra": 5 + 8, "ZEBR": 5 + 8, "ox customer": 3, '"customer zebra"': 5}.items():
        hits, path = workspaces.read(workspaces.large, query)
        assert len(hits) == count, query
        assert path, "items in which the word is inside of another one may follow"
    hits, _ = workspaces.read(workspaces.large, "LAU-1")
    assert hits[0]["cardKey"] == "LAU-1"


@pytest.mark.slow("searches thousands of items")
@pytest.mark.usefixtures("few_items")
def test_first_page_of_a_common_word_has_the_newest_items(workspaces):
    hits, _ = workspaces.read(workspaces.large, "customer", kind="card")
    newest = sorted(
        (hit["id"] for hit in workspaces.walk(workspaces.large, "customer", kind="card")), reverse=True
    )
    assert [hit["id"] for hit in hits] == newest[: len(hits)]
    assert len(hits) > SCAN_MAX // 2


@pytest.mark.usefixtures("few_items")
def test_page_within_an_index_ignores_items_that_are_created_meanwhile(core, world):
    board = fill(world, world.person("ann"), 60)
    index_entries(core)
    workspaces = Workspaces(core, board, board)
    expected = workspaces.walk(board, "customer")
    ids, path = [], f"{board.flat}/search?q=customer&limit=7"
    while path:
        hits, following = workspaces.follow(board, path)
        ids += [hit["id"] for hit in hits]
        for _ in range(3):
            board.card("customer")
        path = following
    known_ids = {hit["id"] for hit in expected}
    assert sorted(id for id in ids if id in known_ids) == sorted(known_ids)
    assert len(ids) == len(set(ids))


@pytest.mark.usefixtures("few_items")
def test_new_and_changed_items_are_found_before_the_job_has_indexed_them(core, world):
    board = fill(world, world.person("ann"), 60)
    first = world.ask(board.owner, "GET", f"{board.path}/cards?limit=1")[0]
    index_entries(core)
    world.ask(board.owner, "PATCH", board.of(first), {"title": "A giraffe of a customer"})
    other = board.card("Another giraffe")
    workspaces = Workspaces(core, board, board)
    for query in ("giraffe", "customer giraffe", "zebra"):
        ids = [hit["id"] for hit in workspaces.walk(board, query)]
        assert len(ids) == len(set(ids)), query
        assert (first["id"] in ids, other["id"] in ids) == ("giraffe" in query, query == "giraffe")
        # A walk whose pages the job runs in between.
        hits, path = workspaces.read(board, query, limit="2")
        index_entries(core)
        while path:
            page, path = workspaces.follow(board, path)
            hits += page
        assert sorted(hit["id"] for hit in hits) == sorted(ids), query
        world.ask(board.owner, "PATCH", board.of(first), {"description": f"changed for {len(query)}"})


@pytest.mark.usefixtures("few_items")
def test_search_without_the_job_finds_all_items_by_the_page(core, world):
    board = fill(world, world.person("ann"), 60)
    workspaces = Workspaces(core, board, board)
    assert len(workspaces.walk(board, "customer zebra")) == 5 + 8
    assert len(workspaces.walk(board, "ustomer")) == 60 + 8


def test_job_runs_again_at_once_while_there_is_more_to_index(core, world, monkeypatch):
    monkeypatch.setattr(indexing, "BATCH_SIZE", 10)
    board = fill(world, world.person("ann"), 30)
    core.work.begin()
    core.work.run_due()
    assert find_wrong_prefixes(core) == set()
    (job,) = [job for job in core.work.jobs() if job.kind == indexing.INDEX]
    assert job.due_at - job.created_at == indexing.PAUSE
    with core.database.reading() as connection:
        assert connection.execute(select(entries.c.id).where(IS_FRESH)).all() == []
    assert ask(board, "DELETE", board.path) is not None
    assert find_wrong_prefixes(core) == set()


def test_cursor_of_another_query_is_rejected(workspaces, monkeypatch):
    monkeypatch.setattr(windows, "SCAN_MAX", SCAN_MAX)
    board = workspaces.large
    _, path = workspaces.read(board, "zebra customer")
    cursor = re.search("cursor=([^&]+)", path)[1]
    call = board.world.call
    assert call(board.owner, "GET", f"{board.flat}/search?q=...&cursor={cursor}").status == 400
    assert call(board.owner, "GET", f"{board.flat}/search?q=zebra+customer&cursor={cursor}").status == 200


WORDS = st.text("aé-9 字", min_size=1, max_size=30)


@example(title="ENG-1 Format", body="formatted formats")
@given(title=WORDS, body=WORDS)
def test_entry_has_the_prefixes_by_which_its_words_are_searched(title, body):
    folded_title, folded_body = fold(title), fold(body)
    numbers = set(write_prefixes(["w"], folded_title, folded_body).split(","))
    for word in [*folded_title.split(), *folded_body.split()]:
        for end in range(1, len(word) + 1):
            for prefix in find_prefixes([word[:end]]):
                if prefix.is_complete or end == len(word):
                    assert str(number_prefix("w", prefix.text)) in numbers


def test_longest_prefixes_of_a_query_come_first():
    expected = [("forms", False), ("form", True)]
    assert [(prefix.text, prefix.is_complete) for prefix in find_prefixes(["forms"])] == expected
    prefixes = find_prefixes(parse_terms('"blue customers" ENG-12 form'))
    assert [(prefix.text, prefix.is_complete) for prefix in prefixes] == [
        ("customers"[:LONG], True),
        ("blue", True),
        ("form", True),
        ("eng", True),
        ("12", False),
    ]
