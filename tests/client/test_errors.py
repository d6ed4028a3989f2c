"""Messages, copies and imports of errors."""

from __future__ import annotations

import copy
import pickle
from itertools import product

import stellary
from stellary import ConnectionFailed, EndlessPages, Proposed, StellaryError, TimedOut, UnreadableAnswer
from stellary.client.testing import example
from stellary.contract.errors import BY_STATUS, ApiError, FieldProblem
from stellary.contract.proposals import APPROVE_PROPOSAL
from tests.support.each_case import for_each

MADE = [
    ConnectionFailed("refused", reached=False),
    TimedOut("too slow"),
    UnreadableAnswer("nonsense", status=200),
    EndlessPages("again"),
    Proposed(example(APPROVE_PROPOSAL)),
    *(
        kind("no", code="x", details=[FieldProblem("a", "b")], retry_after=2.5)
        for kind in (ApiError, *BY_STATUS.values())
    ),
]


@for_each(
    "error, copy_error",
    product(
        [*MADE, StellaryError("no")],
        [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))],
    ),
)
def test_error_can_be_copied_and_pickled(error, copy_error):
    error.method, error.path, error.request_id, error.retries = "GET", "/x", "req_1", 2
    copied = copy_error(error)
    assert (type(copied), str(copied), vars(copied)) == (type(error), str(error), vars(error))


@for_each("error", MADE)
def test_an_error_is_one_line_that_ends_with_its_request(error):
    error.method, error.path, error.request_id, error.retries = "GET", "/x", "req_1", 2
    assert str(error).endswith(" (GET /x, request req_1, after 2 retries)")
    assert "\n" not in str(error)


@for_each("error", MADE)
def test_all_errors_are_caught_by_one_name_and_can_be_imported(error):
    assert isinstance(error, StellaryError)
    assert getattr(stellary, type(error).__name__) is type(error)
