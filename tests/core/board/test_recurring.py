"""Recurring cards: the job that makes the next cards of series, and the requests that start, change and end them."""

from datetime import UTC, datetime, timedelta

import pytest

from stellary.contract.errors import Forbidden
from tests.support.core_parts import HANDLERS, JobRunner
from tests.support.each_case import for_each
from tests.support.tables import read_rows
from tests.support.world import at_once

WEEKLY = {"rule": "FREQ=WEEKLY;BYDAY=MO", "timeZone": "Europe/Berlin"}
ON_COMPLETION = {**WEEKLY, "create": "on_completion"}


@pytest.fixture
def clock(api):
    clock = api.world.stop_clock()
    clock.now = datetime(2026, 3, 24, 12, tzinfo=UTC)
    return clock


@pytest.fixture
def work(api, clock):
    api.world.core.work.begin()
    return api.world.core.work


def pass_time(clock, work, **step):
    clock.advance(timedelta(**step))
    work.run_due()


def read_series(api):
    """Return all cards, the oldest first; only the last one may recur."""
    cards = sorted(api.ask("GET", "/cards"), key=lambda card: card["number"])
    assert all(card["recurrence"] is None for card in cards[:-1])
    return cards


def test_next_card_is_like_the_last_one(api, clock, work, todo_column, done_column):
    label = api.ask("POST", "/labels", {"name": "ops", "color": "#ff0000"})["id"]
    field = api.ask("POST", "/custom-fields", {"name": "Size", "type": "number"})["id"]
    fields = {
        "description": "All of it",
        "priority": "high",
        "labelIds": [label],
        "assigneeId": api.person.id,
        "customFields": {field: 3},
    }
    card = api.card(
        todo_column,
        "Report",
        dueDate="2026-03-27",
        checklist=[{"title": "Write", "done": True}],
        recurrence=WEEKLY,
        **fields,
    )
    assert card["recurrence"] == {
        **WEEKLY,
        "create": "on_schedule",
        "until": None,
        "count": None,
        "columnId": todo_column,
        "ownerId": api.person.id,
        "occurrenceAt": "2026-03-22T23:00:00Z",
        "nextAt": "2026-03-29T22:00:00Z",
        "later": {},
        "summary": "every Monday",
        "problem": None,
    }
    api.change(card["id"], columnId=done_column, archived=True)
    pass_time(clock, work, days=5)
    assert len(read_series(api)) == 1
    pass_time(clock, work, days=1)
    pass_time(clock, work, minutes=5)
    _, next_card = read_series(api)
    assert {name: next_card[name] for name in fields} == fields
    assert next_card == next_card | {"title": "Report", "columnId": todo_column, "archived": False}
    assert (next_card["dueDate"], next_card["checklistProgress"]["done"]) == ("2026-04-03T00:00:00Z", 0)
    dates = {"occurrenceAt": "2026-03-29T22:00:00Z", "nextAt": "2026-04-05T22:00:00Z"}
    assert next_card["recurrence"] == card["recurrence"] | dates
    created, *_ = api.ask("GET", f"/activity?cardId={next_card['id']}")
    assert created["via"]["recurrence"] == {"id": card["id"], "name": card["key"]}


def test_series_continues_in_the_column_to_which_its_card_is_transferred(api, clock, work, todo_column):
    other = api.another()
    column_id = other.column("Chores")
    card = api.card(todo_column, recurrence=WEEKLY)
    moved = api.ask("POST", f"/cards/{card['id']}/transfer", {"columnId": column_id})
    assert moved["recurrence"] == card["recurrence"] | {"columnId": column_id}
    pass_time(clock, work, days=7)
    assert [item["columnId"] for item in read_series(other)] == [column_id] * 2
    assert api.ask("GET", "/cards") == []


def test_outage_leads_to_one_card(api, clock, work, todo_column):
    api.card(todo_column, recurrence={**WEEKLY, "count": 2})
    pass_time(clock, work, days=40)
    pass_time(clock, work, minutes=5)
    _, next_card = read_series(api)
    assert next_card["recurrence"]["count"] == 1
    assert next_card["recurrence"]["occurrenceAt"] == "2026-04-26T22:00:00Z"
    pass_time(clock, work, days=40)
    pass_time(clock, work, days=40)
    assert [card["recurrence"] for card in read_series(api)] == [None] * 3


def test_several_servers_make_each_card_once(api, clock, work, todo_column, core):
    for number in range(6):
        api.card(todo_column, str(number), recurrence=WEEKLY)
    clock.advance(timedelta(days=7))
    workers = [JobRunner(core.units, core.claims, HANDLERS) for _ in range(3)]
    at_once(*[worker.run_due for worker in (work, *workers)])
    assert sorted(card["title"] for card in api.ask("GET", "/cards")) == sorted("012345" * 2)


