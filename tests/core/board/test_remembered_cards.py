"""The memory of a process for listed cards: what is read again, what is never remembered, and its size."""

from collections.abc import Callable
from contextlib import suppress

import attrs
import orjson
import pytest
from sqlalchemy import Text, cast, delete, func, select, update

from stellary.contract.cards import ListCards
from stellary.contract.port import RawRequest
from stellary.contract.refs import ProjectRef
from stellary.contract.wire import dump
from stellary.core.board import board as boards
from stellary.core.board import listing
from stellary.core.board.listing import list_cards
from stellary.core.board.queries import card_lists, remembered_lists
from stellary.core.board.tables import LOG_MAX, card_log
from tests.core.notifications.test_live_board import Writer
from tests.support.boards import Board, Json, ask
from tests.support.core_parts import ItemMemory
from tests.support.tables import cards, projects

STEPS = 32
HORIZON = cast(func.pg_snapshot_xmin(func.pg_current_snapshot()), Text)
QUERIES = ("", "?limit=100", "?archived=false", "?q=e")


@pytest.fixture
def board(world) -> Board:
    board = Board(world, world.person("ann"))
    for title in ("One", "Two", "Three"):
        board.card(title)
    return board


def read(board: Board, query: str = "") -> bytes:
    return board.world.call(board.owner, "GET", f"{board.path}/cards{query}").body


def read_rows(board: Board) -> bytes:
    """Return the list of all cards from complete rows, as a unit that may write reads them."""
    ref = ProjectRef(board.workspace.organization.slug, board.workspace.slug, board.project["id"])
    with board.world.core.begin(board.owner.actor) as uow:
        return dump(list_cards(uow, ref, ListCards()).items)


def read_complete(statements: list[str]) -> list[str]:
    """Return the statements that read complete rows of cards, by id or all, but for those that look for changes."""
    looks = ("stellary_card_log", "_horizon")
    return [
        sql
        for sql in statements
        if "stellary_cards.checklist" in sql and not any(part in sql for part in looks)
    ]


def titles(board: Board, query: str = "") -> list[str]:
    return [card["title"] for card in ask(board, "GET", f"{board.path}/cards{query}")]


@pytest.mark.parametrize("query", QUERIES)
def test_a_second_list_reads_no_complete_rows(board, statements, query):
    first = read(board, query)
    with statements() as sent:
        assert read(board, query) == first
    assert len(sent) > 0
    assert read_complete(sent) == []


def test_only_the_changed_card_is_read_again(board, statements):
    ask(board, "PATCH", board.of(ask(board, "GET", f"{board.path}/cards")[1]), {"title": "Changed"})
    for _ in range(2):
        with statements() as sent:
            assert titles(board) == ["One", "Changed", "Three"]
        assert read_complete(sent) == []
    with statements() as sent:
        assert titles(board, "?limit=100") == ["One", "Changed", "Three"]
    assert [" IN (" in sql for sql in read_complete(sent)] == [True] * board.world.core.database.is_sqlite


@pytest.mark.parametrize("long", [0, 1, 2])
def test_changed_card_is_found_among_longer_and_shorter_ones(board, long):
    listed = ask(board, "GET", f"{board.path}/cards")
    ask(board, "PATCH", board.of(listed[long]), {"description": "x" * 5_000})
    for card in listed:
        assert read(board) == read_rows(board)
        ask(board, "PATCH", board.of(card), {"title": "Changed"})
    assert read(board) == read_rows(board)


def test_all_cards_are_read_again_if_many_have_changed(board, statements, monkeypatch):
    monkeypatch.setattr(card_lists, "_MISSING_MAX", 1)
    monkeypatch.setattr(remembered_lists, "_CHANGES_MAX", 1)
    for _ in range(2):
        changes = [
            {"id": card["id"], "title": f"{card['title']}!"}
            for card in ask(board, "GET", f"{board.path}/cards")
        ]
        ask(board, "PATCH", f"{board.path}/cards/bulk", {"cards": changes})
    with statements() as sent:
        assert titles(board) == ["One!!", "Two!!", "Three!!"]
    assert [" IN (" in sql for sql in read_complete(sent)] == [False]


def test_a_long_list_is_not_remembered(board, statements, monkeypatch):
    monkeypatch.setattr(card_lists, "_MISSING_MAX", 1)
    monkeypatch.setattr(card_lists, "_REMEMBERED_MAX", 2)
    monkeypatch.setattr(remembered_lists, "_WHOLE_MAX", 2)
    for _ in range(2):
        with statements() as sent:
            titles(board)
        assert len(read_complete(sent)) == 1


