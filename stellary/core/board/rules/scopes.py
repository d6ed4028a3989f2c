"""Rules of scopes: building and updating them, and the settings of their views."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from stellary.contract.columns import Column
from stellary.contract.errors import Conflict
from stellary.contract.fields import build_value, update_value
from stellary.contract.scope_views import SETTINGS_BYTES_MAX, SETTINGS_MAX, SetView
from stellary.contract.scopes import VIEW_TYPES, CreateScope, Scope, ScopeView, UpdateScope, ViewType
from stellary.contract.wire import dump, invalid
from stellary.core.board.rules.fields import check_dates, value_or

ViewSettings = Mapping[str, dict[str, object]]
"""The settings of views, by their type; a view without settings is left out."""


def views(settings: ViewSettings) -> list[ScopeView]:
    """Return all views with their settings."""
    return [ScopeView(type=view_type, settings=settings.get(view_type, {})) for view_type in VIEW_TYPES]


def build_scope(
    request: CreateScope, *, id: str, project_id: str, order: int, columns: list[Column], now: datetime
) -> Scope:
    """Build the scope that a request creates.

    Args:
        request: The fields of the scope.
        id: The id of the scope.
        project_id: The id of its project.
        order: Its index in the project.
        columns: Its columns.
        now: The time of creation.

    Raises:
        Invalid: The start date is after the due date.
    """
    scope = build_value(
        Scope,
        request,
        id=id,
        project_id=project_id,
        order=order,
        is_default=False,
        active_view="kanban",
        views=views({}),
        columns=columns,
        created_at=now,
        updated_at=now,
    )
    check_dates(scope.start_date, scope.due_date, "startDate")
    return scope


def apply_update(before: Scope, request: UpdateScope, order: int, now: datetime) -> Scope:
    """Return a scope with an update applied; the same scope if nothing changes.

    Args:
        before: The scope before the update.
        request: The update.
        order: The index that the scope gets in its project.
        now: The time of the update.

    Raises:
        Invalid: The start date is after the due date.
    """
    after = update_value(before, request, now, order=order)
    check_dates(after.start_date, after.due_date, "startDate" if request.start_date else "dueDate")
    return after


def check_deletable(is_default: bool) -> None:
    """Check that a scope is not the default one, which a project always has.

    Raises:
        Conflict: It is the default scope.
    """
    if is_default:
        raise Conflict("the default scope of a project cannot be deleted", code="default_scope")


def apply_view(
    active: ViewType, settings: ViewSettings, request: SetView, path: str = ""
) -> tuple[ViewType, ViewSettings]:
    """Return the active view and the settings after a request.

    The settings of a request belong to the view of its ``type``, otherwise to the view that is then active. They are
    merged into the current ones; None removes a setting.

    Args:
        active: The active view before the request.
        settings: The settings before the request.
        request: The request.
        path: The path of the request in a larger one.

    Raises:
        Invalid: The view would have too many settings, or too large ones.
    """
    active = value_or(request.active_view, active)
    if isinstance(request.settings, dict):
        kind = value_or(request.type, active)
        merged = {**settings.get(kind, {}), **request.settings}
        merged = {name: value for name, value in merged.items() if value is not None}
        if len(merged) > SETTINGS_MAX or len(dump(merged)) > SETTINGS_BYTES_MAX:
            limit = f"{SETTINGS_MAX} names and {SETTINGS_BYTES_MAX} bytes as JSON"
            raise invalid((f"{path}settings", f"must have at most {limit}, with those that are kept"))
        settings = {view_type: value for view_type, value in {**settings, kind: merged}.items() if value}
    return active, settings
