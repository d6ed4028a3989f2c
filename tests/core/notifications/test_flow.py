"""The cumulative flow of a board, computed from its activity, against the board as it was at the end of each day."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stellary import ApiError, NotFound, Stellary
from stellary.client.transfer.flow import compute_flow
from tests.support.world import Person, Workspace, World

ACTIONS = (
    "create",
    "create many",
    "move",
    "archive",
    "bring back",
    "move archived",
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
        self.days: dict[date, dict[str, int]] = {}

    def end_day(self) -> None:
        """Note the numbers of cards."""
        columns = self.board.columns.list()
        self.days[self.clock().date()] = {
            column.id: column.card_count for column in columns if column.card_count
        }

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
            cards=[{"title": f"Card {index}", "column_id": column_id} for index in range(number % 4 + 1)]
        )

    def _move(self, number: int) -> None:
        self.board.cards.update(self._card(number), column_id=self._column(number // 7).id)

    def _archive(self, number: int) -> None:
        self.board.cards.update(self._card(number), archived=True)

    def _bring_back(self, number: int) -> None:
        self.board.cards.update(self._card(number, archived=True), archived=False)

    def _move_archived(self, number: int) -> None:
        self.board.cards.update(self._card(number, archived=True), column_id=self._column(number // 7).id)

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


@pytest.fixture
def start(world: World) -> Callable[[], Player]:
    """Return a function that starts a player with a new board."""
    person = world.person("ann")
    return partial(Player, world, person, world.workspace(person))


@pytest.mark.slow("makes random changes")
@settings(
    max_examples=8,
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
def test_flow_is_the_board_at_the_end_of_each_day(
    start: Callable[[], Player], steps: list[tuple[str, int, int]]
):
    player = start()
    for action, number, days in steps:
        player.act(action, number)
        player.end_day()
        player.clock.advance(timedelta(days=days, minutes=1))
    flow = player.board.flow(until=player.clock().date())
    assert flow.days[0] == min(player.days)
    before: dict[str, int] = {}
    for index, day in enumerate(flow.days):
        before = player.days.get(day, before)
        counts = {column.id: column.counts[index] for column in flow.columns if column.counts[index]}
        assert counts == before, day


def test_flow_names_a_renamed_and_a_deleted_column(start: Callable[[], Player]):
    player = start()
    to_do, doing, done = player.board.columns.list()
    card = player.board.column(to_do).cards.create(title="Write")
    player.board.cards.update(card, column_id=doing.id)
    player.board.columns.update(to_do, name="Backlog")
    player.board.columns.update(doing, name="In work")
    player.clock.advance(timedelta(days=1))
    player.board.columns.delete(doing, move_cards_to=done.id)
    flow = player.board.flow()
    assert [(column.name, column.counts) for column in flow.columns] == [
        ("In work", [1, 0]),
        ("Done", [0, 1]),
    ]
    assert player.board.flow(since=date(2026, 4, 2)).columns[0].counts == [1]


def test_card_that_is_brought_back_after_an_import_counts(start: Callable[[], Player]):
    player = start()
    card = player.board.column(player.board.columns.list()[0]).cards.create(title="Write")
    player.board.cards.update(card, archived=True)
    player.act("import", 0)
    player.act("bring back", 0)
    assert [(column.name, column.counts) for column in player.board.flow().columns] == [("To Do", [1])]


def test_flow_of_no_activity_is_empty():
    assert compute_flow([]).days == compute_flow([], until=date(2026, 4, 1)).days == []
