"""Relations: both ends, forbidden combinations, and concurrent requests."""

import itertools
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from stellary.contract.refs import CardRef, ProjectRef
from stellary.core import NOBODY
from stellary.core.board.cards import delete_card
from tests.support.boards import Board, ask, error
from tests.support.concurrency import start_blocked
from tests.support.statements import count_statements
from tests.support.tables import relations
from tests.support.world import at_once

# What the card that is related says, and what each of the two sees.
SEEN = {
    "blocks": ("blocks", "blocked_by"),
    "blocked_by": ("blocked_by", "blocks"),
    "related_to": ("related_to", "related_to"),
    "duplicates": ("duplicates", "duplicated_by"),
    "parent_of": ("parent_of", "child_of"),
}
CIRCLE = {
    "blocks": "blocks would create a cycle",
    "parent_of": "parent_of would create a cycle",
}


def relation_body(target, type):
    return {"targetCardId": target["id"], "type": type}


def relate(board, card, type, target):
    return ask(board, "POST", f"{board.flat_of(card)}/relations", relation_body(target, type))


def relation_error(board, card, type, target):
    return error(board, "POST", f"{board.flat_of(card)}/relations", relation_body(target, type))


def status(board, card, type, target):
    path = f"{board.flat_of(card)}/relations"
    return board.world.status(board.owner, "POST", path, relation_body(target, type))


def list_relations(board, card):
    return ask(board, "GET", f"{board.flat_of(card)}/relations")


def stored_relations(board):
    """Return all stored relations."""
    with board.world.core.view(NOBODY) as uow:
        rows = uow.connection.execute(select(relations)).fetchall()
    return {(row.source_id, row.type, row.target_id) for row in rows}


def cards(board, count):
    return [board.card(f"card {number}") for number in range(count)]


# ------------------------------------------------------------------------------------------------- both ends


@pytest.mark.parametrize("type", SEEN)
@pytest.mark.parametrize("turned", [False, True])
def test_a_relation_is_seen_from_both_ends(board, type, turned):
    one, other = reversed(cards(board, 2)) if turned else cards(board, 2)
    new_relation = relate(board, one, type, other)
    here, there = SEEN[type]
    assert list_relations(board, one) == [new_relation]
    assert new_relation == new_relation | {"cardId": one["id"], "type": here, "targetCardId": other["id"]}
    assert new_relation["card"] == {
        name: other[name] for name in ("id", "key", "title", "projectId", "columnId", "status", "archived")
    }
    (back,) = list_relations(board, other)
    assert (back["id"], back["cardId"], back["type"]) == (new_relation["id"], other["id"], there)
    assert (back["card"]["id"], back["card"]["title"]) == (one["id"], one["title"])
    assert (back["createdById"], back["createdAt"]) == (board.owner.id, new_relation["createdAt"])


def test_blocked_by_is_the_other_cards_blocks(board):
    one, other = cards(board, 2)
    relate(board, one, "blocked_by", other)
    assert stored_relations(board) == {(other["id"], "blocks", one["id"])}
    assert relation_error(board, other, "blocks", one) == (409, "the cards already have this relation")


def test_cards_of_two_projects_are_related(board):
    other = Board(board.world, board.owner, board.workspace)
    one, far = board.card(), other.card("far")
    new_relation = relate(board, one, "blocks", far)
    assert new_relation["card"]["projectId"] == other.project["id"]
    assert new_relation["card"]["key"] == far["key"]
    third = Board(board.world, board.owner, board.workspace)
    for path, expected in ((third.path, 404), (other.path, 200), (board.flat, 404)):
        assert board.world.status(board.owner, "DELETE", f"{path}/relations/{new_relation['id']}") == expected


