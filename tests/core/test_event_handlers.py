"""Handlers of events that a host registers, in the transaction of a change and after its commit."""

import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import get_args, get_type_hints

import orjson
import pytest
from sqlalchemy import text

from stellary.contract.activities import ActivityType
from stellary.contract.cards import Card, UpdateCard
from stellary.contract.errors import Conflict, Unavailable
from stellary.contract.naming import members
from stellary.contract.refs import CardRef, ProjectRef
from stellary.core import NOBODY, Actor, EventDelivery, events
from stellary.core.api import reactions
from stellary.core.api.reactions import REACTIONS
from stellary.core.kernel.causes import Cause, Chain
from stellary.core.kernel.event_handlers import INTERNAL_EVENTS, dump_delivery, read_delivery
from stellary.core.kernel.events import (
    ActivitiesRecorded,
    AddressReleased,
    BaseEvent,
    CardCreated,
    CardEvent,
    CardMoved,
    CardUpdated,
    TokensRevoked,
)
from tests.core.automations.automation_api import AutomationApi
from tests.support.boards import Board, ask
from tests.support.core_parts import cards
from tests.support.world import outcome


def move(board, card, column=1):
    return board.world.call(board.owner, "PATCH", board.of(card), {"columnId": board.columns[column]["id"]})


def ref_of(board, card_id):
    return board.workspace.ref.child(ProjectRef, board.project["id"]).child(CardRef, card_id)


def refuse(uow, event):
    raise Conflict("not today", code="frozen")


def test_events_compare_by_their_fields_and_not_by_their_cause():
    event = AddressReleased(user_id="1", email="a@example.com")
    caused = event.because(Cause(Chain("2"), user_id="3", depth=1))
    assert (event, hash(event)) == (caused, hash(caused))
    assert event != AddressReleased(user_id="1", email="b@example.com")
    assert event != TokensRevoked(user_id="1")
    assert repr(caused) == "AddressReleased(user_id='1', email='a@example.com', name=None)"


# ------------------------------------------------------------------------------------------- in the transaction


def test_handler_receives_the_unit_and_the_event(core, board):
    received = []
    core.on(CardMoved, lambda uow, event: received.append((uow.user_id, event)))
    card = board.card()
    assert received == []
    assert move(board, card).status == 200
    [(user_id, event)] = received
    assert user_id == board.owner.id
    assert isinstance(event, CardMoved)
    assert (event.before.column_id, event.card.column_id) == (card["columnId"], board.columns[1]["id"])


def test_handler_of_a_base_class_receives_its_subclasses_in_order(core, board):
    received = []
    core.on(CardEvent, lambda uow, event: received.append(type(event).__name__))
    card = board.card()
    move(board, card)
    ask(board, "DELETE", board.of(card))
    assert received == ["CardCreated", "CardMoved", "CardDeleted"]


def test_handlers_are_called_in_the_order_of_registration(core, board):
    received = []
    for number in range(3):
        core.on(CardCreated, lambda uow, event, number=number: received.append(number))
    board.card()
    assert received == [0, 1, 2]


def test_error_of_a_handler_undoes_the_change_and_reaches_the_caller(core, board):
    card = board.card()
    core.on(CardMoved, refuse)
    response = move(board, card)
    assert outcome(response) == (409, "frozen")
    assert board.read(card)["columnId"] == card["columnId"]


def test_unexpected_error_of_a_handler_undoes_the_change(core, board, caplog):
    card = board.card()
    core.on(CardMoved, lambda uow, event: 1 / 0)
    assert move(board, card).status == 500
    assert board.read(card)["columnId"] == card["columnId"]
    assert "ZeroDivisionError" in caplog.text


def test_handler_writes_in_the_transaction_of_the_change(core, board):
    with core.database.writing() as connection:
        connection.execute(text("CREATE TABLE audit (title TEXT)"))
    core.on(
        CardCreated,
        lambda uow, event: uow.connection.execute(
            text("INSERT INTO audit VALUES (:title)"), {"title": event.card.title}
        ),
    )
    core.on(CardMoved, refuse)
    move(board, board.card("Write"))
    with core.database.reading() as connection:
        assert list(connection.execute(text("SELECT title FROM audit")).scalars()) == ["Write"]


def test_changes_of_a_handler_are_in_the_answer_and_emit_events(core, board):
    received = []

    def raise_priority(uow, event):
        cards.update_card(uow, ref_of(board, event.card.id), UpdateCard(priority="high"))

    core.on(CardMoved, raise_priority)
    core.on(CardUpdated, lambda uow, event: received.append(event.changed))
    assert orjson.loads(move(board, board.card()).body)["priority"] == "high"
    assert ("priority",) in received


