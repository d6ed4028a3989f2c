"""Checks of a host that restrict what actors may do."""

import pytest

from stellary.contract.cards import UpdateCard
from stellary.contract.errors import Forbidden
from stellary.contract.refs import CardRef, ProjectRef
from tests.core.automations.automation_api import AutomationApi
from tests.support.boards import status
from tests.support.core_parts import actions, cards


@pytest.fixture
def board(core, world):
    board = AutomationApi(world, world.person())
    core.restrict(refuse_changes)
    return board


def refuse_changes(uow, endpoint, ref):
    """Refuse to change cards."""
    if endpoint.operation in ("cards.update", "attachments.upload"):
        raise Forbidden("your role may not do that", code="role")


def test_call_is_refused_and_changes_nothing(board):
    card = board.card()
    assert status(board, "PATCH", board.of(card), {"title": "Other"}) == 403
    assert board.read(card) == card


def test_other_calls_are_not_affected(board):
    assert status(board, "DELETE", board.of(board.card())) == 200


def test_service_is_refused_in_python_as_well(core, board):
    ref = board.workspace.ref.child(ProjectRef, board.project["id"]).child(CardRef, board.card()["id"])
    with core.begin(board.owner.actor) as uow, pytest.raises(Forbidden, match="your role"):
        cards.update_card(uow, ref, UpdateCard(title="Other"))


def test_action_is_refused(core, board):
    params = {"cardId": board.card()["id"], "priority": "high"}
    with core.begin(board.owner.actor) as uow, pytest.raises(Forbidden, match="your role"):
        actions.run(uow, board.workspace.ref, "set_priority", params)


def test_rule_is_refused(board):
    rule = board.rule("task_created", "set_priority", priority="high")
    assert board.read(board.card())["priority"] is None
    assert board.results(rule) == ["your role may not do that"]


def test_upload_is_refused_before_its_file_is_read(board):
    card = board.card()
    response = board.world.call(
        board.owner, "POST", f"{board.of(card)}/attachments", b"", content_type="text/plain"
    )
    assert response.status == 403


def test_check_cannot_widen_what_the_core_refuses(core, board, world):
    outsider = world.person("bob")
    core.restrict(lambda uow, endpoint, ref: None)
    assert world.status(outsider, "GET", board.of(board.card())) == 404
