"""A board to make rules for, and to see what they do."""

from __future__ import annotations

from typing import Any

from tests.support.boards import Board, Json


class AutomationApi(Board):
    """A board, and short ways to make rules and to read what they have done."""

    def rule(
        self, trigger: str, action: str, conditions: Any = None, *, by: Any = None, **params: Any
    ) -> Json:
        """A new rule."""
        body = {"trigger": trigger, "action": {"type": action, "params": params}, "conditions": conditions}
        made: Json = self.world.ask(by or self.owner, "POST", f"{self.path}/automations", body)
        return made

    def of_rule(self, rule: Json) -> str:
        """The path of a rule."""
        return f"{self.path}/automations/{rule['id']}"

    def rule_now(self, rule: Json) -> Json:
        """A rule as it is by now."""
        found: Json = self.world.ask(self.owner, "GET", self.of_rule(rule))
        return found

    def turn(self, rule: Json, **body: Any) -> Json:
        """A rule after it was turned on or off."""
        made: Json = self.world.ask(self.owner, "PATCH", f"{self.of_rule(rule)}/toggle", body)
        return made

    def traces(self, rule: Json, query: str = "") -> list[Json]:
        """What a rule has done, newest first."""
        found: list[Json] = self.world.ask(self.owner, "GET", f"{self.of_rule(rule)}/traces?{query}")
        return found

    def results(self, rule: Json) -> list[str]:
        """What became of it each time, the oldest first."""
        return [trace["error"] or trace["result"] for trace in reversed(self.traces(rule))]

    def change(self, card: Json, **fields: Any) -> Json:
        """A card after a change by its owner, as it is once the rules have acted."""
        self.world.ask(self.owner, "PATCH", self.of(card), fields)
        return self.read(card)

    def move(self, card: Json, column: int) -> Json:
        """A card after a move."""
        return self.change(card, columnId=self.columns[column]["id"])
