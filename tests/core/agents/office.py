"""A board on which agents work, and short ways to make them, to give them tokens, and to see what they have done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.boards import Board, Json

OFTEN = {"maxActions": 10_000, "windowSeconds": 60}


class Office(Board):
    """A board, and agents."""

    @property
    def agents(self) -> str:
        return f"{self.flat}/agents"

    def agent(
        self, mode: str = "autonomous", tools: Sequence[str] = ("board.read", "board.write"), **more: Any
    ) -> Json:
        """A new agent of the owner's."""
        body = {"name": "Scribe", "autonomyMode": mode, "tools": list(tools), "rateLimit": OFTEN, **more}
        made: Json = self.world.ask(self.owner, "POST", self.agents, body)
        return made

    def token(self, agent: Json, *, by: Any = None) -> str:
        """A new token of an agent."""
        path = f"{self.agents}/{agent['id']}/tokens"
        made: str = self.world.ask(by or self.owner, "POST", path, {"name": "laptop"})["token"]
        return made

    def change(self, agent: Json, **fields: Any) -> Json:
        """An agent after a change."""
        made: Json = self.world.ask(self.owner, "PATCH", f"{self.agents}/{agent['id']}", fields)
        return made

    def audit(self, agent: Json) -> list[Json]:
        """What an agent has tried, oldest first."""
        found: list[Json] = self.world.ask(self.owner, "GET", f"{self.agents}/{agent['id']}/audit")
        return found[::-1]

    def tried(self, agent: Json) -> list[tuple[str, str]]:
        """The same in short."""
        return [(entry["tool"], entry["outcome"]) for entry in self.audit(agent)]
