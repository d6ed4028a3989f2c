"""Rules of agents: tools, projects, models, slugs and rate limits. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

import attrs

from stellary.contract.agents import RateLimit
from stellary.contract.errors import Forbidden, RateLimited
from stellary.contract.router import AnyEndpoint
from stellary.contract.wire import invalid

RATE_LIMIT = RateLimit(max_actions=60, window_seconds=60)
TOOLS = ["board.read"]
BUILT_IN_ELSE_MODEL = "built_in_else_model"
"""The runtime that passes to a model what the built-in brain does not understand."""
_SLUG_MAX = 60
# Operations on the whole workspace that are open to an agent that works in some projects only.
_WORKSPACE_OPERATIONS = frozenset(
    {
        "workspaces.get",
        "workspaces.list_members",
        "projects.list",
        "projects.templates",
        # They have the cards of the agent's projects only.
        "cards.list_in_workspace",
        "cards.list_all",
        "agent_missions.claim",
        "agent_missions.report",
    }
)


def category(endpoint: AnyEndpoint) -> str:
    """Return the category of tools that an endpoint belongs to: such as ``board.read`` or ``pilotage.write``."""
    area = "board"
    if endpoint.resource in ("documents", "document_comments"):
        area = "documents"
    elif endpoint.policy.token.startswith("pilotage:"):
        area = "pilotage"
    return f"{area}.{'read' if endpoint.policy.agent == 'r' else 'write'}"


def check_tool(tools: frozenset[str], name: str, category: str) -> None:
    """Check that an agent's tools include an action, by its name or by its category.

    Args:
        tools: The agent's tools.
        name: The action's name; empty for an endpoint without an action.
        category: The category of the action or endpoint.

    Raises:
        Forbidden: The tools include neither.
    """
    if name not in tools and category not in tools:
        missing_tool = f"{name} or {category}" if name else category
        raise Forbidden(f"the agent does not have the tool {missing_tool}", code="tool_not_allowed")


def check_project_scope(endpoint: AnyEndpoint, project_ids: Collection[str] | None) -> None:
    """Check that an endpoint is within a project, for an agent that works in some projects only.

    Args:
        endpoint: The endpoint.
        project_ids: The agent's projects; None for all, in which case the check passes.

    Raises:
        Forbidden: The endpoint is about the whole workspace.
    """
    if project_ids is None or endpoint.operation in _WORKSPACE_OPERATIONS:
        return
    if "project_id" not in {field.name for field in attrs.fields(endpoint.ref)}:
        raise Forbidden("the agent may only work in some projects", code="outside_projects")


def check_model(runtime: str, model: str | None) -> None:
    """Check that a model is set for the runtime ``model``, and for no runtime that has none.

    Args:
        runtime: The agent's runtime.
        model: The name of a language model, or None.

    Raises:
        Invalid: The model is missing, or must not be set.
    """
    if runtime == "model" and not model:
        raise invalid(("model", "is required where the runtime is model"))
    if runtime not in ("model", BUILT_IN_ELSE_MODEL) and model:
        raise invalid(("model", f"must be null unless the runtime is model or {BUILT_IN_ELSE_MODEL}"))


def free_slug(preferred: str, taken: Iterable[str]) -> str:
    """Return the preferred slug, or the first free one with a number appended.

    Args:
        preferred: The preferred slug.
        taken: The slugs of the workspace's agents.
    """
    taken_slugs, slug, number = set(taken), preferred, 1
    while slug in taken_slugs:
        number += 1
        slug = f"{preferred[: _SLUG_MAX - len(str(number)) - 1].rstrip('-')}-{number}"
    return slug


@attrs.frozen
class Window:
    """A rate limit window: its beginning, and the number of calls in it."""

    began_at: datetime
    actions: int


def count_in_window(window: Window, max_actions: int, seconds: int, now: datetime) -> Window:
    """Return the window after one more call. The first call after a window's end begins a new one.

    Args:
        window: The window before the call.
        max_actions: The number of calls that a window allows.
        seconds: The length of a window.
        now: The time of the call.

    Raises:
        RateLimited: The window is full.
    """
    ends_at = window.began_at + timedelta(seconds=seconds)
    if not window.began_at <= now < ends_at:
        return Window(now, 1)
    if window.actions >= max_actions:
        seconds_left = max(1.0, (ends_at - now).total_seconds())
        error = RateLimited(
            f"the agent may make at most {max_actions} calls in {seconds} seconds",
            code="agent_rate",
            retry_after=seconds_left,
        )
        error.headers |= {
            "X-RateLimit-Limit": str(max_actions),
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": str(math.ceil(seconds_left)),
        }
        raise error
    return Window(window.began_at, window.actions + 1)
