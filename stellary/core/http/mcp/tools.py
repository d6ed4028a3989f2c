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
from stellary.contract.paging import LIMIT_MAX
from stellary.contract.schemas import Schema, Schemas
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, request, wire_fields
from stellary.core.api.dispatch import ACTIONS
from stellary.core.http.mcp.lean import ROWS, find_item_class
from stellary.core.http.mcp.whoami import load_caller
from stellary.core.kernel.actions import Action, AnyAction

WAIT_SECONDS_MAX = 25
FIELDS_MAX = 40
_DESCRIPTIONS = {
    "limit": f"{ROWS} by default, at most {LIMIT_MAX}.",
    "cursor": "`next` of the page before.",
    "projectId": "Id, key or name.",
    "cardId": "Id, key or title.",
    "targetCardId": "Id, key or title.",
    "documentId": "Id or title.",
    "parentId": "Id or title.",
    "column": "Id or name.",
    "targetColumn": "Id or name.",
    "label": "Id or name.",
    "labelId": "Id or name; null: no label.",
    "agent": "Id or name.",
    "itemId": "Id or title.",
    "assigneeId": "Id, address, name or `me`; null: nobody.",
    "startDate": "ISO date.",
    "dueDate": "ISO date.",
    "fields": "Fields of each row.",
    "before": "A card of the column.",
    "after": "A card of the column.",
    "content": "",
    "order": "",
    "archived": "",
    "q": "",
    "topLevel": "",
    "labelIds": "Names or ids.",
    "customFields": "Values by id of the field.",
    "checklist": "",
    "detailLevel": "",
    "intent": "",
    "profile": "",
}
"""The descriptions of parameters that are the same in all tools. Others are described by the contract."""
_HIDDEN = {
    *("columnId", "scopeId", "customField", "checked"),
    *("contextId", "contextType", "contentFormat", "authorId"),
}
_HIDDEN_IN = {"update_card": {"projectId", "order", "before", "after", "archived"}}
"""Parameters that tools take but do not list, in all tools and in one: others serve a model better."""
_OBVIOUS = re.compile(r"Only |At most |Default:|\d|True |`true`|The id of an item|.*:$")
_DESCRIPTION_MAX = 80
_KEPT = ("type", "enum", "items", "properties", "required", "anyOf", "$ref", "additionalProperties")
"""The keywords of schemas that help a model; the server checks the others too."""
_MAIN_FIELDS = ("id", "key", "title", "name")
"""The fields of results that the list of tools describes."""


@request
class InWorkspace(Request):
    """The parameter of callers with several workspaces: the address or the name of one."""

    workspace: IdOrName | Unset = UNSET


@request
class OfLists(Request):
    """The parameter of lists.

    Attributes:
        fields: The fields of each row, in place of the usual ones.
    """

    fields: Annotated[list[str], Items(1, FIELDS_MAX)] | Unset = UNSET


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
    def returns(self) -> type | None:
        """The class of the result, or of the items of a list; None if it is not known or may be null."""
        return find_item_class(self.action)[0]

    @property
    def many(self) -> bool:
        """True if the result is a list."""
        return find_item_class(self.action)[1]

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


WHO_AM_I: AnyAction = Action(
    "whoami",
    "Tell who you are, your workspaces, and what your token permits.",
    Nothing,
    MCP,
    "board.read",
    load_caller,
)
_NEXT = _adds("get_next_mission", for_agents=True)
_ALL = (
    Tool(
        name=WHO_AM_I.name,
        summary=WHO_AM_I.summary,
        takes=Nothing,
        action=WHO_AM_I,
        adds=True,
        repeatable=True,
    ),
    _reads("list_projects"),
    _reads("get_project_details"),
    _reads("list_cards"),
    _reads("get_card_details"),
    _reads("get_card_comments"),
    _reads("get_card_relations"),
    _adds("create_card"),
    _adds("create_cards_bulk"),
    _changes("move_card"),
    _changes("update_card"),
    _changes("assign_card"),
    _changes("set_status"),
    _changes("archive_card"),
    _changes("add_label"),
    _changes("remove_label"),
    _adds("add_checklist_item"),
    _changes("toggle_checklist_item"),
    _adds("add_relation"),
    _changes("remove_relation"),
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
def input_schema(tool: Tool, has_workspaces: bool = True) -> Schema:
    """Return the parameters of a tool as a self-contained JSON schema, as short as a model needs it.

    Args:
        tool: The tool.
        has_workspaces: Whether the caller has several workspaces to choose from. Default: True.
    """
    schemas = Schemas("#/$defs/")
    root: Schema = {"type": "object", "properties": {}}
    shared = [*([OfLists] if tool.many else []), *([InWorkspace] if has_workspaces else [])]
    for params in (tool.takes, *shared):
        schemas.of(params)
        params_schema = _shorten_schema(schemas.definitions.pop(params.__name__))
        root["properties"] |= params_schema["properties"]
        if "required" in params_schema:
            root["required"] = params_schema["required"]
    hidden = _HIDDEN_IN.get(tool.name, {"projectId"} if "cardId" in root["properties"] else ())
    root["properties"] = {
        name: schema for name, schema in root["properties"].items() if name not in (*_HIDDEN, *hidden)
    }
    if schemas.definitions:
        root["$defs"] = {name: _shorten_schema(schema) for name, schema in schemas.definitions.items()}
    return root


def _shorten_schema(schema: Schema) -> Schema:
    """Return a schema without what only a validator needs, and with short descriptions."""
    short = {name: schema[name] for name in _KEPT if name in schema}
    if short.get("additionalProperties") in (False, True):
        del short["additionalProperties"]
    if "properties" in short:
        short["properties"] = {
            name: _shorten_field(name, field)
            for name, field in short["properties"].items()
            if name not in _HIDDEN
        }
    if "items" in short:
        short["items"] = _shorten_schema(short["items"])
    if "anyOf" in short:
        # A date, with or without a time, needs no alternatives.
        alternatives = [_shorten_schema(part) for part in short.pop("anyOf")]
        short |= {"anyOf": alternatives} if any(alternatives) else {}
    return short


def _shorten_field(name: str, schema: Schema) -> Schema:
    short = _shorten_schema(schema)
    description = _DESCRIPTIONS.get(name)
    if description is None:
        description = re.split(r"(?<=[.;:])\s", schema.get("description", ""))[0].rstrip(";")
        if _OBVIOUS.match(description) or len(description) > _DESCRIPTION_MAX:
            description = ""
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
    fields = wire_fields(tool.returns)
    schemas = {name: Schemas().of(fields[name].type) for name in _MAIN_FIELDS if name in fields}
    properties = {name: {"type": schema["type"]} for name, schema in schemas.items()}
    return {"type": "object", "properties": properties} if properties else {"type": "object"}