def test_relations_are_listed_in_creation_order_and_in_pages(board):
    hub, *other_cards = cards(board, 6)
    for index, other in enumerate(other_cards):
        relate(board, *((hub, "blocks", other) if index % 2 else (other, "related_to", hub)))
    whole = list_relations(board, hub)
    assert [relation["targetCardId"] for relation in whole] == [other["id"] for other in other_cards]
    pages = board.walk(f"{board.flat_of(hub)}/relations?limit=2")
    assert [relation for page in pages for relation in page] == whole


# ------------------------------------------------------------------------------------------------- what must not be


def test_a_card_is_not_related_to_itself(board):
    card = board.card()
    assert relation_error(board, card, "related_to", card) == (400, "targetCardId must be another card")


@pytest.mark.parametrize("type", SEEN)
def test_two_cards_are_related_once_in_each_way(board, type):
    one, other = cards(board, 2)
    relate(board, one, type, other)
    assert relation_error(board, one, type, other) == (409, "the cards already have this relation")
    for other_type in ("blocks", "related_to", "duplicates", "parent_of"):
        assert status(board, one, other_type, other) == (
            409 if other_type == type or (other_type, type) == ("blocks", "blocked_by") else 201
        )


@pytest.mark.parametrize("type", ["related_to", "duplicates"])
def test_relation_from_the_other_end_exists_already(board, type):
    one, other = cards(board, 2)
    relate(board, one, type, other)
    assert relation_error(board, other, type, one) == (409, "the cards already have this relation")


@pytest.mark.parametrize("type", CIRCLE)
@pytest.mark.parametrize("length", [2, 3, 6])
def test_nothing_goes_in_a_circle(board, type, length):
    line = cards(board, length)
    for one, other in itertools.pairwise(line):
        relate(board, one, type, other)
    assert relation_error(board, line[-1], type, line[0]) == (409, CIRCLE[type])
    (relation,) = list_relations(board, line[0])
    ask(board, "DELETE", f"{board.flat}/relations/{relation['id']}")
    assert status(board, line[-1], type, line[0]) == 201


def test_circles_of_other_types_and_of_mixed_ones_may_be(board):
    one, two, three = cards(board, 3)
    for type in ("related_to", "duplicates"):
        for card, target in ((one, two), (two, three), (three, one)):
            relate(board, card, type, target)
    relate(board, one, "blocks", two)
    relate(board, two, "parent_of", one)


def test_a_card_has_one_parent_and_any_number_of_children(board):
    one, two, child, other = cards(board, 4)
    relate(board, one, "parent_of", child)
    relate(board, one, "parent_of", other)
    assert relation_error(board, two, "parent_of", child) == (409, "the card has a parent already")
    assert [relation["type"] for relation in list_relations(board, child)] == ["child_of"]


# ------------------------------------------------------------------------------------------------- what goes


def test_a_deleted_relation_is_gone_for_both(board):
    one, other = cards(board, 2)
    new_relation = relate(board, one, "blocks", other)
    path = f"{board.flat}/relations/{new_relation['id']}"
    assert ask(board, "DELETE", path) == {"ok": True}
    assert list_relations(board, one) == list_relations(board, other) == []
    assert error(board, "DELETE", path) == (404, "Relation not found")


def test_the_relations_of_a_card_go_with_it(board):
    one, two, three = cards(board, 3)
    relate(board, one, "blocks", two)
    relate(board, two, "blocks", three)
    relate(board, one, "related_to", three)
    ask(board, "DELETE", board.of(two))
    assert [relation["targetCardId"] for relation in list_relations(board, one)] == [three["id"]]
    assert len(stored_relations(board)) == 1
    ask(board, "DELETE", board.path)
    assert stored_relations(board) == set()


# ------------------------------------------------------------------------------------------------- statements


def test_statements_do_not_grow_with_relations(board):
    counts = []
    for count in (1, 20):
        hub, *other_cards = cards(board, count + 2)
        for one, other in itertools.pairwise([hub, *other_cards[1:]]):
            relate(board, one, "blocks", other)
        for other in other_cards[1:]:
            relate(board, hub, "related_to", other)
        counts.append(count_statements(list_relations, board, hub))
        counts.append(count_statements(relate, board, other_cards[-1], "blocks", other_cards[0]))
    assert counts[:2] == counts[2:]


