"""A test API for agents: a board, its agents, their tokens and missions."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select

from stellary.contract.agent_missions import MissionEntry
from stellary.contract.port import RawResponse
from stellary.core import NOBODY
from stellary.core.agents import rows
from stellary.core.agents.tables import mission_log
from tests.support.boards import Board, Json

OFTEN = {"maxActions": 10_000, "windowSeconds": 60}
_LOG = (
    select(mission_log)
    .where(mission_log.c.mission_id == bindparam("_id"), mission_log.c.number > bindparam("_after"))
    .order_by(mission_log.c.number)
)


class AgentApi(Board):
    """A board, and calls that create agents and read what they did."""

    @property
    def agents(self) -> str:
        return f"{self.flat}/agents"

    def agent(
        self, mode: str = "autonomous", tools: Sequence[str] = ("board.read", "board.write"), **more: Any
    ) -> Json:
        """Create an agent of the owner."""
        body = {"name": "Scribe", "autonomyMode": mode, "tools": list(tools), "rateLimit": OFTEN, **more}
        return self.world.ask(self.owner, "POST", self.agents, body)

    def token(self, agent: Json, *, by: Any = None) -> str:
        """Create a token of an agent."""
        path = f"{self.agents}/{agent['id']}/tokens"
        return self.world.ask(by or self.owner, "POST", path, {"name": "laptop"})["token"]

    def change(self, agent: Json, **fields: Any) -> Json:
        """Update an agent."""
        return self.world.ask(self.owner, "PATCH", f"{self.agents}/{agent['id']}", fields)

    def audit(self, agent: Json) -> list[Json]:
        """Return the audit entries of an agent, oldest first."""
        entries: list[Json] = self.world.ask(self.owner, "GET", f"{self.agents}/{agent['id']}/audit")
        return entries[::-1]

    def list_attempts(self, agent: Json) -> list[tuple[str, str]]:
        """Return tool and outcome of each audit entry of an agent, oldest first."""
        return [(entry["tool"], entry["outcome"]) for entry in self.audit(agent)]

    # ------------------------------------------------------------------------------------------ missions

    def mission(self, agent: Json, prompt: str, card: Json | None = None, *, by: Any = None) -> Json:
        """Create a mission, without running it."""
        body = {"cardId": (card or self.card())["id"], "prompt": prompt}
        return self.world.ask(by or self.owner, "POST", f"{self.agents}/{agent['id']}/missions", body)

    def of_mission(self, mission: Json) -> str:
        return f"{self.flat}/missions/{mission['id']}"

    def mission_now(self, mission: Json) -> Json:
        """Return the current state of a mission."""
        return self.world.ask(self.owner, "GET", self.of_mission(mission))

    def run_mission(self, mission: Json) -> Json:
        """Run all due jobs, and return the mission."""
        self.world.core.work.run_due()
        return self.mission_now(mission)

    def start(self, agent: Json | str, prompt: str, card: Json | None = None, *, by: Any = None) -> Json:
        """Create a mission of an agent, or of a new one with this mode, run all due jobs, and return the mission."""
        agent = self.agent(agent) if isinstance(agent, str) else agent
        return self.run_mission(self.mission(agent, prompt, card, by=by))

    def proposals(self, mission: Json) -> list[Json]:
        """Return the proposals of a mission."""
        return self.world.ask(self.owner, "GET", f"{self.of_mission(mission)}/proposals")

    def decide(self, proposal: Json, how: str = "approve", *, by: Any = None, **body: Any) -> RawResponse:
        """Decide a proposal, and return the response."""
        return self.world.call(
            by or self.owner, "POST", f"{self.flat}/proposals/{proposal['id']}/{how}", body
        )

    def entries(self, mission: Json, after: int = 0) -> list[MissionEntry]:
        """Return the entries of a mission's log."""
        with self.world.core.view(NOBODY) as uow:
            entries = uow.connection.execute(_LOG, {"_id": mission["id"], "_after": after})
            return [rows.mission_entry(entry) for entry in entries]

    def log(self, mission: Json, after: int = 0) -> list[tuple[str, Any]]:
        """Return kind and main value of each entry in the log of a mission."""
        entries = self.entries(mission, after)
        assert [entry.id for entry in entries] == list(range(after + 1, after + 1 + len(entries)))
        return [(entry.kind, _main_value(entry)) for entry in entries]


def _main_value(entry: MissionEntry) -> Any:
    data = entry.data
    if entry.kind == "tool_call":
        return f"{data['tool']} {data['outcome']}"
    if entry.kind == "proposal":
        return f"{data['action']} {data['status']}"
    return next(data[name] for name in ("status", "number", "text") if name in data)
