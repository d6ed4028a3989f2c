"""Moves of cards in columns of 100,000 and of 100 cards, through the core, without HTTP."""

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
    """A project with a column of ``size`` cards, and a second column; a card moves between the two."""

    def __init__(self, world: World, person: Person, workspace: Workspace, size: int) -> None:
        self._core, self._person, self._size = world.core, person, size
        project = world.ask(person, "POST", f"{workspace.path}/projects", {"name": f"Of {size}"})
        path = f"{workspace.path}/projects/{project['id']}"
        self._columns = [column["id"] for column in world.ask(person, "GET", f"{path}/columns")[:2]]
        for start in range(0, size, _BATCH):
            titles = range(start, min(start + _BATCH, size))
            cards = [{"title": f"Card {number}", "columnId": self._columns[1]} for number in titles]
            world.ask(person, "POST", f"{path}/cards/bulk", {"cards": cards})
        card = world.ask(person, "POST", f"{path}/columns/{self._columns[0]}/cards", {"title": "moves"})
        self._ref = workspace.ref.child(CardRef, project["id"], card["id"])
        self._moves = itertools.cycle(
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
        """Make six moves, to the top, the middle and the end and back, and return the seconds of each."""
        durations = []
        for move in itertools.islice(self._moves, 6):
            with self._core.begin(self._person.actor) as uow:
                # Exclude the commit, which waits for the disk and would hide the difference.
                began = time.perf_counter()
                update_card(uow, self._ref, move)
                durations.append(time.perf_counter() - began)
        return durations


def run(
    databases: Databases, kind: Kind, rounds: int, sizes: tuple[int, int] = (SMALL, LARGE)
) -> Iterator[tuple[str, float]]:
    """Measure moves into a large column and out of it, in turn with those of a small one.

    Args:
        databases: The source of databases.
        kind: The kind of database.
        rounds: The number of rounds, of six moves each.
        sizes: The numbers of cards in the two columns.
    """
    core = Core(databases.new(kind).url, bcrypt_rounds=4)
    with closing(core):
        core.migrate()
        world = World(core)
        person = world.person()
        workspace = world.workspace(person)
        boards = [Board(world, person, workspace, size) for size in sizes]
        durations: list[list[float]] = [[], []]
        for number in range(rounds + 1):
            for board, times in zip(boards, durations, strict=True):
                seconds = board.round()
                # The first round builds what is built once.
                if number:
                    times.extend(seconds)
    small, large = map(statistics.median, durations)
    yield f"{kind}.places.move_us", small * 1e6
    yield f"{kind}.places.{sizes[1]}/{sizes[0]}", large / small
