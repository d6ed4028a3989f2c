"""Messages of channels: what they contain, when they are sent, and that none is lost."""

import itertools
from collections import defaultdict
from contextlib import contextmanager, suppress
from datetime import timedelta
from random import Random
from time import monotonic, sleep

import pytest
from sqlalchemy import Engine, event

from stellary.contract.notifications import UpdateNotificationPreferences
from stellary.contract.refs import Ref
from stellary.core import NOBODY, events
from stellary.core.notifications import preferences, watches
from tests.core.test_row_locks import run_beside
from tests.support.boards import Board, ask, create_shared_board, end_access, status
from tests.support.core_parts import ATTEMPTS_MAX
from tests.support.each_case import for_each
from tests.support.world import StoppedClock


class Mailbox:
    """A channel that keeps the messages and their times, and fails ``failure_count`` times after it has kept them."""

    name = "mail"

    def __init__(self, clock):
        self.clock = clock
        self.messages = []
        self.times = defaultdict(list)
        self.failure_count = 0

    def send(self, message):
        self.messages.append(message)
        self.times[message.recipient.id].append(self.clock.now)
        if self.failure_count:
            self.failure_count -= 1
            raise ConnectionError

    def take(self):
        """Return what was sent since the last call, as a user id and the types of its activities."""
        taken = [
            (message.recipient.id, [item.activity.type for item in message.notifications])
            for message in self.messages
        ]
        self.messages.clear()
        return sorted(taken)


@pytest.fixture
def mailbox(clock):
    return Mailbox(clock)


@pytest.fixture
def clock():
    return StoppedClock()


@pytest.fixture
def core_options(mailbox, clock):
    return {"clock": clock, "channels": [mailbox], "public_url": "https://x.example"}


@pytest.fixture
def board(world, clock):
    return create_shared_board(world)


def wait(board, **duration):
    """Advance the clock in steps of 20 seconds or more, and run the jobs that are due."""
    core = board.world.core
    core.work.run_due()
    until = core.env.clock.now + timedelta(**duration)
    step = max(timedelta(seconds=20), timedelta(**duration) / 8)
    while core.env.clock.now < until:
        core.env.clock.now = min(core.env.clock.now + step, until)
        core.work.run_due()


def prefer(board, person, **body):
    return board.world.ask(person, "PATCH", "/notifications/preferences", body)


def test_first_message_is_sent_within_a_minute_and_the_next_after_five(board, mailbox):
    card = board.card("Fix <login>", assigneeId=board.bob.id)
    wait(board, seconds=20)
    ask(board, "PATCH", board.of(card), {"assigneeId": None})
    ask(board, "PATCH", board.of(card), {"assigneeId": board.bob.id})
    assert mailbox.messages == []
    wait(board, seconds=40)
    (message,) = mailbox.messages
    assert message.subject == f"{card['key']} Fix <login> (Launch)"
    assert message.card_id == card["id"]
    assert 'ann assigned the card to you: assignee from empty to "bob"' in message.text
    assert "Fix &lt;login&gt;" in message.html
    assert message.unsubscribe_url in message.text
    mailbox.messages.clear()
    for _ in range(2):
        board.comment(card, "@bob, look")
        wait(board, seconds=100)
    assert mailbox.messages == []
    wait(board, seconds=100)
    assert mailbox.take() == [(board.bob.id, ["comment_added"] * 2)]
    # A clock that was ahead for one message delays no other.
    board.world.core.env.clock.now -= timedelta(hours=2)
    board.world.core.work.begin()
    board.comment(card, "@bob, look")
    wait(board, minutes=1)
    assert mailbox.take() == [(board.bob.id, ["comment_added"])]


def test_digest_waits_for_five_minutes_after_a_message(board, mailbox):
    card = board.card(by=board.bob)
    ask(board, "PATCH", board.of(card), {"priority": "high"})
    wait(board, hours=19, minutes=58)
    board.comment(card, "@bob, look")
    wait(board, minutes=1)
    assert mailbox.take() == [(board.bob.id, ["comment_added"])]
    wait(board, minutes=3)
    assert mailbox.messages == []
    wait(board, minutes=3)
    assert mailbox.take() == [(board.bob.id, ["card_updated"])]


