"""Time entries: recording, sums, timers, exports, and what happens to them with their card."""

import csv
import io
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from stellary import Conflict, Forbidden, Invalid, Stellary
from tests.support.each_case import for_each
from tests.support.tables import count_rows, time_entries
from tests.support.world import Person, World, at_once


class Team:
    """A workspace with people, a board of the first one, and a card."""

    def __init__(self, world: World) -> None:
        self.world, self.clock = world, world.stop_clock()
        self.clock.advance(timedelta(hours=11, minutes=30))
        self.ann = world.person("ann")
        self.workspace = world.workspace(self.ann)
        self.board = self.client(self.ann).project(self._create("Launch"))
        self.column = self.board.columns.list()[0]
        self.card = self.create_card("Write")

    def _create(self, name: str) -> str:
        return self.client(self.ann).projects.create(name=name).id

    def client(self, person: Person) -> Any:
        client = Stellary.embedded(self.world.core.port(person.actor))
        return client.workspace(self.workspace.organization.slug, self.workspace.slug)

    def join(self, name: str) -> Person:
        return self.world.member(name, self.workspace)

    def create_card(self, title: str) -> Any:
        return self.board.column(self.column).cards.create(title=title)

    def time(self, person: Person, card: Any = None) -> Any:
        """Return the handle of the time entries of a card."""
        return self.client(person).project(self.board.get().id).card(card or self.card).time_entries


@pytest.fixture
def team(world: World) -> Team:
    return Team(world)


def test_time_is_recorded_changed_and_deleted(team: Team):
    time = team.time(team.ann)
    entry = time.create(minutes=90)
    assert (entry.minutes, entry.day, entry.note) == (90, "2026-04-01", None)
    assert (entry.card_key, entry.card_title, entry.user_name) == (team.card.key, "Write", "ann")
    other = time.create(minutes=15, day="2026-04-02", note="=Call")
    assert time.update(entry, minutes=60, note="Draft").note == "Draft"
    assert [(item.minutes, item.note) for item in time.list()] == [(60, "Draft"), (15, "=Call")]
    time.delete(other)
    assert time.total().own_minutes == 60
    types = [activity.type for activity in team.board.activity.list(entity="time_entry")]
    assert types == ["time_entry_deleted", "time_entry_updated", "time_entry_created", "time_entry_created"]
    assert "Draft" not in str(team.board.activity.list(entity="time_entry"))


@for_each(
    "fields, problem",
    [
        ({"minutes": 0}, "minutes must be"),
        ({"minutes": 1441}, "minutes must be"),
        ({"minutes": 1, "day": "2026-02-30"}, "day must be a day"),
        ({"minutes": 1, "day": "2026-04-03"}, "day must be from 2000-01-01 to 2026-04-02"),
        ({"minutes": 1, "day": "1999-12-31"}, "day must be from 2000-01-01"),
        ({"minutes": 1, "note": ""}, "note must be"),
    ],
)
def test_invalid_time_is_refused(team: Team, fields: dict[str, Any], problem: str):
    with pytest.raises(Invalid, match=problem):
        team.time(team.ann).create(**fields)


def test_only_the_owner_and_managers_change_an_entry(team: Team):
    bob, cid, dan = team.join("bob"), team.join("cid"), team.join("dan")
    team.board.members.add(email=cid.email, role="manager")
    team.board.members.add(email=dan.email, role="commenter")
    entry = team.time(bob).create(minutes=5)
    assert team.time(cid).update(entry, minutes=6).user_id == bob.id
    other = team.time(cid).create(minutes=7)
    for change in (lambda: team.time(bob).update(other, minutes=1), lambda: team.time(bob).delete(other)):
        with pytest.raises(Forbidden):
            change()
    with pytest.raises(Forbidden):
        team.time(dan).create(minutes=1)
    assert len(team.time(dan).list()) == 2


def test_sums_contain_the_cards_below_that_the_caller_sees(team: Team):
    bob = team.join("bob")
    child, grandchild = team.create_card("Child"), team.create_card("Grandchild")
    team.board.card(team.card).relations.create(target_card_id=child.id, type="parent_of")
    team.board.card(child).relations.create(target_card_id=grandchild.id, type="parent_of")
    hidden = team.client(team.ann).project(
        team.client(team.ann).projects.create(name="Secret", visibility="private")
    )
    secret = hidden.column(hidden.columns.list()[0]).cards.create(title="Secret")
    team.board.card(team.card).relations.create(target_card_id=secret.id, type="parent_of")
    for card, minutes in ((team.card, 1), (child, 10), (grandchild, 100)):
        team.time(team.ann, card).create(minutes=minutes)
    hidden.card(secret).time_entries.create(minutes=1000)
    for person, total in ((team.ann, 1111), (bob, 111)):
        time = team.time(person).total()
        assert (time.own_minutes, time.total_minutes) == (1, total)
    assert team.time(bob, child).total().total_minutes == 110


def test_timer_is_stopped_where_it_runs_and_when_another_starts(team: Team):
    time, other = team.time(team.ann), team.time(team.ann, team.create_card("Other"))
    assert time.start().user_id == team.ann.id
    team.clock.advance(timedelta(minutes=45, seconds=40))
    with pytest.raises(Conflict) as refusal:
        other.stop()
    assert refusal.value.code == "no_timer"
    other.start()
    assert (time.total().timers, len(other.total().timers)) == ([], 1)
    # The timer was started on the day before.
    assert [(entry.minutes, entry.day) for entry in time.list()] == [(46, "2026-04-01")]
    team.clock.advance(timedelta(days=3))
    entry = other.stop(note="Overnight")
    assert (entry.minutes, entry.day, entry.note) == (1440, "2026-04-02", "Overnight")
    time.start()
    assert time.stop().minutes == 1


