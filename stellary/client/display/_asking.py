"""Asking: what ``show()`` of a handle asks for. A handle itself never asks when it is merely looked at."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any

import attrs

from stellary.client.calling.method import Method, Resource
from stellary.client.display._card import detail
from stellary.client.display._look import Look, names
from stellary.client.display._seen import seen
from stellary.client.display._sheet import Sheet, put
from stellary.client.resources.projects import ProjectHandle
from stellary.client.resources.workspaces import WorkspaceHandle
from stellary.contract.projects import Board

Asked = Generator[Callable[[], Any], Any, Sheet]
"""Yields what is to be called, which for AsyncStellary gives something to be awaited, and is sent what came of it."""
OF_BOARD = ("kanban", "list", "calendar")
OF_SCOPE = ("roadmap", "stats")


def shown(handle: Resource[Any], view: str | None) -> Any:
    """Ask and show; a coroutine for AsyncStellary."""
    steps = asking(handle, view)
    if handle._awaits:  # noqa: SLF001 - of the client
        return _awaited(steps)
    try:
        step = next(steps)
        while True:
            step = steps.send(step())
    except StopIteration as end:
        put(end.value)


async def _awaited(steps: Asked) -> None:
    try:
        step = next(steps)
        while True:
            step = steps.send(await step())
    except StopIteration as end:
        put(end.value)


def asking(handle: Resource[Any], view: str | None) -> Asked:
    """What is asked for a handle.

    Raises:
        TypeError: Nothing can be.
        ValueError: There is no such view.
    """
    for each in type(handle).__mro__:
        if found := _ASKED.get(each.__name__):
            return found(handle, view)
    _no_views(handle, view)
    for name in ("list", "get", "me"):
        found = inspect.getattr_static(handle, name, None)
        if isinstance(found, Method) and not found.ids:
            return _plain(getattr(handle, name))
    raise TypeError(f"{type(handle).__name__} has nothing to show")


def _plain(call: Callable[[], Any]) -> Asked:
    return seen((yield call))


# ---------------------------------------------------------------------------------------------- what asks otherwise


def _project(project: Any, view: str | None) -> Asked:
    if view in OF_SCOPE:
        scopes = yield project.scopes.list
        default = next((each for each in scopes if each.is_default), scopes[0])
        sheet = yield from _scope(project.scope(default), view)
        return attrs.evolve(sheet, title=f"{default.name}: {sheet.title.lower()}")
    if view is not None and view not in OF_BOARD:
        raise ValueError(f"a project has no view {view!r}, but {', '.join(OF_BOARD + OF_SCOPE)}")
    return seen((yield project.board), view)


def _scope(scope: Any, view: str | None) -> Asked:
    if view is None:
        view = (yield scope.get).active_view
    elif view not in OF_BOARD + OF_SCOPE:
        raise ValueError(f"a scope has no view {view!r}, but {', '.join(OF_BOARD + OF_SCOPE)}")
    if "project_id" in scope._place and view in OF_BOARD:  # noqa: SLF001 - of the client
        # The board knows what labels and people are called.
        board = yield _above(scope, ProjectHandle).board
        return seen(_part(board, "scope_id", scope._place["scope_id"]), view)  # noqa: SLF001
    return seen((yield lambda: scope.views(type=view)))


def _column(column: Any, view: str | None) -> Asked:
    board = yield _above(column, ProjectHandle).board
    return seen(_part(board, "column_id", column._place["column_id"]), view)  # noqa: SLF001


def _part(board: Board, name: str, id: str) -> Board:
    """What is of one scope, or of one column, on a board."""
    scope = name == "scope_id"
    columns = [each for each in board.columns if (each.scope_id if scope else each.id) == id]
    return Board(
        project=board.project,
        labels=board.labels,
        custom_fields=board.custom_fields,
        members=board.members,
        scopes=[each for each in board.scopes if each.id in {column.scope_id for column in columns}],
        columns=columns,
        cards=[each for each in board.cards if getattr(each, name) == id],
    )


def _above(handle: Any, kind: type[Any]) -> Any:
    return kind(handle._caller, handle._place)  # noqa: SLF001 - of the client


def _card(card: Any, view: str | None) -> Asked:
    _no_views(card, view)
    found = yield card.get
    project = _above(card, ProjectHandle)
    labels = (yield project.labels.list) if found.label_ids else []
    fields = (yield project.custom_fields.list) if found.custom_fields else []
    columns = yield project.columns.list
    people = (yield _above(card, WorkspaceHandle).members.list) if found.assignee_id else []
    relations = yield card.relations.list
    attachments = (yield card.attachments.list) if found.attachment_count else []
    comments = (yield card.comments.list) if found.comment_count else []
    known = names(labels, people, columns, fields)
    look = Look(datetime.now(UTC))
    return detail(found, look, known, comments=comments, relations=relations, attachments=attachments)


def _cockpit(pilotage: Any, view: str | None) -> Asked:
    _no_views(pilotage, view)
    return seen((yield lambda: pilotage.state(detail_level="detailed")))


def _workspace(workspace: Any, view: str | None) -> Asked:
    _no_views(workspace, view)
    found = yield workspace.get
    portfolio = yield workspace.projects.portfolio
    return attrs.evolve(seen(portfolio), title=f"{found.name}: projects")


def _mission(mission: Any, view: str | None) -> Asked:
    _no_views(mission, view)
    return seen((yield lambda: mission.wait(progress=True)))


def _no_views(handle: Resource[Any], view: str | None) -> None:
    if view is not None:
        raise ValueError(f"{type(handle).__name__} has no views")


_ASKED: dict[str, Callable[[Any, str | None], Asked]] = {
    "CardHandle": _card,
    "ColumnHandle": _column,
    "MissionHandle": _mission,
    "Pilotage": _cockpit,
    "ProjectHandle": _project,
    "ScopeHandle": _scope,
    "WorkspaceHandle": _workspace,
}