def test_reminders_of_a_day_are_one_message(board, mailbox):
    board.world.core.work.run_due()
    cards = [board.card(f"Card {day}", assigneeId=board.bob.id, dueDate=f"2026-04-0{day}") for day in (2, 3)]
    board.world.ask(board.bob, "PATCH", "/notifications/read-all")
    wait(board, hours=24)
    (message,) = mailbox.messages
    assert message.recipient.id == board.bob.id
    for card, sentence in zip(cards, ["It is due today.", "It is due tomorrow."], strict=True):
        assert f"* {card['key']} {card['title']}\n  - {sentence}" in message.text
    prefer(board, board.bob, channels={"mail": {"reminder": "never"}})
    wait(board, hours=24)
    assert len(mailbox.messages) == 1


def test_watched_cards_wait_for_the_digest(board, mailbox):
    """The digest has the changes of other people, by item, without what was read, at the local hour."""
    prefer(board, board.bob, timeZone="Asia/Kolkata", digestHour=6)
    card, other = board.card("Fix login", by=board.bob), board.card("Read", by=board.bob)
    ask(board, "PATCH", board.of(other), {"priority": "low"})
    board.world.ask(board.bob, "PATCH", "/notifications/read-all")
    ask(board, "PATCH", board.of(card), {"priority": "high"})
    board.world.ask(board.bob, "PATCH", board.of(card), {"priority": "low"})
    board.comment(card, by=board.cid)
    # 6:00 in India is 0:30 UTC, and the clock starts at noon.
    wait(board, hours=12, minutes=29)
    assert mailbox.messages == []
    wait(board, minutes=2)
    (message,) = mailbox.messages
    assert message.recipient.id == board.bob.id
    assert (
        f'* {card["key"]} Fix login\n  - ann updated the card: priority from empty to "high"' in message.text
    )
    assert "cid added the comment" in message.text
    assert "low" not in message.text
    assert "Read" not in message.text
    wait(board, hours=24)
    assert len(mailbox.messages) == 1


def test_digest_and_choices_are_those_of_each_person(board, mailbox):
    prefer(board, board.bob, digest="hour", channels={"mail": {"assignment": "digest", "mention": "never"}})
    board.comment(board.card(assigneeId=board.bob.id), "@bob and @cid, look")
    wait(board, minutes=6)
    assert mailbox.take() == [(board.cid.id, ["comment_added"])]
    wait(board, minutes=55)
    assert mailbox.take() == [(board.bob.id, ["card_created"])]
    prefer(board, board.bob, channels={"mail": {"assignment": None}})
    board.card(assigneeId=board.bob.id)
    wait(board, minutes=6)
    assert mailbox.take() == [(board.bob.id, ["card_created"])]


def test_new_schedule_moves_what_waits_and_never_ends_it(board, mailbox):
    card, other = board.card(by=board.bob), board.card(by=board.cid)
    ask(board, "PATCH", board.of(card), {"priority": "high"})
    ask(board, "PATCH", board.of(other), {"priority": "high"})
    wait(board, minutes=6)
    prefer(board, board.bob, digest="hour")
    prefer(board, board.cid, digest="hour", channels={"mail": {"card": "never"}})
    wait(board, minutes=55)
    assert mailbox.take() == [(board.bob.id, ["card_updated"])]


@pytest.mark.slow("sends mail after each way to lose sight")
@pytest.mark.parametrize(
    "change", ["leaves", "is left out", "is deactivated", "has read it", "chooses never"]
)
def test_recipient_gets_what_may_be_seen_at_the_time_of_sending(board, mailbox, change):
    board.card(assigneeId=board.bob.id)
    mailbox.failure_count = 1
    wait(board, seconds=40)
    assert len(mailbox.messages) == 1
    if change == "has read it":
        board.world.ask(board.bob, "PATCH", "/notifications/read-all")
    elif change == "chooses never":
        prefer(board, board.bob, channels={"mail": {"assignment": "never"}})
    else:
        end_access(board, change)
    wait(board, minutes=10)
    assert len(mailbox.messages) == 1
    assert board.world.core.work.jobs(given_up=True) == []


