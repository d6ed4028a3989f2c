"""Tools: what an AI client can do here, in one table. Each is an action, and may do no more than that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from stellary.contract.actions import Said
from stellary.contract.schemas import Schema, Schemas
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, request
from stellary.core.actions import AnyAction
from stellary.core.dispatch import ACTIONS

WORKSPACE = "workspace"


@request
class InWorkspace(Request):
    """What every tool takes beside its own.

    Attributes:
        workspace: The workspace, as `acme/eng` or by its name; need not be said by whoever reaches one only, not
            counting their personal one.
    """

    workspace: Said | Unset = UNSET


@attrs.frozen
class Tool:
    """Something that an AI client can do.

    Attributes:
        action: What it does; its name, its sentence, what it takes and who may are those of the tool.
        adds: Whether it only adds to what is there, if it writes.
        repeatable: Whether doing it twice comes to the same as once.
    """

    action: AnyAction
    adds: bool
    repeatable: bool

    @property
    def name(self) -> str:
        return self.action.name

    @property
    def reads(self) -> bool:
        return self.action.kind == "read"

    @property
    def title(self) -> str:
        """``move_card`` → ``Move card``."""
        return self.name.replace("_", " ").capitalize()


def _reads(name: str) -> Tool:
    return Tool(ACTIONS[name], adds=True, repeatable=True)


def _adds(name: str) -> Tool:
    return Tool(ACTIONS[name], adds=True, repeatable=False)


def _changes(name: str) -> Tool:
    return Tool(ACTIONS[name], adds=False, repeatable=True)


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
)
TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in _ALL}
"""All tools by name, in the order in which they are listed."""


def input_schema(tool: Tool) -> Schema:
    """What a tool takes, as a JSON schema that stands by itself."""
    schemas = Schemas("#/$defs/")
    own, place = tool.action.takes, InWorkspace
    schemas.of(own)
    schemas.of(place)
    more = schemas.made.pop(place.__name__)["properties"]
    root: dict[str, Any] = {**schemas.made.pop(own.__name__)}
    root["properties"] = {**root.get("properties", {}), **more}
    if schemas.made:
        root["$defs"] = schemas.made
    return root


SCHEMAS: Mapping[str, Schema] = {name: input_schema(tool) for name, tool in TOOLS.items()}
