"""Large columns: like any other column, but with a position index."""

import random

import pytest
from sqlalchemy import select, update

from stellary.core import NOBODY
from stellary.core.board.rules.position_index import LARGE, STRETCH, PositionIndex
from tests.core.board.test_races import at_once, random_move, statuses
from tests.support.core_parts import make_cursor
from tests.support.tables import cards, columns

SIZE = LARGE + 300


def directory(api, column):
    """Return the position index of a column's row, checked against the cards in the column."""
    with api.world.core.view(NOBODY) as uow:
        text = uow.connection.execute(select(columns.c.directory).where(columns.c.id == column)).scalar()
        standing = select(cards.c.position).where(cards.c.column_id == column, cards.c.archived.is_(False))
        positions = sorted(uow.connection.execute(standing).scalars())
    index = PositionIndex.parse(text)
    if index is not None:
        counts = [0] * len(index.lows)
        for position in positions:
            counts[sum(low <= position for low in index.lows[1:])] += 1
        assert list(index.counts) == counts
        assert max(counts) <= LARGE
    return index


def card_ids(api, column):
    cards = [card for card in api.list_cards(f"columnId={column}") if not card["archived"]]
    assert [card["order"] for card in cards] == list(range(len(cards)))
    return [card["id"] for card in cards]


@pytest.fixture
def large(api):
    """A large column and its cards in order, the last of which was made by the service."""
    todo = api.columns()[0]["id"]
    ids = api.fill(todo, SIZE)
    ids.append(api.card(todo)["id"])
    return todo, ids


def test_column_gets_a_directory_when_it_has_become_large(api):
    todo = api.columns()[0]["id"]
    api.fill(todo, LARGE - 1)
    api.card(todo)
    assert directory(api, todo) is None
    assert api.card(todo)["order"] == LARGE
    assert directory(api, todo).total == LARGE + 1


def test_cards_are_read_with_their_places(api, large):
    _, ids = large
    for index in (0, 1, STRETCH - 1, STRETCH, SIZE):
        assert api.read(ids[index])["order"] == index


def test_column_counts_its_cards(api, large):
    assert api.columns()[0]["cardCount"] == SIZE + 1


@pytest.mark.slow("moves cards of a large column")
def test_moves_leave_a_list(api, large):
    todo, model = large
    doing = api.columns()[1]["id"]
    other = []
    rng = random.Random(5)
    for step in range(120):
        card = rng.choice(model)
        model.remove(card)
        kind = step % 6
        if kind == 0:
            place = rng.choice([0, 1, STRETCH, len(model), 10**6, rng.randrange(len(model))])
            model.insert(place, card)
            moved = api.change(card, order=place)
            assert moved["order"] == model.index(card)
        elif kind == 1:
            anchor = rng.choice(model)
            after = rng.random() < 0.5
            model.insert(model.index(anchor) + after, card)
            moved = api.change(card, **{"after" if after else "before": anchor})
            assert moved["order"] == model.index(card)
        elif kind == 2:
            model.append(card)
            assert api.change(card, columnId=todo)["order"] == len(model) - 1
        elif kind == 3:
            api.change(card, columnId=doing)
            other.append(card)
        elif kind == 4:
            api.change(card, archived=True)
            place = rng.randrange(len(model))
            model.insert(place, card)
            assert api.change(card, archived=False, order=place)["order"] == place
        else:
            api.ask("DELETE", f"/cards/{card}")
        assert directory(api, todo).total == len(model)
    assert card_ids(api, todo) == model
    assert card_ids(api, doing) == other


@pytest.mark.slow("moves cards of a large column")
def test_moves_to_one_place_make_room(api, large):
    todo, model = large
    place = STRETCH - 1
    for _ in range(100):
        card = model.pop()
        model.insert(place, card)
        assert api.change(card, order=place)["order"] == place
    assert directory(api, todo).total == len(model)
    assert card_ids(api, todo) == model