def test_timer_of_a_deleted_or_hidden_card_is_dropped_by_the_next_one(team: Team):
    bob, workspace = team.join("bob"), team.client(team.ann)
    hidden = workspace.project(workspace.projects.create(name="Hidden"))
    hidden_card = hidden.column(hidden.columns.list()[0]).cards.create(title="Hidden")
    time, other = team.time(bob), team.time(bob, team.create_card("Other"))
    team.client(bob).project(hidden.get()).card(hidden_card).time_entries.start()
    hidden.update(visibility="private")
    time.start()
    assert hidden.card(hidden_card).time_entries.total().timers == hidden.time_entries.list() == []
    team.board.cards.delete(team.card)
    workspace.trash.restore(workspace.trash.list()[0])
    assert len(time.total().timers) == 1, "it goes on after a restoration"
    team.board.cards.delete(team.card)
    other.start()
    workspace.trash.restore(workspace.trash.list()[0])
    assert time.total().timers == time.list() == []
    time.start()
    workspace.members.remove(bob.id)
    assert team.time(team.ann).total().timers == []


def test_token_of_one_project_leaves_the_timer_of_another_alone(team: Team):
    workspace, timer = team.client(team.ann), team.time(team.ann)
    other = workspace.project(workspace.projects.create(name="Other"))
    card = other.column(other.columns.list()[0]).cards.create(title="Other")
    body = {"name": "CI", "scopes": ["projects:read", "projects:write"], "projectIds": [other.get().id]}
    token = team.world.ask(team.ann, "POST", "/api-tokens", body)["token"]
    path = f"{team.workspace.path}/projects/{other.get().id}/cards/{card.id}/time-entries/start"
    timer.start()
    refused = team.world.call(token, "POST", path)
    assert (refused.status, b"timer_elsewhere" in refused.body) == (409, True)
    assert (len(timer.total().timers), timer.list()) == (1, [])
    timer.stop()
    assert [team.world.call(token, "POST", path).status for _ in range(2)] == [200, 200]


@pytest.mark.race
def test_concurrent_starts_leave_one_timer(team: Team, rounds: int):
    cards = [team.card, *(team.create_card("Other") for _ in range(3))]

    def start(number: int) -> str:
        try:
            return str(team.time(team.ann, cards[number]).start().card_id)
        except Conflict as error:
            return str(error.code)

    for _ in range(rounds):
        outcomes = at_once(*(partial(start, number) for number in range(4)))
        running = [timer for card in cards for timer in team.time(team.ann, card).total().timers]
        assert len(running) == 1
        assert running[0].card_id in outcomes
        assert {*outcomes} <= {*(card.id for card in cards), "timer_started"}


def test_time_of_a_project_is_listed_and_exported(team: Team):
    bob = team.join("bob")
    team.time(bob).create(minutes=30, day="2026-03-01", note="=HYPERLINK(1)")
    team.time(team.ann).create(minutes=20, day="2026-03-15", note='a "b", c')
    team.time(bob).create(minutes=10, day="2026-02-01")
    time = team.board.time_entries
    assert [entry.minutes for entry in time.list()] == [10, 20, 30]
    assert [entry.minutes for entry in time.list(from_="2026-03-01", to="2026-03-31")] == [20, 30]
    assert [entry.minutes for entry in time.iterate(user_id=bob.id, limit=1)] == [10, 30]
    heads, *rows = csv.reader(io.StringIO(time.export(from_="2026-03-01")))
    assert heads == ["day", "card", "title", "user", "userId", "minutes", "note"]
    assert rows == [
        ["2026-03-01", team.card.key, "Write", "bob", bob.id, "30", "'=HYPERLINK(1)"],
        ["2026-03-15", team.card.key, "Write", "ann", team.ann.id, "20", 'a "b", c'],
    ]
    for filters, problem in (
        ({"from_": "2026-03-02", "to": "2026-03-01"}, "to must not be before from"),
        ({"from_": "2026-02-30"}, "from.* must be a day"),
        ({"user_id": "0" * 24}, "userId"),
    ):
        for ask in (time.list, time.export):
            with pytest.raises(Invalid, match=problem):
                ask(**filters)
    team.client(team.ann).members.remove(bob.id)
    assert [entry.minutes for entry in time.list(user_id=bob.id)] == [10, 30]
    assert list(time.list(user_id=bob.id, from_="2026-03-02")) == []
    assert len(time.export(user_id=bob.id, from_="2026-03-02").splitlines()) == 1


def test_time_follows_its_card_into_the_trash_and_back(team: Team):
    team.time(team.ann).create(minutes=30)
    workspace = team.client(team.ann)
    team.board.cards.delete(team.card)
    assert list(team.board.time_entries.list()) == []
    workspace.trash.restore(workspace.trash.list()[0])
    assert [entry.minutes for entry in team.board.time_entries.list()] == [30]
    workspace.projects.delete(team.board.get())
    assert count_rows(team.world.core, time_entries) == 0
    workspace.trash.restore(workspace.trash.list()[0])
    assert team.time(team.ann).total().own_minutes == 30


def test_time_follows_a_card_to_another_project(team: Team):
    team.time(team.ann).create(minutes=30)
    workspace = team.client(team.ann)
    other = workspace.project(workspace.projects.create(name="Other"))
    team.board.cards.transfer(team.card, column_id=other.columns.list()[0].id)
    assert list(team.board.time_entries.list()) == []
    assert [entry.minutes for entry in other.time_entries.list()] == [30]