def change_and_roll_back(board: Board, card: Json) -> None:
    """Change the title of a card in a transaction, list the cards in it, and roll it back."""
    ref = ProjectRef(board.workspace.organization.slug, board.workspace.slug, board.project["id"])
    core = board.world.core
    with suppress(ZeroDivisionError), core.begin(board.owner.actor) as uow:
        port = core.port(board.owner.actor, connection=uow.connection)
        headers = {"content-type": "application/json"}
        body = b'{"title": "Rolled back"}'
        assert port.send(RawRequest("PATCH", board.of(card), "", headers, body)).status == 200
        assert b"Rolled back" in port.send(RawRequest("GET", f"{board.path}/cards", "", {}, b"")).body
        assert list_cards(uow, ref, ListCards()).items[0].title == "Rolled back"
        raise ZeroDivisionError


def test_what_was_rolled_back_is_not_remembered(board):
    card = ask(board, "GET", f"{board.path}/cards")[0]
    change_and_roll_back(board, card)
    # The version of this change is the one that was rolled back.
    ask(board, "PATCH", board.of(card), {"title": "Kept"})
    assert titles(board) == ["Kept", "Two", "Three"]


def test_a_card_may_change_after_its_fingerprint_was_read(board, monkeypatch):
    card = ask(board, "GET", f"{board.path}/cards")[1]
    ask(board, "PATCH", board.of(card), {"title": "First change"})
    load_by_ids: Callable[..., object] = card_lists._load_by_ids
    changes = iter(["Second change"])

    def change_and_load(*arguments: object) -> object:
        for title in changes:
            ask(board, "PATCH", board.of(card), {"title": title})
        return load_by_ids(*arguments)

    monkeypatch.setattr(card_lists, "_load_by_ids", change_and_load)
    assert titles(board, "?limit=100")[1] in ("First change", "Second change")
    assert titles(board) == ["One", "Second change", "Three"]


def test_a_card_may_exist_only_while_a_list_is_read(board, monkeypatch):
    monkeypatch.setattr(card_lists, "_MISSING_MAX", 1)
    read_complete_rows: Callable[..., object] = card_lists._read_complete
    names = iter(["Four"])
    created: list[Json] = []

    def create_and_read(*arguments: object) -> object:
        created.extend(board.card(name) for name in names)
        return read_complete_rows(*arguments)

    monkeypatch.setattr(card_lists, "_read_complete", create_and_read)
    assert titles(board)[:3] == ["One", "Two", "Three"]
    ask(board, "DELETE", board.of(created[0]))
    assert titles(board) == ["One", "Two", "Three"]


@pytest.mark.parametrize("seed", [1, 2])
def test_lists_equal_the_rows_after_any_writes(board, seed, bob):
    board.join(bob)
    ask(board, "POST", f"{board.path}/members", {"email": bob.email})
    writer = Writer(board, bob, seed)
    for _ in range(STEPS):
        name, _ = writer.write()
        rows = orjson.loads(read_rows(board))
        assert orjson.loads(read(board)) == rows, name
        values = {("archived", False), ("archived", True), *(("columnId", card["columnId"]) for card in rows)}
        for field, value in values:
            expected = [card for card in rows if card[field] == value]
            assert orjson.loads(read(board, f"?{field}={str(value).lower()}")) == expected, name


def list_fingerprints(statements: list[str]) -> list[str]:
    """Return the statements that read the fingerprints of a list."""
    return [sql for sql in statements if "AS fingerprint" in sql]


def test_lists_of_whole_columns_are_read_once(board, statements):
    scope = ask(board, "GET", f"{board.path}/scopes")[0]["id"]
    for tail in ["/cards", "/cards?archived=true", "/board", f"/cards?scopeId={scope}"]:
        with statements() as sent:
            first, second, third = (
                board.world.call(board.owner, "GET", board.path + tail).body for _ in range(3)
            )
        assert first == second == third, tail
        assert len(list_fingerprints(sent)) == 1, tail


def test_lists_with_other_filters_are_read_again(board, statements):
    with statements() as sent:
        for _ in range(2):
            read(board, "?status=open")
            read(board, "?q=e")
    assert len(list_fingerprints(sent)) == 4


