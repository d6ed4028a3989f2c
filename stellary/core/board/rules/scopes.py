"""Rules of scopes: building and updating them and their columns, and the settings of their views."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from stellary.contract.columns import Column
from stellary.contract.errors import Conflict
from stellary.contract.fields import build_value, update_value
from stellary.contract.project_imports import ImportedScope
from stellary.contract.scope_views import SETTINGS_BYTES_MAX, SETTINGS_MAX, SetView
from stellary.contract.scopes import VIEW_TYPES, CreateScope, Scope, ScopeView, UpdateScope, ViewType
from stellary.contract.wire import Request, dump, invalid
from stellary.core.board.rules.fields import Author, check_dates, new_item, value_or

ViewSettings = Mapping[str, dict[str, object]]
"""The settings of views, by their type; a view without settings is left out."""
_NO_SETTINGS: Final[ViewSettings] = {}


def views(settings: ViewSettings) -> list[ScopeView]:
    """Return all views with their settings."""
    return [ScopeView(type=view_type, settings=settings.get(view_type, {})) for view_type in VIEW_TYPES]


def build_scope(
    by: Author,
    request: CreateScope | ImportedScope,
    project_id: str,
    order: int,
    *,
    is_default: bool = False,
    active_view: ViewType = "kanban",
    settings: ViewSettings = _NO_SETTINGS,
    path: str = "",
) -> Scope:
    """Build the scope that a request creates, without columns.

    Args:
        by: The user or agent who creates it.
        request: The fields of the scope.
        project_id: The id of its project.
        order: Its index in the project.
        is_default: Whether it is the default scope of its project.
        active_view: Its active view.
        settings: The settings of its views.
        path: The path of the request in a larger one, such as ``scopes[3].``.

    Raises:
        Invalid: The start date is after the due date.
    """
    scope = build_value(
        Scope,
        request,
        project_id=project_id,
        order=order,
        is_default=is_default,
        active_view=active_view,
        views=views(settings),
        columns=[],
        **new_item(by),
    )
    check_dates(scope.start_date, scope.due_date, f"{path}startDate")
    return scope


def build_column(by: Author, request: Request, project_id: str, scope_id: str, order: int) -> Column:
    """Build the column that a request creates, without cards.

    Args:
        by: The user or agent who creates it.
        request: The fields of the column.
        project_id: The id of its project.
        scope_id: The id of its scope.
        order: Its index in the scope.
    """
    ids = {"project_id": project_id, "scope_id": scope_id}
    return build_value(Column, request, **ids, order=order, card_count=0, **new_item(by))


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