def test_completed_card_is_followed_by_the_next(api, clock, work, todo_column, done_column):
    card = api.card(todo_column, recurrence=ON_COMPLETION, dueDate="2026-03-30")
    pass_time(clock, work, days=10)
    assert len(read_series(api)) == 1
    api.change(card["id"], columnId=done_column)
    api.change(card["id"], columnId=todo_column)
    pass_time(clock, work, minutes=2)
    assert len(read_series(api)) == 1
    api.ask("PATCH", "/cards/bulk", {"cards": [{"id": card["id"], "status": "done"}]})
    pass_time(clock, work, minutes=2)
    _, next_card = read_series(api)
    assert (next_card["status"], next_card["dueDate"]) == ("open", "2026-04-06T00:00:00Z")
    # Completed before its own week: a further card waits for that week.
    api.change(next_card["id"], status="done")
    pass_time(clock, work, minutes=2)
    _, _, early = read_series(api)
    api.change(early["id"], status="done")
    pass_time(clock, work, minutes=2)
    assert len(read_series(api)) == 3
    pass_time(clock, work, days=4)
    assert len(read_series(api)) == 4


def test_update_of_this_card_leaves_later_ones(api, clock, work, todo_column):
    card = api.card(todo_column, "Report", description="short", recurrence=WEEKLY)
    api.change(card["id"], title="Report with figures", description="long", applyTo="this")
    steps = [{"title": "Count"}]
    api.change(card["id"], checklist=steps, applyTo="this")
    body = {"description": "longer", "priority": "high", "checklist": [{**steps[0], "done": True}]}
    assert api.change(card["id"], **body)["recurrence"]["later"] == {"title": "Report", "checklist": []}
    pass_time(clock, work, days=7)
    _, next_card = read_series(api)
    values = (next_card["title"], next_card["description"], next_card["priority"], next_card["checklist"])
    assert values == ("Report", "longer", "high", [])
    assert next_card["recurrence"]["later"] == {}


def test_null_ends_the_series_and_undo_resumes_it(api, clock, work, todo_column):
    card = api.card(todo_column, recurrence=WEEKLY)
    api.change(card["id"], recurrence=None)
    pass_time(clock, work, days=7)
    (activity, *_) = api.ask("GET", f"/activity?cardId={card['id']}")
    api.ask("POST", f"/activity/{activity['id']}/undo", {})
    pass_time(clock, work, days=7)
    assert len(read_series(api)) == 2


def test_deletion_ends_the_series_and_restoration_resumes_it(api, clock, work, todo_column):
    card = api.card(todo_column, recurrence=WEEKLY)
    api.ask("DELETE", f"/cards/{card['id']}")
    pass_time(clock, work, days=21)
    assert api.ask("GET", "/cards") == []
    (entry,) = api.world.ask(api.person, "GET", f"{api.workspace.path}/trash")
    api.world.ask(api.person, "POST", f"{api.workspace.path}/trash/{entry['id']}/restore", {})
    pass_time(clock, work, minutes=2)
    assert len(read_series(api)) == 2


def test_series_of_a_deleted_workspace_is_looked_at_once_an_hour(api, clock, work, todo_column):
    api.card(todo_column, recurrence=WEEKLY)
    world, path = api.world, api.workspace.path
    world.ask(api.person, "DELETE", path)
    pass_time(clock, work, days=7)
    (due,) = {row.recurs_at for row in read_rows(world.core)["stellary_cards"]}
    assert due == clock.now + timedelta(hours=1)
    (entry,) = world.ask(api.person, "GET", "/trash")
    world.ask(api.person, "POST", f"/trash/{entry['id']}/restore", {})
    pass_time(clock, work, minutes=61)
    assert len(read_series(api)) == 2


def delete_column(api, column, done_column):
    api.ask("DELETE", f"/columns/{column}?moveCardsTo={done_column}")


def archive_project(api, column, done_column):
    api.ask("PATCH", "", {"archived": True})


def fill_column(api, column, done_column):
    api.ask("PATCH", f"/columns/{column}", {"wipLimit": 1})


def require_field(api, column, done_column):
    api.ask("POST", "/custom-fields", {"name": "Size", "type": "number", "required": True})


def restrict_owner(api, column, done_column):
    def refuse_cards(uow, endpoint, ref):
        if endpoint.operation == "cards.create":
            raise Forbidden("the host allows no new cards")

    api.world.core.restrict(refuse_cards)


@pytest.mark.parametrize(
    ("prepare", "problem"),
    [
        (delete_column, "Column not found"),
        (archive_project, "the project is archived"),
        (fill_column, "the column 'To Do' is full: it takes 1 cards"),
        (require_field, "customFields"),
        (restrict_owner, "the host allows no new cards"),
    ],
)
def test_problem_is_shown_and_told_once(api, clock, work, todo_column, done_column, prepare, problem):
    card = api.card(todo_column, recurrence=WEEKLY)
    prepare(api, todo_column, done_column)
    for _ in range(2):
        pass_time(clock, work, days=7)
    (card,) = read_series(api)
    assert problem in card["recurrence"]["problem"]
    assert card["recurrence"]["nextAt"] == "2026-04-12T22:00:00Z"
    notices = api.ask("GET", f"/activity?cardId={card['id']}&type=notice_given")
    assert [problem in notice["meta"]["message"] for notice in notices] == [True]
    assert len(api.ask("GET", f"/activity?cardId={card['id']}&type=card_updated")) == 1


