"""Many at once: whoever comes second sees what the first one did, and nobody loses a card."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest

from stellary.contract.cards import UpdateCard
from stellary.contract.columns import DeleteColumn
from stellary.contract.refs import CardRef, ColumnRef, ProjectRef
from stellary.core.accounts.workspaces import delete_workspace
from stellary.core.board.cards import delete_card, update_card
from stellary.core.board.columns import delete_column
from stellary.core.board.projects import delete_project
from tests.support.concurrency import answered_meanwhile

WORKERS = 16


def at_once(desk, requests):
    """Send requests by 16 threads; the answers in the order of the requests."""

    def send(request):
        method, tail, body, *headers = request
        return desk.world.call(desk.person, method, desk.path + tail, body, **dict(*headers))

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(send, requests))


def statuses(answers):
    return Counter(answer.status for answer in answers)


def check_places(desk):
    """Each column is dense; all ids that are listed."""
    found = desk.listed("archived=false")
    columns = {column["id"]: [] for column in desk.columns()}
    for card in found:
        columns[card["columnId"]].append(card["order"])
    for places in columns.values():
        assert places == list(range(len(places)))
    return {card["id"] for card in found}


def random_move(rng, cards, columns):
    card = rng.choice(cards)
    other = rng.choice([each for each in cards if each != card])
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


@pytest.mark.slow
def test_moves_at_once_leave_a_permutation(desk):
    rng = random.Random(7)
    columns = [column["id"] for column in desk.columns()]
    cards = desk.cards(columns[0], " ".join(map(str, range(24))))
    answers = at_once(desk, [random_move(rng, cards, columns) for _ in range(WORKERS * 20)])
    # 409: the card beside which to stand had gone elsewhere.
    assert statuses(answers).keys() <= {200, 409}
    assert check_places(desk) == set(cards)


@pytest.mark.slow
def test_moves_to_one_place_at_once_make_room_for_each_other(desk):
    todo, doing, _ = (column["id"] for column in desk.columns())
    first, _ = desk.cards(todo, "first last")
    cards = desk.cards(doing, " ".join(map(str, range(80))))
    moves = [("PATCH", f"/cards/{card}", {"columnId": todo, "after": first}) for card in cards]
    assert statuses(at_once(desk, moves)) == {200: 80}
    assert check_places(desk) >= set(cards)
    assert desk.listed(f"columnId={todo}")[0]["id"] == first


def test_moves_at_once_respect_the_limit_of_a_column(desk):
    full = desk.column("Full", wipLimit=3)
    todo = desk.columns()[0]["id"]
    cards = desk.cards(todo, " ".join(map(str, range(12))))
    moves = [("PATCH", f"/cards/{card}", {"columnId": full}) for card in cards]
    creations = [("POST", f"/columns/{full}/cards", {"title": "new"})] * 4
    found = statuses(at_once(desk, [*moves[:6], *creations, *moves[6:]]))
    assert found[200] + found[201] == 3
    assert found[409] == 13
    check_places(desk)


def test_cards_made_at_once_are_numbered_without_a_gap_or_a_twin(desk):
    columns = [column["id"] for column in desk.columns()]
    requests = [("POST", f"/columns/{columns[n % 3]}/cards", {"title": "t"}) for n in range(48)]
    assert statuses(at_once(desk, requests)) == {201: 48}
    assert sorted(card["number"] for card in desk.listed()) == list(range(1, 49))
    check_places(desk)


def test_one_of_many_who_have_seen_the_same_version_changes_it(desk):
    card = desk.card(desk.columns()[0]["id"])["id"]
    requests = [
        ("PATCH", f"/cards/{card}", {"title": f"by {number}"}, {"if_match": '"1"'})
        for number in range(WORKERS)
    ]
    assert statuses(at_once(desk, requests)) == {200: 1, 412: WORKERS - 1}
    assert desk.read(card)["version"] == 2


def test_changes_of_different_fields_at_once_all_hold(desk):
    card = desk.card(desk.columns()[0]["id"])["id"]
    fields = {"title": "t", "description": "d", "priority": "high", "dueDate": "2026-04-01T00:00:00Z"}
    answers = at_once(desk, [("PATCH", f"/cards/{card}", {name: value}) for name, value in fields.items()])
    found = desk.read(card)
    assert {name: found[name] for name in fields} == fields
    assert sorted(orjson.loads(answer.body)["version"] for answer in answers) == [2, 3, 4, 5]


def test_projects_of_one_name_at_once_get_keys_of_their_own(desk):
    path = f"{desk.workspace.path}/projects"

    def make(_):
        return desk.world.ask(desk.person, "POST", path, {"name": "Website"})["key"]

    with ThreadPoolExecutor(WORKERS) as pool:
        assert len(set(pool.map(make, range(12)))) == 12


def test_one_key_at_once_goes_to_one_project(desk):
    def make(_):
        return desk.world.status(
            desk.person, "POST", f"{desk.workspace.path}/projects", {"name": "a", "key": "SAME"}
        )

    with ThreadPoolExecutor(WORKERS) as pool:
        assert Counter(pool.map(make, range(8))) == {201: 1, 409: 7}


def test_columns_made_and_moved_at_once_stay_dense(desk):
    ids = [column["id"] for column in desk.columns()]
    requests = [("POST", "/columns", {"name": str(n), "order": n % 4}) for n in range(8)]
    requests += [("PATCH", f"/columns/{id}", {"order": n}) for n, id in enumerate(ids * 3)]
    assert statuses(at_once(desk, requests)) == {201: 8, 200: 9}
    found = desk.columns()
    assert [column["order"] for column in found] == list(range(11))
    assert {column["id"] for column in found} >= set(ids)


def test_no_card_is_lost_with_a_column_that_is_deleted_meanwhile(desk):
    todo, doing, done = (column["id"] for column in desk.columns())
    cards = desk.cards(doing, " ".join(map(str, range(8))))
    requests = [("PATCH", f"/cards/{card}", {"columnId": todo}) for card in cards[:4]]
    requests += [("POST", f"/columns/{todo}/cards", {"title": "new"})] * 4
    requests += [("DELETE", f"/columns/{todo}?moveCardsTo={done}", None)]
    requests += [("PATCH", f"/cards/{card}", {"columnId": todo}) for card in cards[4:]]
    requests += [("POST", f"/columns/{todo}/cards", {"title": "new"})] * 4
    answers = at_once(desk, requests)
    assert statuses(answers).keys() <= {200, 201, 400, 404}
    made = {orjson.loads(answer.body)["id"] for answer in answers if answer.status == 201}
    assert check_places(desk) == made | set(cards)
    assert todo not in {column["id"] for column in desk.columns()}


def test_bulk_changes_at_once_leave_a_permutation(desk):
    rng = random.Random(11)
    columns = [column["id"] for column in desk.columns()]
    cards = desk.cards(columns[0], " ".join(map(str, range(80))))

    def changes():
        chosen = rng.sample(cards, 8)
        return [{"id": id, "columnId": rng.choice(columns), "order": rng.randrange(9)} for id in chosen]

    requests = [("PATCH", "/cards/bulk", {"cards": changes()}) for _ in range(24)]
    requests += [random_move(rng, cards, columns) for _ in range(24)]
    rng.shuffle(requests)
    assert statuses(at_once(desk, requests)).keys() <= {200, 409}
    assert check_places(desk) == set(cards)


def test_project_that_is_deleted_meanwhile_takes_all_cards_along(desk):
    todo = desk.columns()[0]["id"]
    cards = desk.cards(todo, "a b c d")
    requests = [("PATCH", f"/cards/{card}", {"order": 0}) for card in cards]
    requests += [("POST", f"/columns/{todo}/cards", {"title": "new"})] * 4
    requests += [("DELETE", "", None), *requests]
    answers = at_once(desk, requests)
    assert statuses(answers).keys() <= {200, 201, 404}
    assert desk.error("GET", "/cards")[0] == 404


# ---------------------------------------------------------------------------------------------- one waits for another


def meanwhile(desk, first, method, tail, body=None, path=None):
    """The answer to a request that comes while another unit is at work, and has to wait for it where it must."""
    path = desk.path + tail if path is None else path
    return answered_meanwhile(
        desk.world, desk.person, first, lambda: desk.world.call(desk.person, method, path, body)
    )


def ref_of(desk, kind, id):
    return kind(desk.workspace.organization.slug, desk.workspace.slug, desk.project["id"], id)


def test_place_is_that_in_the_column_to_which_the_card_was_moved_meanwhile(desk):
    todo, doing, _ = (column["id"] for column in desk.columns())
    first, second = desk.cards(doing, "x y")
    card = desk.card(todo, "card")["id"]

    def move(uow):
        update_card(uow, ref_of(desk, CardRef, card), UpdateCard(column_id=doing))

    answer = meanwhile(desk, move, "PATCH", f"/cards/{card}", {"order": 1})
    assert answer.status == 200
    assert [each["id"] for each in desk.listed()] == [first, card, second]


def test_card_that_is_moved_meanwhile_is_deleted_where_it_is(desk):
    todo, doing, _ = (column["id"] for column in desk.columns())
    card = desk.card(todo)["id"]

    def move(uow):
        update_card(uow, ref_of(desk, CardRef, card), UpdateCard(column_id=doing))

    assert meanwhile(desk, move, "DELETE", f"/cards/{card}").status == 200
    assert desk.listed() == []


def test_no_project_is_made_in_a_workspace_that_is_deleted_meanwhile(desk):
    other = desk.world.workspace(desk.person)
    answer = meanwhile(
        desk,
        lambda uow: delete_workspace(uow, other.ref),
        "POST",
        "",
        {"name": "x"},
        path=f"{other.path}/projects",
    )
    assert answer.status == 404


def test_change_is_answered_with_what_was_changed_meanwhile(desk):
    card = desk.card(desk.columns()[0]["id"])["id"]

    def describe(uow):
        update_card(uow, ref_of(desk, CardRef, card), UpdateCard(description="meanwhile"))

    answer = orjson.loads(meanwhile(desk, describe, "PATCH", f"/cards/{card}", {"title": "new"}).body)
    assert (answer["title"], answer["description"], answer["version"]) == ("new", "meanwhile", 3)


@pytest.mark.parametrize("body", [{"title": "t"}, {"order": 0}])
def test_card_that_is_deleted_meanwhile_is_not_found(desk, body):
    card = desk.card(desk.columns()[0]["id"])["id"]
    answer = meanwhile(
        desk, lambda uow: delete_card(uow, ref_of(desk, CardRef, card)), "PATCH", f"/cards/{card}", body
    )
    assert answer.status == 404


def test_no_card_is_made_in_a_column_that_is_deleted_meanwhile(desk):
    todo = desk.columns()[0]["id"]

    def give_up(uow):
        delete_column(uow, ref_of(desk, ColumnRef, todo), DeleteColumn())

    assert meanwhile(desk, give_up, "POST", f"/columns/{todo}/cards", {"title": "t"}).status == 404


def test_no_card_is_made_in_a_project_that_is_deleted_meanwhile(desk):
    todo = desk.columns()[0]["id"]

    def give_up(uow):
        delete_project(
            uow, ProjectRef(desk.workspace.organization.slug, desk.workspace.slug, desk.project["id"])
        )

    assert meanwhile(desk, give_up, "POST", f"/columns/{todo}/cards", {"title": "t"}).status == 404


def test_column_that_is_deleted_meanwhile_is_not_found(desk):
    todo = desk.columns()[0]["id"]

    def give_up(uow):
        delete_column(uow, ref_of(desk, ColumnRef, todo), DeleteColumn())

    assert meanwhile(desk, give_up, "PATCH", f"/columns/{todo}", {"order": 2}).status == 404


def test_one_card_can_be_moved_by_many_at_once(desk):
    """Who finds it moved meanwhile tries again, until everybody has moved it."""
    columns = [column["id"] for column in desk.columns()]
    (card,) = desk.cards(columns[0], "ping-pong")
    rng = random.Random(7)
    moves = [("PATCH", f"/cards/{card}", {"columnId": rng.choice(columns)}) for _ in range(160)]
    assert statuses(at_once(desk, moves)) == {200: 160}
    assert check_places(desk) == {card}
