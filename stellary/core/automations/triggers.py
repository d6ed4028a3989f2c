"""Triggers of rules: the built-in events of cards, and those that a host defines and fires. Section Automations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import cast, get_args

import attrs

from stellary.contract.automations import (
    LIST_TRIGGERS,
    AutomationSchedule,
    AutomationTrigger,
    ScheduleToRun,
    TriggerField,
    TriggerFieldType,
)
from stellary.contract.errors import Conflict
from stellary.contract.refs import CardRef, ProjectRef
from stellary.contract.wire import Listing, Paged, invalid
from stellary.core.automations.rules.conditions import DATA, OPS, FactType, check_value
from stellary.core.board import access
from stellary.core.board.cards import get_card
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.events import CardEvent, TriggerFired
from stellary.core.kernel.paging import page_of
from stellary.core.kernel.unit import UnitOfWork, serves, service_of

_NAME = re.compile("[a-z][a-z0-9_]{0,39}")
_FIELD_NAME = re.compile("[a-zA-Z][a-zA-Z0-9_]{0,39}")
SCHEDULE = "schedule"
_RESERVED = ("owner_left",)
"""Names that traces use for something else."""


@attrs.frozen
class Trigger:
    """An event that automation rules can wait for.

    Attributes:
        name: The value of ``trigger`` in a rule: 1-40 lower-case letters, digits and underscores.
        summary: A sentence about when the event occurs, for the people who write rules.
        fields: The types of the data that is passed when the trigger is fired, by name. Conditions compare ``amount``
            as ``data.amount``. Default: none.
        has_card: Whether its events have a card. Default: True.
    """

    name: str
    summary: str
    fields: Mapping[str, TriggerFieldType] = attrs.field(factory=dict)
    has_card: bool = True

    @property
    def condition_fields(self) -> Mapping[str, FactType]:
        """The kinds of the fields of the data, by the names that conditions use."""
        return {DATA + name: kind for name, kind in self.fields.items()}

    def with_schedule(self, schedule: AutomationSchedule | ScheduleToRun | None) -> Trigger:
        """Return the trigger of a rule that has a schedule."""
        return attrs.evolve(
            self, has_card=self.name != SCHEDULE or (schedule is not None and schedule.cards is not None)
        )


BUILT_IN = (
    Trigger("task_moved", "A card moves to another column."),
    Trigger("task_created", "A card is created."),
    Trigger("checklist_complete", "The last open checklist item of a card is done."),
    Trigger("due_date_reached", "A card on the board becomes due."),
    Trigger("task_status_changed", "The status of a card changes, directly or by a move."),
    Trigger("task_assigned", "A card is assigned, or created with an assignee."),
    Trigger(SCHEDULE, "At the times of the rule's schedule, without a card or for each card of a filter."),
    Trigger("comment_added", "A comment is posted on a card."),
    Trigger("card_archived", "A card is archived."),
    Trigger(
        "field_changed",
        "Fields of a card change, other than its column, its assignee and its place; conditions compare `changedFields`.",
    ),
    Trigger(
        "task_added_to_board",
        "A card appears on a board: created, restored from the archive, or moved to another scope or project.",
    ),
)


def build_triggers(host_triggers: Iterable[Trigger]) -> Mapping[str, Trigger]:
    """Return the built-in triggers and those of a host, by name.

    Raises:
        ValueError: A name is malformed or taken, or a field has an unknown type.
    """
    table = {trigger.name: trigger for trigger in BUILT_IN}
    for trigger in host_triggers:
        if not _NAME.fullmatch(trigger.name):
            raise ValueError(
                f"the trigger {trigger.name!r} must be named with 1-40 lower-case letters, digits and underscores"
            )
        if trigger.name in table or trigger.name in _RESERVED:
            raise ValueError(f"two triggers are called {trigger.name!r}")
        for name, kind in trigger.fields.items():
            if not _FIELD_NAME.fullmatch(name) or kind not in get_args(TriggerFieldType):
                raise ValueError(f"the trigger {trigger.name!r} has an invalid field {name!r}: {kind!r}")
        table[trigger.name] = trigger
    return table


@serves(LIST_TRIGGERS)
def list_triggers(uow: UnitOfWork, ref: ProjectRef, request: Paged) -> Listing[AutomationTrigger]:
    """Return the triggers in the order of their names."""
    access.project(uow, ref)
    table = _get_registered(uow.env)
    values = [_to_value(table[name]) for name in sorted(table)]
    return page_of(values, request, lambda trigger: trigger.name)


def find_trigger(uow: UnitOfWork, name: str) -> Trigger | None:
    """Return the trigger of a name; None if the host has removed it.

    Args:
        uow: The unit.
        name: The name.
    """
    return _get_registered(uow.env).get(name)


def check_trigger(uow: UnitOfWork, name: str, path: str = "trigger") -> Trigger:
    """Return the trigger that a request names.

    Args:
        uow: The unit.
        name: The name.
        path: The position of the name in the request, for errors. Default: ``trigger``.

    Raises:
        Invalid: There is no such trigger.
    """
    trigger = find_trigger(uow, name)
    if trigger is None:
        raise invalid((path, f"must be one of {', '.join(_get_registered(uow.env))}"))
    return trigger


def require_trigger(uow: UnitOfWork, name: str) -> None:
    """Check that the trigger of a rule exists, before the rule is enabled.

    Args:
        uow: The unit.
        name: The name of the trigger.

    Raises:
        Conflict: The host has removed it.
    """
    if find_trigger(uow, name) is None:
        raise Conflict(
            f"the trigger {name} does not exist any more; choose another one", code="unknown_trigger"
        )


def fire(uow: UnitOfWork, name: str, card: CardRef | CardEvent, data: Mapping[str, object]) -> None:
    """Emit the event of a trigger of the host; see ``Core.fire``.

    Args:
        uow: The unit.
        name: The name of the trigger.
        card: The card, or an event about it.
        data: The values of the fields of the trigger.

    Raises:
        ValueError: The host has no such trigger, or a value does not have the type of its field.
    """
    trigger = find_trigger(uow, name)
    if trigger is None or trigger in BUILT_IN:
        raise ValueError(f"{name!r} is no trigger of this application; pass it to Core(triggers=…)")
    for field, value in data.items():
        if field not in trigger.fields:
            raise ValueError(f"the trigger {name!r} has no field {field!r}")
        problem = None if value is None else check_value(trigger.fields[field], value)
        if problem is not None:
            raise ValueError(f"{field} of the trigger {name!r} {problem}")
    if isinstance(card, CardEvent):
        workspace_id, project_id, current = card.workspace_id, card.project_id, card.card
    else:
        with uow.checking(service_of(get_card).endpoint.policy):
            loaded = access.card(uow, card)
        workspace_id, project_id, current = (
            loaded.roles.workspace_id,
            loaded.card.project_id,
            loaded.card,
        )
    uow.emit(
        TriggerFired(
            workspace_id=workspace_id, project_id=project_id, card=current, trigger=name, data=dict(data)
        )
    )


def _get_registered(env: Environment) -> Mapping[str, Trigger]:
    return cast("Mapping[str, Trigger]", env.triggers)


def _to_value(trigger: Trigger) -> AutomationTrigger:
    fields = [
        TriggerField(name=DATA + name, type=kind, ops=list(OPS[kind]))
        for name, kind in trigger.fields.items()
    ]
    return AutomationTrigger(name=trigger.name, summary=trigger.summary, fields=fields)