@pytest.mark.slow("waits for ten attempts")
def test_failed_message_is_repeated_with_its_id_and_given_up_in_the_end(board, mailbox):
    mailbox.failure_count = ATTEMPTS_MAX
    board.card(assigneeId=board.bob.id)
    for _ in range(2 * ATTEMPTS_MAX):
        wait(board, hours=2)
    assert len(mailbox.messages) == ATTEMPTS_MAX
    assert len({message.id for message in mailbox.messages}) == 1
    (job,) = board.world.core.work.jobs(given_up=True)
    assert job.kind == "channel:mail"


def test_notification_that_is_rolled_back_is_not_sent(board, mailbox):
    def refuse(uow, event):
        raise RuntimeError

    board.world.core.on(events.CardCreated, refuse)
    path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
    assert status(board, "POST", path, {"title": "Write", "assigneeId": board.bob.id}) == 500
    wait(board, minutes=10)
    assert mailbox.messages == []


class Killed(BaseException):
    """The end of the process."""


@contextmanager
def killing(step):
    """End the process before the statement with a number, and yield whether that has happened."""
    steps, killed = itertools.count(1), []

    def count(*_):
        if next(steps) == step:
            killed.append(step)
            raise Killed

    event.listen(Engine, "before_cursor_execute", count)
    try:
        with suppress(Killed):
            yield killed
    finally:
        event.remove(Engine, "before_cursor_execute", count)


@pytest.mark.slow("ends the process at each of many steps")
@pytest.mark.parametrize("is_distributed", [False, True])
def test_process_that_ends_at_any_step_loses_no_message(board, mailbox, is_distributed, core):
    for step in itertools.count(1):
        card = board.card(assigneeId=board.bob.id)
        if is_distributed:
            core.work.run_due()
            core.env.clock.now += timedelta(minutes=6)
        with killing(step) as killed:
            core.work.run_due()
        # The claim of the process that has ended runs out.
        wait(board, minutes=12)
        sent = {message.id for message in mailbox.messages}
        cards = {item.activity.card_id for message in mailbox.messages for item in message.notifications}
        assert (len(sent), cards) == (1, {card["id"]}), step
        mailbox.messages.clear()
        if not killed:
            break
    assert step > 5


@pytest.mark.slow("changes cards and runs jobs for half an hour")
def test_busy_project_sends_one_message_per_person_in_five_minutes(board, mailbox):
    """A hundred changes a minute, of cards that five people follow, for half an hour."""
    people = [board.bob, board.cid, *board.world.people("dan eve")]
    board.join(*people[2:])
    cards = [board.card(assigneeId=person.id) for person in people]
    for person in people:
        prefer(board, person, channels={"mail": {"card": "immediate"}})
    wait(board, minutes=6)
    mailbox.messages.clear()
    for minute in range(30):
        for card in cards:
            ask(board, "PATCH", board.of(card), {"priority": ("low", "high")[minute % 2]})
        wait(board, minutes=1)
    wait(board, minutes=6)
    for person in people:
        gaps = [later - earlier for earlier, later in itertools.pairwise(mailbox.times[person.id])]
        assert len(gaps) > 5
        assert min(gaps) >= timedelta(minutes=5)
    assert sum(len(message.notifications) for message in mailbox.messages) == 30 * len(people)


@pytest.mark.slow("makes many changes")
@pytest.mark.parametrize(("count", "remaining"), [(51, "1 more item"), (60, "10 more items")])
def test_many_changes_are_counted(board, mailbox, count, remaining):
    for number in range(count):
        board.card(f"Card {number}", assigneeId=board.bob.id)
    wait(board, minutes=6)
    (message,) = mailbox.messages
    assert message.subject == f"{count} changes of {count} items (Launch)"
    assert "Card 49" in message.text
    assert "Card 50" not in message.text
    assert f"There are changes of {remaining}." in message.text
    assert message.card_id is None


