"""Errors of a client with the token of an agent whose writes need an approval."""

import orjson
import pytest

from stellary import Proposed, Stellary, UnreadableAnswer
from stellary.client.testing import RecordingPort, example
from stellary.contract.port import RawResponse
from stellary.contract.proposals import LIST_PROPOSALS
from stellary.contract.wire import dump


def board(answer: bytes):
    port = RecordingPort()
    port.answer("cards.update", RawResponse(202, {"content-type": "application/json"}, answer))
    return Stellary.embedded(port).workspace("acme", "eng").project("p1")


def test_pending_approval_raises_with_the_proposal():
    (proposal,) = example(LIST_PROPOSALS)
    with pytest.raises(
        Proposed, match=f"the change waits for approval .proposal {proposal.id}. .PATCH"
    ) as caught:
        board(dump(proposal)).cards.update("c1", title="Renamed")
    assert caught.value.proposal == proposal


def test_202_without_proposal_is_unreadable():
    with pytest.raises(UnreadableAnswer, match="cannot be read as Proposal"):
        board(orjson.dumps([1])).cards.update("c1", title="Renamed")
