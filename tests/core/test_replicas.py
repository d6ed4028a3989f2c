"""Positions of writes that several servers share, while their store is away and after it is back."""

from collections.abc import Callable, Sequence
from contextlib import closing

import attrs

from stellary.core.db import replicas
from stellary.core.db.replicas import EVERYONE, open_replicas
from tests.support.core_parts import Database
from tests.support.waiting import wait_until


@attrs.define
class Store:
    """A store in this process, with what happens elsewhere before it stores the position of everyone."""

    happen: Callable[[], None]
    is_away: bool = False
    positions: dict[str, int] = attrs.Factory(dict)

    def raise_positions(self, positions: dict[str, int]) -> None:
        if self.is_away:
            raise ConnectionError
        if EVERYONE in positions:
            self.happen()
        self.positions |= positions

    def read_positions(self, names: Sequence[str]) -> list[int | None]:
        if self.is_away:
            raise ConnectionError
        return [self.positions.get(name) for name in names]


def test_writes_share_their_positions_again_although_each_check_meets_one(postgres_url, monkeypatch):
    monkeypatch.setattr(replicas, "CHECK_SECONDS", 0.01)
    with closing(Database(postgres_url)) as primary:
        opened = open_replicas(postgres_url, primary, [postgres_url])
    assert opened is not None
    with closing(opened):
        store = Store(lambda: opened.note(["bob"]), is_away=True, positions={EVERYONE: 1})
        opened.start(store, lambda: True)
        opened.note(["ann"])
        assert store.positions == {EVERYONE: 1}
        store.is_away = False
        wait_until(lambda: store.positions[EVERYONE] > 1)

        def is_shared() -> bool:
            opened.note(["ann"])
            return "ann" in store.positions

        wait_until(is_shared)