def test_list_is_read_again_only_if_its_changes_do_not_say_how_it_is_now(board, statements):
    """Cards that come, go, move, and change their columns' order. On PostgreSQL, the changes name no card that has left the list."""
    is_postgres = not board.world.core.database.is_sqlite
    one, two, _ = ask(board, "GET", f"{board.path}/cards")
    todo, other = board.columns[:2]
    steps = [
        ("PATCH", board.of(two), {"title": "2"}, 0, "One 2 Three"),
        ("PATCH", board.of(two), {"order": 0}, 0, "2 One Three"),
        ("POST", f"{board.path}/columns/{todo['id']}/cards", {"title": "Four"}, 0, "2 One Three Four"),
        ("DELETE", board.of(one), None, is_postgres, "2 Three Four"),
        ("PATCH", board.of(two), {"columnId": other["id"]}, 1, "Three Four 2"),
        ("PATCH", f"{board.path}/columns/{other['id']}", {"order": 0}, 1, "2 Three Four"),
        ("PATCH", board.of(two), {"archived": True}, 1, "Three Four 2"),
        (
            "POST",
            f"{board.path}/cards/bulk",
            {"cards": [{"columnId": todo["id"], "title": "5"}] * 101},
            1,
            None,
        ),
    ]
    titles(board)
    for method, path, body, loads, expected in steps:
        ask(board, method, path, body)
        with statements() as sent:
            listed = " ".join(titles(board))
        assert (len(list_fingerprints(sent)), expected or listed) == (loads, listed), (method, path, body)


def test_cards_change_places_with_their_columns(board):
    todo, other, *_ = board.columns
    _, two, three = ask(board, "GET", f"{board.path}/cards")
    ask(board, "PATCH", board.of(two), {"columnId": other["id"]})
    ask(board, "DELETE", board.of(three))
    for order, expected in ((1, ["One", "Two"]), (0, ["Two", "One"]), (1, ["One", "Two"])):
        assert titles(board) == titles(board) == expected
        ask(board, "PATCH", f"{board.path}/columns/{todo['id']}", {"order": order})


def test_list_is_in_order_although_columns_moved_to_and_fro_while_it_was_read(board, monkeypatch):
    column = f"{board.path}/columns/{board.columns[0]['id']}"
    two = ask(board, "GET", f"{board.path}/cards")[1]
    ask(board, "PATCH", board.of(two), {"columnId": board.columns[1]["id"]})
    load: Callable[..., object] = remembered_lists.load_cards
    orders = iter([1, 0])

    def move_and_load(*arguments: object) -> object:
        for order in orders:
            ask(board, "PATCH", column, {"order": order})
            if order:
                loaded = load(*arguments)
        return loaded

    with monkeypatch.context() as patch:
        patch.setattr(remembered_lists, "load_cards", move_and_load)
        titles(board, "?archived=false")
    assert titles(board, "?archived=false") == ["One", "Three", "Two"]


def test_log_keeps_its_last_rows_only(board, statements):
    if not board.world.core.database.is_sqlite:
        return
    count = select(func.count()).select_from(card_log)
    titles(board)
    with board.world.core.begin(board.owner.actor) as uow:
        counts = set()
        for _ in range(LOG_MAX):
            uow.connection.execute(update(cards).values(estimate=None))
            counts.add(uow.connection.execute(count).scalar_one())
        assert LOG_MAX < max(counts) < 2 * LOG_MAX + 3
    with statements() as sent:
        assert read(board) == read_rows(board)
    assert len(list_fingerprints(sent)) == 1


def test_without_a_log_lists_read_everything(board):
    with board.world.core.begin(board.owner.actor) as uow:
        uow.connection.execute(delete(card_log))
    assert read(board) == read(board) == read_rows(board)
    board.card("Four")
    assert titles(board) == titles(board) == ["One", "Two", "Three", "Four"]


@pytest.mark.parametrize("increment", [0, 1])
def test_commit_of_another_process_is_seen(board, increment, make_engine):
    engine = make_engine(board.world.core.database.engine.url)
    for title in ("First", "Second"):
        assert read(board) == read(board)
        version = {"version": cards.c.version + 1} if increment else {}
        with engine.begin() as connection:
            connection.execute(update(cards).where(cards.c.title != "One").values(title=title, **version))
        assert titles(board) == ["One", title, title]
        assert read(board) == read_rows(board)


def test_change_is_seen_although_later_ones_were_committed_before(board, make_engine):
    if board.world.core.database.is_sqlite:
        return
    one, two, three = ask(board, "GET", f"{board.path}/cards")
    rename = update(cards).where(cards.c.id == one["id"]).values(title="1")
    with make_engine(board.world.core.database.engine.url).connect() as connection, connection.begin():
        # The names of subtransactions are not in a snapshot.
        with connection.begin_nested():
            connection.execute(update(cards).where(cards.c.id == three["id"]).values(title="3"))
        with connection.begin_nested():
            connection.execute(rename)
            ask(board, "PATCH", board.of(two), {"title": "2"})
            assert titles(board) == titles(board) == ["One", "2", "Three"]
    assert titles(board) == ["1", "2", "3"]


