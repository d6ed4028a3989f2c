"""A board on which agents work, and short ways to make them, to give them tokens, and to see what they have done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from stellary.contract.agent_missions import MissionEntry
from stellary.contract.policies import AGENTS_READ
from stellary.contract.port import RawResponse
from stellary.contract.refs import AgentMissionRef
from stellary.core.agents.mission_log import read_log
from tests.support.boards import Board, Json

OFTEN = {"maxActions": 10_000, "windowSeconds": 60}


class AgentApi(Board):
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

    # ------------------------------------------------------------------------------------------ missions

    def mission(self, agent: Json, prompt: str, card: Json | None = None, *, by: Any = None) -> Json:
        """A new mission, of which nothing was done yet."""
        body = {"cardId": (card or self.card())["id"], "prompt": prompt}
        made: Json = self.world.ask(by or self.owner, "POST", f"{self.agents}/{agent['id']}/missions", body)
        return made

    def of_mission(self, mission: Json) -> str:
        return f"{self.flat}/missions/{mission['id']}"

    def mission_now(self, mission: Json) -> Json:
        """A mission as it is by now."""
        found: Json = self.world.ask(self.owner, "GET", self.of_mission(mission))
        return found

    def worked(self, mission: Json) -> Json:
        """A mission after all was done that can be done without anybody."""
        self.world.core.work.run_due()
        return self.mission_now(mission)

    def proposals(self, mission: Json) -> list[Json]:
        """What was proposed in a mission."""
        found: list[Json] = self.world.ask(self.owner, "GET", f"{self.of_mission(mission)}/proposals")
        return found

    def decide(self, proposal: Json, how: str = "approve", *, by: Any = None, **body: Any) -> RawResponse:
        """The answer to a decision."""
        return self.world.call(
            by or self.owner, "POST", f"{self.flat}/proposals/{proposal['id']}/{how}", body
        )

    def entries(self, mission: Json, after: int = 0) -> list[MissionEntry]:
        """Return the entries of a mission's log."""
        core = self.world.core
        ref = self.workspace.ref.child(AgentMissionRef, mission["id"])
        with core.view(self.owner.actor) as uow, uow.checking(AGENTS_READ):
            return read_log(uow, ref, after)

    def log(self, mission: Json, after: int = 0) -> list[tuple[str, Any]]:
        """What is in the log of a mission: of each entry its kind and what tells most."""
        found = self.entries(mission, after)
        numbers = [entry.id for entry in found]
        assert numbers == list(range(after + 1, after + 1 + len(found)))
        return [(entry.kind, _most(entry)) for entry in found]


def _most(entry: MissionEntry) -> Any:
    data = entry.data
    if entry.kind == "tool_call":
        return f"{data['tool']} {data['outcome']}"
    if entry.kind == "proposal":
        return f"{data['action']} {data['status']}"
    return next(data[name] for name in ("status", "number", "text") if name in data)
