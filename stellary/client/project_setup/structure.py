"""Changes of a project's structure: the project itself, custom fields, labels, members, scopes and columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from stellary.client.project_setup.changes import (
    ActionWord,
    Change,
    Difference,
    Kind,
    create_or_update,
    differences,
    format_value,
    get_values,
    plain_names,
)
from stellary.client.project_setup.declaration import Column, Field, Project, Scope
from stellary.client.project_setup.matching import Frame, Matched
from stellary.client.transfer.card_rows import find_moved
from stellary.contract import columns as wire_columns
from stellary.contract import projects as wire_projects
from stellary.contract import scopes as wire_scopes
from stellary.contract.custom_fields import CustomField
from stellary.contract.wire import UNSET

PROJECT_FIELDS = plain_names(Project, wire_projects.Project, {"name", "key"})
SCOPE_FIELDS = plain_names(Scope, wire_scopes.Scope, {"name", "id", "views", "columns"})
COLUMN_FIELDS = plain_names(Column, wire_columns.Column, {"name", "id"})
FIELD_FIELDS = plain_names(Field, CustomField, {"name"})


@attrs.frozen
class Placement:
    """An insertion or a move, one step of a sequence.

    Attributes:
        key: The item to place.
        index: Its position from 0, in the list as the previous steps leave it.
        after: The key of the item before it; None at the beginning of the list.
        is_new: True for an insertion, False for a move.
    """

    key: str
    index: int
    after: str | None
    is_new: bool


def plan_moves(current: Sequence[str], target: Sequence[str]) -> list[Placement]:
    """Return the steps, to be done in sequence, that bring the keys of ``target`` into that order.

    Keys that are not in ``target`` never move.

    Args:
        current: The keys in the list, in its order.
        target: The keys in the desired order. A key that is not in ``current`` is new, and is inserted after its predecessor.
    """
    order = {key: position for position, key in enumerate(target)}
    moved = find_moved([(order[key], key) for key in current if key in order])
    now = list(current)
    placements = []
    for position, key in enumerate(target):
        is_new = key not in now
        if key in moved:
            now.remove(key)
        elif not is_new:
            continue
        if position:
            index = now.index(target[position - 1]) + 1
        else:
            index = next((at for at, other in enumerate(now) if other in order), len(now))
        placements.append(Placement(key, index, now[index - 1] if index else None, is_new))
        now.insert(index, key)
    return placements


def project_changes(matched: Matched) -> Iterator[Change]:
    """Yield the creation or the update of the project."""
    declared, existing = matched.declaration.project, matched.state.project
    if existing is None:
        changed = differences(get_values(declared, ("key", *PROJECT_FIELDS, "template")), None)
    else:
        if declared.key and declared.key != existing.key:
            message = f"the project has the key {existing.key}, which cannot be changed"
            matched.problems.note("project.key", message)
        changed = _compare(declared, existing, PROJECT_FIELDS)
    yield from create_or_update("project", declared.name, existing, changed, declared)


def field_changes(matched: Matched, prune: bool) -> Iterator[Change]:
    """Yield the creations and updates of custom fields.

    Args:
        matched: The declared items with the existing ones.
        prune: True if undeclared options are deleted.
    """
    for field, existing, _ in matched.fields.pairs:
        values = {**get_values(field, FIELD_FIELDS), "options": _merge_options(field, existing, prune)}
        current = existing and get_values(existing, ("name", *values))
        yield from _compare_named("field", field, values, existing, current)


def _merge_options(field: Field, existing: CustomField | None, prune: bool) -> Any:
    """Return all options of the field after the plan.

    Existing options, which cards may have, are kept unless the plan prunes or the new type has no options.
    """
    if field.options is UNSET:
        return UNSET
    options = list(field.options)
    if existing is None or prune or field.type not in ("select", "multi-select"):
        return options if options or existing is None or existing.options else UNSET
    return options + [option for option in existing.options if option not in options]


def label_changes(matched: Matched) -> Iterator[Change]:
    """Yield the creations and updates of labels."""
    for label, existing, _ in matched.labels.pairs:
        color = label.color.lower() if label.color else UNSET
        current = existing and {"name": existing.name, "color": existing.color.lower()}
        yield from _compare_named("label", label, {"color": color}, existing, current)


def _compare_named(
    kind: Kind, item: Any, values: dict[str, Any], existing: Any, current: Any
) -> Iterator[Change]:
    """Yield the creation of a declared item, or the update of the existing one if it differs.

    Args:
        kind: The kind of the item.
        item: The declared item.
        values: Its values, without its name.
        existing: The existing item; None for a new one.
        current: The values of the existing item, with its name.
    """
    wanted_values = values if existing is None else {"name": item.name, **values}
    yield from create_or_update(kind, item.name, existing, differences(wanted_values, current), item)


def member_changes(matched: Matched) -> Iterator[Change]:
    """Yield the members to add, and those whose role changes, except the caller, who could not undo that."""
    for index, member in enumerate(matched.declaration.list_members()):
        person = matched.find_person(member.email, f"members[{index}]")
        if person is None:
            continue
        is_member, is_caller = person.id in matched.state.members, person.id == matched.state.me
        role = differences({"role": member.role}, matched.state.describe_member(person.id))
        # The creator of a project is a member of it already.
        if is_caller and (is_member or matched.state.project is None):
            continue
        if role or not is_member:
            action: ActionWord = "update" if is_member else "create"
            yield Change(action=action, kind="member", name=person.email, differences=role, id=person.id)


def scope_changes(matched: Matched) -> Iterator[Change]:
    """Yield the creations, updates and moves of scopes."""
    frames = {_frame_key(frame): frame for frame in matched.frames if frame.scope is not None}
    current = [scope.id for scope in matched.state.scopes]
    placements = {placement.key: placement for placement in plan_moves(current, list(frames))}
    names = {_frame_key(frame): frame.name for frame in matched.frames}
    # The creation of a project includes its default scope.
    is_new_project = matched.state.project is None
    for key, frame in frames.items():
        assert frame.scope is not None
        values = _declared_scope(frame.scope)
        check_dates(matched, frame.path, values, frame.existing)
        if frame.existing is None and not (is_new_project and frame.is_default):
            new = differences(values, None)
            about = (
                frame.scope,
                tuple(column for column, _, _ in frame.columns.pairs) if frame.declares_columns else None,
            )
            yield _placement_change("create", placements[key], names, new, about)
        elif frame.existing is not None:
            if changed := scope_differences(frame.scope, frame.existing):
                yield Change(action="update", kind="scope", name=frame.name, differences=changed, id=key)
        elif new := differences(values, None):
            yield Change(action="update", kind="scope", name=frame.name, differences=new)
        if key in placements and frame.existing is not None:
            yield _placement_change("move", placements[key], names, (), None)


def check_dates(matched: Matched, path: str, declared: Mapping[str, Any], existing: Any) -> None:
    """Note a problem if the item would start after it is due.

    Args:
        matched: Collects the problem.
        path: The path of the item in the declaration.
        declared: The declared values, among them ``start_date`` and ``due_date``.
        existing: The existing item, whose dates are used if none are declared; None for a new item.
    """
    start, due = (
        getattr(existing, name, None) if declared[name] is UNSET else declared[name]
        for name in ("start_date", "due_date")
    )
    if start and due and start > due:
        name, end = (
            ("start_date", "after due_date") if declared["start_date"] else ("due_date", "before start_date")
        )
        matched.problems.note(
            f"{path}.{name}", f"must not be {end}, which is {format_value(due if 'after' in end else start)}"
        )


def _placement_change(
    action: Any, placement: Placement, names: Mapping[str, str], new: tuple[Difference, ...], about: Any
) -> Change:
    return Change(
        action=action,
        kind="scope",
        name=names[placement.key],
        differences=new,
        note=_position_note(placement, names),
        id="" if placement.is_new else placement.key,
        order=placement.index,
        about=about,
    )


def _position_note(placement: Placement, names: Mapping[str, str]) -> str:
    return "at the beginning" if placement.after is None else f'after "{names[placement.after]}"'


def _frame_key(frame: Frame) -> str:
    """Return the scope's id; for a new scope, a key made from its path."""
    return frame.existing.id if frame.existing else f"+{frame.path}"


