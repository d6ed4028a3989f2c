"""What changes of a project's structure: itself, its fields, labels and members, scopes and columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stellary.client.project_setup.arranging import Put, arranged
from stellary.client.project_setup.changes import Change, Difference, differences, shown
from stellary.client.project_setup.declaration import Column, Field, Scope
from stellary.client.project_setup.matching import Frame, Matched, Pairs
from stellary.contract import scopes as wire
from stellary.contract.custom_fields import CustomField
from stellary.contract.unset import UNSET
from stellary.contract.wire import utc


def project(matched: Matched) -> Iterator[Change]:
    """The project itself."""
    wanted, there = matched.declaration.project, matched.state.project
    said = {"description": wanted.description}
    if there is None:
        given = differences({"key": wanted.key, **said}, None)
        yield Change(
            action="create", kind="project", name=wanted.name, differences=_said(given), about=wanted
        )
        return
    if wanted.key and wanted.key != there.key:
        matched.problems.note("project.key", f"the project has the key {there.key}, which it keeps")
    found = {"name": there.name, "description": there.description}
    if changed := differences({"name": wanted.name, **said}, found):
        yield Change(action="update", kind="project", name=wanted.name, differences=changed, id=there.id)


def _said(given: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """Of what is to be made: without what would be cleared."""
    return tuple(each for each in given if each.new is not None)


def fields(matched: Matched, prune: bool) -> Iterator[Change]:
    """Custom fields that are to be made or changed."""
    for field, found, _ in matched.fields.pairs:
        wanted = {"type": field.type, "options": _options(field, found, prune), "required": field.required}
        if found is None:
            given = differences(wanted, None)
            yield Change(action="create", kind="field", name=field.name, differences=given, about=field)
            continue
        there = {name: getattr(found, name) for name in ("name", *wanted)}
        if changed := differences({"name": field.name, **wanted}, there):
            yield Change(action="update", kind="field", name=field.name, differences=changed, id=found.id)


def _options(field: Field, found: CustomField | None, prune: bool) -> Any:
    """All options in the end: one that cards may have is kept, unless it is pruned or can no longer be chosen."""
    if field.options is UNSET:
        return UNSET
    named = list(field.options)
    if found is None or prune or field.type not in ("select", "multi-select"):
        return named if named or found is None or found.options else UNSET
    return named + [each for each in found.options if each not in named]


def labels(matched: Matched) -> Iterator[Change]:
    """Labels that are to be made or changed."""
    for label, found, _ in matched.labels.pairs:
        color = label.color.lower() if label.color else UNSET
        if found is None:
            given = differences({"color": color}, None)
            yield Change(action="create", kind="label", name=label.name, differences=given, about=label)
            continue
        there = {"name": found.name, "color": found.color.lower()}
        if changed := differences({"name": label.name, "color": color}, there):
            yield Change(action="update", kind="label", name=label.name, differences=changed, id=found.id)


def members(matched: Matched) -> Iterator[Change]:
    """Members that are to be added."""
    for at, email in enumerate(matched.declaration.members or ()):
        person = matched.person(email, f"members[{at}]")
        if person is not None and person.id not in matched.state.members:
            # Whoever makes a project is a member of it.
            if matched.state.project is None and person.id == matched.state.me:
                continue
            yield Change(action="create", kind="member", name=person.email, id=person.id)


def scopes(matched: Matched) -> Iterator[Change]:
    """Scopes that are to be made, changed or moved."""
    frames = {_key(frame): frame for frame in matched.frames if frame.scope is not None}
    there = [each.id for each in matched.state.scopes]
    puts = {put.key: put for put in arranged(there, list(frames))}
    names = {_key(frame): frame.name for frame in matched.frames}
    # A new project has its default scope as it is made.
    fresh = matched.state.project is None
    for key, frame in frames.items():
        assert frame.scope is not None
        wanted = _scope_said(frame.scope)
        check_dates(matched, frame.path, wanted, frame.existing)
        if frame.existing is None and not (fresh and frame.is_default):
            given = _said(differences(wanted, None))
            about = (
                frame.scope,
                tuple(column for column, _, _ in frame.columns.pairs) if frame.columns else None,
            )
            yield _put("create", puts[key], names, given, about)
        elif frame.existing is not None:
            if changed := scope_differences(frame.scope, frame.existing):
                yield Change(action="update", kind="scope", name=frame.name, differences=changed, id=key)
        elif given := _said(differences(wanted, None)):
            yield Change(action="update", kind="scope", name=frame.name, differences=given)
        if key in puts and frame.existing is not None:
            yield _put("move", puts[key], names, (), None)


def check_dates(matched: Matched, path: str, wanted: Mapping[str, Any], there: Any) -> None:
    """Note it where something would start after it is due, one of the dates being there already."""
    start, due = (
        getattr(there, name, None) if wanted[name] is UNSET else wanted[name]
        for name in ("start_date", "due_date")
    )
    if start and due and start > due:
        name, end = (
            ("start_date", "after due_date") if wanted["start_date"] else ("due_date", "before start_date")
        )
        matched.problems.note(
            f"{path}.{name}", f"must not be {end}, which is {shown(due if 'after' in end else start)}"
        )


def _put(
    action: Any, put: Put, names: Mapping[str, str], given: tuple[Difference, ...], about: Any
) -> Change:
    return Change(
        action=action,
        kind="scope",
        name=names[put.key],
        differences=given,
        note=_after(put, names),
        id="" if put.is_new else put.key,
        order=put.index,
        about=about,
    )


def _after(put: Put, names: Mapping[str, str]) -> str:
    return "at the beginning" if put.after is None else f'after "{names[put.after]}"'


def _key(frame: Frame) -> str:
    return frame.existing.id if frame.existing else f"+{frame.path}"


def _scope_said(scope: Scope) -> dict[str, Any]:
    views = {
        f"views.{kind}.{name}": found
        for kind, each in (scope.views or {}).items()
        for name, found in each.items()
    }
    return {
        "description": scope.description,
        "start_date": utc(scope.start_date) if scope.start_date else scope.start_date,
        "due_date": utc(scope.due_date) if scope.due_date else scope.due_date,
        "view": scope.view,
        **views,
    }


def scope_differences(scope: Scope, found: wire.Scope) -> tuple[Difference, ...]:
    """What of a scope is otherwise than declared."""
    there = {
        "name": found.name,
        "description": found.description,
        "start_date": found.start_date,
        "due_date": found.due_date,
        "view": found.active_view,
        **{f"views.{view.type}.{name}": each for view in found.views for name, each in view.settings.items()},
    }
    return differences({"name": scope.name, **_scope_said(scope)}, there)


def columns(matched: Matched, prune: bool) -> Iterator[Change]:
    """Columns that are to be made, changed or moved."""
    for frame in matched.frames:
        if frame.columns is not None:
            there = [each.id for each in frame.existing.columns] if frame.existing else []
            yield from of_scope(frame.columns, there, frame.name)


def of_scope(pairs: Pairs[Column, Any], there: list[str], scope: str) -> Iterator[Change]:
    """The same of one scope.

    Args:
        pairs: What is declared of its columns.
        there: The ids of those that there are, by place.
        scope: Its name.
    """
    known = {found.id if found else f"+{path}": (column, found) for column, found, path in pairs.pairs}
    names = {each.id: each.name for each in pairs.left} | {
        key: column.name for key, (column, _) in known.items()
    }
    puts = {put.key: put for put in arranged(there, list(known))}
    for key, (column, found) in known.items():
        if found is not None and (changed := _column_differences(column, found)):
            yield Change(
                action="update", kind="column", name=below(scope, column.name), differences=changed, id=key
            )
    for key, put in puts.items():
        column, found = known[key]
        said = {"card_status": column.card_status, "wip_limit": column.wip_limit}
        yield Change(
            action="create" if put.is_new else "move",
            kind="column",
            name=below(scope, column.name),
            differences=_said(differences(said, None)) if put.is_new else (),
            note=_after(put, names),
            id="" if put.is_new else key,
            order=put.index,
            about=(scope, column) if put.is_new else None,
        )


def below(scope: str, column: str) -> str:
    """A column as it is told: with its scope, if that has a name by now."""
    return f"{scope} / {column}" if scope else column


def _column_differences(column: Column, found: Any) -> tuple[Difference, ...]:
    wanted = {"name": column.name, "card_status": column.card_status, "wip_limit": column.wip_limit}
    return differences(wanted, {name: getattr(found, name) for name in wanted})