@pytest.mark.parametrize(("server", "ahead"), [("another server", 0), (None, 1_000)])
def test_snapshots_of_another_history_are_not_compared(board, server, ahead, make_engine):
    """After a restart of the server, or in a restored backup, whose transactions have the same ids again."""
    if board.world.core.database.is_sqlite:
        return
    assert read(board) == read(board)
    memory = board.world.core.env.listed_cards
    with make_engine(board.world.core.database.engine.url).begin() as connection:
        connection.execute(update(cards).where(cards.c.title == "One").values(title="1"))
    with board.world.core.begin(board.owner.actor) as uow:
        horizon = int(uow.connection.execute(select(HORIZON)).scalar_one())
    for key, item in memory._items.items():
        if isinstance(item, remembered_lists._RememberedList):
            known_server, ids, _ = item.state
            memory._items[key] = item._replace(state=(server or known_server, ids, str(horizon + ahead)))
    assert titles(board) == ["1", "Two", "Three"]


def test_snapshots_that_are_too_far_apart_are_not_compared(board, statements, monkeypatch):
    monkeypatch.setattr(remembered_lists, "_XID_AGE_MAX", 0)
    with statements() as sent:
        assert read(board) == read(board)
    assert len(list_fingerprints(sent)) == (1 if board.world.core.database.is_sqlite else 2)


@pytest.mark.parametrize(("age", "recent"), [(1, 3), (1_000_000, 0), (-1_000_000_000, 0)])
def test_age_of_recent_cards_may_have_wrapped_around(board, age, recent):
    """Ages have 32 bits: that of a row is negative after the half of all ids of transactions."""
    if board.world.core.database.is_sqlite:
        return
    with board.world.core.begin(board.owner.actor) as uow:
        statement = remembered_lists._select_recent(frozenset()).compile(uow.connection.engine)
        horizon = int(uow.connection.execute(select(HORIZON)).scalar_one())
        written = f"CAST('{(horizon - age) % 2**32}' AS xid)"
        sql = str(statement).replace("stellary_cards.xmin)", f"{written})")
        parameters = {**statement.params, "_project_id": board.project["id"], "_horizon": str(horizon - 10)}
        rows = uow.connection.exec_driver_sql(sql, parameters).all()
    assert len([row for row in rows if row[4] is not None]) == recent


def test_list_has_one_state_while_another_thread_reads_a_later_one(board, monkeypatch, make_engine):
    if board.world.core.database.is_sqlite:
        return
    one, two, _ = ask(board, "GET", f"{board.path}/cards")
    ask(board, "PATCH", board.of(one), {"title": "1"})
    load: Callable[..., object] = listing.load_column_cards
    changes = iter([(one, "first"), (two, "second")])

    def change_and_load(*arguments: object) -> object:
        for card, title in changes:
            ask(board, "PATCH", board.of(card), {"title": title})
            assert title in titles(board)
        return load(*arguments)

    monkeypatch.setattr(listing, "load_column_cards", change_and_load)
    with make_engine(board.world.core.database.engine.url).connect() as connection, connection.begin():
        # So that all lists have the same horizon.
        connection.execute(select(func.pg_current_xact_id()))
        assert titles(board) == ["1", "Two", "Three"]
    assert titles(board) == ["first", "second", "Three"]


def test_board_has_the_cards_of_its_snapshot_while_another_thread_reads_later_ones(
    board, monkeypatch, make_engine
):
    def read_titles() -> list[str]:
        return [card["title"] for card in ask(board, "GET", f"{board.path}/board")["cards"]]

    one, two, _ = ask(board, "GET", f"{board.path}/cards")
    load: Callable[..., object] = boards.load_column_cards
    changes = iter([(two, "second"), (one, "first")])

    def change_and_load(*arguments: object) -> object:
        for card, title in changes:
            ask(board, "PATCH", board.of(card), {"title": title})
            assert title in read_titles()
        return load(*arguments)

    with make_engine(board.world.core.database.engine.url).connect() as connection, connection.begin():
        if not board.world.core.database.is_sqlite:
            # So that all lists have the same horizon.
            connection.execute(select(func.pg_current_xact_id()))
        read_titles()
        ask(board, "PATCH", board.of(two), {"title": "2"})
        assert read_titles() == ["One", "2", "Three"]
        monkeypatch.setattr(boards, "load_column_cards", change_and_load)
        assert read_titles() == ["One", "2", "Three"]
        assert read_titles() == ["first", "second", "Three"]
    assert read_titles() == ["first", "second", "Three"]