@pytest.mark.parametrize(("method", "body"), [("DELETE", None), ("PATCH", {"role": "guest"})])
def test_series_needs_the_rights_of_its_owner(api, clock, work, todo_column, method, body):
    world, bea = api.world, api.world.person("bea")
    world.join(bea, api.workspace)
    card = api.card(todo_column)
    world.ask(bea, "PATCH", f"{api.path}/cards/{card['id']}", {"recurrence": WEEKLY})
    world.ask(api.person, method, f"{api.workspace.path}/members/{bea.id}", body)
    pass_time(clock, work, days=7)
    (card,) = read_series(api)
    assert card["recurrence"]["problem"] == (
        "the person who set the recurrence no longer has access to the project"
    )
    api.change(card["id"], recurrence=WEEKLY)
    pass_time(clock, work, days=7)
    assert len(read_series(api)) == 2


def test_series_of_an_agent_has_the_rights_of_its_principal(api, clock, work, todo_column):
    world, flat = api.world, f"{api.workspace.path}/agents"
    body = {"name": "Scribe", "autonomyMode": "autonomous", "tools": ["board.write"]}
    agent = world.ask(api.person, "POST", flat, body)["id"]
    token = world.ask(api.person, "POST", f"{flat}/{agent}/tokens", {"name": "laptop"})["token"]
    path = f"{api.path}/columns/{todo_column}/cards"
    card = world.ask(token, "POST", path, {"title": "Report", "recurrence": WEEKLY})
    assert (card["createdById"], card["recurrence"]["ownerId"]) == (agent, api.person.id)
    pass_time(clock, work, days=7)
    assert len(read_series(api)) == 2


def test_items_that_are_gone_are_left_out(api, clock, work, todo_column):
    label = api.ask("POST", "/labels", {"name": "ops", "color": "#ff0000"})["id"]
    api.change(api.card(todo_column, labelIds=[label], recurrence=WEEKLY)["id"], labelIds=[], applyTo="this")
    api.ask("DELETE", f"/labels/{label}")
    pass_time(clock, work, days=7)
    _, next_card = read_series(api)
    assert next_card["labelIds"] == []


def test_clock_that_was_ahead_does_not_silence_a_series(api, clock, work, todo_column):
    api.card(todo_column, recurrence=WEEKLY)
    pass_time(clock, work, days=700)
    clock.advance(timedelta(days=-700))
    work.begin()
    work.run_due()
    assert read_series(api)[-1]["recurrence"]["nextAt"] == "2026-03-29T22:00:00Z"
    pass_time(clock, work, days=7)
    assert len(read_series(api)) == 3


def test_clock_that_was_ahead_stops_no_job_in_an_archived_project(api, clock, work, todo_column):
    api.card(todo_column, recurrence=WEEKLY)
    pass_time(clock, work, days=700)
    api.ask("PATCH", "", {"archived": True})
    clock.advance(timedelta(days=-700))
    work.begin()
    work.run_due()
    assert [job.error for job in work.jobs() if job.error] == []
    recurrence = read_series(api)[-1]["recurrence"]
    assert (recurrence["nextAt"], recurrence["problem"]) == ("2026-03-29T22:00:00Z", None)


@for_each(
    "body",
    [
        {"recurrence": {**WEEKLY, "columnId": "f" * 24}},
        {"recurrence": {**WEEKLY, "count": 0}},
        {"recurrence": {**WEEKLY, "create": "never"}},
        {"recurrence": {}},
        {"applyTo": "all"},
    ],
)
def test_wrong_recurrence_is_refused(api, todo_column, body):
    card = api.card(todo_column)
    assert api.error("PATCH", f"/cards/{card['id']}", body)[0] == 400
    assert api.read(card["id"]) == card


def test_import_starts_the_series_again(api, clock, todo_column, done_column):
    card = api.card(done_column, recurrence={**WEEKLY, "columnId": todo_column, "until": "2026-05-01"})
    api.change(card["id"], title="another", applyTo="this")
    file = api.ask("GET", "/export")
    answer = api.world.ask(api.person, "POST", f"{api.workspace.path}/projects/import", file)
    expected = ["cards[0].recurrence.later"]
    assert [loss["path"] for loss in answer["notCarried"] if loss["kind"] == "recurrence"] == expected
    imported = api.world.ask(api.person, "GET", f"{api.workspace.path}/projects/{answer['id']}/cards")
    assert imported[0]["recurrence"] == card["recurrence"] | {"columnId": answer["columnIds"][0]}
    clock.advance(timedelta(days=100))
    answer = api.world.ask(api.person, "POST", f"{api.workspace.path}/projects/import", file)
    path = f"{api.workspace.path}/projects/{answer['id']}/cards"
    assert api.world.ask(api.person, "GET", path)[0]["recurrence"] is None
