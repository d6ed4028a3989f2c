"""Inspect raw responses.

`with_raw_response` returns the status, the headers and the bytes of one call; `capture` shows all calls of a block, with the number of
tries and the time they took. See [Raw responses and requests](../guides/sdk.md#raw-responses-and-requests).
"""

from stellary import Board, Card, Stellary
from stellary.client import with_raw_response


def inspect(client: Stellary, board: Board, card: Card) -> list[str]:
    with client.capture() as calls:
        response = with_raw_response(board.cards.get)(card)
    lines = [f"{response.status} {response.headers['etag']} {len(response.body)} bytes"]
    return lines + [f"{call.operation}: {call.tries} tries, request {call.request_id}" for call in calls]
