"""Restored cards, columns and scopes come back between their former neighbours, however others have moved."""

import random

import pytest

from tests.core.trash.conftest import TrashApi

STEPS = 24
CROWD = 36
"""More insertions at one place than the gap between two cards has room for."""


class Siblings:
    """The items of a kind, in order: cards of a column, columns of a scope, or scopes of a project.

    Args:
        api: Calls about the project.
        kind: ``card``, ``column`` or ``scope``.
    """

    def __init__(self, api: TrashApi, kind: str) -> None:
        self.api = api
        self.kind = kind
        self.column_id = api.project.column_ids[0]
        self.flat = api.project.workspace.path

    def list_ids(self):
        """Return the ids of the items, in order."""
        if self.kind == "card":
            cards = self.api.ask("GET", f"/cards?columnId={self.column_id}")
            return [card["id"] for card in sorted(cards, key=lambda card: card["order"])]
        if self.kind == "scope":
            return [scope["id"] for scope in self.api.ask("GET", "/scopes")]
        (scope,) = self.api.ask("GET", "/scopes")
        return [column["id"] for column in scope["columns"]]

    def path(self, item_id):
        return {
            "card": f"/cards/{item_id}",
            "column": f"/columns/{item_id}",
            "scope": f"{self.flat}/scopes/{item_id}",
        }[self.kind]

    def create(self, order):
        """Create an item at an order."""
        if self.kind == "card":
            item = self.api.ask("POST", f"/columns/{self.column_id}/cards", {"title": "new"})
            self.move(item["id"], order)
        else:
            item = self.api.ask("POST", f"/{self.kind}s", {"name": "new", "order": order})
        return item["id"]

    def move(self, item_id, order):
        """Move an item to an order."""
        self.api.ask("PATCH", self.path(item_id), {"order": order})

    def crowd(self, anchor_id):
        """Insert many cards after a card, one by one and then together."""
        cards = [{"title": "crowd", "columnId": self.api.project.column_ids[1]}] * (CROWD + 3)
        ids = [card["id"] for card in self.api.ask("POST", "/cards/bulk", {"cards": cards})]
        place = {"columnId": self.column_id, "after": anchor_id}
        for card_id in ids[:CROWD]:
            self.api.ask("PATCH", self.path(card_id), place)
        self.api.ask("PATCH", "/cards/bulk", {"cards": [{"id": id, **place} for id in ids[CROWD:]]})


class Player:
    """A player that deletes, restores, moves and inserts items, and knows which ones stood before which.

    Attributes:
        pairs: The ids of deleted items with those of others, each pair in its former order, unless one has moved since.
    """

    def __init__(self, siblings: Siblings, seed: int) -> None:
        self.siblings = siblings
        self.random = random.Random(seed)
        self.pairs: set[tuple[str, str]] = set()
        self.deleted_ids: list[str] = []
        for order in range(6):
            siblings.create(order)

    def choose(self, ids):
        return self.random.choice(ids)

    def delete(self):
        ids = self.siblings.list_ids()
        # The default scope cannot be deleted.
        item_id = self.choose(ids)
        if self.siblings.api.status("DELETE", self.siblings.path(item_id)) == 200:
            index = ids.index(item_id)
            self.pairs |= {(id, item_id) for id in ids[:index]} | {(item_id, id) for id in ids[index + 1 :]}
            self.deleted_ids.append(item_id)

    def move(self):
        ids = self.siblings.list_ids()
        item_id, order = self.choose(ids), self.choose((0, len(ids) // 2, len(ids) - 1))
        if ids.index(item_id) != order:
            self.siblings.move(item_id, order)
            self.pairs = {pair for pair in self.pairs if item_id not in pair}

    def insert(self):
        count = len(self.siblings.list_ids())
        self.siblings.create(self.choose((0, count // 2, count)))

    def crowd(self):
        """Insert many cards right before or after where a deleted one stood."""
        if self.siblings.kind == "card" and self.deleted_ids:
            deleted_id = self.choose(self.deleted_ids)
            ids = self.siblings.list_ids()
            preceding_ids = [id for id in ids if (id, deleted_id) in self.pairs]
            self.siblings.crowd(preceding_ids[-1] if preceding_ids else ids[0])

    def restore(self):
        if not self.deleted_ids:
            return
        item_id = self.choose(self.deleted_ids)
        self.siblings.api.restore(item_id)
        self.deleted_ids.remove(item_id)
        ids = self.siblings.list_ids()
        orders = {id: order for order, id in enumerate(ids)}
        misplaced = [
            pair
            for pair in self.pairs
            if item_id in pair and orders.keys() >= set(pair) and orders[pair[0]] > orders[pair[1]]
        ]
        assert not misplaced, (ids.index(item_id), ids, misplaced)
        deleted_ids = set(self.deleted_ids)
        self.pairs = {pair for pair in self.pairs if item_id not in pair or deleted_ids & set(pair)}

    def play(self):
        """Do everything at random, and restore what is still deleted at the end."""
        for step in range(STEPS):
            if step in (STEPS // 3, 2 * STEPS // 3):
                self.crowd()
            self.choose((self.delete, self.delete, self.move, self.insert, self.restore))()
        while self.deleted_ids:
            self.restore()


@pytest.mark.slow("deletes and restores each neighbour")
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["card", "column", "scope"])
def test_restored_item_stands_between_its_former_neighbours(trash_api, kind, seed):
    Player(Siblings(trash_api, kind), seed).play()


def test_restored_card_gets_a_position_of_its_own(trash_api):
    first, second = trash_api.card("first"), trash_api.card("second")
    trash_api.ask("DELETE", f"/cards/{second['id']}")
    # The new card gets the position of the deleted one.
    third = trash_api.card("third")
    trash_api.restore(second["id"])
    for order, card in enumerate((first, second, third)):
        assert trash_api.ask("GET", f"/cards/{card['id']}")["order"] == order
    between = trash_api.card("between")
    trash_api.ask("PATCH", f"/cards/{between['id']}", {"before": third["id"]})
    cards = sorted(trash_api.ask("GET", "/cards"), key=lambda card: card["order"])
    assert [card["title"] for card in cards] == ["first", "second", "between", "third"]