def test_preferences_changed_at_the_same_time_are_both_kept(board):
    prefer(board, board.bob, digest="week")

    def choose_hour(uow):
        uow.actor = board.bob.actor
        return preferences.update_preferences(uow, Ref(), UpdateNotificationPreferences(digest_hour=7))

    run_beside(board.world.core, choose_hour, lambda: prefer(board, board.bob, timeZone="Europe/Paris"))
    after = board.world.ask(board.bob, "GET", "/notifications/preferences")
    assert (after["digest"], after["digestHour"], after["timeZone"]) == ("week", 7, "Europe/Paris")


@for_each(
    "body, problem",
    [
        ({"timeZone": "Europe/Atlantis"}, "timeZone must be the name of a time zone, such as Europe/Berlin"),
        ({"digestHour": 24}, "digestHour"),
        ({"channels": {"fax": {}}}, "channels.fax is not a channel of this server, which has: mail"),
        ({"channels": {"mail": 1}}, "channels.mail must be an object"),
        (
            {"channels": {"mail": {"cards": "never"}}},
            "channels.mail.cards must be one of assignment, mention",
        ),
        (
            {"channels": {"mail": {"card": "no"}}},
            "channels.mail.card must be one of immediate, digest, never",
        ),
    ],
)
def test_unknown_preference_is_refused_by_name(board, body, problem):
    answer = board.world.call(board.bob, "PATCH", "/notifications/preferences", body)
    assert answer.status == 400
    assert problem in answer.body.decode()
    assert board.world.ask(board.bob, "GET", "/notifications/preferences") == {
        "timeZone": "UTC",
        "digest": "day",
        "digestHour": 8,
        "digestWeekday": "monday",
        "channels": {
            "mail": {
                kind: "digest" if kind in ("card", "document", "project") else "immediate"
                for kind in [
                    "assignment",
                    "mention",
                    "review",
                    "approval",
                    "invitation",
                    "notice",
                    "automation",
                    "webhook",
                    "reminder",
                    "card",
                    "document",
                    "project",
                ]
            }
        },
    }


def follow(board, person, path, level):
    """Set how a person follows a card or a project; ``default`` resets it."""
    if level == "default":
        board.world.ask(person, "DELETE", f"{path}/watch")
    else:
        assert board.world.ask(person, "POST", f"{path}/watch", {"level": level}) == {"level": level}
    assert board.world.ask(person, "GET", f"{path}/watch") == {"level": level}


def list_new(board, person):
    """Return the types of the unread activities of a person, the oldest first, and mark them as read."""
    board.world.core.work.run_due()
    unread = board.world.ask(person, "GET", "/notifications?unreadOnly=true")
    board.world.ask(person, "PATCH", "/notifications/read-all")
    return [item["activity"]["type"] for item in reversed(unread)]


@pytest.mark.parametrize(
    ("of_project", "of_card", "is_notified"),
    [
        ("default", "default", False),
        ("watch", "default", True),
        ("default", "watch", True),
        ("mute", "watch", True),
        ("watch", "mute", False),
    ],
)
def test_level_of_a_card_takes_precedence_over_that_of_its_project(board, of_project, of_card, is_notified):
    card = board.card()
    follow(board, board.bob, board.path, of_project)
    follow(board, board.bob, board.of(card), of_card)
    ask(board, "PATCH", board.of(card), {"priority": "high"})
    assert list_new(board, board.bob) == ["card_updated"] * is_notified
    follow(board, board.bob, board.path, "default")
    follow(board, board.bob, board.of(card), "default")
    ask(board, "PATCH", board.of(card), {"priority": "low"})
    assert list_new(board, board.bob) == []


def test_muted_card_notifies_of_mentions_and_assignments_only(board, mailbox):
    card = board.card(by=board.bob)
    follow(board, board.bob, board.of(card), "mute")
    ask(board, "PATCH", board.of(card), {"priority": "high"})
    board.comment(card, "@bob, look")
    ask(board, "PATCH", board.of(card), {"assigneeId": board.bob.id})
    ask(board, "PATCH", board.of(card), {"assigneeId": None})
    assert list_new(board, board.bob) == ["comment_added", "card_assigned"]
    follow(board, board.bob, board.path, "mute")
    board.comment(board.card(by=board.bob))
    wait(board, hours=30)
    assert mailbox.take() == []