def _declared_scope(scope: Scope) -> dict[str, Any]:
    """Return the declared values of a scope, except its name, in the form in which they are compared and shown."""
    settings = {
        f"views.{kind}.{name}": value
        for kind, view in (scope.views or {}).items()
        for name, value in view.items()
    }
    return {
        **get_values(scope, SCOPE_FIELDS),
        "view": scope.view,
        **settings,
    }


def scope_differences(scope: Scope, existing: wire_scopes.Scope) -> tuple[Difference, ...]:
    """Return the differences between a declared and an existing scope.

    Args:
        scope: The declared scope.
        existing: The existing scope.
    """
    current = {
        "name": existing.name,
        **get_values(existing, SCOPE_FIELDS),
        "view": existing.active_view,
        **{
            f"views.{view.type}.{name}": value
            for view in existing.views
            for name, value in view.settings.items()
        },
    }
    return differences({"name": scope.name, **_declared_scope(scope)}, current)


def column_changes(matched: Matched) -> Iterator[Change]:
    """Yield the creations, updates and moves of columns."""
    for frame in matched.frames:
        current = [column.id for column in frame.existing.columns] if frame.existing else []
        declared = {
            existing.id if existing else f"+{path}": (column, existing)
            for column, existing, path in frame.columns.pairs
        }
        names = {column.id: column.name for column in frame.columns.unmatched}
        names |= {key: column.name for key, (column, _) in declared.items()}
        placements = {placement.key: placement for placement in plan_moves(current, list(declared))}
        for column, existing in declared.values():
            if existing is not None:
                changed = _compare(column, existing, COLUMN_FIELDS)
                path = column_path(frame.name, column.name)
                yield from create_or_update("column", path, existing, changed, column)
        for key, placement in placements.items():
            column, existing = declared[key]
            values = get_values(column, COLUMN_FIELDS)
            yield Change(
                action="create" if placement.is_new else "move",
                kind="column",
                name=column_path(frame.name, column.name),
                differences=differences(values, None) if placement.is_new else (),
                note=_position_note(placement, names),
                id="" if placement.is_new else key,
                order=placement.index,
                about=(frame.name, column) if placement.is_new else None,
            )


def column_path(scope: str, column: str) -> str:
    """Return a column's name, preceded by the name of its scope if the scope has one.

    Args:
        scope: The name of the scope; may be empty.
        column: The name of the column.

    Returns:
        A path such as ``Product / Doing``.
    """
    return f"{scope} / {column}" if scope else column


def _compare(declared: object, existing: object, fields: Sequence[str]) -> tuple[Difference, ...]:
    names = ["name", *fields]
    return differences(get_values(declared, names), get_values(existing, names))