@pytest.mark.slow("fills a large column")
def test_bulk_keeps_the_directory(api, large):
    todo, model = large
    doing = api.columns()[1]["id"]
    created = api.ask("POST", "/cards/bulk", {"cards": [{"columnId": todo, "title": "t"}] * 400})
    model += [card["id"] for card in created]
    assert [card["order"] for card in created] == list(range(SIZE + 1, SIZE + 401))
    assert directory(api, todo).total == len(model)
    moved, back = model[5:205], model[900]
    changes = [{"id": id, "columnId": doing} for id in moved] + [{"id": back, "order": 0}]
    api.ask("PATCH", "/cards/bulk", {"cards": changes})
    model = [back, *(id for id in model if id not in {*moved, back})]
    assert directory(api, todo).total == len(model)
    assert card_ids(api, todo) == model


@pytest.mark.slow("moves cards of a large column")
def test_column_that_takes_in_another_one_becomes_large(api, large):
    todo, model = large
    doing = api.columns()[1]["id"]
    first = api.card(doing)["id"]
    api.ask("DELETE", f"/columns/{todo}?moveCardsTo={doing}")
    assert directory(api, doing).total == SIZE + 2
    assert card_ids(api, doing) == [first, *model]


@pytest.mark.slow("moves cards of a large column")
@pytest.mark.parametrize("in_bulk", [True, False])
def test_directory_goes_when_the_column_has_become_small(api, in_bulk):
    todo, doing, _ = (column["id"] for column in api.columns())
    api.fill(todo, LARGE)
    ids = card_ids(api, todo)
    last = api.card(todo)["id"]
    for start in range(0, STRETCH, 500):
        changes = [{"id": id, "columnId": doing} for id in ids[start : min(start + 500, STRETCH)]]
        api.ask("PATCH", "/cards/bulk", {"cards": changes})
    assert directory(api, todo).total == STRETCH + 1
    if in_bulk:
        api.ask("PATCH", "/cards/bulk", {"cards": [{"id": last, "archived": True}]})
    else:
        api.ask("DELETE", f"/cards/{last}")
    assert directory(api, todo) is None
    assert card_ids(api, todo) == ids[STRETCH:]


def test_stretch_that_becomes_long_is_parted(api, large):
    todo, _ = large
    for _ in range(3):
        api.ask("POST", "/cards/bulk", {"cards": [{"columnId": todo, "title": "t"}] * 500})
    before = directory(api, todo)
    assert len(before.lows) == 4
    with api.world.core.begin(NOBODY) as uow:
        long = PositionIndex(before.lows[:2], (before.counts[0], sum(before.counts[1:])))
        uow.connection.execute(columns.update().where(columns.c.id == todo), {"directory": long.text})
    api.card(todo)
    assert len(directory(api, todo).lows) == 4


@pytest.mark.slow("moves cards of a large column")
def test_moves_at_once_keep_the_directory(api, large):
    todo, ids = large
    doing = api.columns()[1]["id"]
    rng = random.Random(3)
    chosen = rng.sample(ids, 40)
    requests = [random_move(rng, chosen, [todo, doing]) for _ in range(150)]
    requests += [("POST", f"/columns/{todo}/cards", {"title": "new"})] * 10
    requests += [("DELETE", f"/cards/{card}", None) for card in ids[:10]]
    rng.shuffle(requests)
    assert statuses(at_once(api, requests)).keys() <= {200, 201, 400, 404, 409}
    assert directory(api, todo).total == len(card_ids(api, todo))
    assert len(api.list_cards()) == SIZE + 1


def test_parts_of_a_list_have_the_orders_of_the_whole_list(api, large):
    _, ids = large
    doing = api.columns()[1]["id"]
    for place in (0, 5, STRETCH, SIZE):
        api.change(ids[place], columnId=doing)
    api.change(ids[7], archived=True)
    with api.world.core.begin(NOBODY) as uow:
        in_part = update(cards).where(cards.c.id.in_(ids[::2])).values(priority="high")
        uow.connection.execute(in_part)
    orders = {card["id"]: card["order"] for card in api.list_cards()}
    filtered = api.list_cards("priority=high")
    assert len(filtered) > STRETCH
    assert {card["id"]: card["order"] for card in filtered} == {id: orders[id] for id in ids[::2]}
    for cursor in (ids[3], ids[STRETCH - 5], ids[-20]):
        page = api.list_cards(f"limit=12&cursor={make_cursor(cursor)}")
        assert page
        assert [card["order"] for card in page] == [orders[card["id"]] for card in page]
