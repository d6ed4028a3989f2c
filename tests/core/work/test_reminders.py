"""Reminders: who is reminded of what, on which day of their time zone, and how often."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from stellary.core.work import reminders
from tests.core.notifications.test_deliveries import killing
from tests.support.boards import ask, create_shared_board
from tests.support.core_parts import HANDLERS, JobRunner
from tests.support.plans import explain, sent_statements, steps_that_read_much, update_statistics
from tests.support.world import StoppedClock, at_once

TOMORROW, TODAY, OVERDUE, STARTS = (
    "It is due tomorrow.",
    "It is due today.",
    "It is overdue.",
    "Its start date is reached.",
)


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture
def core_options(clock):
    return {"clock": clock}


@pytest.fixture
def board(world):
    board = create_shared_board(world)
    world.core.work.run_due()
    return board


def wait(board, **duration):
    """Advance the clock in steps of at most six hours, and run the jobs that are due."""
    core = board.world.core
    until = core.env.clock.now + timedelta(**duration)
    while core.env.clock.now < until:
        core.env.clock.now = min(core.env.clock.now + timedelta(hours=6), until)
        core.work.run_due()


def take(board, person=None):
    """Return the unread reminders of a person, the oldest first, and mark them as read."""
    person = person or board.bob
    unread = board.world.ask(person, "GET", "/notifications?unreadOnly=true")
    board.world.ask(person, "PATCH", "/notifications/read-all")
    activities = [item["activity"] for item in reversed(unread)]
    return [activity["meta"]["message"] for activity in activities if activity["type"] == "notice_given"]


def read_days(board, hours=24, days=1):
    """Return what bob is reminded of on each of some days."""
    messages = []
    for _ in range(days):
        wait(board, hours=hours)
        messages.append(take(board))
    return messages


@pytest.mark.slow("runs jobs for a week")
def test_dates_of_a_card_remind_its_assignee_once_each(board):
    """The clock starts at noon on 1 April."""
    board.card(assigneeId=board.bob.id, startDate="2026-04-03", dueDate="2026-04-05")
    board.card(assigneeId=board.cid.id, dueDate="2026-04-03")
    assert read_days(board, days=7) == [[], [STARTS], [TOMORROW], [TODAY], [OVERDUE], [], []]
    assert take(board, board.cid) == [TOMORROW, TODAY, OVERDUE]
    assert take(board, board.owner) == []


@pytest.mark.parametrize(
    ("due", "zone", "first", "message"),
    [
        # 7:00 on 2 April; a date without time is the same day everywhere.
        ("2026-04-03", "UTC", datetime(2026, 4, 2, 7, tzinfo=UTC), TOMORROW),
        ("2026-04-03", "Pacific/Kiritimati", datetime(2026, 4, 1, 17, tzinfo=UTC), TOMORROW),
        ("2026-04-03", "Pacific/Pago_Pago", datetime(2026, 4, 2, 18, tzinfo=UTC), TOMORROW),
        ("2026-04-03T03:00:00Z", "America/New_York", datetime(2026, 4, 2, 11, tzinfo=UTC), TODAY),
        ("2026-04-02T20:30:00Z", "Asia/Kathmandu", datetime(2026, 4, 2, 1, 15, tzinfo=UTC), TOMORROW),
        # Clocks change on 5 April in Australia, and on 29 March in Europe.
        ("2026-04-06", "Australia/Lord_Howe", datetime(2026, 4, 4, 20, 30, tzinfo=UTC), TOMORROW),
    ],
)
def test_days_are_those_of_the_reader(board, clock, due, zone, first, message):
    board.world.ask(board.bob, "PATCH", "/notifications/preferences", {"timeZone": zone})
    board.world.core.work.run_due()
    board.card(assigneeId=board.bob.id, dueDate=due)
    clock.now = first - timedelta(minutes=1)
    board.world.core.work.run_due()
    assert take(board) == []
    clock.advance(timedelta(minutes=15))
    board.world.core.work.run_due()
    assert take(board) == [message]


@pytest.mark.parametrize(
    ("zone", "dates"),
    [
        ("America/New_York", {"startDate": "0001-01-01T00:30:00Z", "dueDate": "2026-04-02"}),
        ("Pacific/Kiritimati", {"startDate": "2026-04-02", "dueDate": "9999-12-31T23:30:00Z"}),
    ],
)
def test_dates_at_the_ends_of_the_calendar_end_no_reminders(board, zone, dates):
    board.world.ask(board.bob, "PATCH", "/notifications/preferences", {"timeZone": zone})
    board.card(assigneeId=board.bob.id, **dates)
    wait(board, hours=24)
    assert take(board) == [TODAY if dates["dueDate"] == "2026-04-02" else STARTS]


def test_nobody_is_reminded_of_what_does_not_concern_them(board):
    """Cid watches the project, but no card; the reminders of bob's cards end for one reason each."""
    board.world.ask(board.cid, "POST", f"{board.path}/watch", {})
    due = {"assigneeId": board.bob.id, "dueDate": "2026-04-02"}
    done, archived, deleted, muted, moved, remaining = (board.card(name, **due) for name in "abcdef")
    ask(board, "PATCH", board.of(done), {"status": "done"})
    ask(board, "PATCH", board.of(archived), {"archived": True})
    ask(board, "DELETE", board.of(deleted))
    board.world.ask(board.bob, "POST", f"{board.of(muted)}/watch", {"level": "mute"})
    ask(board, "PATCH", board.of(moved), {"assigneeId": None})
    take(board)
    wait(board, hours=24)
    (reminder,) = board.world.ask(board.bob, "GET", "/notifications?unreadOnly=true")
    assert reminder["activity"]["cardId"] == remaining["id"]
    assert take(board, board.cid) == []
    board.world.ask(board.bob, "POST", f"{board.path}/watch", {"level": "mute"})
    take(board)
    assert read_days(board) == [[]]


