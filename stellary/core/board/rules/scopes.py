"""The rules of scopes: what they become, and what is remembered of their views."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from stellary.contract.columns import Column
from stellary.contract.errors import Conflict
from stellary.contract.scope_views import SETTINGS_BYTES_MAX, SETTINGS_MAX, SetView
from stellary.contract.scopes import VIEW_TYPES, CreateScope, Scope, ScopeView, UpdateScope, ViewType
from stellary.contract.wire import dump, invalid, wire_fields
from stellary.core.board.rules.fields import check_dates, given, moment

Settings = Mapping[str, dict[str, Any]]
"""What is remembered of views, by their type; nothing of those that are not in it."""

_FIELDS = [field.name for field in wire_fields(Scope).values()]


def views(settings: Settings) -> list[ScopeView]:
    """All views, with what is remembered of each."""
    return [ScopeView(type=each, settings=settings.get(each, {})) for each in VIEW_TYPES]


def created(
    request: CreateScope, *, id: str, project_id: str, order: int, columns: list[Column], now: datetime
) -> Scope:
    """The scope that a request makes.

    Raises:
        Invalid: It would start after it is due.
    """
    start, due = moment(request.start_date, None), moment(request.due_date, None)
    check_dates(start, due, "startDate")
    return Scope(
        id=id,
        project_id=project_id,
        name=request.name,
        description=given(request.description, None),
        order=order,
        is_default=False,
        start_date=start,
        due_date=due,
        active_view="kanban",
        views=views({}),
        columns=columns,
        created_at=now,
        updated_at=now,
    )


def changed(before: Scope, request: UpdateScope, order: int, now: datetime) -> Scope:
    """What a scope becomes by a request, at that place; itself if nothing is different.

    Raises:
        Invalid: It would start after it is due.
    """
    start, due = moment(request.start_date, before.start_date), moment(request.due_date, before.due_date)
    check_dates(start, due, "startDate" if request.start_date else "dueDate")
    after = _altered(
        before,
        name=given(request.name, before.name),
        description=given(request.description, before.description),
        order=order,
        start_date=start,
        due_date=due,
    )
    return before if after == before else _altered(after, updated_at=now)


def _altered(scope: Scope, **changes: Any) -> Scope:
    return Scope(**({name: getattr(scope, name) for name in _FIELDS} | changes))


def check_deletable(is_default: bool) -> None:
    """A project always has its default scope.

    Raises:
        Conflict: It is that one.
    """
    if is_default:
        raise Conflict("the default scope of a project cannot be deleted", code="default_scope")


def viewed(
    active: ViewType, settings: Settings, request: SetView, path: str = ""
) -> tuple[ViewType, Settings]:
    """Which view is active after a request, and what is remembered then.

    Settings are those of the view that ``type`` names, or else of the one that is active by then. Those that are
    named change, and None takes one away.

    Raises:
        Invalid: That would be too much to remember of one view.
    """
    active = given(request.active_view, active)
    if isinstance(request.settings, dict):
        kind = given(request.type, active)
        kept = {**settings.get(kind, {}), **request.settings}
        kept = {name: found for name, found in kept.items() if found is not None}
        if len(kept) > SETTINGS_MAX or len(dump(kept)) > SETTINGS_BYTES_MAX:
            most = f"{SETTINGS_MAX} names and {SETTINGS_BYTES_MAX} bytes as JSON"
            raise invalid((f"{path}settings", f"must have at most {most}, with those that are kept"))
        settings = {each: found for each, found in {**settings, kind: kept}.items() if found}
    return active, settings
