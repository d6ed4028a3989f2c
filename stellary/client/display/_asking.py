"""Asking: what ``show()`` of a handle asks for. A handle itself never asks when it is merely looked at."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from typing import Any

from stellary.client._method import Method, Resource
from stellary.client.display._seen import seen
from stellary.client.display._sheet import Sheet, put

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
    if view is not None:
        raise ValueError(f"{type(handle).__name__} has no views")
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
        return (yield from _scope(project.scope(default), view))
    if view is not None and view not in OF_BOARD:
        raise ValueError(f"a project has no view {view!r}, but {', '.join(OF_BOARD + OF_SCOPE)}")
    return seen((yield project.board), view)


def _scope(scope: Any, view: str | None) -> Asked:
    if view is None:
        view = (yield scope.get).active_view
    elif view not in OF_BOARD + OF_SCOPE:
        raise ValueError(f"a scope has no view {view!r}, but {', '.join(OF_BOARD + OF_SCOPE)}")
    found = yield lambda: scope.views(type=view)
    return seen(found)


_ASKED: dict[str, Callable[[Any, str | None], Asked]] = {
    "ProjectHandle": _project,
    "ScopeHandle": _scope,
}