# ------------------------------------------------------------------------------------------------- at once


def has_circle(edges):
    """Return whether a set of arrows contains a cycle."""
    following = {}
    for source, target in edges:
        following.setdefault(source, set()).add(target)
    done, open_ = set(), set()

    def visit(card):
        if card in open_:
            return True
        if card in done:
            return False
        open_.add(card)
        cyclic = any(visit(target) for target in following.get(card, ()))
        open_.discard(card)
        done.add(card)
        return cyclic

    return any(visit(card) for card in list(following))


def arrows(board, type):
    return [(source, target) for source, kind, target in stored_relations(board) if kind == type]


@pytest.mark.slow("makes many changes at random")
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_relations_match_a_model(board, data):
    created, model = cards(board, 5), set()
    for _ in range(data.draw(st.integers(1, 12))):
        one, other = data.draw(st.permutations(range(5)))[:2]
        type = data.draw(st.sampled_from(["blocks", "blocked_by", "parent_of", "related_to", "duplicates"]))
        source, target = (other, one) if type == "blocked_by" else (one, other)
        kind = "blocks" if type == "blocked_by" else type
        same = {(source, kind, target), (target, kind, source)} & model
        arrows_after = {(a, b) for a, k, b in model | {(source, kind, target)} if k == kind}
        circle = kind in CIRCLE and has_circle(arrows_after)
        second = kind == "parent_of" and any(k == kind and b == target for _, k, b in model)
        expected = 409 if same or circle or second else 201
        assert status(board, created[one], type, created[other]) == expected
        if expected == 201:
            model.add((source, kind, target))
    for index, card in enumerate(created):
        relation_types = sorted(
            (relation["type"], relation["targetCardId"]) for relation in list_relations(board, card)
        )
        outward = [(k, created[b]["id"]) for a, k, b in model if a == index]
        inward = [(SEEN[k][1], created[a]["id"]) for a, k, b in model if b == index]
        assert relation_types == sorted(outward + inward)


@pytest.mark.parametrize("type", CIRCLE)
def test_concurrent_halves_of_a_circle_make_none(board, type):
    for _ in range(8):
        one, other = cards(board, 2)
        answers = at_once(
            lambda: status(board, one, type, other),  # noqa: B023
            lambda: status(board, other, type, one),  # noqa: B023
        )
        assert sorted(answers) == [201, 409]


def test_concurrent_relations_never_make_a_circle(board):
    new_cards = cards(board, 8)
    chance = random.Random(7)
    for _ in range(3):
        pairs = [chance.sample(new_cards, 2) for _ in range(16)]
        types = [chance.choice(["blocks", "blocked_by", "parent_of"]) for _ in pairs]
        answers = at_once(
            *[
                lambda one=one, other=other, kind=kind: status(board, one, kind, other)
                for (one, other), kind in zip(pairs, types, strict=True)
            ]
        )
        assert set(answers) <= {201, 409}
        assert 201 in answers
        for type in CIRCLE:
            assert not has_circle(arrows(board, type))
        children = [target for _, target in arrows(board, "parent_of")]
        assert len(children) == len(set(children))
        for card in chance.sample(new_cards, 4):
            for relation in list_relations(board, card):
                board.world.status(board.owner, "DELETE", f"{board.flat}/relations/{relation['id']}")


def test_concurrently_deleted_card_is_not_found(board):
    one, other = cards(board, 2)
    ref = board.workspace.ref.child(ProjectRef, board.project["id"]).child(CardRef, one["id"])
    with board.world.core.begin(board.owner.actor) as uow:
        delete_card(uow, ref)
        answer = start_blocked(board.world.core, lambda: relation_error(board, one, "blocks", other))
    assert answer.result() == (404, "Card not found")
