"""Saved filters: conditions for cards under a name, of one person or shared with others."""

from __future__ import annotations

from stellary.contract.cards import Filter
from stellary.contract.endpoint import Collection
from stellary.contract.limits import Id, Name, Place
from stellary.contract.policies import BOARD_READ, FILTER_CREATE, WORKSPACE_AUTHOR
from stellary.contract.refs import SavedFilterRef, WorkspaceRef
from stellary.contract.wire import UNSET, DatedItem, Request, Unset

OWN_FILTERS_MAX = 100
SHARED_FILTERS_MAX = 200


class SavedFilter(DatedItem):
    """A condition for cards that lists take by its name: ``saved=My week``.

    Attributes:
        project_id: The project whose cards it selects; None for those of all projects of the workspace.
        filter: The condition, as the parameter ``filter`` of lists of cards takes it. ``me`` is the reader.
        shared: Whether everyone who sees the project, or the workspace, can use it.
        order: The position among the filters of the same project and owner, or among its shared ones: consecutive integers
            from 0.
        created_by_id: The owner, who alone sees the filter unless it is shared.
    """

    workspace_id: str
    project_id: str | None
    name: str
    filter: str
    shared: bool
    order: int
    created_by_id: str


class CreateSavedFilter(Request):
    """The fields of a new saved filter. A person has at most 100 in a workspace, which has at most 200 shared ones.

    Attributes:
        name: 1-100 characters, unique among the filters of the same project and owner, or among its shared ones, regardless of case.
        filter: 1-2000 characters. Names in it are kept as they are, and looked up whenever it is used.
        project_id: The project whose cards it selects. Default: all projects of the workspace.
        shared: Whether everyone who sees the project, or the workspace, can use it.
        order: The position, from 0. Default: the end.
    """

    name: Name
    filter: Filter
    project_id: Id | Unset | None = UNSET
    shared: bool = False
    order: Place | Unset = UNSET


class UpdateSavedFilter(Request):
    """The fields to change. Omitted fields keep their values.

    Attributes:
        filter: 1-2000 characters. Names in it are kept as they are, and looked up whenever it is used.
        project_id: The project whose cards it selects; ``None`` for those of all projects.
        order: The new position, from 0. A number beyond the end means the end.
    """

    name: Name | Unset = UNSET
    filter: Filter | Unset = UNSET
    project_id: Id | Unset | None = UNSET
    shared: bool | Unset = UNSET
    order: Place | Unset = UNSET


_SAVED_FILTERS = Collection(WorkspaceRef, "saved-filters", SavedFilterRef, SavedFilter)
LIST_SAVED_FILTERS = _SAVED_FILTERS.lists(
    "saved_filters.list",
    summary="List your own saved filters and the shared ones that you see, your own first, each in order.",
    policy=BOARD_READ,
)
CREATE_SAVED_FILTER = _SAVED_FILTERS.creates(
    "saved_filters.create",
    summary="Save a filter of cards under a name, for yourself or for others too.",
    takes=CreateSavedFilter,
    policy=FILTER_CREATE,
)
UPDATE_SAVED_FILTER = _SAVED_FILTERS.updates(
    "saved_filters.update",
    summary="Rename, change, move or share a saved filter.",
    takes=UpdateSavedFilter,
    policy=WORKSPACE_AUTHOR,
)
DELETE_SAVED_FILTER = _SAVED_FILTERS.deletes(
    "saved_filters.delete",
    summary="Delete a saved filter for good. Rules that use it fail from then on.",
    policy=WORKSPACE_AUTHOR,
)
