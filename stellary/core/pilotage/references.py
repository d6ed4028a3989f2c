"""The items that stored actions need, of rules and of proposed actions, and which of them are missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, cast

import attrs
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
    String,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    true,
    update,
)

from stellary.contract.proposed_actions import ActionReference, ReferenceKind
from stellary.core.accounts.audience import name_of
from stellary.core.accounts.project_sight import is_visible
from stellary.core.accounts.rules import SEES_ALL, ProjectSight
from stellary.core.accounts.subscribers import mark_subscribed
from stellary.core.board.queries.item_names import name_of_item
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import events
from stellary.core.kernel.grouping import group
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge.resolve_names import title_of
from stellary.core.pilotage.row_types import ReferenceRow
from stellary.core.pilotage.tables import references as table

UNRESOLVED: Final = "unresolved"
"""The kind of a row that stands for a name that could not be resolved; its name is the reason."""
_BATCH: Final = 500
_NUMBERED: Final = ("mission", "priority", "todo")
_DELETABLE: Final = ("column", "scope", "label", "custom_field", "project", "agent")
_id = table.c.item_id
_workspace_id = table.c.workspace_id


def _select_named(sees: Callable[[ColumnElement[Any]], ColumnElement[bool]]) -> Select[Any]:
    """Build the statement for references, with the present names of the items that the reader sees."""
    item = _id, _workspace_id, sees
    present_name = func.coalesce(name_of(_id), name_of_item(*item), title_of(*item))
    return select(*table.c, present_name.label("present_name")).order_by(table.c.id)


_ALL = _select_named(lambda _: true())
_OF_RULES, _LIMITED_OF_RULES = (
    Query(ReferenceRow, rows.where(is_among(table.c.automation_id, "ids")))
    for rows in (_ALL, _select_named(is_visible))
)
_OF_ACTIONS = Query(
    ReferenceRow,
    _ALL.where(is_given(table.c.workspace_id), is_among(table.c.action_number, "ids")),
)
_DELETE = delete(table).where(
    is_given(table.c.automation_id, "rule_id"), table.c.part.startswith(bindparam("_part", type_=String))
)
_INSERT = insert(table)
_FIND = select(table.c.item_id, table.c.automation_id).where(
    is_given(table.c.workspace_id), is_among(table.c.item_id, "ids")
)
_THIS = (is_given(table.c.workspace_id), is_given(table.c.item_id, "id"))
_MARK = (
    update(table)
    .where(*_THIS)
    # A rule does not need the column of a deleted scope as long as it has that of another scope.
    .values(is_alternative=table.c.is_alternative & bindparam("_stays_alternative", type_=Boolean))
)
_other = table.alias("other")


def is_broken(rule_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a rule lacks an item that it needs."""
    has_another = exists().where(
        _other.c.automation_id == rule_id,
        _other.c.part == table.c.part,
        _other.c.is_alternative,
        ~_other.c.missing,
    )
    is_needed = ~table.c.is_alternative | ~has_another
    return exists().where(table.c.automation_id == rule_id, table.c.missing, is_needed)


@attrs.frozen
class StoredReference:
    """An item that an action names; or, of the kind ``UNRESOLVED``, the reason why a name could not be resolved.

    Attributes:
        project_id: The project whose readers may read the reason.
    """

    kind: ReferenceKind | str
    id: str
    is_alternative: bool = False
    project_id: str | None = None


References = dict[str, set[StoredReference]]
"""The references of a rule by part: ``conditions``, ``action``, ``action 2`` …"""


def name_action_part(index: int) -> str:
    """Return the name of the part for the action at an index."""
    return f"action {index + 1}" if index else "action"


def save_references(uow: UnitOfWork, workspace_id: str, rule_id: str, parts: References) -> None:
    """Store the references of a rule, in place of those that its conditions, or all of its actions, had.

    Args:
        uow: A unit of work that writes.
        workspace_id: The workspace.
        rule_id: The rule.
        parts: The references, by part. Actions are replaced all together.
    """
    for part in parts:
        if part not in ("conditions", "schedule", "action"):
            continue
        uow.connection.execute(_DELETE, {"_rule_id": rule_id, "_part": part})
    for part, references in parts.items():
        add_references(uow, workspace_id, references, automation_id=rule_id, part=part)


