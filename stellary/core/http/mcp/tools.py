"""The table of tools for AI clients. Each tool runs one action."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any

import attrs

from stellary.contract.actions import IdOrName
from stellary.contract.endpoint import Nothing
from stellary.contract.limits import Items, Range
from stellary.contract.mcp import MCP
from stellary.contract.schemas import Schema, Schemas
from stellary.contract.wire import UNSET, Request, Unset, wire_fields
from stellary.core.api.dispatch import ACTIONS
from stellary.core.http.mcp.lean import find_item_class
from stellary.core.http.mcp.whoami import load_caller
from stellary.core.kernel.actions import Action, AnyAction

WAIT_SECONDS_MAX = 25
FIELDS_MAX = 40
DESCRIPTIONS = {
    **dict.fromkeys(("projectId", "targetProjectId"), "Id, key or name."),
    "assigneeId": "Id, address, name or `me`; null: nobody.",
    "labelId": "Id or name; null: no label.",
    "labelIds": "Names or ids.",
    **dict.fromkeys(("cardId", "targetCardId"), "Id, key or title."),
    **dict.fromkeys(("startDate", "dueDate"), "ISO date."),
    **dict.fromkeys(("before", "after"), "A card of the column."),
    # The instructions of the server say that items are given by name, and how to read lists.
    **dict.fromkeys(("column", "targetColumn", "label", "agent", "documentId", "parentId", "itemId"), ""),
    **dict.fromkeys(
        ("limit", "cursor", "fields", "order", "archived", "q", "checklist", "content", "profile"), ""
    ),
}
"""The descriptions of parameters that are the same in all tools. Others are described by the contract, if briefly."""
_OBVIOUS = re.compile(r"Only |Whether |At most |Default:|\d|True |`|The id of an item|.*:$|.{80}")
HIDDEN = {
    *("columnId", "scopeId", "customField", "checked", "filter", "recurrence", "applyTo"),
    *("contextId", "contextType", "contentFormat", "authorId", "topLevel", "intent"),
}
HIDDEN_IN = {"update_card": ("projectId", "order", "before", "after", "archived")}
"""Parameters that tools take but do not list, in all tools and in one: others serve a model better."""
_KEPT = ("type", "enum", "$ref", "required")
"""The keywords of schemas that help a model; the server checks the others too."""
_DEFINITIONS = "#/$defs/"
_MAIN_FIELDS = ("id", "key", "title", "name")
"""The fields of results that the list of tools describes."""


_WHO = "Tell who you are, your workspaces, and the scopes of your token."


class InWorkspace(Request):
    """The parameter of callers with several workspaces: the address or the name of one."""

    workspace: IdOrName | Unset = UNSET


class OfLists(Request):
    """The parameter of lists.

    Attributes:
        fields: The fields of each row, in place of the usual ones.
    """

    fields: Annotated[list[str], Items(1, FIELDS_MAX)] | Unset = UNSET


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
        adds: Whether it adds data, and changes none.
        repeatable: Whether it changes data, and a second call has no further effect.
        for_agents: Whether it is listed for agents alone.
        waits: Whether the action is repeated until it has a result.
    """

    name: str
    summary: str
    takes: type[Request]
    action: AnyAction
    adds: bool = False
    repeatable: bool = False
    for_agents: bool = False
    waits: bool = False

    @property
    def reads(self) -> bool:
        return self.action.kind == "read"

    @property
    def returns(self) -> type | None:
        """The class of the result, or of the items of a list; None if it is not known or may be null."""
        return find_item_class(self.action)[0]

    @property
    def many(self) -> bool:
        """True if the result is a list."""
        return find_item_class(self.action)[1]


def _build_tool(action: AnyAction, **more: Any) -> Tool:
    return Tool(name=action.name, summary=action.summary, takes=action.takes, action=action, **more)


def _tools(*names: str, **more: Any) -> list[Tool]:
    return [_build_tool(ACTIONS[name], **more) for name in names]


