"""Fake the API in tests.

`RecordingPort` records the requests of a client, checks them against the contract, and responds with the values that you set. See
[Testing your program](../guides/sdk.md#testing-your-program).
"""

from stellary import Board, Card, Stellary
from stellary.client.testing import RecordingPort, make


def close(board: Board, card_id: str) -> None:
    if board.cards.get(card_id).status != "done":
        board.cards.update(card_id, archived=True)


def test_open_card_is_archived() -> None:
    port = RecordingPort()
    port.answer("cards.get", make(Card, status="open"))
    close(Stellary.embedded(port).workspace("acme", "eng").project("p1"), "c1")
    assert [request.operation for request in port.requests] == ["cards.get", "cards.update"]
    assert port.requests[-1].body == {"archived": True}
