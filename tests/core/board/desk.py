"""A desk to work at: somebody with a project, its columns, and short ways to ask about its cards."""

from __future__ import annotations

from typing import Any

import attrs
import orjson

from tests.world import Person, Workspace, World


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