def test_remembered_list_is_returned_only_to_those_with_access(board, statements, bob):
    read(board)
    with statements() as sent:
        assert board.world.call(bob, "GET", f"{board.path}/cards").status == 404
    assert list_fingerprints(sent) == []
    bound = attrs.evolve(
        board.owner.actor,
        token_id="1" * 24,
        token_project_ids=frozenset({"0" * 24}),
        scopes=frozenset({"projects:read"}),
    )
    for _ in range(2):
        read(board)
    with statements() as sent:
        request = RawRequest("GET", f"{board.path}/cards", "", {}, b"")
        assert board.world.core.port(bound).send(request).status == 404
    assert (len(sent) > 0, list_fingerprints(sent)) == (True, [])
    board.join(bob)
    for _ in range(2):
        assert board.world.call(bob, "GET", f"{board.path}/cards").body == read(board)
    ask(board, "DELETE", f"{board.flat}/members/{bob.id}")
    assert board.world.call(bob, "GET", f"{board.path}/cards").status == 404


def test_changes_of_other_cards_are_read_once(board, monkeypatch):
    """A list of one column, while the cards of another one change."""
    if board.world.core.database.is_sqlite:
        return
    column, card = board.columns[1]["id"], ask(board, "GET", f"{board.path}/cards")[0]
    ask(board, "POST", f"{board.path}/columns/{column}/cards", {"title": "Four"})
    counts, listed_card = [], remembered_lists.ListedCard
    monkeypatch.setattr(
        remembered_lists, "ListedCard", lambda *values: counts.append(1) or listed_card(*values)
    )
    for _ in range(3):
        assert titles(board, f"?columnId={column}") == ["Four"]
    ask(board, "PATCH", board.of(card), {"title": "Changed"})
    for _ in range(3):
        counts.clear()
        assert titles(board, f"?columnId={column}") == ["Four"]
    assert counts == []


def test_list_under_a_new_key_of_its_project_is_read_once(board, statements):
    def count_statements() -> int:
        with statements() as sent:
            read(board)
        return len(sent)

    count = [count_statements() for _ in range(3)][-1]
    with board.world.core.begin(board.owner.actor) as uow:
        uow.connection.execute(update(projects).values(key="NEW"))
    assert count_statements() > count
    assert [count_statements() for _ in range(2)] == [count, count]
    assert read(board) == read_rows(board)


def test_list_above_the_limit_is_read_again(board, statements, monkeypatch):
    monkeypatch.setattr(remembered_lists, "_WHOLE_MAX", 2)
    with statements() as sent:
        assert read(board) == read(board)
    assert len(list_fingerprints(sent)) == 2


def test_empty_lists_have_a_size(board):
    memory, sizes = board.world.core.env.listed_cards, []
    for number in range(3):
        board.world.call(board.owner, "GET", f"{board.path}/cards?columnId={number:024}")
        sizes.append(memory._size)
    assert len(set(sizes)) == 3


@pytest.mark.parametrize("title", ["One", "Changed"])
def test_size_of_a_list_includes_its_json(board, title):
    cards = ask(board, "GET", f"{board.path}/cards")
    for card in cards:
        ask(board, "PATCH", board.of(card), {"description": "x" * 5_000})
    read(board, "?archived=false")
    ask(board, "PATCH", board.of(cards[0]), {"title": title})
    memory = board.world.core.env.listed_cards
    for _ in range(2):
        length = len(read(board, "?archived=false"))
    lists = [item for item in memory._items.values() if isinstance(item, remembered_lists._RememberedList)]
    assert max(item.estimate_size() for item in lists) > length > 15_000
    assert memory._size == sum(item.estimate_size() for item in memory._items.values())


@attrs.frozen
class Item:
    """An item of the memory."""

    size: int

    def estimate_size(self) -> int:
        return self.size


def test_the_oldest_items_are_forgotten():
    memory = ItemMemory[Item](10)
    memory.add(["a", "b"], [Item(4), Item(6)])
    memory.add(["c"], [Item(1)])
    assert memory.find(["a", "b", "c"]) == [None, Item(6), Item(1)]


def test_an_item_that_is_added_again_is_counted_once():
    memory = ItemMemory[Item](10)
    for _ in range(3):
        memory.add(["a", "b"], [Item(4), Item(6)])
    assert memory.find(["a", "b"]) == [Item(4), Item(6)]


def test_an_item_above_the_limit_is_not_kept():
    memory = ItemMemory[Item](10)
    memory.add(["a"], [Item(11)])
    assert memory.find(["a"]) == [None]
