"""What an agent may do, and what it is made of. Values in, values out."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import attrs

from stellary.contract.agents import RateLimit, Runtime
from stellary.contract.errors import Forbidden, RateLimited
from stellary.contract.router import AnyEndpoint
from stellary.contract.wire import invalid

RATE_LIMIT = RateLimit(max_actions=60, window_seconds=60)
TOOLS = ["board.read"]
_SLUG_MAX = 60
# What a workspace tells an agent that works in some of its projects only.
_OF_ALL = frozenset(
    {
        "workspaces.get",
        "workspaces.list_members",
        "projects.list",
        "projects.templates",
        "agent_missions.claim",
        "agent_missions.report",
    }
)


def category(endpoint: AnyEndpoint) -> str:
    """The category of tools that an endpoint belongs to: ``board.read``, ``pilotage.write`` …"""
    area = "board"
    if endpoint.resource == "documents":
        area = "documents"
    elif endpoint.policy.token.startswith("pilotage:"):
        area = "pilotage"
    return f"{area}.{'read' if endpoint.policy.agent == 'r' else 'write'}"


def check_tool(tools: frozenset[str], name: str, category: str) -> None:
    """An agent does what its tools name, by itself or as part of a category.

    Args:
        tools: Of the agent.
        name: Of the action; empty for an endpoint for which no action stands.
        category: That it belongs to.

    Raises:
        Forbidden: They name neither.
    """
    if name not in tools and category not in tools:
        wanted = f"{name} or {category}" if name else category
        raise Forbidden(f"the agent has not the tool {wanted}", code="tool_not_allowed")


def check_place(endpoint: AnyEndpoint, project_ids: Collection[str] | None) -> None:
    """An agent that works in some projects only does nothing that is not in a project.

    Raises:
        Forbidden: The endpoint is about the whole workspace.
    """
    if project_ids is None or endpoint.operation in _OF_ALL:
        return
    if "project_id" not in {field.name for field in attrs.fields(endpoint.ref)}:
        raise Forbidden("the agent works in some projects only", code="outside_projects")


def check_model(runtime: Runtime, model: str | None) -> None:
    """A model is named where one thinks for the agent, and nowhere else.

    Raises:
        Invalid: It is otherwise.
    """
    if runtime == "model" and not model:
        raise invalid(("model", "is required where the runtime is model"))
    if runtime != "model" and model:
        raise invalid(("model", "must be null unless the runtime is model"))


def free_slug(wanted: str, taken: Iterable[str]) -> str:
    """The slug, or that with a number behind it that nobody has."""
    known, slug, number = set(taken), wanted, 1
    while slug in known:
        number += 1
        slug = f"{wanted[: _SLUG_MAX - len(str(number)) - 1].rstrip('-')}-{number}"
    return slug


@attrs.frozen
class Window:
    """A stretch of time, and how many calls an agent has made in it."""

    began_at: datetime
    actions: int


def counted(window: Window, max_actions: int, seconds: int, now: datetime) -> Window:
    """The window after one more call; a new one begins with the first call after the last one's end.

    Raises:
        RateLimited: The window is full.
    """
    ends_at = window.began_at + timedelta(seconds=seconds)
    if not window.began_at <= now < ends_at:
        return Window(now, 1)
    if window.actions >= max_actions:
        left = max(1.0, (ends_at - now).total_seconds())
        error = RateLimited(
            f"the agent may do {max_actions} things in {seconds} seconds", code="agent_rate", retry_after=left
        )
        error.headers |= {
            "X-RateLimit-Limit": str(max_actions),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(math.ceil(left)),
        }
        raise error
    return Window(window.began_at, window.actions + 1)
