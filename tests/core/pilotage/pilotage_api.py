"""A workspace to pilot, with a board whose cards proposed actions are about."""

from __future__ import annotations

from typing import Any

import orjson

from tests.support.boards import Board, Json
from tests.support.world import Person


class PilotageApi(Board):
    """A workspace with a board, and short ways to ask for its pilotage."""

    def person(self, name: str) -> Person:
        """Somebody who does not belong to the workspace."""
        return self.world.person(f"{name}.{self.owner.user.name}")

    def member(self, name: str, pilotage_role: str = "viewer") -> Person:
        """Somebody of the workspace who has that role in its pilotage."""
        person = self.person(name)
        self.world.join(person, self.workspace, pilotage_role=pilotage_role)
        return person

    def ask(self, method: str, tail: str, body: Any = None, *, by: Person | None = None) -> Any:
        """The answer to a request that has to succeed."""
        return self.world.ask(by or self.owner, method, f"{self.flat}/pilotage/{tail}", body)

    def refused(
        self, method: str, tail: str, body: Any = None, *, by: Person | None = None
    ) -> tuple[int, str, str | None]:
        """The status, the sentence and the code of the answer to one that must not succeed."""
        answer = self.world.call(by or self.owner, method, f"{self.flat}/pilotage/{tail}", body)
        assert answer.status >= 400, answer
        said = orjson.loads(answer.body)
        return answer.status, said["message"], said.get("code")

    def mission(self, objective: str = "Implement billing", **later: Any) -> Json:
        """A new mission; what is to be otherwise than at first is changed after that."""
        return self._made("missions", {"objective": objective}, later)

    def priority(self, label: str = "Ship it", **later: Any) -> Json:
        """A new priority."""
        return self._made("priorities", {"label": label}, later)

    def todo(self, label: str = "Write tests", mission: Json | None = None, **later: Any) -> Json:
        """A new todo."""
        served = {"missionId": mission["id"]} if mission else {}
        return self._made("todos", {"label": label, **served}, later)

    def decision(self, title: str = "Use Stripe") -> Json:
        """A new decision."""
        return self._made("decisions", {"title": title}, {})

    def doc(self, title: str = "Spec") -> Json:
        """A new active document."""
        return self._made("docs", {"title": title}, {})

    def _made(self, tail: str, body: Json, later: Json) -> Json:
        made: Json = self.ask("POST", tail, body)
        return self.ask("PATCH", f"{tail}/{made['id']}", later) if later else made

    def proposed(self, action_type: str, *, by: Person | None = None, **payload: Any) -> Json:
        """An action that somebody has proposed."""
        body = {"actionType": action_type, "explanation": "It is time.", "payload": payload}
        made: Json = self.ask("POST", "actions/propose", body, by=by)
        return made

    def approved(self, action_type: str, *, by: Person | None = None, **payload: Any) -> Json:
        """An action that somebody has approved, whoever proposed it."""
        made = self.proposed(action_type, **payload)
        found: Json = self.ask("POST", f"actions/{made['id']}/review", {"approved": True}, by=by)
        return found

    def state(self, query: str = "", *, by: Person | None = None) -> Json:
        """The state."""
        found: Json = self.ask("GET", f"state?{query}", by=by)
        return found

    def action(self, action: Json) -> Json:
        """An action as it is by now."""
        found: Json = self.ask("GET", f"actions/{action['id']}")
        return found