def test_mentioned_person_watches_the_card(board):
    card = board.card("Write", description="For @bob")
    assert list_new(board, board.bob) == ["card_created"]
    ask(board, "PATCH", board.of(card), {"priority": "high"})
    assert list_new(board, board.bob) == ["card_updated"]
    follow(board, board.bob, board.path, "mute")
    ask(board, "PATCH", board.of(card), {"priority": "low"})
    assert list_new(board, board.bob) == []
    follow(board, board.bob, board.path, "default")
    follow(board, board.bob, board.of(card), "default")
    ask(board, "PATCH", board.of(card), {"priority": "high"})
    assert list_new(board, board.bob) == []


def test_mentioned_stranger_does_not_watch_the_card(board):
    ask(board, "PATCH", board.path, {"visibility": "private"})
    card = board.card("Write", description="For @bob")
    board.comment(card, "@bob, look")
    ask(board, "PATCH", board.path, {"visibility": "workspace"})
    ask(board, "PATCH", board.of(card), {"priority": "high"})
    assert list_new(board, board.bob) == []
    board.comment(card, "@bob, look")
    ask(board, "PATCH", board.of(card), {"priority": "low"})
    assert list_new(board, board.bob) == ["comment_added", "card_updated"]


def test_watcher_without_access_is_not_notified(board, mailbox):
    card = board.card()
    follow(board, board.bob, board.path, "watch")
    ask(board, "PATCH", board.path, {"visibility": "private"})
    ask(board, "PATCH", board.of(card), {"priority": "high"})
    board.world.core.work.run_due()
    assert board.world.status(board.bob, "POST", f"{board.of(card)}/watch", {}) == 404
    ask(board, "PATCH", board.path, {"visibility": "workspace"})
    assert "card_updated" not in list_new(board, board.bob)
    answer = board.world.call(board.bob, "POST", f"{board.of(card)}/watch", {"level": "default"})
    assert (answer.status, "level must be one of watch, mute" in answer.body.decode()) == (400, True)


def notify_next(board):
    """Let the job notify the next people who watch a project."""
    board.world.core.run(NOBODY, lambda uow: watches.notify_watchers(uow, {}))


def count_stored(board, person):
    """Return the number of notifications of a person that are stored, even if the person does not see them."""
    with board.world.core.database.reading() as connection:
        statement = "SELECT count(*) FROM stellary_notifications WHERE user_id = '{}'"
        return connection.exec_driver_sql(statement.format(person.id)).scalar()


def test_change_stores_one_row_for_all_who_watch_its_project(board):
    card = board.card(assigneeId=board.bob.id)
    for person in (board.bob, board.cid):
        follow(board, person, board.path, "watch")
    follow(board, board.cid, board.of(card), "watch")
    watchers = board.world.people("dan eve")
    board.join(*watchers)
    for person in watchers:
        follow(board, person, board.path, "watch")
    ask(board, "PATCH", board.of(card), {"priority": "high"})
    people = [board.bob, board.cid, *watchers]
    # Those who follow the card itself hear of it with the change.
    assert [count_stored(board, person) for person in people] == [2, 1, 0, 0]
    notify_next(board)
    assert [list_new(board, person)[-1:] for person in people] == [["card_updated"]] * 4
    assert [count_stored(board, person) for person in people] == [2, 1, 1, 1]


def test_running_jobs_notify_watchers_within_a_second(board):
    follow(board, board.bob, board.path, "watch")
    board.world.core.work.run_due()
    board.world.core.work.start()
    try:
        board.card()
        deadline = monotonic() + 1
        while not count_stored(board, board.bob) and monotonic() < deadline:
            sleep(0.01)
        assert count_stored(board, board.bob) == 1
    finally:
        board.world.core.work.stop()


@pytest.mark.parametrize(
    "change", ["mutes the card", "mutes the project", "resets", "is left out", "leaves", "is deactivated"]
)
def test_watcher_who_stops_before_the_job_runs_is_not_notified(board, change):
    follow(board, board.bob, board.path, "watch")
    card = board.card()
    if change in ("mutes the card", "mutes the project", "resets"):
        path = board.of(card) if change == "mutes the card" else board.path
        follow(board, board.bob, path, "default" if change == "resets" else "mute")
    else:
        end_access(board, change)
    board.world.core.work.run_due()
    assert count_stored(board, board.bob) == 0


