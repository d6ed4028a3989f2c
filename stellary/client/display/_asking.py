"""The views of handles: their representation, which makes no request, and the requests that ``show()`` makes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import attrs

from stellary.client.calling.method import Resource
from stellary.client.calling.steps import Steps, run_steps, run_steps_async
from stellary.client.display._card import build_card
from stellary.client.display._parts import Cell, FactList, RenderOptions, Span, collect_names
from stellary.client.display._seen import build_view
from stellary.client.display._sheet import View, put
from stellary.client.methods.projects import ProjectHandle
from stellary.client.methods.workspaces import WorkspaceHandle
from stellary.contract.projects import Board

ViewSteps = Steps[View]
OF_BOARD = ("kanban", "list", "calendar")
OF_SCOPE = ("roadmap", "stats")
FLOW = "flow"


def view(
    value: Any,
    view: str | None = None,
    *,
    now: datetime | None = None,
    most: int | None = None,
    card_url: str | None = None,
) -> View:
    """Return the view of a value, a list, a page or a handle.

    Args:
        value: A value of the API, a page or another list of values, or a handle. The view of a handle shows its location
            and makes no request.
        view: The name of the view; for a board ``kanban``, ``list`` or ``calendar``. By default the first one.
        now: The reference time: cards due before it are late. The current time by default.
        most: The maximum number of cards per column and rows per table.
        card_url: The beginning of the address of each card on a board, which its key follows, such as
            ``https://pm.example.com/boards/acme/eng/…/cards/``. By default, cards lead nowhere.

    Returns:
        The view.

    Raises:
        TypeError: The value is not a value of the API, and not a list of these.
        ValueError: The value has no such view.
    """
    if not isinstance(value, Resource):
        return build_view(value, view, RenderOptions(now or datetime.now(UTC), most, card_url))
    if view not in (None, "handle"):
        raise ValueError(f"{type(value).__name__} has no view {view!r}, but handle")
    return build_handle(value)


def build_handle(handle: Resource[Any]) -> View:
    """Render the location of a handle, its sub-resources and its methods."""
    kind = type(handle)
    facts: list[tuple[str, Cell]] = []
    place = handle._path_params
    if place:
        facts.append(
            ("Place", tuple(Span(f"{part}", kind="code", hint=name) for name, part in place.items()))
        )
    members = [(name, member) for name, member in inspect.getmembers_static(kind) if not name.startswith("_")]
    calls = [name for name, member in members if inspect.isfunction(member)]
    sub_resources = [name for name, member in members if isinstance(member, property)]
    if sub_resources:
        facts.append(("Holds", _code_spans(sub_resources)))
    facts.append(("Does", _code_spans(f"{name}()" for name in calls if name not in ("show", "with_options"))))
    if _has_show(handle):
        facts.append(("To see it", (Span(f"{'await ' if handle._awaits else ''}….show()", kind="code"),)))
    note = "a handle; no request has been made yet"
    return View(
        kind="Handle", title=kind.__name__, parts=(FactList(tuple(facts)),), facts=(Span(note, "quiet"),)
    )


def _has_show(handle: Resource[Any]) -> bool:
    try:
        load_view(handle, None).close()
    except TypeError:
        return False
    return True


def _code_spans(names: Any) -> Cell:
    return tuple(Span(name, kind="code") for name in names)


# ---------------------------------------------------------------------------------------------- requests


def show(handle: Resource[Any], view: str | None) -> Any:
    """Load the view of a handle and show it; a coroutine for AsyncStellary."""
    if handle._awaits:
        return _show_async(load_view(handle, view))
    put(load(handle, view))
    return None


def load(handle: Resource[Any], view: str | None = None) -> View:
    """Load the view of a handle of ``Stellary``, to be saved or sent as HTML or text.

    Args:
        handle: The handle, such as that of a project or a card.
        view: The name of the view, such as ``list`` or ``roadmap``; None for the default view of the handle.

    Returns:
        The view.

    Raises:
        TypeError: The handle has nothing to show, or belongs to ``AsyncStellary``.
        ValueError: There is no such view.
    """
    if handle._awaits:
        raise TypeError("load() takes a handle of Stellary, not of AsyncStellary")
    return run_steps(load_view(handle, view))


async def _show_async(steps: ViewSteps) -> None:
    put(await run_steps_async(steps))


def load_view(handle: Resource[Any], view: str | None) -> ViewSteps:
    """Return the steps that load the view of a handle.

    Args:
        handle: The handle.
        view: The name of the view; None for the default one.

    Returns:
        A generator of the calls to make, which returns the view.

    Raises:
        TypeError: The handle has nothing to show.
        ValueError: There is no such view.
    """
    for base in type(handle).__mro__:
        if loader := _LOADERS.get(base.__name__):
            return loader(handle, view)
    _reject_views(handle, view)
    for name in ("list", "get", "me"):
        method = inspect.getattr_static(handle, name, None)
        # A method of an item, such as ``organizations.get``, takes its id by position.
        if inspect.isfunction(method) and inspect.unwrap(method).__code__.co_argcount == 1:
            return _load_result(getattr(handle, name))
    raise TypeError(f"{type(handle).__name__} has nothing to show")


def _load_result(call: Callable[[], Any]) -> ViewSteps:
    return build_view((yield call))


# ---------------------------------------------------------------------------------------------- views of several requests


def _load_project(project: Any, view: str | None) -> ViewSteps:
    if view in OF_SCOPE:
        scopes = yield project.scopes.list
        default = next((scope for scope in scopes if scope.is_default), scopes[0])
        scope_view = yield from _load_scope(project.scope(default), view)
        return attrs.evolve(scope_view, title=f"{default.name}: {scope_view.title.lower()}")
    if view == FLOW:
        return build_view((yield project.flow))
    if view is not None and view not in OF_BOARD:
        raise ValueError(f"a project has no view {view!r}; use {', '.join((*OF_BOARD, *OF_SCOPE, FLOW))}")
    return build_view((yield project.board), view)


def _load_scope(scope: Any, view: str | None) -> ViewSteps:
    if view is None:
        view = (yield scope.get).active_view
    elif view == FLOW:
        return build_view((yield scope.flow))
    elif view not in OF_BOARD + OF_SCOPE:
        raise ValueError(f"a scope has no view {view!r}; use {', '.join((*OF_BOARD, *OF_SCOPE, FLOW))}")
    if "project_id" in scope._path_params and view in OF_BOARD:
        # The board contains the names of labels and people.
        board = yield _parent_handle(scope, ProjectHandle).board
        return build_view(_select_part(board, "scope_id", scope._path_params["scope_id"]), view)
    return build_view((yield lambda: scope.views(type=view)))


def _load_column(column: Any, view: str | None) -> ViewSteps:
    board = yield _parent_handle(column, ProjectHandle).board
    return build_view(_select_part(board, "column_id", column._path_params["column_id"]), view)


def _select_part(board: Board, name: str, id: str) -> Board:
    """Return the part of a board that belongs to one scope or one column."""
    scope = name == "scope_id"
    columns = [column for column in board.columns if (column.scope_id if scope else column.id) == id]
    return board.evolve(
        scopes=[scope for scope in board.scopes if scope.id in {column.scope_id for column in columns}],
        columns=columns,
        cards=[card for card in board.cards if getattr(card, name) == id],
    )


def _parent_handle(handle: Any, kind: type[Any]) -> Any:
    return kind(handle._caller, handle._path_params)


def _load_card(card: Any, view: str | None) -> ViewSteps:
    _reject_views(card, view)
    details = yield card.get
    project = _parent_handle(card, ProjectHandle)
    labels = (yield project.labels.list) if details.label_ids else []
    fields = (yield project.custom_fields.list) if details.custom_fields else []
    columns = yield project.columns.list
    people = (yield _parent_handle(card, WorkspaceHandle).members.list) if details.assignee_id else []
    relations = yield card.relations.list
    attachments = (yield card.attachments.list) if details.attachment_count else []
    comments = (yield card.comments.list) if details.comment_count else []
    names = collect_names(labels, people, columns, fields)
    return build_card(
        details, RenderOptions(), names, comments=comments, relations=relations, attachments=attachments
    )


def _load_cockpit(pilotage: Any, view: str | None) -> ViewSteps:
    _reject_views(pilotage, view)
    return build_view((yield lambda: pilotage.state(detail_level="detailed")))


def _load_workspace(workspace: Any, view: str | None) -> ViewSteps:
    _reject_views(workspace, view)
    details = yield workspace.get
    portfolio = yield workspace.projects.portfolio
    return attrs.evolve(build_view(portfolio), title=f"{details.name}: projects")


def _load_mission(mission: Any, view: str | None) -> ViewSteps:
    _reject_views(mission, view)
    return build_view((yield lambda: mission.wait(progress=True)))


def _reject_views(handle: Resource[Any], view: str | None) -> None:
    if view is not None:
        raise ValueError(f"{type(handle).__name__} has no views")


_LOADERS: dict[str, Callable[[Any, str | None], ViewSteps]] = {
    "CardHandle": _load_card,
    "ColumnHandle": _load_column,
    "MissionHandle": _load_mission,
    "Pilotage": _load_cockpit,
    "ProjectHandle": _load_project,
    "ScopeHandle": _load_scope,
    "WorkspaceHandle": _load_workspace,
}
