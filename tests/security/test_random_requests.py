"""Random requests to each operation: no answer is a 500, and errors have the error shape.

The suite sends a few requests for each operation; ``dev.py fuzz`` sends 5,000 on each database.
"""

import orjson
import pytest
from hypothesis import settings

from stellary.contract.port import RawResponse
from tests.security.good_requests import send
from tests.security.random_requests import RandomRequest, RequestMaker
from tests.security.table import SERVED
from tests.support.core_parts import SERVICES

ROUND = 25
"""Requests that see the changes of those before them; then all changes are discarded."""

ROWS = [
    row
    for row in SERVED
    if not SERVICES[row.operation].endpoint.is_stream
    # The readiness probe rolls back its connection: here, the transaction of the test.
    and row.operation != "system.ready"
]


def find_problem(answer: RawResponse) -> str | None:
    """Return what is wrong with an answer, if anything is."""
    if answer.status >= 500:
        return f"{answer.status} {answer.body[:300]!r}"
    if answer.status >= 400:
        error = orjson.loads(answer.body)
        if not {"statusCode", "message", "error", "code"} <= error.keys() or not error["message"]:
            return f"not in the error shape: {error}"
    return None


# One test for each endpoint: with thousands of requests, it takes minutes.
@pytest.mark.slow("sends random requests to each endpoint")
@pytest.mark.wide(when="operations")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.operation)
def test_random_requests_are_answered_below_500(permission_world, row, request):
    seed = request.config.getoption("--fuzz-seed")
    long = settings.get_current_profile_name() == "long"
    count = request.config.getoption("--fuzz-count") or (settings().max_examples if long else ROUND)
    maker = RequestMaker(permission_world, row, seed)
    problems: list[tuple[str | None, RandomRequest]] = []
    while count > 0:
        with permission_world.sandbox.discard_changes():
            for _ in range(min(ROUND, count)):
                random_request = maker.make()
                answer = send(
                    permission_world,
                    row,
                    random_request.persona,
                    random_request.params,
                    body=random_request.body,
                    query=random_request.query,
                    **random_request.headers,
                )
                if problem := find_problem(answer):
                    problems.append((problem, random_request))
        count -= ROUND
        if len(problems) > 3:
            break
    assert problems == []