def test_handlers_that_trigger_each_other_without_end_are_stopped(core, board):
    def move_on(uow, event):
        column_id = next(column["id"] for column in board.columns if column["id"] != event.card.column_id)
        cards.update_card(uow, ref_of(board, event.card.id), UpdateCard(column_id=column_id))

    core.on(CardMoved, move_on)
    card = board.card()
    assert move(board, card).status == 500
    assert board.read(card)["columnId"] == card["columnId"]


def test_handler_acts_for_the_owner_of_the_rule_that_made_the_change(core, world):
    owner, member = world.people("ann bob")
    board = AutomationApi(world, owner)
    board.join(member)
    board.rule("task_created", "set_priority", priority="high")
    received = []
    core.on(CardUpdated, lambda uow, event: received.append(uow.user_id))
    board.card(by=member)
    assert received == [owner.id]


def test_handler_that_vetoes_the_change_of_a_rule_undoes_the_rule_alone(core, world):
    board = AutomationApi(world, world.person())
    rule = board.rule("task_created", "set_priority", priority="high")
    core.on(CardUpdated, refuse)
    assert board.read(board.card())["priority"] != "high"
    assert board.results(rule) == ["not today"]


def test_internal_events_reach_no_handler(core, board):
    received = []
    core.on(BaseEvent, lambda uow, event: received.append(type(event)))
    board.card()
    assert CardCreated in received
    assert not set(received) & set(INTERNAL_EVENTS)
    with pytest.raises(TypeError, match="ActivitiesRecorded"):
        core.on(ActivitiesRecorded, refuse)


# ------------------------------------------------------------------------------------------- after the commit


def test_event_is_delivered_after_the_commit(core, board, clock):
    received = []
    core.after(CardMoved, received.append, name="mirror")
    card = board.card()
    move(board, card)
    assert received == []
    clock.now += timedelta(seconds=1)
    assert core.work.run_due() == 1
    [delivery] = received
    assert delivery.actor_id == board.owner.id
    assert delivery.occurred_at == clock.now - timedelta(seconds=1)
    assert isinstance(delivery.event, CardMoved)
    assert isinstance(delivery.event.card, Card)
    assert delivery.event.card.title == card["title"]
    assert core.work.jobs() == []


def test_event_of_a_change_that_is_undone_is_not_delivered(core, board):
    received = []
    core.after(CardMoved, received.append, name="mirror")
    core.on(CardMoved, refuse)
    move(board, board.card())
    core.work.run_due()
    assert received == []


def test_delivery_that_fails_is_repeated_with_the_same_id(core, board, clock):
    ids = []

    def fail_once(delivery):
        ids.append(delivery.id)
        if len(ids) == 1:
            raise Unavailable("the other service does not answer")

    core.after(CardCreated, fail_once, name="mirror")
    board.card()
    core.work.run_due()
    clock.now += timedelta(minutes=1)
    core.work.run_due()
    core.work.run_due()
    assert len(ids) == 2
    assert ids[0] == ids[1]


def test_delivery_that_always_fails_is_given_up_and_can_be_retried(core, board, clock):
    def fail(delivery):
        raise LookupError("no such contact")

    core.after(CardCreated, fail, name="mirror")
    board.card()
    for _ in range(12):
        core.work.run_due()
        clock.now += timedelta(hours=2)
    [job] = core.work.jobs(given_up=True)
    assert (job.kind, job.attempts, job.error) == ("after:mirror", 10, "LookupError: no such contact")
    assert core.work.retry(job.id)


def test_handler_opens_units_of_its_own(core, board):
    def archive(delivery):
        actor = Actor(delivery.actor_id)
        ref = ref_of(board, delivery.event.card.id)
        core.run(actor, lambda uow: cards.update_card(uow, ref, UpdateCard(archived=True)))

    core.after(CardMoved, archive, name="archive")
    card = board.card()
    move(board, card)
    core.work.run_due()
    assert board.read(card)["archived"]


def test_delivery_waits_in_a_process_without_its_handler(core, board):
    core.after(CardCreated, print, name="mirror")
    board.card()
    handlers, core.work.handlers = core.work.handlers, {}
    core.work._kinds = core.work.handlers
    assert core.work.run_due() == 0
    core.work.handlers = core.work._kinds = handlers
    assert core.work.run_due() == 1


def test_two_handlers_need_two_names(core, board):
    core.after(CardMoved, print, name="mirror")
    with pytest.raises(ValueError, match="mirror"):
        core.after(CardCreated, print, name="mirror")
    board.card()
    assert core.work.jobs() == []


@pytest.mark.parametrize("name", ["", "x" * 55])
def test_name_of_a_handler_has_a_length(core, name):
    with pytest.raises(ValueError, match="character"):
        core.after(CardCreated, print, name=name)


def test_handlers_are_registered_before_jobs_start(core):
    core.work.start()
    try:
        with pytest.raises(RuntimeError, match="before"):
            core.after(CardCreated, print, name="mirror")
    finally:
        core.work.stop()