WHO_AM_I: AnyAction = Action("whoami", _WHO, Nothing, MCP, "board.read", load_caller)
_NEXT, *_MISSIONS = _tools(
    *("get_next_mission", "report_step", "complete_mission", "fail_mission"),
    adds=True,
    for_agents=True,
)
_READING = (
    *("list_projects", "get_project_details", "list_cards", "get_card_details", "get_card_comments"),
    *("get_card_relations", "search", "list_documents", "get_document"),
    *(
        "get_pilotage_state",
        "get_cockpit_dashboard",
        "get_agent_status",
        "list_pending_proposals",
        "get_mission",
    ),
)
_ADDING = (
    *("create_card", "create_cards_bulk", "add_checklist_item", "add_relation", "add_comment"),
    *("duplicate_card", "create_document", "propose_action", "run_mission"),
)
_CHANGING = (
    *("update_card", "move_card", "assign_card", "set_status", "archive_card", "add_label", "remove_label"),
    *("toggle_checklist_item", "remove_relation", "transfer_card", "update_document"),
)
_ALL = (
    _build_tool(WHO_AM_I),
    *_tools(*_READING),
    *_tools(*_ADDING, adds=True),
    *_tools(*_CHANGING, repeatable=True),
    _NEXT,
    attrs.evolve(
        _NEXT,
        name="wait_for_mission",
        summary=f"Start the next mission. If none is available, wait up to {WAIT_SECONDS_MAX} seconds for one.",
        takes=WaitForMission,
        waits=True,
    ),
    *_MISSIONS,
)
TOOLS: Mapping[str, Tool] = {tool.name: tool for tool in _ALL}
"""The built-in tools by name, in the order in which they are listed."""


def build_tools(actions: Mapping[str, AnyAction]) -> Mapping[str, Tool]:
    """Return the built-in tools, and one for each action that the host has added.

    Args:
        actions: The actions of the core by name.
    """
    host_tools = {name: _build_tool(action) for name, action in actions.items() if name not in ACTIONS}
    return {**TOOLS, **host_tools}


@cache
def input_schema(tool: Tool, has_workspaces: bool = True) -> Schema:
    """Return the parameters of a tool as a self-contained JSON schema, as short as a model needs it.

    Args:
        tool: The tool.
        has_workspaces: Whether the caller has several workspaces to choose from. Default: True.
    """
    schemas = Schemas(_DEFINITIONS)
    root: Schema = {"type": "object", "properties": {}}
    for params, is_taken in ((tool.takes, True), (OfLists, tool.many), (InWorkspace, has_workspaces)):
        if not is_taken:
            continue
        schemas.of(params)
        params_schema = _shorten(schemas.definitions.pop(params.__name__))
        properties = root["properties"] | params_schema["properties"]
        root = {**params_schema, **root, "properties": properties}
    for name in HIDDEN_IN.get(tool.name, ("projectId",) if "cardId" in root["properties"] else ()):
        root["properties"].pop(name, None)
    definitions: dict[str, Schema] = {}
    _add_definitions(root, schemas.definitions, definitions)
    return {**root, "$defs": definitions} if definitions else root


def _add_definitions(schema: object, available: Mapping[str, Schema], definitions: dict[str, Schema]) -> None:
    """Add the shortened definitions to which a schema refers, and those to which they refer."""
    if isinstance(schema, list):
        for part in schema:
            _add_definitions(part, available, definitions)
    elif isinstance(schema, dict):
        for keyword, part in schema.items():
            name = part.removeprefix(_DEFINITIONS) if keyword == "$ref" else None
            if name is None:
                _add_definitions(part, available, definitions)
            elif name not in definitions:
                definitions[name] = _shorten(available[name])
                _add_definitions(definitions[name], available, definitions)


def _shorten(schema: Schema, name: str = "") -> Schema:
    """Return a schema without what only a validator needs, and with a short description.

    Args:
        schema: The schema.
        name: The name of the parameter that it describes. Default: none.
    """
    short = {keyword: schema[keyword] for keyword in _KEPT if keyword in schema}
    if "properties" in schema:
        fields = schema["properties"].items()
        short["properties"] = {name: _shorten(field, name) for name, field in fields if name not in HIDDEN}
    if "items" in schema:
        short["items"] = _shorten(schema["items"])
    # A date needs no alternatives, and a list of values is another way to write a filter.
    parts = [part for part in map(_shorten, schema.get("anyOf", ())) if part and part.get("type") != "array"]
    short |= parts[0] if parts else {}
    if {"type": "null"} in parts[1:] and "type" in short:
        short |= {"type": [short["type"], "null"]}
        short |= {"enum": [*short["enum"], None]} if "enum" in short else {}
    sentence = re.split(r"(?<=[.;:])\s", schema.get("description", ""))[0].rstrip(";") if name else ""
    description = DESCRIPTIONS.get(name, "" if _OBVIOUS.match(sentence) else sentence)
    return {**short, "description": description} if description else short


@cache
def output_schema(tool: Tool) -> Schema | None:
    """Return the main fields of a tool's result as a JSON schema; None if they are not known.

    Args:
        tool: The tool.
    """
    if tool.returns is None or not attrs.has(tool.returns):
        return None
    if tool.many:
        return {"type": "object", "properties": {"items": {"type": "array"}}}
    fields = wire_fields(tool.returns).keys() & _MAIN_FIELDS
    return {"type": "object", "properties": {name: {"type": "string"} for name in sorted(fields)}}
