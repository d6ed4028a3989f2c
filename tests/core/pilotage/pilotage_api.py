"""A test API for pilotage: a workspace, with a board for the cards of proposed actions."""

from typing import Any

import orjson

from tests.support.boards import Board, Json
from tests.support.world import Person


class PilotageApi(Board):
    """A workspace with a board, and calls to its pilotage."""

    def person(self, name: str) -> Person:
        """Create a user who does not belong to the workspace."""
        return self.world.person(f"{name}.{self.owner.user.name}")

    def member(self, name: str, pilotage_role: str = "viewer") -> Person:
        """Create a member of the workspace with a role in its pilotage."""
        person = self.person(name)
        self.world.join(person, self.workspace, pilotage_role=pilotage_role)
        return person

    def ask(self, method: str, tail: str, body: Any = None, *, by: Person | None = None) -> Any:
        """Send a request that must succeed, and return the parsed JSON of the response."""
        return self.world.ask(by or self.owner, method, f"{self.flat}/pilotage/{tail}", body)

    def error(
        self, method: str, tail: str, body: Any = None, *, by: Person | None = None
    ) -> tuple[int, str, str | None]:
        """Send a request that must fail, and return its status, message and code."""
        answer = self.world.call(by or self.owner, method, f"{self.flat}/pilotage/{tail}", body)
        assert answer.status >= 400, answer
        error_body = orjson.loads(answer.body)
        return answer.status, error_body["message"], error_body.get("code")

    def mission(self, objective: str = "Implement billing", **later: Any) -> Json:
        """Create a mission, and update fields that creation does not take."""
        return self._create("missions", {"objective": objective}, later)

    def priority(self, label: str = "Ship it", **later: Any) -> Json:
        """Create a priority."""
        return self._create("priorities", {"label": label}, later)

    def todo(self, label: str = "Write tests", mission: Json | None = None, **later: Any) -> Json:
        """Create a todo."""
        served = {"missionId": mission["id"]} if mission else {}
        return self._create("todos", {"label": label, **served}, later)

    def decision(self, title: str = "Use Stripe") -> Json:
        """Create a decision."""
        return self._create("decisions", {"title": title}, {})

    def doc(self, title: str = "Spec") -> Json:
        """Create an active document."""
        return self._create("docs", {"title": title}, {})

    def _create(self, tail: str, body: Json, later: Json) -> Json:
        created: Json = self.ask("POST", tail, body)
        return self.ask("PATCH", f"{tail}/{created['id']}", later) if later else created

    def propose(self, action_type: str, *, by: Person | None = None, **payload: Any) -> Json:
        """Propose an action."""
        body = {"actionType": action_type, "explanation": "It is time.", "payload": payload}
        return self.ask("POST", "actions/propose", body, by=by)

    def approve(self, action_type: str, *, by: Person | None = None, **payload: Any) -> Json:
        """Propose an action as the owner, and approve it."""
        action = self.propose(action_type, **payload)
        return self.ask("POST", f"actions/{action['id']}/review", {"approved": True}, by=by)

    def state(self, query: str = "", *, by: Person | None = None) -> Json:
        """Return the state of the workspace's pilotage."""
        return self.ask("GET", f"state?{query}", by=by)

    def action(self, action: Json) -> Json:
        """Return the current state of an action."""
        return self.ask("GET", f"actions/{action['id']}")