def add_references(
    uow: UnitOfWork,
    workspace_id: str,
    references: Iterable[StoredReference],
    *,
    automation_id: str | None = None,
    action_number: int | None = None,
    part: str = "action",
) -> None:
    """Store the references of a new rule or a proposed action.

    Args:
        uow: A unit of work that writes.
        workspace_id: The workspace.
        references: The references.
        automation_id: The rule.
        action_number: The number of the proposed action.
        part: The part of the rule.
    """
    rows = [
        {
            "id": uow.new_id(),
            "workspace_id": workspace_id,
            "automation_id": automation_id,
            "action_number": action_number,
            "part": part,
            "kind": reference.kind,
            "item_id": "" if reference.kind == UNRESOLVED else reference.id,
            "name": reference.id if reference.kind == UNRESOLVED else None,
            "project_id": reference.project_id,
            "is_alternative": reference.is_alternative,
            "missing": reference.kind == UNRESOLVED,
        }
        for reference in sorted(references, key=lambda reference: (reference.kind, reference.id))
    ]
    if rows:
        uow.connection.execute(_INSERT, rows)
        mark_subscribed(uow, workspace_id)


@attrs.frozen
class Described:
    """The references of an action, and what it lacks.

    Attributes:
        problem: What it lacks; None if it lacks nothing.
        hides_names: Whether it refers to items that the reader does not see.
    """

    references: list[ActionReference]
    problem: str | None
    hides_names: bool = False


NOTHING = Described([], None)


def describe_rules(
    uow: UnitOfWork, rule_ids: Collection[str], sight: ProjectSight
) -> Mapping[str, Described]:
    """Return the references of rules with the present names of the items, by rule; nothing for rules without any.

    Args:
        rule_ids: The ids of the rules.
        sight: The projects that the reader sees. Items of others are not named.
    """
    query, parameters = _OF_RULES, dict[str, object]()
    if sight.is_limited:
        query, parameters = _LIMITED_OF_RULES, sight.parameters
    rows = query.all(uow.connection, {**parameters, "_ids": list(rule_ids)}) if rule_ids else []
    by_rule = group((row.automation_id or "", row) for row in rows)
    return {rule_id: _describe(of_rule, sight) for rule_id, of_rule in by_rule.items()}


def describe_actions(uow: UnitOfWork, workspace_id: str, numbers: Collection[int]) -> Mapping[int, Described]:
    """Return the references of proposed actions, by number, like ``describe_rules``.

    Args:
        workspace_id: The workspace of the actions.
        numbers: Their numbers.
    """
    parameters = {"_workspace_id": workspace_id, "_ids": list(numbers)}
    rows = _OF_ACTIONS.all(uow.connection, parameters) if numbers else []
    by_action = group((row.action_number or 0, row) for row in rows)
    return {number: _describe(of_action, SEES_ALL) for number, of_action in by_action.items()}


def _find_name(row: ReferenceRow, sight: ProjectSight) -> str | None:
    """Return the name of an item, the last one if it is missing, or the reason of a problem; None if it is hidden."""
    if not row.missing:
        return row.item_id if row.kind in _NUMBERED else row.present_name
    if row.kind == "person":
        # The user of a deleted agent may be gone.
        return row.present_name or row.name
    is_seen = row.project_id is not None and sight.sees(row.project_id or None)
    return row.name if is_seen or not sight.is_limited else None


def _describe(rows: list[ReferenceRow], sight: ProjectSight) -> Described:
    references, problems, hides_names = [], [], False
    parts_with_alternative = {row.part for row in rows if row.is_alternative and not row.missing}
    for row in rows:
        name, word = _find_name(row, sight), row.kind.replace("_", " ")
        hidden, hides_names = f"a hidden {word}", hides_names or name is None
        if row.kind != UNRESOLVED:
            kind = cast("ReferenceKind", row.kind)
            reference = ActionReference(kind=kind, id=row.item_id, name=name or hidden, missing=row.missing)
            references.append(reference)
        what = (name if row.kind == "person" else f"the {word} {name!r}") if name else hidden
        if row.missing and row.kind == UNRESOLVED:
            problems.append(name or "an item that it names does not exist")
        elif row.missing and (row.kind in ("person", "document") or row.name is None):
            problems.append(f"{what} is no longer in the workspace")
        elif row.missing and not (row.is_alternative and row.part in parts_with_alternative):
            problems.append(f"{what} was deleted")
    # The conditions and the actions of a rule may refer to the same item.
    problem = "; ".join(dict.fromkeys(problems)) or None
    return Described(list(dict.fromkeys(references)), problem, hides_names)


