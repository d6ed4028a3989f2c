"""The order of cards: after any sequence of calls, each column is dense."""

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from stellary.core import NOBODY
from tests.core.board.card_api import CardApi
from tests.support.tables import cards

PLACE = st.integers(0, 12)


class Columns(RuleBasedStateMachine):
    """Cards in two columns against two lists."""

    api: CardApi

    def __init__(self):
        super().__init__()
        self.lists: dict[str, list[str]] = {}
        self.archived: dict[str, str] = {}
        self.titles = itertools.count()

    @initialize()
    def make_columns(self):
        scope = self.api.columns()[0]["scopeId"]
        self.lists = {self.api.column(name, scopeId=scope): [] for name in ("here", "there")}

    def where(self, card):
        return next(column for column, column_cards in self.lists.items() if card in column_cards)

    def standing(self):
        return [card for column_cards in self.lists.values() for card in column_cards]

    def pick(self, data, cards):
        return data.draw(st.sampled_from(sorted(cards))) if cards else None

    def put(self, card, column, place):
        for column_cards in self.lists.values():
            if card in column_cards:
                column_cards.remove(card)
        self.lists[column].insert(place, card)

    @rule(data=st.data())
    def create(self, data):
        column = self.pick(data, self.lists)
        card = self.api.card(column, str(next(self.titles)))
        assert card["order"] == len(self.lists[column])
        self.lists[column].append(card["id"])

    @rule(data=st.data(), count=st.integers(1, 5))
    def create_many(self, data, count):
        new_cards = [(self.pick(data, self.lists), str(next(self.titles))) for _ in range(count)]
        body = {"cards": [{"columnId": column, "title": title} for column, title in new_cards]}
        for card in self.api.ask("POST", "/cards/bulk", body):
            assert card["order"] == len(self.lists[card["columnId"]])
            self.lists[card["columnId"]].append(card["id"])

    @rule(data=st.data(), place=PLACE)
    def move_within(self, data, place):
        if card := self.pick(data, self.standing()):
            column = self.where(card)
            self.put(card, column, place)
            assert self.api.change(card, order=place)["order"] == self.lists[column].index(card)

    @rule(data=st.data(), place=PLACE)
    def move_to_a_place(self, data, place):
        if card := self.pick(data, self.standing()):
            column = self.pick(data, self.lists)
            self.put(card, column, place)
            moved = self.api.change(card, columnId=column, order=place)
            assert moved["order"] == self.lists[column].index(card)

    @rule(data=st.data())
    def move_to_the_end(self, data):
        if card := self.pick(data, self.standing()):
            column = self.pick(data, self.lists)
            self.put(card, column, len(self.standing()))
            assert self.api.change(card, columnId=column)["order"] == len(self.lists[column]) - 1

    @rule(data=st.data(), after=st.booleans(), name_the_column=st.booleans())
    def move_beside(self, data, after, name_the_column):
        anchor = self.pick(data, self.standing())
        card = self.pick(data, set(self.standing()) - {anchor})
        if anchor is None or card is None:
            return
        column = self.where(anchor)
        fields = {"after" if after else "before": anchor}
        if name_the_column or self.where(card) != column:
            fields["columnId"] = column
        self.put(card, column, 10**6)
        self.lists[column].remove(card)
        self.put(card, column, self.lists[column].index(anchor) + after)
        assert self.api.change(card, **fields)["order"] == self.lists[column].index(card)

    @rule(data=st.data())
    def archive(self, data):
        if card := self.pick(data, self.standing()):
            column = self.where(card)
            self.lists[column].remove(card)
            self.archived[card] = column
            assert self.api.change(card, archived=True)["order"] is None

    @rule(data=st.data(), place=st.none() | PLACE)
    def unarchive(self, data, place):
        if card := self.pick(data, self.archived):
            column = self.archived.pop(card)
            self.lists[column].insert(10**6 if place is None else place, card)
            fields = {} if place is None else {"order": place}
            assert self.api.change(card, archived=False, **fields)["order"] == self.lists[column].index(card)

    @rule(data=st.data())
    def delete(self, data):
        if card := self.pick(data, self.standing()):
            self.lists[self.where(card)].remove(card)
            self.api.ask("DELETE", f"/cards/{card}")

    @rule(data=st.data(), places=st.lists(PLACE, min_size=1, max_size=6))
    def move_many(self, data, places):
        changes = []
        for place in places:
            if card := self.pick(data, set(self.standing()) - {change["id"] for change in changes}):
                column = self.pick(data, self.lists)
                self.put(card, column, place)
                changes.append({"id": card, "columnId": column, "order": place})
        if changes:
            for moved in self.api.ask("PATCH", "/cards/bulk", {"cards": changes}):
                assert moved["order"] == self.lists[moved["columnId"]].index(moved["id"])

    @rule(data=st.data())
    def many_at_one_place(self, data):
        """Insert cards until no gap is left, so that the cards around are spread again."""
        column = self.pick(data, self.lists)
        for _ in range(40):
            if len(self.lists[column]) < 3:
                return
            card = self.lists[column][-1]
            self.put(card, column, 1)
            self.api.change(card, order=1)

    @invariant()
    def columns_are_lists(self):
        lists = {column: [] for column in self.lists}
        for card in self.api.list_cards("archived=false"):
            assert card["order"] == len(lists[card["columnId"]])
            lists[card["columnId"]].append(card["id"])
        assert lists == self.lists


@pytest.mark.slow("makes random moves")
def test_any_sequence_leaves_each_column_a_list(api):
    class Fresh(Columns):
        def __init__(self):
            super().__init__()
            self.api = api.another()

    run_state_machine_as_test(
        Fresh, settings=settings(max_examples=20, stateful_step_count=25, deadline=None)
    )


def positions(api, column):
    rows = select(cards.c.position).where(cards.c.column_id == column).order_by(cards.c.position)
    with api.world.core.view(NOBODY) as uow:
        return list(uow.connection.execute(rows).scalars())


def test_move_writes_one_card(api):
    todo = api.columns()[0]["id"]
    ids = api.cards(todo, "a b c d")
    before = positions(api, todo)
    api.change(ids[3], order=1)
    assert len(set(positions(api, todo)) - set(before)) == 1
    assert api.titles(todo) == "a d b c"


def test_cards_without_any_room_between_are_spread_together(api):
    todo = api.columns()[0]["id"]
    model = api.fill(todo, 300, gap=1)
    card = model.pop()
    model.insert(150, card)
    assert api.change(card, order=150)["order"] == 150
    assert [listed_card["id"] for listed_card in api.list_cards(f"columnId={todo}")] == model


@pytest.mark.slow("creates many cards")
def test_inserting_before_one_card_spreads_the_cards_around_it(api):
    todo = api.columns()[0]["id"]
    first, last = api.cards(todo, "a z")
    model = [first, last]
    for index in range(100):
        card = api.card(todo, str(index))["id"]
        model.insert(-1, card)
        api.change(card, before=last)
    assert [card["id"] for card in api.list_cards(f"columnId={todo}")] == model