def test_watchers_of_a_card_share_its_reminder(board):
    card = board.card(dueDate="2026-04-03")
    for person in (board.bob, board.cid):
        board.world.ask(person, "POST", f"{board.of(card)}/watch", {})
    board.world.ask(board.bob, "POST", f"{board.path}/watch", {"level": "mute"})
    wait(board, hours=24)
    assert take(board) == take(board, board.cid) == [TOMORROW]
    assert len(ask(board, "GET", f"{board.path}/activity?type=notice_given")) == 1


def test_hidden_project_reminds_no_longer(board):
    board.card(assigneeId=board.bob.id, dueDate="2026-04-02")
    ask(board, "PATCH", board.path, {"visibility": "private"})
    wait(board, hours=24)
    ask(board, "PATCH", board.path, {"visibility": "workspace"})
    assert take(board) == []


def test_outage_loses_what_is_overdue_and_nothing_else_twice(board):
    for day in (2, 3, 4, 5, 6):
        board.card(assigneeId=board.bob.id, dueDate=f"2026-04-0{day}")
    board.world.core.env.clock.advance(timedelta(days=4))
    board.world.core.work.run_due()
    assert sorted(take(board)) == sorted([*3 * [OVERDUE], TODAY, TOMORROW])
    assert [sorted(messages) for messages in read_days(board, days=2)] == [
        sorted([OVERDUE, TODAY]),
        [OVERDUE],
    ]


@pytest.mark.parametrize("is_new", [True, False])
def test_nobody_is_reminded_before_seven(board, clock, is_new):
    """Neither a new person nor after an outage that ends at 3:00: a card of this day is not due tomorrow."""
    clock.advance(timedelta(hours=39))
    person = board.world.person("dan") if is_new else board.bob
    if is_new:
        board.join(person)
    board.card(assigneeId=person.id, dueDate=clock.now.date().isoformat())
    board.world.core.work.run_due()
    assert take(board, person) == []
    clock.advance(timedelta(hours=4, minutes=15))
    board.world.core.work.run_due()
    assert take(board, person) == [TODAY]


def test_clock_that_was_ahead_ends_no_reminders(board, clock):
    """The clock is set back by a month; by an hour, nothing is repeated."""
    board.card(assigneeId=board.bob.id, dueDate="2026-04-02")
    wait(board, hours=24)
    assert take(board) == [TODAY]
    for ahead, messages in ((timedelta(hours=1), []), (timedelta(days=30), [TODAY])):
        clock.advance(ahead)
        board.world.core.work.run_due()
        take(board)
        clock.advance(-ahead)
        board.world.core.work.begin()
        board.world.core.work.run_due()
        assert take(board) == messages


@pytest.mark.slow("runs jobs for four days")
def test_new_time_zone_repeats_no_day_and_skips_none(board):
    board.card(assigneeId=board.bob.id, dueDate="2026-04-03")
    messages = []
    for zone in itertools.islice(itertools.cycle(["Pacific/Auckland", "America/Los_Angeles"]), 12):
        board.world.ask(board.bob, "PATCH", "/notifications/preferences", {"timeZone": zone})
        wait(board, hours=7)
        messages += take(board)
    assert messages == [TOMORROW, TODAY, OVERDUE]