@pytest.mark.parametrize("change", ["is rolled back", "is purged"])
def test_watchers_hear_of_nothing_that_does_not_exist(board, change):
    def refuse(uow, event):
        raise RuntimeError

    follow(board, board.bob, board.path, "watch")
    if change == "is rolled back":
        board.world.core.on(events.CardCreated, refuse)
        path = f"{board.path}/columns/{board.columns[0]['id']}/cards"
        assert status(board, "POST", path, {"title": "Write"}) == 500
    else:
        board.card()
        with board.world.core.database.writing() as connection:
            connection.exec_driver_sql("DELETE FROM stellary_workspaces WHERE NOT is_personal")
    board.world.core.work.run_due()
    assert count_stored(board, board.bob) == 0
    with board.world.core.database.reading() as connection:
        assert not connection.exec_driver_sql("SELECT id FROM stellary_watched_changes").all()


@pytest.mark.slow("creates 200 cards in one unit")
def test_large_change_takes_turns_with_other_projects(board):
    """With 200 activities, two people are notified in one transaction."""
    other = Board(board.world, board.owner, board.workspace)
    people = [board.bob, board.cid, *board.world.people("dan eve")]
    board.join(*people[2:])
    for person in people:
        follow(board, person, board.path, "watch")
    follow(board, board.bob, other.path, "watch")
    board.cards(200)
    other.card()
    for total in (401, 801, 801):
        notify_next(board)
        assert sum(count_stored(board, person) for person in people) == total
    assert [count_stored(board, person) for person in people] == [201, 200, 200, 200]


@pytest.mark.slow("ends the process at each of many steps")
def test_process_that_ends_at_any_step_notifies_each_watcher_once(board, core):
    for person in (board.bob, board.cid):
        follow(board, person, board.path, "watch")
    for step in itertools.count(1):
        board.card()
        with killing(step) as killed:
            core.work.run_due()
        wait(board, minutes=2)
        for person in (board.bob, board.cid):
            assert count_stored(board, person) == step
        if not killed:
            break
    assert step > 5


class Expectation:
    """A slow definition of who gets which message, from a list of everything that has happened.

    Attributes:
        history: What happened: a word, the person, and its details.
    """

    def __init__(self):
        self.history = []

    def find(self, word, *start):
        """Return the details of what happened with a word, whose first details are those of ``start``, oldest first."""
        events = [event[1:] for event in self.history if event[0] == word]
        return [event[len(start) :] for event in events if event[: len(start)] == start]

    def level_of(self, person, card):
        """Return the last level that a person has chosen for a card, else for the project, else the default."""
        of_card = [level for level in self.find("follow", person, card)[-1:] if level != ("default",)]
        of_project = [level for level in self.find("follow", person, "project")[-1:] if level != ("default",)]
        return (of_card or of_project or [("default",)])[0][0]

    def list_recipients(self, actor, card, mentioned=(), assigned=None, former=None):
        """Return the people to notify of a change of a card, with the kind."""
        ((creator,),) = self.find("create", card)
        assignees = self.find("assign", card)
        automatic = {creator, former, *(person for person, *_ in self.find("comment", card))}
        automatic |= {assignees[-1][0]} if assignees else set()
        kinds = {}
        for person in {person for (person,) in self.find("join")} - {
            person for (person,) in self.find("leave")
        }:
            level = self.level_of(person, card)
            watches = level == "watch" or person in automatic
            # A reset ends the automatic watch of a mention, and a choice for the project comes before it.
            steps = [event for event in self.history if event[0] in ("mention", "follow")]
            last = [event[0] for event in steps if event[1:3] in ((card, person), (person, card))]
            watches = watches or (level == "default" and last[-1:] == ["mention"])
            if person == actor:
                continue
            if person in mentioned:
                kinds[person] = "mention"
            elif person == assigned:
                kinds[person] = "assignment"
            elif watches and level != "mute":
                kinds[person] = "card"
        return kinds

    def list_messages(self, pending):
        """Return what is delivered of pending notifications: ``(person, card, kind)``, as people prefer now."""
        former_members = {person for (person,) in self.find("leave")}
        times = {}
        for person, kind, time in self.find("prefer"):
            times[person, kind] = time
        defaults = {"mention": "immediate", "assignment": "immediate", "card": "digest"}
        return sorted(
            item
            for item in pending
            if item[0] not in former_members
            and times.get((item[0], item[2]), defaults[item[2]]) == "immediate"
        )


