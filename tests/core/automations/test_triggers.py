"""Triggers that a host defines and fires, and the list of all triggers."""

from contextlib import closing

import orjson
import pytest

from stellary.contract.errors import NotFound
from stellary.contract.refs import CardRef, ProjectRef
from stellary.core import Core, Trigger, events
from stellary.core.automations.rules.occurrences import TRIGGERS
from stellary.core.automations.triggers import BUILT_IN, SCHEDULE
from tests.support.boards import ask
from tests.support.world import World, outcome

PAID = Trigger(
    "invoice_paid",
    "A customer has paid.",
    {"amount": "number", "customer": "text", "paidAt": "moment", "first": "flag", "items": "list"},
)
HIGH = {"priority": "high"}


@pytest.fixture
def core_options():
    return {"triggers": [PAID]}


def ref_of(board, card):
    return board.workspace.ref.child(ProjectRef, board.project["id"]).child(CardRef, card["id"])


def fire(board, card, actor=None, core=None, **data):
    core = core or board.world.core
    with core.begin(actor or board.owner.actor) as uow:
        core.fire(uow, "invoice_paid", ref_of(board, card), data)


def compare(field, value, op="eq"):
    return {"all": [{"field": field, "op": op, "value": value}]}


def test_each_built_in_trigger_is_the_schedule_or_that_of_an_event():
    matched = {name for by_name in TRIGGERS.values() for name in by_name}
    assert matched | {SCHEDULE} == {trigger.name for trigger in BUILT_IN}


def test_rule_runs_in_the_transaction_in_which_its_trigger_is_fired(board):
    rule = board.rule("invoice_paid", "set_priority", **HIGH)
    card = board.card()
    fire(board, card)
    assert board.read(card)["priority"] == "high"
    (trace,) = board.traces(rule)
    assert (trace["event"], trace["result"], trace["depth"]) == ("invoice_paid", "success", 0)
    assert trace["target"]["cardId"] == card["id"]


def test_unit_that_fails_fires_nothing(board):
    rule = board.rule("invoice_paid", "set_priority", **HIGH)
    card = board.card()

    def fire_and_fail(uow):
        board.world.core.fire(uow, "invoice_paid", ref_of(board, card))
        uow.settle()
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        board.world.core.run(board.owner.actor, fire_and_fail)
    assert board.traces(rule) == []


@pytest.mark.parametrize(
    ("conditions", "result"),
    [
        (compare("data.amount", 500, "gte"), "success"),
        (compare("data.amount", 1000, "gte"), "skipped"),
        (compare("data.customer", "globex", "contains"), "success"),
        (compare("data.items", "chair", "contains"), "success"),
        (compare("data.first", True), "skipped"),
        (compare("data.paidAt", "2026-04-01", "gt"), "success"),
        (compare("title", "Write"), "success"),
    ],
)
def test_conditions_compare_the_data_and_the_card(board, conditions, result):
    rule = board.rule("invoice_paid", "set_priority", conditions, **HIGH)
    now = board.world.core.env.clock().replace(year=2027)
    fire(board, board.card(), amount=900, customer="Globex", items=["chair"], paidAt=now)
    assert board.results(rule) == [result]


def test_fields_of_the_data_are_checked_when_a_rule_is_saved(board):
    def create(conditions, trigger="invoice_paid"):
        body = {
            "trigger": trigger,
            "conditions": conditions,
            "action": {"type": "set_priority", "params": HIGH},
        }
        response = board.world.call(board.owner, "POST", f"{board.path}/automations", body)
        return response.status, orjson.loads(response.body).get("message", "")

    status, message = create(compare("data.total", 1))
    assert status == 400
    assert message.startswith("conditions.all[0].field must be one of key, ")
    assert "data.amount" in message
    assert create(compare("data.amount", "much"))[0] == 400
    assert create(compare("data.amount", 1), trigger="task_moved")[0] == 400
    status, message = create({}, trigger="invoice_sent")
    assert status == 400
    assert message.startswith("trigger must be one of task_moved, ")
    assert message.endswith(", invoice_paid")


def test_changed_trigger_must_have_the_fields_of_the_conditions(board):
    rule = board.rule("invoice_paid", "set_priority", compare("data.amount", 1), **HIGH)
    change = {"trigger": "task_created"}
    assert board.world.status(board.owner, "PATCH", board.of_rule(rule), change) == 400
    change["conditions"] = None
    assert board.world.status(board.owner, "PATCH", board.of_rule(rule), change) == 200


def test_handler_of_a_change_fires_the_trigger_with_its_event(board, core):
    received = []
    core.on(events.CardMoved, lambda uow, event: core.fire(uow, "invoice_paid", event, {"amount": 1}))
    core.on(events.CardEvent, lambda uow, event: received.append(type(event).__name__))
    board.rule("invoice_paid", "set_priority", compare("data.amount", 1), **HIGH)
    assert board.move(board.card(), 1)["priority"] == "high"
    assert received == ["CardCreated", "CardMoved", "CardUpdated"]


