"""Exports that are read in batches and sent from a temporary file."""

import orjson
import pytest

from stellary.contract.errors import Unavailable
from stellary.contract.fields import replace_fields
from stellary.contract.project_exports import ProjectFile
from stellary.contract.wire import dump, read
from stellary.core.board import exports
from tests.support.boards import Board, ask, error
from tests.support.core_parts import Batches, dump_in_parts, transfers
from tests.support.forms import FORM, form
from tests.support.world import World


@pytest.fixture
def board(world: World) -> Board:
    """Return a board with cards in several columns and scopes, and with relations between cards of different batches."""
    board = Board(world, world.person("ann"))
    bob = board.member("bob")
    label = board.label()
    scope = world.ask(board.owner, "POST", f"{board.path}/scopes", {"name": "Sprint", "order": 0})
    column_ids = [*(column["id"] for column in board.columns), *(column["id"] for column in scope["columns"])]
    cards = [
        world.ask(
            person,
            "POST",
            f"{board.path}/columns/{column_ids[number % len(column_ids)]}/cards",
            {"title": f"card {number}", "labelIds": [label["id"]], "assigneeId": person.id},
        )
        for number, person in enumerate([board.owner, bob] * 5)
    ]
    for number, card in enumerate(cards):
        related = {"targetCardId": cards[number - 3]["id"], "type": ("related_to", "blocks")[number % 2]}
        world.ask(board.owner, "POST", f"{board.of(card)}/relations", related)
        board.comment(card, f"Comment {number}", by=bob)
    for card in cards[::4]:
        world.ask(board.owner, "PATCH", board.of(card), {"archived": True})
    world.ask(board.owner, "POST", f"{board.of(cards[1])}/attachments", form(b"Hello."), content_type=FORM)
    return board


def export(board: Board) -> bytes:
    response = board.world.call(board.owner, "GET", f"{board.path}/export")
    assert response.status == 200
    return response.body


def without_time(content: bytes) -> dict:
    return {**orjson.loads(content), "exportedAt": None}


def test_batches_of_any_size_are_the_same_file(board: Board, monkeypatch):
    whole = export(board)
    assert whole == orjson.dumps(orjson.loads(whole))
    monkeypatch.setattr(exports, "_BATCH", 3)
    monkeypatch.setattr(transfers, "IN_MEMORY", 1_000)
    assert without_time(export(board)) == without_time(whole)


def test_cards_are_in_board_order_with_archived_cards_last(board: Board):
    listed = ask(board, "GET", f"{board.path}/cards")
    cards = orjson.loads(export(board))["cards"]
    assert [card["id"] for card in cards] == [card["id"] for card in listed]
    assert [card["archived"] for card in cards] == [False] * 7 + [True] * 3


def test_each_relation_is_exported_once(board: Board, monkeypatch):
    monkeypatch.setattr(exports, "_BATCH", 2)
    cards = orjson.loads(export(board))["cards"]
    places = {card["id"]: place for place, card in enumerate(cards)}
    relations = [
        (relation["type"], places[card["id"]], places[relation["targetCardId"]])
        for card in cards
        for relation in card["relations"]
    ]
    assert len(relations) == 10
    assert all(source < target for type, source, target in relations if type == "related_to")
    assert {type for type, *_ in relations} == {"related_to", "blocks"}


def test_failure_half_way_is_an_error_response(board: Board, monkeypatch):
    monkeypatch.setattr(exports, "_BATCH", 3)
    monkeypatch.setattr(transfers, "IN_MEMORY", 1_000)
    opened = []
    create = transfers.tempfile.TemporaryFile

    def open_file(**options):
        opened.append(create(**options))
        return opened[-1]

    def fail_later(reader, batch, related_ids, build=exports._CardReader._build):
        if reader.people._people.get("failed"):
            raise Unavailable("the database does not answer")
        reader.people._people["failed"] = True
        return build(reader, batch, related_ids)

    monkeypatch.setattr(transfers.tempfile, "TemporaryFile", open_file)
    monkeypatch.setattr(exports._CardReader, "_build", fail_later)
    assert error(board, "GET", f"{board.path}/export") == (503, "the database does not answer")
    assert [file.closed for file in opened] == [True]


@pytest.mark.parametrize("sizes", [(), (0,), (1,), (2, 0, 3)])
def test_json_in_parts_equals_the_json_of_the_whole(board: Board, sizes: tuple[int, ...]):
    file = read(ProjectFile, orjson.loads(export(board)))
    in_batches = replace_fields(file, cards=Batches(lambda: iter([file.cards[:size] for size in sizes])))
    cards = [card for size in sizes for card in file.cards[:size]]
    assert b"".join(dump_in_parts(in_batches)) == dump(in_batches) == dump(replace_fields(file, cards=cards))