class Play:
    """Random changes of a board by its members, and what the slow definition expects of them."""

    def __init__(self, board, random):
        self.board, self.random = board, random
        self.people = {"ann": board.owner, "bob": board.bob, "cid": board.cid}
        self.present = [*self.people]
        self.expected = Expectation()
        self.expected.history += [("join", name) for name in self.people]
        self.cards, self.pending = [board.card()], []
        self.expected.history.append(("create", self.cards[0]["id"], "ann"))

    def expect(self, actor, card, *details):
        kinds = self.expected.list_recipients(actor, card["id"], *details)
        self.pending += [(person, card["id"], kind) for person, kind in kinds.items()]

    def change(self):
        actor = self.random.choice(self.present)
        what = self.random.choice(
            [self.create, self.comment, self.assign, self.update, self.follow, self.prefer]
        )
        what(actor, self.people[actor], self.random.choice(self.cards))
        # The definition knows no time between a change and its notifications.
        notify_next(self.board)

    def create(self, actor, person, _):
        self.cards.append(card := self.board.card(by=person))
        self.expected.history.append(("create", card["id"], actor))
        self.expect(actor, card)

    def update(self, actor, person, card):
        body = {"title": f"Title {self.random.random()}"}
        self.board.world.ask(person, "PATCH", self.board.of(card), body)
        self.expect(actor, card)

    def comment(self, actor, person, card):
        mentioned = self.random.sample(self.present, self.random.randint(0, 1))
        self.expect(actor, card, mentioned)
        self.board.comment(card, " ".join(["Well", *(f"@{name}" for name in mentioned)]), by=person)
        self.expected.history.append(("comment", card["id"], actor))
        self.expected.history += [("mention", card["id"], name) for name in mentioned]

    def assign(self, actor, person, card):
        other = self.random.choice(self.present)
        former = next(iter(self.expected.find("assign", card["id"])[-1:]), (None,))[0]
        if former != other:
            self.board.world.ask(person, "PATCH", self.board.of(card), {"assigneeId": self.people[other].id})
            self.expected.history.append(("assign", card["id"], other))
            self.expect(actor, card, (), other, former)

    def follow(self, actor, person, card):
        level = self.random.choice(["watch", "mute", "default"])
        path, key = self.random.choice(
            [
                (self.board.path, "project"),
                (self.board.of(card), card["id"]),
                (self.board.of(card), card["id"]),
            ]
        )
        follow(self.board, person, path, level)
        self.expected.history.append(("follow", actor, key, level))

    def prefer(self, actor, person, _):
        kind = self.random.choice(["mention", "assignment", "card"])
        time = self.random.choice(["immediate", "digest", "never"])
        prefer(self.board, person, channels={"mail": {kind: time}})
        self.expected.history.append(("prefer", actor, kind, time))

    def leave(self):
        name = self.present.pop()
        ask(self.board, "DELETE", f"{self.board.flat}/members/{self.people[name].id}")
        self.expected.history.append(("leave", name))


@pytest.mark.slow("makes a hundred random changes")
@pytest.mark.parametrize("seed", range(4))
def test_messages_are_those_of_the_slow_definition(board, mailbox, seed):
    play = Play(board, Random(seed))
    names = {person.id: name for name, person in play.people.items()}
    for number in range(3):
        for _ in range(40):
            play.change()
        if number == 1:
            play.leave()
        mailbox.messages.clear()
        wait(board, minutes=8)
        sent = [
            (names[message.recipient.id], item.activity.card_id)
            for message in mailbox.messages
            for item in message.notifications
        ]
        assert sorted(sent) == [item[:2] for item in play.expected.list_messages(play.pending)]
        play.pending.clear()
