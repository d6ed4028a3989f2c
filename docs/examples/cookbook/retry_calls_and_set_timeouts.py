"""Retry calls and set timeouts.

The client retries safe calls twice by default. A nightly job can be more patient, and a web request less. `timeout` is the limit for the
whole call, including its retries. See [Retries](../guides/sdk.md#retries).
"""

from stellary import Board, ConnectionFailed, RateLimited, TimedOut, Unavailable


def count_cards(board: Board) -> int | None:
    quick = board.with_options(timeout=2, retries=1)
    try:
        return len(quick.cards.list())
    except RateLimited as error:
        print(f"too many requests; try again in {error.retry_after} s")
    except (ConnectionFailed, TimedOut, Unavailable) as error:
        print(f"the server is not available: {error}")
    return None
