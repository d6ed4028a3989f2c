"""The lists of the trash of a project."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, overload

from stellary.client.calling.call import CallPlan
from stellary.client.calling.method import Async, C, Later, ListHandle, Sync
from stellary.client.calling.page import DEFAULT_LIMIT, AsyncPage, Page
from stellary.contract.trash import LIST_TRASH, TrashedItem, TrashKind
from stellary.contract.wire import UNSET, Unset

_LIST = CallPlan(LIST_TRASH)


class ProjectTrashLists(ListHandle[C]):
    """The lists of a project's trash: those of the workspace's trash, as far as the items are of the project."""

    @overload
    def list(
        self: ProjectTrashLists[Sync], *, kind: TrashKind | Unset = UNSET, limit: int | Unset = UNSET
    ) -> Page[TrashedItem]: ...
    @overload
    def list(
        self: ProjectTrashLists[Async], *, kind: TrashKind | Unset = UNSET, limit: int | Unset = UNSET
    ) -> Later[AsyncPage[TrashedItem]]: ...
    def list(self, *, kind: TrashKind | Unset = UNSET, limit: int | Unset = UNSET) -> Any:
        """Return the deleted items of the project, the last one first.

        Args:
            kind: Only items of this kind. Default: all kinds.
            limit: The number of items, 1 to 500; the result then has ``next_page``. Default: all items.
        """
        return self._caller.list(_LIST, *self._narrow(kind, limit))

    @overload
    def iterate(
        self: ProjectTrashLists[Sync], *, kind: TrashKind | Unset = UNSET
    ) -> Iterator[TrashedItem]: ...
    @overload
    def iterate(
        self: ProjectTrashLists[Async], *, kind: TrashKind | Unset = UNSET
    ) -> AsyncIterator[TrashedItem]: ...
    def iterate(self, *, kind: TrashKind | Unset = UNSET) -> Any:
        """Iterate over the deleted items of the project, the last one first.

        Args:
            kind: Only items of this kind. Default: all kinds.
        """
        return self._caller.iterate(_LIST, *self._narrow(kind, DEFAULT_LIMIT))

    def _narrow(self, kind: TrashKind | Unset, limit: int | Unset) -> tuple[dict[str, str], Any]:
        path_params = dict(self._path_params)
        project_id = path_params.pop("project_id")
        return path_params, _LIST.build_payload(project_id=project_id, kind=kind, limit=limit)
