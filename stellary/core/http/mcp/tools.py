"""The table of tools for AI clients. Each tool runs one action."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

import attrs

from stellary.contract.actions import IdOrName
from stellary.contract.limits import Range
from stellary.contract.schemas import Schema, Schemas
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, request
from stellary.core.api.dispatch import ACTIONS
from stellary.core.kernel.actions import AnyAction

WORKSPACE = "workspace"
WAIT_SECONDS_MAX = 25


@request
class InWorkspace(Request):
    """The parameter that all tools share.

    Attributes:
        workspace: The workspace, as `acme/eng` or by its name; optional if you have access to only one besides your
            personal one.
    """

    workspace: IdOrName | Unset = UNSET


@request
class WaitForMission(Request):
    """The parameter of ``wait_for_mission``.

    Attributes:
        seconds: 1 to 25.
    """

    seconds: Annotated[int, Range(1, WAIT_SECONDS_MAX)] = WAIT_SECONDS_MAX


@attrs.frozen(kw_only=True)
class Tool:
    """A tool of an AI client, which runs an action.

    Attributes:
        name: The name by which it is called.
        summary: Its description for a model, in one sentence.
        takes: The class of its parameters, besides the workspace.
        action: The action; callers with the permission for it may call the tool.
        adds: Whether it adds data only, and changes none.
        repeatable: Whether a second call has no further effect.
        for_agents: Whether it is listed for agents alone.
        waits: Whether the action is repeated until it has a result.
    """

    name: str
    summary: str
    takes: type[Request]
    action: AnyAction
    adds: bool
    repeatable: bool
    for_agents: bool = False
    waits: bool = False

    @property
    def reads(self) -> bool:
        return self.action.kind == "read"

    @property
    def title(self) -> str:
        """The name for people: ``move_card`` → ``Move card``."""
        return self.name.replace("_", " ").capitalize()


def _tool(name: str, **more: Any) -> Tool:
    action = ACTIONS[name]
    return Tool(name=name, summary=action.summary, takes=action.takes, action=action, **more)


def _reads(name: str) -> Tool:
    return _tool(name, adds=True, repeatable=True)


def _adds(name: str, *, for_agents: bool = False) -> Tool:
    return _tool(name, adds=True, repeatable=False, for_agents=for_agents)


def _changes(name: str) -> Tool:
    return _tool(name, adds=False, repeatable=True)


_NEXT = _adds("get_next_mission", for_agents=True)
_ALL = (
    _reads("list_projects"),
    _reads("get_project_details"),
    _reads("list_cards"),
    _reads("get_card_details"),
    _reads("get_card_comments"),
    _adds("create_card"),
    _adds("create_cards_bulk"),
    _changes("move_card"),
    _changes("update_card"),
    _changes("assign_card"),
    _adds("add_comment"),
    _reads("list_documents"),
    _reads("get_document"),
    _adds("create_document"),
    _changes("update_document"),
    _reads("get_pilotage_state"),
    _reads("get_cockpit_dashboard"),
    _adds("propose_action"),
    _reads("search"),
    _reads("get_agent_status"),
    _reads("list_pending_proposals"),
    _adds("run_mission"),
    _reads("get_mission"),
    _NEXT,
    attrs.evolve(
        _NEXT,
        name="wait_for_mission",
        summary=f"Start the next mission. If none is available, wait up to {WAIT_SECONDS_MAX} seconds for one.",
        takes=WaitForMission,
        waits=True,
    ),
    _adds("report_step", for_agents=True),
    _adds("complete_mission", for_agents=True),
    _adds("fail_mission", for_agents=True),
)
TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in _ALL}
"""The built-in tools by name, in the order in which they are listed."""


def build_tools(actions: Mapping[str, AnyAction]) -> Mapping[str, Tool]:
    """Return the built-in tools, and one for each action that the host has added.

    Args:
        actions: The actions of the core by name.
    """
    host_tools = {
        name: Tool(
            name=name, summary=action.summary, takes=action.takes, action=action, adds=False, repeatable=False
        )
        for name, action in actions.items()
        if name not in ACTIONS
    }
    return {**TOOLS, **host_tools}


@cache
def input_schema(tool: Tool) -> Schema:
    """Return the parameters of a tool as a self-contained JSON schema."""
    schemas = Schemas("#/$defs/")
    params_class, workspace_class = tool.takes, InWorkspace
    schemas.of(params_class)
    schemas.of(workspace_class)
    workspace_properties = schemas.definitions.pop(workspace_class.__name__)["properties"]
    root: dict[str, Any] = {**schemas.definitions.pop(params_class.__name__)}
    root["properties"] = {**root.get("properties", {}), **workspace_properties}
    if schemas.definitions:
        root["$defs"] = schemas.definitions
    return root