@pytest.mark.slow("runs jobs for five days")
def test_what_waits_is_reminded_of_once(board):
    ask(board, "PATCH", f"{board.flat}/members/{board.bob.id}", {"pilotageRole": "reviewer"})
    wait(board, hours=2)
    body = {"actionType": "create_todo", "explanation": "It is missing.", "payload": {"label": "x"}}
    ask(board, "POST", f"{board.flat}/pilotage/actions/propose", body)
    hidden = ask(board, "POST", f"{board.flat}/projects", {"name": "Secret", "visibility": "private"})
    take(board)
    for project in (board.project, hidden):
        place = {"contextType": "project", "contextId": project["id"]}
        document = ask(board, "POST", f"{board.flat}/documents", {"title": project["name"], **place})
        ask(board, "POST", f"{board.flat}/documents/{document['id']}/submit-review")
    wait(board, hours=24)
    assert take(board) == []
    ask(board, "DELETE", f"{board.flat}/projects/{hidden['id']}")
    assert read_days(board, days=3) == [[], ["The document has waited for a review for two days."], []]


def test_reviewers_share_the_reminder_of_an_action_as_long_as_they_see_all_projects(board):
    """The action may name items of a project that is hidden later."""
    for person in (board.bob, board.cid):
        ask(board, "PATCH", f"{board.flat}/members/{person.id}", {"pilotageRole": "reviewer"})
    body = {"actionType": "create_todo", "explanation": "It is missing.", "payload": {"label": "x"}}
    ask(board, "POST", f"{board.flat}/pilotage/actions/propose", body)
    take(board)
    wait(board, hours=48)
    assert len(ask(board, "GET", f"{board.flat}/activity?type=notice_given")) == 1
    assert len(take(board, board.cid)) == 1
    ask(board, "POST", f"{board.flat}/projects", {"name": "Secret", "visibility": "private"})
    assert take(board) == []
    ask(board, "PATCH", f"{board.flat}/members/{board.bob.id}", {"role": "admin"})
    activities = [item["activity"] for item in board.world.ask(board.bob, "GET", "/notifications")]
    assert [activity["entity"] for activity in activities if activity["type"] == "notice_given"] == ["action"]


@pytest.mark.slow("ends the process at each of many steps")
def test_processes_and_their_ends_remind_once(board, clock, core):
    """The process ends before each statement of the job in turn; others run the job at the same time."""
    runners = [JobRunner(core.units, core.claims, HANDLERS) for _ in range(3)]
    for step in itertools.count(1):
        board.card(assigneeId=board.bob.id, dueDate=(clock.now + timedelta(days=1)).date().isoformat())
        take(board)
        clock.advance(timedelta(days=1))
        with killing(step) as killed:
            core.work.run_due()
        # The claim of the process that has ended runs out.
        clock.advance(timedelta(minutes=2))
        at_once(*[runner.run_due for runner in runners])
        assert take(board).count(TODAY) == 1, step
        if not killed:
            break
    assert step > 5


def test_many_people_are_reminded_in_several_transactions(board, monkeypatch):
    monkeypatch.setattr(reminders, "PEOPLE_MAX", 2)
    monkeypatch.setattr(reminders, "PAGE", 4)
    people = [board.bob, board.cid, *board.world.people("dan eve fay gil")]
    board.join(*people[2:])
    wait(board, hours=1)
    for person in people:
        board.card(assigneeId=person.id, dueDate="2026-04-02")
    wait(board, hours=24)
    assert [take(board, person) for person in people] == [[TODAY]] * 6


@pytest.mark.slow("creates many cards, so that PostgreSQL does not prefer to read all")
def test_no_statement_reads_the_cards_of_others(board, clock):
    for _ in range(30):
        board.cards(100, dueDate="2026-04-02")
    board.card(assigneeId=board.bob.id, dueDate="2026-04-02", startDate="2026-04-02")
    update_statistics(board.world.core)
    clock.advance(timedelta(days=1))
    with sent_statements() as statements:
        board.world.core.work.run_due()
    (dated,) = [
        statement for statement in statements if "UNION" in statement[0] and "due_date" in statement[0]
    ]
    much = steps_that_read_much(explain(board.world.core, dated))
    assert [step for step in much if "stellary_cards" in step and "Sort Key" not in step] == []
