"""References and problems of proposed actions, and the actions that a caller sees."""

from __future__ import annotations

from collections.abc import Sequence

from stellary.contract.errors import Invalid
from stellary.contract.fields import replace_fields
from stellary.contract.proposed_actions import ProposedAction
from stellary.contract.wire import load
from stellary.core.accounts.rules import ProjectSight
from stellary.core.kernel.actions import registered_actions
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge.resolve_names import find_items
from stellary.core.pilotage.references import NOTHING, describe_actions
from stellary.core.pilotage.rules import OPEN, parse_short_id


def _leave_out_hidden(
    uow: UnitOfWork, workspace_id: str, sight: ProjectSight, items: Sequence[ProposedAction]
) -> list[ProposedAction]:
    """Return the proposed actions that concern no project, or only items of projects that the caller sees."""
    ids = [*{reference.id for item in items for reference in item.references}]
    needed_items = find_items(uow, workspace_id, ids)
    actions_by_name = registered_actions(uow.env)

    def is_seen(item: ProposedAction) -> bool:
        action = actions_by_name.get(item.action_type)
        if action is not None and action.category.startswith("pilotage"):
            return True
        needed = [reference.id for reference in item.references if reference.kind not in ("person", "agent")]
        return bool(needed) and all(id in needed_items and sight.sees(needed_items[id][1]) for id in needed)

    return [item for item in items if is_seen(item)]


def describe(
    uow: UnitOfWork, workspace_id: str, items: Sequence[ProposedAction], sight: ProjectSight
) -> list[ProposedAction]:
    """Return the proposed actions that a caller sees, with the items that they need, and the problems of missing ones.

    Args:
        workspace_id: The workspace.
        items: The actions.
        sight: The projects that the caller sees.
    """
    numbers = [parse_short_id("action", item.id) for item in items]
    described = describe_actions(uow, workspace_id, numbers)
    needs = [described.get(number, NOTHING) for number in numbers]
    described_items = [
        replace_fields(
            item,
            references=need.references,
            problem=item.problem or (need.problem if item.status in OPEN else None),
        )
        for item, need in zip(items, needs, strict=True)
    ]
    return (
        _leave_out_hidden(uow, workspace_id, sight, described_items) if sight.is_limited else described_items
    )


def find_problem(uow: UnitOfWork, action_type: str, payload: object) -> str | None:
    """Return the reason why an action's name or payload is not valid; None if they are valid.

    Args:
        action_type: The name of the action.
        payload: Its parameters, which need not be valid.
    """
    actions_by_name = registered_actions(uow.env)
    action = actions_by_name.get(action_type)
    if action is None or action.kind != "write":
        write_actions = ", ".join(
            name for name, candidate in actions_by_name.items() if candidate.kind == "write"
        )
        return f"actionType must be one of {write_actions}"
    try:
        load(action.takes, payload)
    except Invalid as error:
        return "; ".join(f"payload.{detail.field} {detail.message}" for detail in error.details)
    return None
