"""A desk to work at: somebody with a project, its columns, and short ways to ask about its cards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
import orjson
from sqlalchemy import insert

from stellary.contract.cards import Card
from stellary.core.board import card_rows
from stellary.core.board.rules.cards import replace_fields
from stellary.core.board.rules.checklists import progress
from stellary.core.board.rules.positions import GAP
from stellary.core.board.tables import cards
from stellary.core.kernel.unit import NOBODY
from tests.support.world import Person, Workspace, World

NOW = datetime(2026, 4, 1, tzinfo=UTC)
CARD = Card(
    id="a",
    key="KEY-1",
    number=1,
    title="t",
    description=None,
    project_id="p",
    scope_id="s",
    column_id="c",
    order=0,
    archived=False,
    status="open",
    priority=None,
    start_date=None,
    due_date=None,
    completed_at=None,
    assignee_id=None,
    created_by_id="u",
    label_ids=[],
    custom_fields={},
    checklist=[],
    checklist_progress=progress([]),
    comment_count=0,
    attachment_count=0,
    version=1,
    created_at=NOW,
    updated_at=NOW,
)


@attrs.define
class Desk:
    """A project in a workspace, and whoever works on it. Everything is asked as over HTTP."""

    world: World
    person: Person
    workspace: Workspace
    project: dict[str, Any]

    @property
    def path(self) -> str:
        return f"{self.workspace.path}/projects/{self.project['id']}"

    def another(self, name: str = "another one") -> Desk:
        """The same person at a new project of the workspace."""
        made = self.world.ask(self.person, "POST", f"{self.workspace.path}/projects", {"name": name})
        return attrs.evolve(self, project=made)

    # ------------------------------------------------------------------------------------------ asking

    def ask(self, method: str, tail: str = "", body: Any = None, **headers: str) -> Any:
        """The answer to a call below the project that has to succeed."""
        return self.world.ask(self.person, method, self.path + tail, body, **headers)

    def error(self, method: str, tail: str = "", body: Any = None, **headers: str) -> tuple[int, str]:
        """Status and message of a call below the project that has to fail."""
        answer = self.world.call(self.person, method, self.path + tail, body, **headers)
        assert answer.status >= 400, answer
        return answer.status, orjson.loads(answer.body)["message"]

    # ------------------------------------------------------------------------------------------ columns

    def columns(self) -> list[dict[str, Any]]:
        return self.ask("GET", "/columns")

    def column(self, name: str, **fields: Any) -> str:
        """The id of a new column."""
        return self.ask("POST", "/columns", {"name": name, **fields})["id"]

    # ------------------------------------------------------------------------------------------ cards

    def card(self, column: str, title: str = "a card", **fields: Any) -> dict[str, Any]:
        """A new card."""
        return self.ask("POST", f"/columns/{column}/cards", {"title": title, **fields})

    def cards(self, column: str, titles: str) -> list[str]:
        """The ids of several new cards: ``a, b = desk.cards(todo, "a b")``."""
        return [self.card(column, title)["id"] for title in titles.split()]

    def fill(self, column: str, count: int, gap: int = GAP) -> list[str]:
        """The ids of so many cards, written straight into a column, their positions that far apart."""
        stage = next(each for each in self.columns() if each["id"] == column)
        with self.world.core.begin(NOBODY) as uow:
            place = {"project_id": self.project["id"], "scope_id": stage["scopeId"], "column_id": column}
            rows = [
                card_rows.row(
                    replace_fields(
                        CARD, id=uow.new_id(), number=10_000 + n, created_by_id=self.person.id, **place
                    ),
                    n * gap,
                )
                for n in range(count)
            ]
            uow.connection.execute(insert(cards), rows)
        return [row["id"] for row in rows]

    def change(self, card: str, **fields: Any) -> dict[str, Any]:
        """A card after a change."""
        return self.ask("PATCH", f"/cards/{card}", fields)

    def read(self, card: str) -> dict[str, Any]:
        return self.ask("GET", f"/cards/{card}")

    def listed(self, query: str = "") -> list[dict[str, Any]]:
        return self.ask("GET", f"/cards?{query}")

    def titles(self, column: str) -> str:
        """The titles of the cards that stand in a column, in their order, which has to be dense."""
        found = [card for card in self.listed(f"columnId={column}") if not card["archived"]]
        assert [card["order"] for card in found] == list(range(len(found)))
        return " ".join(card["title"] for card in found)
