"""Pages during concurrent writes: existing items appear once and in order."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.boards import Board

WRITES = ("add", "change", "remove")


class Lists:
    """A board whose lists are read by the page. What is removed is only ever what was added meanwhile."""

    def __init__(self, world):
        self.world = world
        self.ann, self.bob = world.people("ann bob")
        self.board = Board(world, self.ann)
        self.board.join(self.bob)
        self.card = self.board.card("a card", assigneeId=self.bob.id)
        self.added: list[dict] = []

    def paths(self) -> dict[str, str]:
        board = self.board
        return {
            "cards": f"{board.path}/cards",
            "comments": f"{board.of(self.card)}/comments",
            "activity": f"{board.path}/activity",
            "notifications": "/notifications",
            "search": f"{board.flat}/search?q=moon",
        }

    def add(self) -> None:
        """A card that concerns bob, and a comment: one more row in each list."""
        number = len(self.added)
        body = {"description": "moon" if number % 2 else "moons", "assigneeId": self.bob.id}
        self.added.append(self.board.card("moon" if number % 3 else "x", **body))
        self.board.comment(self.card, "moon")

    def change(self) -> None:
        """Something that stands in the lists says something else, and moves on the board."""
        for card in self.added[-1:]:
            change = {"title": "moons", "columnId": self.board.columns[1]["id"], "order": 0}
            self.world.ask(self.ann, "PATCH", self.board.of(card), change)

    def remove(self) -> None:
        for card in self.added[-1:]:
            self.world.ask(self.ann, "DELETE", self.board.of(card))
        del self.added[-1:]

    def page(self, path: str) -> tuple[list[str], str]:
        """The ids of a page, and the path of the one after it."""
        answer = self.world.call(self.bob, "GET", path)
        assert answer.status == 200
        ids = [row["id"] for row in self.world.ask(self.bob, "GET", path)]
        return ids, answer.headers.get("link", "").partition("<")[2].partition(">")[0]

    def all_pages(self, path: str, limit: int, between: Callable[[], None]) -> list[str]:
        collected: list[str] = []
        path = f"{path}{'&' if '?' in path else '?'}limit={limit}"
        while path:
            ids, path = self.page(path)
            collected += ids
            between()
        return collected


@pytest.fixture
def lists(world):
    lists = Lists(world)
    for _ in range(6):
        lists.add()
    lists.added.clear()
    return lists


@pytest.mark.slow("reads each list under random writes")
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    limit=st.integers(1, 4),
    writes=st.lists(st.lists(st.sampled_from(WRITES), max_size=3), min_size=4, max_size=12),
)
@pytest.mark.parametrize("name", ["cards", "comments", "activity", "notifications", "search"])
def test_pages_neither_repeat_nor_skip_while_others_write(lists, name, limit, writes):
    path = lists.paths()[name]
    whole, _ = lists.page(f"{path}{'&' if '?' in path else '?'}limit=500")
    # Whatever an earlier round has added is there all along in this one.
    lists.added.clear()
    waiting = list(writes)

    def between():
        for write in waiting.pop(0) if waiting else ():
            getattr(lists, write)()

    collected = lists.all_pages(path, limit, between)
    assert [id for id in collected if id in set(whole)] == whole
    assert len(collected) == len(set(collected))
