"""A test API for cards: a project with a user, and short calls for its columns and cards."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
from sqlalchemy import insert

from stellary.contract.cards import Card, CreateCard
from stellary.contract.fields import build_value, replace_fields
from stellary.core import NOBODY
from stellary.core.board.rows import card_rows
from stellary.core.board.rules.checklists import progress
from stellary.core.board.rules.positions import GAP
from tests.support.tables import cards
from tests.support.world import Person, Workspace, World

NOW = datetime(2026, 4, 1, tzinfo=UTC)
CARD = build_value(
    Card,
    CreateCard(title="t"),
    id="a",
    key="KEY-1",
    number=1,
    project_id="p",
    scope_id="s",
    column_id="c",
    order=0,
    archived=False,
    status="open",
    completed_at=None,
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
class CardApi:
    """A project in a workspace and the user who works on it. All calls go through the HTTP layer."""

    world: World
    person: Person
    workspace: Workspace
    project: dict[str, Any]

    @property
    def path(self) -> str:
        return f"{self.workspace.path}/projects/{self.project['id']}"

    def another(self, name: str = "another one") -> CardApi:
        """Create another project of the workspace, and return an API for it."""
        project = self.world.ask(self.person, "POST", f"{self.workspace.path}/projects", {"name": name})
        return attrs.evolve(self, project=project)

    # ------------------------------------------------------------------------------------------ calls

    def ask(self, method: str, tail: str = "", body: Any = None, **headers: str) -> Any:
        """Return the answer to a call below the project, which must succeed."""
        return self.world.ask(self.person, method, self.path + tail, body, **headers)

    def error(self, method: str, tail: str = "", body: Any = None, **headers: str) -> tuple[int, str]:
        """Return status and message of a call below the project, which must fail."""
        return self.world.error(self.person, method, self.path + tail, body, **headers)

    # ------------------------------------------------------------------------------------------ columns

    def columns(self) -> list[dict[str, Any]]:
        return self.ask("GET", "/columns")

    def column(self, name: str, **fields: Any) -> str:
        """Create a column, and return its id."""
        return self.ask("POST", "/columns", {"name": name, **fields})["id"]

    # ------------------------------------------------------------------------------------------ cards

    def card(self, column: str, title: str = "a card", **fields: Any) -> dict[str, Any]:
        """Create a card."""
        return self.ask("POST", f"/columns/{column}/cards", {"title": title, **fields})

    def cards(self, column: str, titles: str) -> list[str]:
        """Create several cards, and return their ids: ``a, b = api.cards(todo, "a b")``."""
        return [self.card(column, title)["id"] for title in titles.split()]

    def fill(self, column: str, count: int, gap: int = GAP) -> list[str]:
        """Insert cards with a gap between their positions into a column, and return their ids."""
        column_value = next(column_value for column_value in self.columns() if column_value["id"] == column)
        with self.world.core.begin(NOBODY) as uow:
            ids = {"project_id": self.project["id"], "scope_id": column_value["scopeId"], "column_id": column}
            rows = [
                card_rows.row(
                    replace_fields(
                        CARD, id=uow.new_id(), number=10_000 + n, created_by_id=self.person.id, **ids
                    ),
                    n * gap,
                )
                for n in range(count)
            ]
            uow.connection.execute(insert(cards), rows)
        return [row["id"] for row in rows]

    def change(self, card: str, **fields: Any) -> dict[str, Any]:
        """Update a card."""
        return self.ask("PATCH", f"/cards/{card}", fields)

    def read(self, card: str) -> dict[str, Any]:
        return self.ask("GET", f"/cards/{card}")

    def list_cards(self, query: str = "") -> list[dict[str, Any]]:
        return self.ask("GET", f"/cards?{query}")

    def titles(self, column: str) -> str:
        """Return the titles of the unarchived cards of a column in order, which must be dense."""
        standing_cards = [card for card in self.list_cards(f"columnId={column}") if not card["archived"]]
        assert [card["order"] for card in standing_cards] == list(range(len(standing_cards)))
        return " ".join(card["title"] for card in standing_cards)