@attrs.frozen
class PresenceChange:
    """The deletion of an item that actions may need, or its return.

    Attributes:
        name: The last name of a deleted item; None for a person, whose name is known, and for an item of another workspace.
        project_id: The project that a deleted item was in; empty if it was in none.
        has_lost_scope: Whether it is a column that was deleted with its scope.
    """

    missing: bool
    name: str | None = None
    project_id: str | None = None
    has_lost_scope: bool = False


@attrs.frozen
class PresenceChanges:
    """Deletions and returns of items by workspace and id, and the workspaces of the rules that need them."""

    by_item: Mapping[tuple[str, str], PresenceChange]
    workspaces_by_rule: Mapping[str, str]


def find_changes(uow: UnitOfWork, unit_events: Iterable[events.Event]) -> PresenceChanges:
    """Return the deletions and returns among events of items that rules or proposed actions need.

    Args:
        unit_events: The events, of which others are ignored.
    """
    changes: dict[str, dict[str, PresenceChange]] = defaultdict(dict)
    items = (event for event in unit_events if isinstance(event, events.ItemChanged) and event.after is None)
    scope_ids = {event.item_id for event in items if event.kind == "scope"}
    for event in unit_events:
        if event.workspace_id in uow.workspaces_without_subscribers:
            continue
        by_id = changes[event.workspace_id]
        if isinstance(event, events.CardTransferred) and by_id.pop(event.card.id, None) is not None:
            # It has left one project of the workspace for another one.
            continue
        by_id |= _find_change(event, scope_ids)
    needed, workspaces_by_rule = dict[tuple[str, str], PresenceChange](), dict[str, str]()
    for workspace_id, by_id in changes.items():
        ids = sorted(by_id)
        for first in range(0, len(ids), _BATCH):
            parameters = {"_workspace_id": workspace_id, "_ids": ids[first : first + _BATCH]}
            for item_id, rule_id in uow.connection.execute(_FIND, parameters):
                needed[workspace_id, item_id] = by_id[item_id]
                if rule_id is not None:
                    workspaces_by_rule[rule_id] = workspace_id
    return PresenceChanges(needed, workspaces_by_rule)


def find_rules(uow: UnitOfWork, workspace_id: str, item_id: str) -> set[str]:
    """Return the ids of the rules that need an item.

    Args:
        workspace_id: The workspace.
        item_id: The item.
    """
    if workspace_id in uow.workspaces_without_subscribers:
        return set()
    rows = uow.connection.execute(_FIND, {"_workspace_id": workspace_id, "_ids": [item_id]})
    return {row.automation_id for row in rows} - {None}


def _find_change(event: events.Event, deleted_scope_ids: Collection[str]) -> dict[str, PresenceChange]:
    """Return the change of an event by the id of its item; nothing if the event is no deletion and no return."""
    match event:
        case events.ItemChanged(after=None) if event.kind in _DELETABLE:
            has_lost_scope = getattr(event.before, "scope_id", None) in deleted_scope_ids
            return {event.item_id: PresenceChange(True, event.name, event.project_id or "", has_lost_scope)}
        case events.ItemChanged(before=None, kind="workspace_member") | events.ItemRestored():
            return {event.item_id: PresenceChange(False)}
        case events.CardDeleted():
            return {event.card.id: PresenceChange(True, event.card.title, event.project_id)}
        case events.CardTransferredOut():
            return {event.card.id: PresenceChange(True)}
        case events.DocumentDeleted():
            return {event.document.id: PresenceChange(True, event.document.title, event.project_id or "")}
        case events.DocumentTransferredOut():
            is_here = event.place[0] == event.workspace_id
            return {} if is_here else {event.document.id: PresenceChange(True)}
        case events.CardTransferred(card=item) | events.DocumentTransferred(document=item):
            return {item.id: PresenceChange(False)}
        case events.PilotageChanged(after=None):
            return {event.thing_id: PresenceChange(True, event.title, "")}
        case events.WorkspaceLeft():
            return {event.user_id: PresenceChange(True)}
        case _:
            return {}


def mark(uow: UnitOfWork, changes: PresenceChanges) -> None:
    """Mark the references to deleted items as missing, and those to returned ones as present.

    Args:
        uow: A unit of work that writes.
        changes: The deletions and returns.
    """
    for (workspace_id, item_id), change in changes.by_item.items():
        parameters = {"_workspace_id": workspace_id, "_id": item_id}
        stays = change.has_lost_scope or not change.missing
        present = {"missing": change.missing, "_stays_alternative": stays}
        last = {"name": change.name, "project_id": change.project_id}
        uow.connection.execute(_MARK, {**parameters, **present, **last})
