"""Actions that a host adds: by automations, agents, approvals and on behalf of people, under the policy that they name."""

import orjson
import pytest

from stellary.contract.actions import CardParams, SetPriorityParams
from stellary.contract.cards import UPDATE_CARD, UpdateCard
from stellary.contract.errors import NotFound
from stellary.contract.port import RawRequest
from stellary.contract.webhooks import CREATE_WEBHOOK
from stellary.core import Action, Core, resolve_names
from stellary.core.api import action_calls
from tests.core.agents.agent_api import AgentApi
from tests.core.automations.automation_api import AutomationApi
from tests.support.core_parts import ActionList, actions, cards


class InvoiceParams(CardParams):
    """A card to invoice."""

    amount: int


def create_invoice(uow, ref, params):
    card = resolve_names.resolve_card(uow, ref, params.card_id, params.project_id)
    return cards.update_card(uow, card.ref, UpdateCard(description=f"Invoice over {params.amount}"))


CREATE_INVOICE = Action(
    "create_invoice",
    "Create the invoice of a card.",
    InvoiceParams,
    UPDATE_CARD,
    "board.write",
    create_invoice,
)


@pytest.fixture
def core_options():
    return {"actions": [CREATE_INVOICE]}


def test_automation_runs_the_action(world):
    board = AutomationApi(world, world.person())
    board.rule("task_moved", "create_invoice", amount=7)
    assert board.move(board.card(), 1)["description"] == "Invoice over 7"


def test_parameters_of_the_action_are_checked_when_a_rule_is_created(world):
    board = AutomationApi(world, world.person())
    body = {"trigger": "task_moved", "action": {"type": "create_invoice", "params": {"amount": "seven"}}}
    response = world.call(board.owner, "POST", f"{board.path}/automations", body)
    assert (response.status, b"action.params.amount" in response.body) == (400, True)


def test_agent_proposes_the_action_and_a_person_approves_it(world):
    board = AgentApi(world, world.person())
    agent = board.agent("supervised", tools=["board.read", "create_invoice"])
    card = board.card()
    headers = {"authorization": f"Bearer {board.token(agent)}"}
    params = {"cardId": card["id"], "amount": 7}
    workspace = f"{board.workspace.organization.slug}/{board.workspace.slug}"
    response = action_calls.act(
        world.core.units, RawRequest("POST", "/mcp", "", headers, b""), "create_invoice", params, workspace
    )
    assert response.status == 202
    assert board.read(card)["description"] is None
    assert board.decide(orjson.loads(response.body)).status == 200
    assert board.read(card)["description"] == "Invoice over 7"


def test_agent_without_the_tool_may_not_run_the_action(world):
    board = AgentApi(world, world.person())
    actor = world.core.authenticate(board.token(board.agent(tools=["board.read"])))
    assert not action_calls.may_act(world.core.units, actor, "create_invoice")


def test_tool_of_the_host_does_not_open_the_endpoint_whose_policy_it_takes(world):
    board = AgentApi(world, world.person())
    token = board.token(board.agent(tools=["create_invoice"]))
    assert world.status(token, "PATCH", board.of(board.card()), {"title": "Other"}) == 403


def test_action_needs_the_rights_of_its_endpoint(world):
    owner, outsider = world.people("ann bob")
    board = AutomationApi(world, owner)
    params = {"projectId": board.project["id"], "cardId": board.card()["id"], "amount": 7}
    with world.core.begin(outsider.actor) as uow, pytest.raises(NotFound):
        actions.run(uow, board.workspace.ref, "create_invoice", params)


def test_action_without_a_sentence_is_refused():
    with pytest.raises(ValueError, match="'act_without_docstring' has no docstring"):

        @ActionList().add("board.write", SetPriorityParams, UPDATE_CARD)
        def act_without_docstring(uow, ref, params):
            pass


def test_name_of_a_built_in_action_is_refused(database_url):
    action = Action("set_priority", "Set.", SetPriorityParams, UPDATE_CARD, "board.write", create_invoice)
    with pytest.raises(ValueError, match="two actions"):
        Core(database_url, actions=[action])


def test_policy_that_no_built_in_action_has_is_refused(database_url):
    action = Action("add_hook", "Add.", SetPriorityParams, CREATE_WEBHOOK, "board.write", create_invoice)
    with pytest.raises(ValueError, match=r"webhooks\.create"):
        Core(database_url, actions=[action])


def test_names_of_a_project_are_listed_for_an_action(world):
    board = AutomationApi(world, world.person())
    label = world.ask(board.owner, "POST", f"{board.path}/labels", {"name": "urgent", "color": "#ff0000"})
    with world.core.view(board.owner.actor) as uow:
        place = board.workspace.id, board.project["id"]
        columns = resolve_names.list_columns(uow, *place)
        labels = resolve_names.list_labels(uow, *place)
        (scope,) = resolve_names.list_scopes(uow, *place)
        addresses = resolve_names.list_addresses(uow, board.workspace.id)
    assert [column.id for column in columns] == [column["id"] for column in board.columns]
    assert {column.place for column in columns} == {scope.names[0]}
    assert ("urgent", label["id"]) in [(candidate.names[0], candidate.id) for candidate in labels]
    assert addresses == [(board.owner.id, board.owner.email)]
