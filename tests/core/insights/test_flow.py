"""The flow of a board, computed from its record, against the board as it was at the end of each day."""

from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import product
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from stellary import ApiError, Invalid, NotFound, Stellary
from stellary.contract.cards import CardStatus
from stellary.core import NOBODY
from stellary.core.insights import flow as flow_service
from stellary.core.insights.rules.flow import forecast_days
from tests.support.core_parts import llm
from tests.support.each_case import for_each
from tests.support.tables import activities
from tests.support.world import Person, Workspace, World

ACTIONS = (
    "create",
    "create many",
    "move",
    "archive",
    "bring back",
    "move archived",
    "estimate",
    "set status",
    "set status and archive",
    "delete card",
    "create column",
    "rename column",
    "reorder columns",
    "delete column",
    "delete scope",
    "restore",
    "undo",
    "import",
)
NUMBERS = st.integers(0, 1_000)


class Player:
    """A player that changes a board at random, and notes the number of cards in each column at the end of each day."""

    def __init__(self, world: World, person: Person, workspace: Workspace) -> None:
        self.clock = world.stop_clock()
        self.client = Stellary.embedded(world.core.port(person.actor))
        self.workspace = self.client.workspace(workspace.organization.slug, workspace.slug)
        self.board = self.workspace.project(self.workspace.projects.create(name="Launch"))
        self.imported = self.clock()
        # By day, for each unit, for the project and each of its scopes.
        self.days: dict[date, dict[tuple[str, str | None], dict[str, float]]] = {}
        self.completed: dict[str, datetime | None] = {}

    def end_day(self) -> None:
        """Note the numbers of cards."""
        day = self.clock().date()
        sums: dict[tuple[str, str | None], dict[str, float]] = defaultdict(lambda: defaultdict(float))
        cards = self.board.cards.list()
        for card in cards:
            keys = [] if card.archived else [card.column_id]
            if card.status == "done" or not card.archived:
                keys.append("done" if card.status == "done" else "remaining")
            for unit, amount in (("count", 1), ("estimate", card.estimate or 0)):
                for scope_id in (None, card.scope_id):
                    for key in keys:
                        sums[unit, scope_id][key] += amount
        self.days[day] = {
            kind: {key: amount for key, amount in amounts.items() if amount} for kind, amounts in sums.items()
        }
        self.completed = {card.id: card.completed_at for card in cards}

    def _choose(self, items: Any, number: int) -> Any:
        if not items:
            raise NotFound("there is nothing to choose from")
        return items[number % len(items)]

    def _column(self, number: int) -> Any:
        return self._choose(self.board.columns.list(), number)

    def _card(self, number: int, *, archived: bool = False) -> Any:
        cards = self.board.cards.list(archived=archived)
        return self._choose(cards, number) if cards else self._create(number)

    def _create(self, number: int) -> Any:
        return self.board.column(self._column(number)).cards.create(title=f"Card {number}")

    def act(self, action: str, number: int) -> None:
        """Do one thing; if the board does not allow it, nothing."""
        with suppress(ApiError):
            getattr(self, f"_{action.replace(' ', '_')}")(number)

    def _create_many(self, number: int) -> None:
        column_id = self._column(number).id
        self.board.cards.create_many(
            cards=[{"title": f"Card {index}", "columnId": column_id} for index in range(number % 4 + 1)]
        )

    def _move(self, number: int) -> None:
        self.board.cards.update(self._card(number), column_id=self._column(number // 7).id)

    def _archive(self, number: int) -> None:
        self.board.cards.update(self._card(number), archived=True)

    def _bring_back(self, number: int) -> None:
        self.board.cards.update(self._card(number, archived=True), archived=False)

    def _move_archived(self, number: int) -> None:
        self.board.cards.update(self._card(number, archived=True), column_id=self._column(number // 7).id)

    def _estimate(self, number: int) -> None:
        estimates = (None, 0.25, 2, 3.5)
        self.board.cards.update(self._card(number, archived=number % 5 == 0), estimate=estimates[number % 4])

    def _set_status(self, number: int) -> None:
        statuses: list[CardStatus] = ["open", "in_progress", "done"]
        self.board.cards.update(self._card(number, archived=number % 2 == 0), status=statuses[number % 3])

    def _set_status_and_archive(self, number: int) -> None:
        card = self._card(number, archived=number % 2 == 0)
        status: CardStatus = "done" if number % 3 else "open"
        self.board.cards.update(card, status=status, archived=not card.archived)

    def _delete_card(self, number: int) -> None:
        self.board.cards.delete(self._card(number, archived=number % 3 == 0))

    def _create_column(self, number: int) -> None:
        self.board.columns.create(name=f"Column {number}", order=number % 3)

    def _rename_column(self, number: int) -> None:
        self.board.columns.update(self._column(number), name=f"Renamed {number}")

    def _reorder_columns(self, number: int) -> None:
        self.board.columns.update(self._column(number), order=number % 4)

    def _delete_column(self, number: int) -> None:
        column, other = self._column(number), self._column(number + 1)
        self.board.columns.delete(column, move_cards_to=other.id)

    def _delete_scope(self, number: int) -> None:
        scope = self.board.scopes.create(name=f"Scope {number}")
        self.board.column(scope.columns[0]).cards.create(title="In the scope")
        if number % 2:
            self.board.scopes.delete(scope, move_cards_to=self._column(number).id)
        else:
            self.board.scopes.delete(scope)

    def _restore(self, number: int) -> None:
        self.workspace.trash.restore(self._choose(self.workspace.trash.list(), number))

    def _undo(self, number: int) -> None:
        self.board.undo(self._choose(self.board.activity.list(entity="card"), number % 3))

    def _import(self, number: int) -> None:
        self.board = self.workspace.project(self.workspace.projects.import_file(self.board.export()))
        self.days.clear()
        self.imported = self.clock()


@pytest.fixture
def start(world: World) -> Callable[[], Player]:
    """Return a function that starts a player with a new board."""
    person = world.person("ann")
    return partial(Player, world, person, world.workspace(person))


@pytest.mark.slow("makes random changes")
@settings(
    max_examples=15,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(ACTIONS), NUMBERS, st.sampled_from([0, 0, 0, 1, 2])),
        min_size=5,
        max_size=25,
    )
)
def test_flow_is_the_board_at_the_end_of_each_day(start, steps):
    player = start()
    for action, number, days in steps:
        player.act(action, number)
        player.end_day()
        player.clock.advance(timedelta(days=days, minutes=1))
    scopes = {scope.id: player.board.scope(scope) for scope in player.board.scopes.list()}
    handles: dict[str | None, Any] = {None: player.board, **scopes}
    for kind in product(("count", "estimate"), handles):
        flow = handles[kind[1]].flow(since=player.clock().date() - timedelta(days=60), unit=kind[0])
        assert flow.complete_since == min(player.days).isoformat()
        before: dict[tuple[str, str | None], dict[str, float]] = {}
        for index, day in enumerate(map(date.fromisoformat, flow.days)):
            before = player.days.get(day, before)
            counts = {column.id: column.counts[index] for column in flow.columns}
            counts |= {"done": flow.done[index], "remaining": flow.remaining[index]}
            assert {key: count for key, count in counts.items() if count} == before.get(kind, {}), (kind, day)
    moments = [moment for moment in player.completed.values() if moment and moment >= player.imported]
    completed = Counter(moment.date().isoformat() for moment in moments)
    flow = player.board.flow(since=player.clock().date() - timedelta(days=60))
    assert {day.day: day.cards for day in flow.completed_per_day if day.cards} == completed


def test_flow_names_a_renamed_and_a_deleted_column(start: Callable[[], Player]):
    player = start()
    to_do, doing, done = player.board.columns.list()
    player.board.cards.update(player.board.column(to_do).cards.create(title="Write"), column_id=doing.id)
    player.board.columns.update(to_do, name="Backlog")
    player.board.columns.update(doing, name="In work")
    player.clock.advance(timedelta(days=1))
    player.board.columns.delete(doing, move_cards_to=done.id)
    columns = player.board.flow(since=date(2026, 4, 1)).columns
    counts = [(column.name, column.counts) for column in columns]
    assert counts == [("Done", [0, 1]), ("In work", [1, 0])]
    assert player.board.flow(since=date(2026, 4, 2)).columns[0].counts == [1]


def test_card_that_is_brought_back_after_an_import_counts(start: Callable[[], Player]):
    player = start()
    card = player.board.column(player.board.columns.list()[0]).cards.create(title="Write")
    player.board.cards.update(card, archived=True)
    player.act("import", 0)
    player.act("bring back", 0)
    assert [(column.name, column.counts) for column in player.board.flow(since=date(2026, 4, 1)).columns] == [
        ("To Do", [1])
    ]


@pytest.mark.parametrize("kinds", [("column",), ("column", "card")], ids=["moved", "in the trash"])
def test_card_that_returns_to_a_restored_column_is_completed_when_it_was(start, kinds):
    player = start()
    to_do, _, done = player.board.columns.list()
    card = player.board.column(done).cards.create(title="Write")
    player.clock.advance(timedelta(days=1))
    player.board.columns.delete(done, move_cards_to=to_do.id)
    if "card" in kinds:
        player.board.cards.delete(card)
    assert not any(day.cards for day in player.board.flow().completed_per_day)
    player.clock.advance(timedelta(days=1))
    for kind in kinds:
        (entry,) = [entry for entry in player.workspace.trash.list() if entry.kind == kind]
        player.workspace.trash.restore(entry)
    assert player.board.cards.get(card).completed_at == card.completed_at
    flow = player.board.flow(since=date(2026, 4, 1))
    assert ([day.cards for day in flow.completed_per_day], flow.done) == ([1, 0, 0], [1, 0, 1])
    assert flow.lead_time.median_seconds == 0
    assert [day.cards for day in player.board.flow(since=date(2026, 4, 2)).completed_per_day] == [0, 0]


def test_figures_of_a_board(start: Callable[[], Player]):
    player = start()
    to_do, doing, done = player.board.columns.list()
    cards = [player.board.column(to_do).cards.create(title=title) for title in "ABCD"]
    first, second, third, _ = cards
    for days, card, column in (
        (0, first, doing),
        (1, first, done),
        (0, second, doing),
        (2, second, done),
        (1, third, doing),
    ):
        player.clock.advance(timedelta(days=days))
        player.board.cards.update(card, column_id=column.id)
    player.clock.advance(timedelta(days=3))
    flow = player.board.flow(since=date(2026, 4, 1))
    assert flow.complete_since == flow.days[0] == "2026-04-01"
    assert flow.remaining == [4, 3, 3, 2, 2, 2, 2, 2]
    assert flow.done == [0, 1, 1, 2, 2, 2, 2, 2]
    assert flow.total == [4] * 8
    assert [day.cards for day in flow.completed_per_day] == [0, 1, 0, 1, 0, 0, 0, 0]
    expected = [("2026-03-30", 2), ("2026-04-06", 0)]
    assert [(week.day, week.cards) for week in flow.completed_per_week] == expected
    hour = 3600
    lead, cycle = flow.lead_time, flow.cycle_time
    assert (lead.cards, lead.median_seconds, lead.p85_seconds) == (2, 48 * hour, 72 * hour)
    assert (cycle.cards, cycle.median_seconds, cycle.p95_seconds) == (2, 36 * hour, 48 * hour)
    assert [(card.key, card.title, card.age_seconds) for card in flow.in_progress] == [
        (third.key, "C", 72 * hour)
    ]
    assert flow.forecast == player.board.flow(since=date(2026, 4, 1)).forecast
    assert flow.forecast != player.board.flow(since=date(2026, 4, 1), seed=1).forecast
    for number, card in enumerate(cards, start=1):
        player.board.cards.update(card, estimate=number / 2)
    by_estimate = player.board.flow(since=date(2026, 4, 1), unit="estimate")
    assert (by_estimate.remaining[-2:], by_estimate.done[-2:]) == ([0, 3.5], [0, 1.5])
    assert [day.cards for day in by_estimate.completed_per_day] == [0, 1, 0, 1, 0, 0, 0, 0]
    earlier = player.board.flow(since=date(2026, 4, 1), until=date(2026, 4, 3))
    assert (earlier.remaining, earlier.lead_time.cards) == ([4, 3, 3], 1)


def test_the_oldest_cards_in_progress_are_listed(start, monkeypatch):
    player = start()
    to_do, doing, _ = player.board.columns.list()
    cards = [player.board.column(to_do).cards.create(title=title) for title in "ABC"]
    for card in reversed(cards):
        player.clock.advance(timedelta(hours=1))
        player.board.cards.update(card, column_id=doing.id)
    monkeypatch.setattr(flow_service, "CARDS_LISTED", 2)
    listed = player.board.flow().in_progress
    assert [(card.title, card.age_seconds) for card in listed] == [("C", 7200), ("B", 3600)]


def test_forecast():
    assert forecast_days([2, 2], 9, Random(0).random) == (5, 5, 5)
    # Half of the days complete a card: 3/4 of the trials are done in 2 days, 7/8 in 3, 15/16 in 4, 31/32 in 5.
    assert forecast_days([0, 1], 1, Random(0).random)[1:] == (3, 5)
    assert forecast_days([0, 0], 1, Random(0).random) == (None, None, None)
    assert forecast_days([0, 0], 0, Random(0).random) == (0, 0, 0)
    assert forecast_days([0, 1], 5_000, Random(0).random) == (None, None, None)
    assert forecast_days([0, 1, 2, 5], 40, Random(7).random) == (20, 25, 28)


def test_flow_says_since_when_its_record_is_complete(start: Callable[[], Player], world: World):
    player = start()
    to_do, doing, _ = player.board.columns.list()
    card = player.board.column(to_do).cards.create(title="Write")
    player.clock.advance(timedelta(days=2))
    player.board.cards.update(card, column_id=doing.id)
    player.clock.advance(timedelta(days=2))
    player.board.cards.update(card, column_id=to_do.id)

    def execute(statement: Any) -> tuple[str | None, list[int]]:
        with world.core.begin(NOBODY) as uow:
            uow.connection.execute(statement)
        flow = player.board.flow(since=date(2026, 4, 1))
        return flow.complete_since, [
            count for column in flow.columns if column.id == doing.id for count in column.counts
        ]

    first_day = activities.c.created_at < datetime(2026, 4, 2, tzinfo=UTC)
    assert execute(delete(activities).where(first_day)) == ("2026-04-04", [0, 0, 1, 1, 0])
    # As if a version that recorded no ids of columns had moved the card back.
    is_last = activities.c.created_at > datetime(2026, 4, 4, tzinfo=UTC)
    assert execute(update(activities).where(is_last).values(meta={})) == ("2026-04-06", [])


def test_archived_and_restored_cards_count_as_they_were(start: Callable[[], Player]):
    player = start()
    column = player.board.column(player.board.columns.list()[0])
    archived, deleted = column.cards.create(title="Archived"), column.cards.create(title="Deleted")
    player.board.cards.update(deleted, status="done")
    player.clock.advance(timedelta(days=1))
    player.board.cards.update(archived, archived=True)
    player.board.cards.delete(deleted)
    player.clock.advance(timedelta(days=1))
    player.act("restore", 0)
    flow = player.board.flow(since=date(2026, 4, 1))
    assert (flow.remaining, flow.done) == ([1, 0, 0], [1, 0, 1])
    assert [day.cards for day in flow.completed_per_day] == [1, 0, 0]


def test_transferred_card_counts_where_it_is(start: Callable[[], Player]):
    here, there = start(), start()
    to_do, doing, done = here.board.columns.list()
    here.board.column(to_do).cards.create(title="Stays")
    card = here.board.column(to_do).cards.create(title="Leaves")
    here.board.cards.update(card, archived=True)
    here.board.cards.update(card, archived=False, column_id=done.id)
    there.clock.advance(timedelta(days=2))
    here.board.cards.transfer(card, column_id=there.board.columns.list()[2].id)
    there.clock.advance(timedelta(days=1))
    flow = there.board.flow(since=date(2026, 4, 1))
    assert (flow.done, flow.remaining, flow.complete_since) == ([0, 0, 1, 1], [0] * 4, "2026-04-01")
    assert [(column.name, column.counts) for column in flow.columns] == [("Done", [0, 0, 1, 1])]
    assert [day.cards for day in flow.completed_per_day] == [0] * 4
    flow = here.board.flow(since=date(2026, 4, 1))
    # Its changes have followed it, so nothing is known of the time before.
    assert (flow.done, flow.remaining, flow.complete_since) == ([0] * 4, [1] * 4, "2026-04-03")
    assert doing.name not in [column.name for column in flow.columns]


@for_each(
    "parameters, problem",
    [
        ({"until": date(2026, 4, 2)}, "until must not be in the future"),
        ({"since": date(2026, 4, 1), "until": date(2026, 3, 1)}, "since must be at most"),
        ({"since": date(2025, 3, 31)}, "since must be at most 365 days before until"),
        ({"until": date(1, 1, 5)}, "until is too early"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_days_are_checked(start: Callable[[], Player], parameters: dict[str, Any], problem: str):
    with pytest.raises(Invalid, match=problem):
        start().board.flow(**parameters)


@pytest.mark.slow("creates 1,100 cards")
def test_many_changes_are_read_in_pages_up_to_a_limit(start, monkeypatch):
    player = start()
    column = player.board.columns.list()[0]
    for number in (500, 500, 100):
        player.board.cards.create_many(
            cards=[{"title": "Write", "columnId": column.id} for _ in range(number)]
        )
    assert player.board.flow(since=date(2026, 3, 31)).remaining == [0, 1100]
    monkeypatch.setattr(flow_service, "CHANGES_MAX", 1_050)
    with pytest.raises(Invalid, match="since must be later: there are more than 1,050 changes"):
        player.board.flow()


@pytest.mark.slow("records ten changes")
def test_reading_ends_when_the_client_leaves_and_counts_changes_of_any_kind(start, monkeypatch):
    player = start()
    card = player.board.cards.create(player.board.columns.list()[0], title="Write")
    for number in range(4):
        player.board.cards.update(card, title=f"Write {number}")
    monkeypatch.setattr(flow_service, "CHANGES_MAX", 4)
    with pytest.raises(Invalid, match="more than 4 changes"):
        player.board.flow()
    monkeypatch.setattr(flow_service, "CHANGES_MAX", 10)
    before = llm.caller_is_gone.set(lambda: True)
    try:
        with pytest.raises(ApiError) as refusal:
            player.board.flow()
    finally:
        llm.caller_is_gone.reset(before)
    assert refusal.value.code == "client_gone"