def event_types(base=BaseEvent):
    for event_type in base.__subclasses__():
        yield event_type
        yield from event_types(event_type)


def test_every_event_has_an_entry_in_the_table_of_reactions():
    # Tests define events of their own. Of each class with slots, attrs leaves another one behind.
    emitted = {
        type
        for type in event_types()
        if type.__module__.startswith("stellary.")
        and not type.__subclasses__()
        and getattr(sys.modules[type.__module__], type.__name__) is type
    }
    assert {type.__name__ for type in emitted - REACTIONS.keys()} == set()


EMITTED = re.compile(
    r"(?<!class )\b([A-Z]\w+)\((?=\s*[\w*])|\(uow, ([A-Z]\w+),|\b([A-Z]\w+) if |else ([A-Z]\w+)"
)
"""How code makes an event, or names the class of one that it makes."""


def test_every_event_is_emitted():
    sources = [path.read_text() for path in Path(reactions.__file__).parents[1].rglob("*.py")]
    emitting = [source for source in sources if "kernel.events import" in source]
    emitted = {name for source in emitting for names in EMITTED.findall(source) for name in names}
    assert {event_type.__name__ for event_type in REACTIONS} - emitted == set()


def test_each_reaction_is_called_with_events_of_its_types():
    for event_type, calls in REACTIONS.items():
        for react in calls:
            (event_types,) = get_args([*get_type_hints(react).values()][1])
            assert issubclass(event_type, tuple(members(event_types))), (event_type, react)


def test_events_that_are_recorded_searched_or_trigger_rules_are_in_the_tables_for_it():
    def find_events(*functions):
        return {event_type for event_type, calls in REACTIONS.items() if set(calls) & set(functions)}

    recorded = find_events(reactions.activity.record, reactions.activity.merge_revisions)
    with_type = {kind for kind in recorded if get_type_hints(kind).get("type") == ActivityType}
    assert recorded - with_type == set(reactions.activity.rules.TYPES)
    assert find_events(reactions.index.update_index) == set(reactions.index._HANDLERS)
    assert find_events(reactions.acting.react) == set(reactions.acting.rules.TRIGGERS)


def test_every_event_that_occurs_survives_its_storage(core, world):
    """Emit real events of many types, and compare each with its stored copy."""
    received = []
    core.on(BaseEvent, lambda uow, event: received.append(event))
    owner, member = world.people("ann bob")
    board = Board(world, owner)
    board.join(member)
    card, other = board.card(assigneeId=member.id), board.card("Other")
    move(board, card)
    board.comment(card, f"@{member.user.name} see")
    world.ask(
        board.owner, "POST", f"{board.of(card)}/relations", {"targetCardId": other["id"], "type": "blocks"}
    )
    world.ask(board.owner, "PATCH", board.path, {"name": "Renamed"})
    world.ask(board.owner, "POST", f"{board.flat}/documents", {"title": "Plan"})
    world.call(board.owner, "DELETE", board.of(other))
    assert len({type(event) for event in received}) >= 8
    for event in received:
        delivery = EventDelivery("id", event, board.owner.id, core.env.clock())
        stored = dump_delivery(delivery)
        assert read_delivery(stored, BaseEvent) == delivery
        former = next((old for old, new in events.RENAMED.items() if new == stored["type"]), stored["type"])
        assert read_delivery(stored | {"type": former}, BaseEvent) == delivery


def test_former_name_of_an_event_is_deprecated():
    with pytest.warns(DeprecationWarning, match="CommentAdded is called CommentCreated now"):
        assert events.CommentAdded is events.CommentCreated
    with pytest.raises(AttributeError, match="no attribute 'CommentRemoved'"):
        events.CommentRemoved  # noqa: B018


# ------------------------------------------------------------------------------------------- kinds of jobs


def test_job_of_the_host_takes_effect_once_with_its_payload(core, board):
    received = []
    core.add_job("report", lambda uow, payload: received.append(payload))
    with core.begin(NOBODY) as uow:
        core.enqueue(uow, "report", {"week": 14}, key="14")
        core.enqueue(uow, "report", {"week": 14}, key="14")
        core.enqueue(uow, "report", {"week": 15}, key="15")
    assert core.work.run_due() == 2
    assert received == [{"week": 14}, {"week": 15}]


def test_job_of_the_host_waits_until_it_is_due(core, clock):
    received = []
    core.add_job("report", lambda uow, payload: received.append(payload))
    with core.begin(NOBODY) as uow:
        core.enqueue(uow, "report", {}, due_at=clock.now + timedelta(hours=1))
    assert core.work.run_due() == 0
    clock.now += timedelta(hours=1)
    assert core.work.run_due() == 1
    assert received == [{}]


def test_job_of_the_host_cannot_replace_one_of_the_core(core):
    core.add_job("agents.run", lambda uow, payload: None)
    assert {"host:agents.run", "agents.run"} & set(core.work.handlers) >= {"host:agents.run"}