@pytest.mark.slow("runs many rules")
def test_rules_that_lead_to_their_own_trigger_are_stopped(board, core):
    core.on(events.CardMoved, lambda uow, event: core.fire(uow, "invoice_paid", event))
    rules = [board.rule("invoice_paid", "move_card", targetColumn=board.columns[n]["name"]) for n in (0, 1)]
    board.move(board.card(), 1)
    errors = [trace["error"] for rule in rules for trace in board.traces(rule)]
    assert any(error is not None and error.startswith("stopped: ") for error in errors)


def test_actor_without_access_to_the_card_cannot_fire(board):
    card = board.card()
    stranger = board.world.person("cid")
    with pytest.raises(NotFound):
        fire(board, card, actor=stranger.actor)
    with pytest.raises(NotFound):
        fire(board, {"id": "f" * 24})


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("invoice_sent", {}, "no trigger of this application"),
        ("task_moved", {}, "no trigger of this application"),
        ("invoice_paid", {"total": 1}, "no field 'total'"),
        ("invoice_paid", {"amount": "1"}, "amount of the trigger 'invoice_paid' must be a number"),
        ("invoice_paid", {"paidAt": "2026-04-01"}, "must be a datetime"),
        ("invoice_paid", {"items": [1]}, "must be a list of texts"),
    ],
)
def test_mistake_of_the_host_is_an_error(board, name, data, message):
    ref = ref_of(board, board.card())
    with pytest.raises(ValueError, match=message), board.world.core.begin(board.owner.actor) as uow:
        board.world.core.fire(uow, name, ref, data)


@pytest.mark.parametrize(
    "trigger",
    [
        Trigger("task_moved", "Taken."),
        Trigger("owner_left", "Reserved."),
        Trigger("Invoice paid", "Malformed."),
        Trigger("a" * 41, "Too long."),
        Trigger("paid", "Unknown type.", {"amount": "any"}),
        Trigger("paid", "Malformed field.", {"an amount": "number"}),
    ],
    ids=lambda trigger: trigger.summary,
)
def test_malformed_trigger_is_refused(trigger):
    with pytest.raises(ValueError, match="trigger"):
        Core("sqlite://", triggers=[trigger])


def test_triggers_are_listed_with_their_fields(board):
    triggers = ask(board, "GET", f"{board.path}/automations/triggers")
    assert len(triggers) == 12
    by_name = {trigger["name"]: trigger for trigger in triggers}
    assert list(by_name) == sorted(by_name)
    moved = {"name": "task_moved", "summary": "A card moves to another column.", "fields": []}
    assert by_name["task_moved"] == moved
    paid = by_name["invoice_paid"]
    assert paid["summary"] == "A customer has paid."
    expected = [("data.amount", "number"), ("data.customer", "text")]
    assert [(field["name"], field["type"]) for field in paid["fields"]][:2] == expected
    assert "gte" in paid["fields"][0]["ops"]


def test_rule_of_a_removed_trigger_stays_and_stops_no_other_rule(board, database_url):
    removed = board.rule("invoice_paid", "set_priority", compare("data.amount", 1), **HIGH)
    off = board.rule("invoice_paid", "set_priority", **HIGH)
    board.turn(off, enabled=False)
    other = board.rule("task_moved", "set_priority", **HIGH)
    with closing(Core(database_url, bcrypt_rounds=4)) as core:
        later = World(core)
        listed = later.ask(board.owner, "GET", f"{board.path}/automations")
        assert [rule["trigger"] for rule in listed] == ["invoice_paid", "invoice_paid", "task_moved"]
        card = board.card()
        move = {"columnId": board.columns[1]["id"]}
        assert later.ask(board.owner, "PATCH", board.of(card), move)["priority"] == "high"
        assert later.status(board.owner, "PATCH", board.of_rule(removed), {"name": "Old"}) == 200
        for path, body in ((f"{board.of_rule(off)}/toggle", {}), (board.of_rule(off), {"enabled": True})):
            response = later.call(board.owner, "PATCH", path, body)
            assert outcome(response) == (409, "unknown_trigger")
        change = {"trigger": "task_created", "conditions": None, "enabled": True}
        assert later.status(board.owner, "PATCH", board.of_rule(off), change) == 200
        with pytest.raises(ValueError, match="no trigger"):
            fire(board, card, core=core)
    assert board.results(other) == ["success"]


def test_rule_of_the_host_survives_export_and_import(board):
    board.rule("invoice_paid", "set_priority", compare("data.amount", 1), **HIGH)
    copy = ask(board, "POST", f"{board.flat}/projects/import", ask(board, "GET", f"{board.path}/export"))
    (rule,) = ask(board, "GET", f"{board.flat}/projects/{copy['id']}/automations")
    assert (rule["trigger"], rule["enabled"]) == ("invoice_paid", True)
    assert rule["conditions"] == compare("data.amount", 1)
