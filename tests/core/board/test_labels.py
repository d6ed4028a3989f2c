"""Labels: names, colours, and the cards that bear them."""

import itertools
import secrets

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellary.contract.refs import CardLabelRef
from stellary.core import events
from stellary.core.board import labels
from tests.support.boards import Board, ask, status
from tests.support.statements import count_statements
from tests.support.world import at_once


@pytest.fixture
def board(world):
    """A board without the labels of its template."""
    board = Board(world, world.person("ann"))
    for label in ask(board, "GET", f"{board.path}/labels"):
        ask(board, "DELETE", f"{board.flat}/labels/{label['id']}")
    return board


def put(board, card, label):
    return ask(board, "POST", f"{board.flat_of(card)}/labels/{label['id']}")


def take(board, card, label):
    return ask(board, "DELETE", f"{board.flat_of(card)}/labels/{label['id']}")


# ------------------------------------------------------------------------------------------------- of a project


def test_labels_are_listed_in_creation_order(board):
    new_labels = [board.label(name) for name in ("ux", "bug")]
    assert ask(board, "GET", f"{board.path}/labels") == new_labels
    assert new_labels[0]["color"] == "#6b7280"


def test_name_is_unique_in_its_project_without_regard_to_case(board):
    board.label("Straße")
    assert status(board, "POST", f"{board.path}/labels", {"name": "STRASSE"}) == 409
    other = Board(board.world, board.owner, board.workspace)
    assert status(board, "POST", f"{other.path}/labels", {"name": "STRASSE"}) == 201


def test_a_label_is_renamed(board):
    path = f"{board.flat}/labels/{board.label('bug')['id']}"
    assert ask(board, "PATCH", path, {"name": "BUG"})["name"] == "BUG"
    board.label("ux")
    assert status(board, "PATCH", path, {"name": "UX"}) == 409


# ------------------------------------------------------------------------------------------------- on cards


def test_a_label_is_put_on_a_card_once(board):
    card, label = board.card(), board.label()
    assert board.world.call(board.owner, "POST", f"{board.flat_of(card)}/labels/{label['id']}").status == 201
    once = board.read(card)
    assert (once["labelIds"], once["version"]) == ([label["id"]], card["version"] + 1)
    assert put(board, card, label) == {"ok": True}
    assert board.read(card) == once


def test_a_label_is_taken_off_a_card(board):
    card, bug, ux = board.card(), board.label("bug"), board.label("ux")
    put(board, card, bug)
    put(board, card, ux)
    assert take(board, card, bug) == {"ok": True}
    assert board.read(card)["labelIds"] == [ux["id"]]
    assert take(board, card, bug) == {"ok": True}
    assert board.read(card)["version"] == card["version"] + 3


def test_label_changes_of_a_card_emit_events(board):
    card, label = board.card(), board.label()
    ref = board.workspace.ref.child(CardLabelRef, card["id"], label["id"])
    with board.world.core.begin(board.owner.actor) as uow:
        labels.add_label_to_card(uow, ref)
        labels.add_label_to_card(uow, ref)
        (event,) = uow.events
    assert isinstance(event, events.CardUpdated)
    assert event.changed == ("labelIds",)


@pytest.mark.slow("creates a hundred labels")
def test_a_card_bears_at_most_a_hundred_labels(board):
    new_labels = [board.label(str(number))["id"] for number in range(101)]
    card = board.card(labelIds=new_labels[:100])
    assert status(board, "POST", f"{board.flat_of(card)}/labels/{new_labels[100]}") == 409


def test_concurrently_added_labels_are_all_kept(board):
    new_labels = [board.label(str(number)) for number in range(4)]
    for _ in range(3):
        card = board.card()
        at_once(*[lambda label=label: put(board, card, label) for label in new_labels])  # noqa: B023
        assert sorted(board.read(card)["labelIds"]) == [label["id"] for label in new_labels]


# ------------------------------------------------------------------------------------------------- deleting


def test_a_deleted_label_is_taken_off_all_cards(board):
    ids = [board.label(name)["id"] for name in ("a", "b", "c")]
    orders = [order for count in range(4) for order in itertools.permutations(ids, count)]
    new_cards = [board.card(labelIds=list(order)) for order in orders]
    assert ask(board, "DELETE", f"{board.flat}/labels/{ids[1]}") == {"ok": True, "brokenAutomations": []}
    for card, order in zip(new_cards, orders, strict=True):
        now = board.read(card)
        assert now["labelIds"] == [id for id in order if id != ids[1]]
        assert now["version"] == card["version"] + (ids[1] in order)
    assert status(board, "DELETE", f"{board.flat}/labels/{ids[1]}") == 404


def test_statements_of_a_deleted_label_do_not_grow_with_cards(board):
    counts = []
    for cards in (1, 20):
        label = board.label()
        for _ in range(cards):
            board.card(labelIds=[label["id"]])
        counts.append(count_statements(ask, board, "DELETE", f"{board.flat}/labels/{label['id']}"))
    assert counts[0] == counts[1]


STEPS = ("put", "put", "put", "take", "replace", "make", "delete")


@pytest.mark.slow("makes random changes")
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 9), st.integers(0, 9)), max_size=25))
def test_cards_bear_added_labels_and_no_deleted_ones(world, steps):
    """Check against a model, since no foreign key covers the ids on a card."""
    board = Board(world, world.person(f"ann-{secrets.token_hex(4)}"))
    there = [label["id"] for label in ask(board, "GET", f"{board.path}/labels")]
    cards = [board.card() for _ in range(3)]
    borne = {card["id"]: [] for card in cards}
    for step, one, other in steps:
        card, label = cards[one % len(cards)], there[other % len(there)]
        on_it, path = borne[card["id"]], f"{board.flat_of(card)}/labels/{label}"
        match step:
            case "put":
                ask(board, "POST", path)
                on_it[:] = dict.fromkeys([*on_it, label])
            case "take":
                ask(board, "DELETE", path)
                on_it[:] = without(on_it, label)
            case "replace":
                on_it[:] = there[: other % 3]
                ask(board, "PATCH", board.of(card), {"labelIds": on_it})
            case "make":
                there.append(board.label(secrets.token_hex(8))["id"])
            case "delete" if len(there) > 1:
                ask(board, "DELETE", f"{board.flat}/labels/{label}")
                there.remove(label)
                borne = {id: without(ids, label) for id, ids in borne.items()}
        assert {card["id"]: board.read(card)["labelIds"] for card in cards} == borne


def without(ids, removed):
    return [id for id in ids if id != removed]
