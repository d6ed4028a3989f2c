"""The means by which a change was made, for its record: a rule, an agent, a token, an import, or a proposed action."""

from __future__ import annotations

from collections.abc import Mapping

from stellary.core.kernel.events import BaseEvent, Event, ProjectImported
from stellary.core.kernel.unit import Actor

StoredVia = dict[str, dict[str, str | None]]
"""The fields of ``Via`` as JSON, without those that are None."""


def find_via(actor: Actor, event: BaseEvent, agent_names: Mapping[str, str]) -> StoredVia | None:
    """Return how an actor caused an event; None for a direct request after a login.

    Args:
        actor: The actor.
        event: The event.
        agent_names: The names of agents, by id.
    """
    if event.cause is not None:
        via = {key: dict(value) for key, value in event.cause.via.items()}
    else:
        via = find_means(actor)
    if "agent" in via:
        via["agent"]["name"] = agent_names.get(via["agent"]["id"] or "")
    if "rule" in via:
        project_id = getattr(event, "project_id", None)
        if via["rule"].pop("projectId", project_id) != project_id:
            # Readers of the activity need not see the rule's project.
            via["rule"]["name"] = None
    if isinstance(event, ProjectImported):
        via["import"] = {"id": event.project_id, "name": event.name}
    return via or None


def find_means(actor: Actor) -> StoredVia:
    """Return the agent and the token of an actor's request, as far as it has any; the agent without its name."""
    means: StoredVia = {}
    if actor.agent_limits is not None:
        means["agent"] = actor.agent_limits.as_via()
    if actor.token_id is not None:
        means["token"] = {"id": actor.token_id, "name": actor.token_name}
    return means


def find_agent_id(actor: Actor, event: Event) -> str | None:
    """Return the id of the agent that caused an event; None if none did.

    Args:
        actor: The actor.
        event: The event.
    """
    if event.cause is not None:
        return event.cause.via.get("agent", {}).get("id")
    return None if actor.agent_limits is None else actor.agent_limits.agent_id
