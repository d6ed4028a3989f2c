"""A test API for automations: a board, its rules, and their traces."""

from typing import Any

from tests.support.boards import Board, Json, ask


class AutomationApi(Board):
    """A board, and short ways to make rules and to read what they have done."""

    def rule(
        self, trigger: str, action: str, conditions: Any = None, *, by: Any = None, **params: Any
    ) -> Json:
        """Create a rule."""
        body = {"trigger": trigger, "action": {"type": action, "params": params}, "conditions": conditions}
        return self.world.ask(by or self.owner, "POST", f"{self.path}/automations", body)

    def rule_of(self, trigger: str, *actions: tuple[str, Json], conditions: Any = None) -> Json:
        """Create a rule with several actions."""
        body = {
            "trigger": trigger,
            "conditions": conditions,
            "actions": [{"type": type, "params": params} for type, params in actions],
        }
        return ask(self, "POST", f"{self.path}/automations", body)

    def of_rule(self, rule: Json) -> str:
        """Return the path of a rule."""
        return f"{self.path}/automations/{rule['id']}"

    def rule_now(self, rule: Json) -> Json:
        """Return the current state of a rule."""
        return self.world.ask(self.owner, "GET", self.of_rule(rule))

    def turn(self, rule: Json, **body: Any) -> Json:
        """Turn a rule on or off, and return it."""
        return self.world.ask(self.owner, "PATCH", f"{self.of_rule(rule)}/toggle", body)

    def traces(self, rule: Json, query: str = "") -> list[Json]:
        """Return the traces of a rule, newest first."""
        return self.world.ask(self.owner, "GET", f"{self.of_rule(rule)}/traces?{query}")

    def results(self, rule: Json) -> list[str]:
        """Return error or result of each trace of a rule, oldest first."""
        return [trace["error"] or trace["result"] for trace in reversed(self.traces(rule))]

    def change(self, card: Json, **fields: Any) -> Json:
        """Change a card as the owner, and return it after the rules have acted."""
        self.world.ask(self.owner, "PATCH", self.of(card), fields)
        return self.read(card)

    def move(self, card: Json, column: int) -> Json:
        """Move a card as the owner, and return it after the rules have acted."""
        return self.change(card, columnId=self.columns[column]["id"])
