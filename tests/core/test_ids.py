"""Ids sort by creation, also when a clock was ahead and is set back."""

import itertools
import re
from contextlib import closing

import pytest

from stellary.core import NOBODY, Core
from stellary.core.db import base
from stellary.core.db.base import Ids
from tests.support.boards import ask, create_board


class Clocks:
    """The system's clock and its monotonic one, as a test sets them.

    Attributes:
        time: Seconds since 1970.
        running: Seconds since some moment; never set back.
    """

    def __init__(self) -> None:
        self.time = 1_800_000_000.0
        self.running = 50.0

    def advance(self, seconds: float) -> None:
        self.time += seconds
        self.running += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    clocks = Clocks()
    monkeypatch.setattr(base.time, "time", lambda: clocks.time)
    monkeypatch.setattr(base.time, "monotonic", lambda: clocks.running)
    return clocks


def second_of(id: str) -> int:
    return int(id[:8], 16)


def test_ids_sort_in_the_order_in_which_they_were_made():
    new_id = Ids()
    ids = [new_id() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert all(re.fullmatch("[0-9a-f]{24}", id) for id in ids)


def test_ids_still_sort_after_the_clock_is_set_back(clocks):
    new_id = Ids()
    ids = [new_id()]
    clocks.time -= 3600
    for _ in range(100):
        ids.append(new_id())
        clocks.advance(60)
    assert ids == sorted(ids)


def test_ids_hold_the_time_again_once_the_clock_has_caught_up(clocks):
    new_id = Ids()
    new_id()
    clocks.time -= 3600
    ahead = []
    for _ in range(720):
        clocks.advance(10)
        ahead.append(second_of(new_id()) - int(clocks.time))
    assert ahead == sorted(ahead, reverse=True)
    assert (ahead[359], ahead[-1]) == (1800, 0)


def test_an_id_of_no_clock_is_not_continued(clocks):
    new_id = Ids()
    new_id.continue_after("f" * 24)
    assert second_of(new_id()) == int(clocks.time)


def test_cards_made_after_a_restart_come_later_though_the_clock_was_ahead(core, database_url, clocks):
    board = create_board(core)
    clocks.advance(7200)
    board.card("first")
    clocks.advance(-7200)
    with closing(Core(database_url, bcrypt_rounds=4)) as restarted:
        board.world.core = restarted
        for title in ("second", "third"):
            clocks.advance(5)
            board.card(title)
        page = ask(board, "GET", f"{board.path}/cards?limit=10")
    assert [card["title"] for card in page] == ["first", "second", "third"]


def test_a_host_that_makes_its_own_ids_is_left_to_itself(database_url):
    numbers = itertools.count(1)
    with closing(Core(database_url, ids=lambda: f"{next(numbers):024x}")) as core, core.begin(NOBODY) as uow:
        assert int(uow.new_id(), 16) == next(numbers) - 1
