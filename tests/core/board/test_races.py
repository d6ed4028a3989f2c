"""Concurrent requests to a board: the second one sees the first one's changes, and no card is lost."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import orjson
import pytest

from stellary.contract.cards import UpdateCard
from stellary.contract.columns import DeleteColumn
from stellary.contract.refs import CardRef, ColumnRef, ProjectRef
from stellary.core.board.cards import delete_card, update_card
from stellary.core.board.columns import delete_column
from stellary.core.board.projects import delete_project
from tests.support.concurrency import answered_meanwhile
from tests.support.core_parts import CardUpdated, delete_workspace

WORKERS = 16


def at_once(api, requests):
    """Send requests from 16 threads, and return the responses in the order of the requests."""

    def send(request):
        method, tail, body, *headers = request
        return api.world.call(api.person, method, api.path + tail, body, **dict(*headers))

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(send, requests))


def statuses(answers):
    return Counter(answer.status for answer in answers)


def check_places(api):
    """Check that each column is dense, and return the ids of all listed cards."""
    cards = api.list_cards("archived=false")
    columns = {column["id"]: [] for column in api.columns()}
    for card in cards:
        columns[card["columnId"]].append(card["order"])
    for places in columns.values():
        assert places == list(range(len(places)))
    return {card["id"] for card in cards}


def random_move(rng, cards, columns):
    card = rng.choice(cards)
    other = rng.choice([candidate for candidate in cards if candidate != card])
    return (
        "PATCH",
        f"/cards/{card}",
        rng.choice(
            [
                {"order": rng.randrange(30)},
                {"columnId": rng.choice(columns)},
                {"columnId": rng.choice(columns), "order": rng.randrange(30)},
                {"columnId": rng.choice(columns), "before": other},
                {"columnId": rng.choice(columns), "after": other},
                {"title": "other words"},
            ]
        ),
    )


@pytest.mark.slow("races many times")
def test_concurrent_moves_leave_a_permutation(api):
    rng = random.Random(7)
    columns = [column["id"] for column in api.columns()]
    cards = api.cards(columns[0], " ".join(map(str, range(24))))
    answers = at_once(api, [random_move(rng, cards, columns) for _ in range(WORKERS * 20)])
    # 409: the card beside which to stand had gone elsewhere.
    assert statuses(answers).keys() <= {200, 409}
    assert check_places(api) == set(cards)


@pytest.mark.slow("races many times")
def test_concurrent_moves_to_one_position_make_room(api):
    todo, doing, _ = (column["id"] for column in api.columns())
    first, _ = api.cards(todo, "first last")
    cards = api.cards(doing, " ".join(map(str, range(80))))
    moves = [("PATCH", f"/cards/{card}", {"columnId": todo, "after": first}) for card in cards]
    assert statuses(at_once(api, moves)) == {200: 80}
    assert check_places(api) >= set(cards)
    assert api.list_cards(f"columnId={todo}")[0]["id"] == first


def test_concurrent_moves_respect_the_limit_of_a_column(api):
    full = api.column("Full", wipLimit=3)
    cards = api.cards(api.columns()[0]["id"], " ".join(map(str, range(12))))
    moves = [("PATCH", f"/cards/{card}", {"columnId": full}) for card in cards]
    creations = [("POST", f"/columns/{full}/cards", {"title": "new"})] * 4
    counts = statuses(at_once(api, [*moves[:6], *creations, *moves[6:]]))
    assert counts[200] + counts[201] == 3
    assert counts[409] == 13
    check_places(api)


def test_concurrently_created_cards_have_unique_consecutive_numbers(api):
    columns = [column["id"] for column in api.columns()]
    requests = [("POST", f"/columns/{columns[n % 3]}/cards", {"title": "t"}) for n in range(48)]
    assert statuses(at_once(api, requests)) == {201: 48}
    assert sorted(card["number"] for card in api.list_cards()) == list(range(1, 49))
    check_places(api)


def test_only_one_change_of_the_same_version_succeeds(api):
    card = api.card(api.columns()[0]["id"])["id"]
    requests = [
        ("PATCH", f"/cards/{card}", {"title": f"by {number}"}, {"if_match": '"1"'})
        for number in range(WORKERS)
    ]
    assert statuses(at_once(api, requests)) == {200: 1, 412: WORKERS - 1}
    assert api.read(card)["version"] == 2


def test_concurrent_changes_of_different_fields_are_all_kept(api):
    card = api.card(api.columns()[0]["id"])["id"]
    fields = {"title": "t", "description": "d", "priority": "high", "dueDate": "2026-04-01T00:00:00Z"}
    answers = at_once(api, [("PATCH", f"/cards/{card}", {name: value}) for name, value in fields.items()])
    changed_card = api.read(card)
    assert {name: changed_card[name] for name in fields} == fields
    assert sorted(orjson.loads(answer.body)["version"] for answer in answers) == [2, 3, 4, 5]


def test_concurrently_created_and_moved_columns_stay_dense(api):
    ids = [column["id"] for column in api.columns()]
    requests = [("POST", "/columns", {"name": str(n), "order": n % 4}) for n in range(8)]
    requests += [("PATCH", f"/columns/{id}", {"order": n}) for n, id in enumerate(ids * 3)]
    assert statuses(at_once(api, requests)) == {201: 8, 200: 9}
    columns = api.columns()
    assert [column["order"] for column in columns] == list(range(11))
    assert {column["id"] for column in columns} >= set(ids)


def test_concurrently_deleted_column_loses_no_card(api):
    todo, doing, done = (column["id"] for column in api.columns())
    cards = api.cards(doing, " ".join(map(str, range(8))))
    requests = [("PATCH", f"/cards/{card}", {"columnId": todo}) for card in cards[:4]]
    requests += [("POST", f"/columns/{todo}/cards", {"title": "new"})] * 4
    requests += [("DELETE", f"/columns/{todo}?moveCardsTo={done}", None)]
    requests += [("PATCH", f"/cards/{card}", {"columnId": todo}) for card in cards[4:]]
    requests += [("POST", f"/columns/{todo}/cards", {"title": "new"})] * 4
    answers = at_once(api, requests)
    assert statuses(answers).keys() <= {200, 201, 400, 404}
    created = {orjson.loads(answer.body)["id"] for answer in answers if answer.status == 201}
    assert check_places(api) == created | set(cards)
    assert todo not in {column["id"] for column in api.columns()}


@pytest.mark.slow("races many requests")
def test_concurrent_bulk_changes_leave_a_permutation(api):
    rng = random.Random(11)
    columns = [column["id"] for column in api.columns()]
    cards = api.cards(columns[0], " ".join(map(str, range(80))))

    def changes():
        chosen = rng.sample(cards, 8)
        return [{"id": id, "columnId": rng.choice(columns), "order": rng.randrange(9)} for id in chosen]

    requests = [("PATCH", "/cards/bulk", {"cards": changes()}) for _ in range(24)]
    requests += [random_move(rng, cards, columns) for _ in range(24)]
    rng.shuffle(requests)
    assert statuses(at_once(api, requests)).keys() <= {200, 409}
    assert check_places(api) == set(cards)


def test_concurrently_deleted_project_removes_all_cards(api):
    todo = api.columns()[0]["id"]
    requests = [("PATCH", f"/cards/{card}", {"order": 0}) for card in api.cards(todo, "a b c d")]
    requests += [("POST", f"/columns/{todo}/cards", {"title": "new"})] * 4
    requests += [("DELETE", "", None), *requests]
    assert statuses(at_once(api, requests)).keys() <= {200, 201, 404}
    assert api.error("GET", "/cards")[0] == 404


# ---------------------------------------------------------------------------------------------- one waits for another


def send_while_locked(api, first, method, tail, body=None, path=None):
    """Return the response to a request that runs while another unit of work is open."""
    path = api.path + tail if path is None else path
    return answered_meanwhile(
        api.world, api.person, first, lambda: api.world.call(api.person, method, path, body)
    )


def ref_of(api, kind, *id):
    return api.workspace.ref.child(kind, api.project["id"], *id)


def test_position_applies_in_the_column_of_a_concurrent_move(api):
    todo, doing, _ = (column["id"] for column in api.columns())
    first, second = api.cards(doing, "x y")
    card = api.card(todo, "card")["id"]
    move = partial(update_card, ref=ref_of(api, CardRef, card), request=UpdateCard(column_id=doing))
    assert send_while_locked(api, move, "PATCH", f"/cards/{card}", {"order": 1}).status == 200
    assert [listed_card["id"] for listed_card in api.list_cards()] == [first, card, second]


def test_concurrently_moved_card_is_deleted_in_its_new_column(api):
    todo, doing, _ = (column["id"] for column in api.columns())
    card = api.card(todo)["id"]
    move = partial(update_card, ref=ref_of(api, CardRef, card), request=UpdateCard(column_id=doing))
    assert send_while_locked(api, move, "DELETE", f"/cards/{card}").status == 200
    assert api.list_cards() == []


def test_project_of_a_concurrently_deleted_workspace_is_refused_or_restored_with_it(api):
    world, person = api.world, api.person
    other = world.workspace(person)
    answer = send_while_locked(
        api,
        lambda uow: delete_workspace(uow, other.ref),
        "POST",
        "",
        {"name": "x"},
        path=f"{other.path}/projects",
    )
    # PostgreSQL has read the workspace before the deletion is committed, so the project is in the trash with it.
    assert answer.status in (201, 404)
    assert world.status(person, "GET", f"{other.path}/projects") == 404
    (container,) = world.ask(person, "GET", "/trash")
    world.ask(person, "POST", f"/trash/{container['id']}/restore", {})
    names = [project["name"] for project in world.ask(person, "GET", f"{other.path}/projects")]
    assert names == (["x"] if answer.status == 201 else [])


def change_repeatedly(api):
    """Return the id of a card in version 4: the driver executes the statements of the next change."""
    card = api.card(api.columns()[0]["id"])["id"]
    for number in range(3):
        api.ask("PATCH", f"/cards/{card}", {"title": f"title {number}"})
    return card


@pytest.mark.parametrize("has_handler", [False, True])
def test_response_contains_concurrent_changes(api, has_handler):
    card = change_repeatedly(api)
    titles = []
    if has_handler:
        api.world.core.on(CardUpdated, lambda uow, event: titles.append(event.card.title))

    def describe(uow):
        update_card(uow, ref_of(api, CardRef, card), UpdateCard(description="send_while_locked"))

    answer = orjson.loads(send_while_locked(api, describe, "PATCH", f"/cards/{card}", {"title": "new"}).body)
    assert (answer["title"], answer["description"], answer["version"]) == ("new", "send_while_locked", 6)
    # A handler sees no change that is not made.
    assert titles == (["title 2", "new"] if has_handler else [])
    assert [entry["type"] for entry in api.ask("GET", "/activity")].count("card_updated") == 5


def test_savepoint_with_a_change_fails_as_little_as_the_unit(api):
    ref = ref_of(api, CardRef, change_repeatedly(api))
    attempts = []

    def rename(uow):
        attempts.append(uow)
        with uow.attempt():
            return update_card(uow, ref, UpdateCard(title="new"))

    def describe(uow):
        update_card(uow, ref, UpdateCard(description="send_while_locked"))

    world, person = api.world, api.person
    answer = answered_meanwhile(world, person, describe, lambda: world.core.run(person.actor, rename))
    assert (answer.description, answer.version, len(attempts)) == ("send_while_locked", 6, 1)


@pytest.mark.parametrize(
    ("kind", "method", "tail", "body"),
    [
        ("card", "PATCH", "/cards/{card}", {"title": "t"}),
        ("card", "PATCH", "/cards/{card}", {"order": 0}),
        ("column", "POST", "/columns/{column}/cards", {"title": "t"}),
        ("column", "PATCH", "/columns/{column}", {"order": 2}),
        ("project", "POST", "/columns/{column}/cards", {"title": "t"}),
    ],
)
def test_concurrently_deleted_item_is_not_found(api, kind, method, tail, body):
    column, other, _ = (column["id"] for column in api.columns())
    card = change_repeatedly(api) if kind == "card" else api.card(other)["id"]
    delete = {
        "card": lambda uow: delete_card(uow, ref_of(api, CardRef, card)),
        "column": lambda uow: delete_column(uow, ref_of(api, ColumnRef, column), DeleteColumn()),
        "project": lambda uow: delete_project(uow, ref_of(api, ProjectRef)),
    }[kind]
    answer = send_while_locked(api, delete, method, tail.format(card=card, column=column), body)
    assert answer.status == 404


@pytest.mark.slow("races many requests")
def test_one_card_is_moved_by_many_concurrent_requests(api):
    """Check that a move which loses the race is retried until it succeeds."""
    columns = [column["id"] for column in api.columns()]
    (card,) = api.cards(columns[0], "ping-pong")
    rng = random.Random(7)
    moves = [("PATCH", f"/cards/{card}", {"columnId": rng.choice(columns)}) for _ in range(160)]
    assert statuses(at_once(api, moves)) == {200: 160}
    assert check_places(api) == {card}
