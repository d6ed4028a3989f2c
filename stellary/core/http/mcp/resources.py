"""Resources and prompts of MCP: boards, cards and documents as Markdown, and instructions for common work."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import mcp_types as types
from mcp import MCPError

from stellary.contract.wire import LIMIT_MAX
from stellary.core.http.mcp.calling import McpClient, ToolRunner
from stellary.core.http.mcp.lean import Row

_MARKDOWN = "text/markdown"
_URI = re.compile(r"stellary://([^/?#]+)/([^/?#]+)/(boards|cards|documents)/([^/?#]+)")
_KINDS = {
    "boards": "A board with its cards by column; id: the id or the key of the project.",
    "cards": "A card with its checklist and its comments; id: the id or the key of the card.",
    "documents": "A document; id: the id of the document.",
}
_LISTED = (("boards", "list_projects", "name"), ("documents", "list_documents", "title"))
_LISTED_MAX = 100
"""The number of boards, and of documents, that the list of resources has of each workspace."""
_CARD_FIELDS = ("column", "status", "assignee", "due", "priority")
RESOURCE_NOT_FOUND = -32002
TEMPLATES = [
    types.ResourceTemplate(
        name=kind,
        uri_template=f"stellary://{{organization}}/{{workspace}}/{kind}/{{id}}",
        description=description,
        mime_type=_MARKDOWN,
    )
    for kind, description in _KINDS.items()
]
TEXTS: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("texts.toml").read_text("utf-8"))
"""The instructions for all clients, and the prompts with their descriptions and arguments."""
PROMPTS = [
    types.Prompt(
        name=name,
        description=prompt["description"],
        arguments=[
            types.PromptArgument(name=argument, description=text, required=True)
            for argument, text in prompt["arguments"].items()
        ],
    )
    for name, prompt in TEXTS["prompts"].items()
]


def build_prompt(name: str, arguments: Mapping[str, str]) -> types.GetPromptResult:
    """Return a prompt with its arguments filled in.

    Args:
        name: The name.
        arguments: The arguments.

    Raises:
        MCPError: There is no such prompt, or an argument is missing.
    """
    prompt = TEXTS["prompts"].get(name)
    if prompt is None:
        raise MCPError(types.INVALID_PARAMS, "There is no such prompt; prompts/list lists the available ones")
    if missing := sorted(prompt["arguments"].keys() - arguments.keys()):
        raise MCPError(types.INVALID_PARAMS, f"The argument {missing[0]} is missing")
    text = prompt["text"].format(**{key: arguments[key] for key in prompt["arguments"]})
    messages = [types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))]
    return types.GetPromptResult(description=prompt["description"], messages=messages)


async def list_resources(
    runner: ToolRunner, client: McpClient, cursor: str | None
) -> types.ListResourcesResult:
    """Return the boards and documents of one of the client's workspaces, and the cursor of the next workspace.

    Args:
        runner: Runs the tools that read them. A tool that the token does not permit adds none.
        client: The client.
        cursor: The cursor. Default: the first workspace.

    Raises:
        MCPError: The cursor is not one of this list, or a tool fails.
    """
    if not re.fullmatch(r"[0-9]{1,3}", cursor or "0"):
        raise MCPError(types.INVALID_PARAMS, "The cursor is not valid")
    index = int(cursor or "0")
    permitted = {tool.name for tool in runner.tools_for(client)}
    if "whoami" not in permitted:
        return types.ListResourcesResult(resources=[])
    workspaces = (await _run(runner, client, "whoami", {}))["workspaces"]
    listed = []
    for workspace, (kind, tool, name) in product(workspaces[index : index + 1], _LISTED):
        if tool not in permitted:
            continue
        arguments = {"workspace": workspace, "limit": _LISTED_MAX, "fields": ["id", name]}
        rows = await _run(runner, client, tool, arguments)
        place = f"stellary://{workspace}/{kind}"
        listed += [
            types.Resource(name=row[name], uri=f"{place}/{row['id']}", mime_type=_MARKDOWN)
            for row in rows["items"]
        ]
    is_last = index + 1 >= len(workspaces)
    return types.ListResourcesResult(resources=listed, next_cursor=None if is_last else str(index + 1))


async def _run(runner: ToolRunner, client: McpClient, name: str, arguments: Row) -> Row:
    """Return the result of a tool that reads."""
    tool = runner.tools.get(name)
    if tool is None:
        raise MCPError(RESOURCE_NOT_FOUND, "This server does not offer such resources")
    result = await runner.call(tool, client, arguments)
    assert result.data is not None
    if result.failed:
        is_missing = result.data["statusCode"] in (400, 403, 404)
        raise MCPError(RESOURCE_NOT_FOUND if is_missing else types.INTERNAL_ERROR, result.texts[0])
    return result.data


async def read_resource(runner: ToolRunner, client: McpClient, uri: str) -> types.ReadResourceResult:
    """Return a board, a card or a document as Markdown.

    Args:
        runner: Runs the tools that read it.
        client: The client.
        uri: The address.

    Raises:
        MCPError: There is no such resource, or the client may not read it.
    """
    match = _URI.fullmatch(uri)
    if match is None:
        raise MCPError(RESOURCE_NOT_FOUND, "There is no such resource; see resources/templates/list")
    organization, workspace, kind, id = map(unquote, match.groups())
    place = {"workspace": f"{organization}/{workspace}"}
    run = partial(_run, runner, client)
    if kind == "boards":
        details = await run("get_project_details", {**place, "projectId": id})
        filters = {"projectId": id, "archived": False, "limit": LIMIT_MAX}
        lines = _render_board(details, await run("list_cards", {**place, **filters}))
    elif kind == "cards":
        card = await run("get_card_details", {**place, "cardId": id})
        lines = _render_card(card, await run("get_card_comments", {**place, "cardId": id}))
    else:
        document = await run("get_document", {**place, "documentId": id})
        lines = iter((f"# {document['title']}", "", document["content"]))
    text = "\n".join(lines)
    return types.ReadResourceResult(
        contents=[types.TextResourceContents(uri=uri, mime_type=_MARKDOWN, text=text)]
    )


def _render_board(details: Row, cards: Row) -> Iterator[str]:
    yield f"# {details['project']['name']} ({details['project']['key']})"
    lines: dict[str, list[str]] = {column["name"]: [] for column in details["columns"]}
    for card in cards["items"]:
        parts = [card.get("assignee"), card.get("due"), card.get("priority"), *card.get("labels", ())]
        notes = ", ".join(filter(None, parts))
        line = f"- {card['key']} {' '.join(card['title'].split())}" + (f" ({notes})" if notes else "")
        lines.setdefault(card["column"], []).append(line)
    for column, column_lines in lines.items():
        yield from ("", f"## {column}", "", *column_lines)
    if cards["next"]:
        yield from ("", f"The board has more than these {LIMIT_MAX} cards.")


def _render_card(card: Row, comments: Row) -> Iterator[str]:
    yield from (f"# {card['key']} {' '.join(card['title'].split())}", "")
    fields = {name: card[name] for name in _CARD_FIELDS} | {"labels": ", ".join(card["labels"])}
    yield from (f"- {name.capitalize()}: {text}" for name, text in fields.items() if text)
    if card["description"]:
        yield from ("", card["description"])
    if card["checklist"]:
        yield from ("", "## Checklist", "")
        yield from (f"- [{'x' if item['done'] else ' '}] {item['title']}" for item in card["checklist"])
    if comments["items"]:
        yield from ("", "## Comments")
    for comment in comments["items"]:
        yield from ("", f"**{comment['authorName']}**, {comment['createdAt']}:", "", comment["content"])
    if comments["next"]:
        yield from ("", "There are more comments.")
