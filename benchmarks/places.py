"""Places: does it take longer to move a card where 100,000 stand than where 100 do? Through the core, without HTTP."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Iterator
from contextlib import closing

from benchmarks.databases import Databases, Kind
from stellary.contract.cards import UpdateCard
from stellary.contract.refs import CardRef
from stellary.core import Core
from stellary.core.board.cards import update_card
from tests.support.world import Person, Workspace, World

SMALL = 100
LARGE = 100_000
_BATCH = 500


class Board:
    """A project with a column of so many cards, and one beside it from which a card goes there and back."""

    def __init__(self, world: World, person: Person, workspace: Workspace, size: int) -> None:
        self._core, self._person, self._size = world.core, person, size
        project = world.ask(person, "POST", f"{workspace.path}/projects", {"name": f"Of {size}"})
        path = f"{workspace.path}/projects/{project['id']}"
        self._columns = [column["id"] for column in world.ask(person, "GET", f"{path}/columns")[:2]]
        for start in range(0, size, _BATCH):
            titles = range(start, min(start + _BATCH, size))
            cards = [{"title": f"Card {number}", "columnId": self._columns[1]} for number in titles]
            world.ask(person, "POST", f"{path}/cards/bulk", {"cards": cards})
        made = world.ask(person, "POST", f"{path}/columns/{self._columns[0]}/cards", {"title": "moves"})
        self._ref = workspace.ref.child(CardRef, project["id"], made["id"])
        self._wishes = itertools.cycle(
            [
                UpdateCard(column_id=self._columns[1], order=0),
                UpdateCard(column_id=self._columns[0]),
                UpdateCard(column_id=self._columns[1], order=size // 2),
                UpdateCard(column_id=self._columns[0]),
                UpdateCard(column_id=self._columns[1]),
                UpdateCard(column_id=self._columns[0]),
            ]
        )

    def round(self) -> list[float]:
        """The seconds that each of the six moves takes: to the top, the middle and the end, and back."""
        taken = []
        for wish in itertools.islice(self._wishes, 6):
            with self._core.begin(self._person.actor) as uow:
                # Without the commit, which waits for the disk and would hide the difference.
                began = time.perf_counter()
                update_card(uow, self._ref, wish)
                taken.append(time.perf_counter() - began)
        return taken


def run(
    made: Databases, kind: Kind, rounds: int, sizes: tuple[int, int] = (SMALL, LARGE)
) -> Iterator[tuple[str, float]]:
    """Moves into a large column and out of it, and the same with a small one, in turn.

    Args:
        made: Where databases come from.
        kind: Of database.
        rounds: Of six moves each.
        sizes: How many cards stand in the columns.
    """
    core = Core(made.new(kind).url, bcrypt_rounds=4)
    with closing(core):
        core.migrate()
        world = World(core)
        person = world.person()
        workspace = world.workspace(person)
        boards = [Board(world, person, workspace, size) for size in sizes]
        taken: list[list[float]] = [[], []]
        for number in range(rounds + 1):
            for board, times in zip(boards, taken, strict=True):
                seconds = board.round()
                # The first round builds what is built once.
                if number:
                    times.extend(seconds)
    small, large = map(statistics.median, taken)
    yield f"{kind}.places.move_us", small * 1e6
    yield f"{kind}.places.{sizes[1]}/{sizes[0]}", large / small
