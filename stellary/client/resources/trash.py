"""The trash of a workspace and of a project, and deleted workspaces and organizations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, overload

from stellary.client.calling.caller import AsyncCaller, SyncCaller
from stellary.client.calling.method import Async, C, Later, ListHandle, Sync
from stellary.client.calling.page import AsyncPage, Page
from stellary.client.methods.trash import ProjectTrashMethods, Trash
from stellary.contract.trash import TrashedItem, TrashKind
from stellary.contract.unset import UNSET, Unset


class ProjectTrash(ProjectTrashMethods[C], ListHandle[C]):
    """The deleted items of one project. ``restore`` and ``delete`` are those of the workspace's trash.

    Args:
        caller: Sends the calls.
        path_params: The path of the workspace.
        project_id: The id of the project.
    """

    def __init__(
        self, caller: SyncCaller | AsyncCaller, path_params: Mapping[str, str], project_id: str
    ) -> None:
        super().__init__(caller, path_params)
        self._project_id = project_id

    @overload
    def list(
        self: ProjectTrash[Sync], *, kind: TrashKind | Unset = UNSET, limit: int | Unset = UNSET
    ) -> Page[TrashedItem]: ...
    @overload
    def list(
        self: ProjectTrash[Async], *, kind: TrashKind | Unset = UNSET, limit: int | Unset = UNSET
    ) -> Later[AsyncPage[TrashedItem]]: ...
    def list(self, *, kind: TrashKind | Unset = UNSET, limit: int | Unset = UNSET) -> Any:
        """Return the deleted items of the project, the last one first.

        Args:
            kind: Only items of this kind. Default: all kinds.
            limit: The number of items, 1 to 500; the result then has ``next_page``. Default: all items.
        """
        items: Any = Trash(self._caller, self._path_params)
        return items.list(project_id=self._project_id, kind=kind, limit=limit)

    @overload
    def iterate(self: ProjectTrash[Sync], *, kind: TrashKind | Unset = UNSET) -> Iterator[TrashedItem]: ...
    @overload
    def iterate(
        self: ProjectTrash[Async], *, kind: TrashKind | Unset = UNSET
    ) -> AsyncIterator[TrashedItem]: ...
    def iterate(self, *, kind: TrashKind | Unset = UNSET) -> Any:
        """Iterate over the deleted items of the project, the last one first.

        Args:
            kind: Only items of this kind. Default: all kinds.
        """
        items: Any = Trash(self._caller, self._path_params)
        return items.iterate(project_id=self._project_id, kind=kind)
