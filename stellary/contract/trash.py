"""The trash: deleted items, which can be restored for 30 days."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from stellary.contract.endpoint import Collection
from stellary.contract.limits import Id, Length, Slug
from stellary.contract.policies import BOARD_AUTHOR, BOARD_READ, BOARD_WRITE, OWN_CONTAINER, PERSON_ONLY
from stellary.contract.projects import ProjectKey
from stellary.contract.refs import Ref, TrashedContainerRef, TrashedItemRef, WorkspaceRef
from stellary.contract.wire import UNSET, Paged, Request, Unset, Value

TrashKind = Literal[
    "card",
    "comment",
    "attachment",
    "document",
    "document_comment",
    "label",
    "custom_field",
    "column",
    "scope",
    "project",
]


class TrashedItem(Value):
    """A deleted item. Until it is purged, it can be restored with all that was deleted with it.

    Attributes:
        id: The id of the entry in the trash.
        kind: The kind of the item.
        item_id: The id of the item, which it keeps when it is restored.
        name: The title or name of the item; for a comment, the title of its card or document.
        key: The key of a card or a project: ``LAUNCH-12``. None for other kinds.
        project_id: The project that the item belonged to; for a project, its own id; None if there is none.
        deleted_by_id: The id of the user who deleted it.
        row_count: The number of stored rows: the item, its comments, cards, etc.
        size: The size of these rows and of their files, in bytes.
        expires_at: The time at which it is purged.
        place: In the response to restoring a card, a comment, an attachment or a column: its place, such as
            ``column "To do" of "Product"``. Otherwise None.
    """

    id: str
    kind: TrashKind
    item_id: str
    name: str
    key: str | None
    project_id: str | None
    deleted_by_id: str
    deleted_by_name: str | None
    row_count: int
    size: int
    deleted_at: datetime
    expires_at: datetime
    place: str | None


class ListTrash(Paged):
    """Filters for the trash. The item that was deleted last comes first.

    Attributes:
        kind: Only items of this kind.
        project_id: Only items of this project, which may be in the trash itself. An id that does not exist is a 400.
    """

    kind: TrashKind | Unset = UNSET
    project_id: Id | Unset = UNSET


class RestoreItem(Request):
    """A new name for the restored item, if its own has been taken since.

    Attributes:
        name: The new name of a label or a custom field. Default: the name that it had.
        key: The new key of a project. Default: the key that it had.
    """

    name: Annotated[str, Length(1, 100)] | Unset = UNSET
    key: ProjectKey | Unset = UNSET


ContainerKind = Literal["workspace", "organization"]


class TrashedContainer(Value):
    """A deleted workspace or organization. Until it is purged, it can be restored with everything in it.

    Attributes:
        id: The id of the entry in the trash.
        kind: ``workspace`` or ``organization``.
        item_id: The id of the workspace or organization, which it keeps when it is restored.
        slug: The slug that it had, which another one can take.
        organization_id: The organization of the workspace; for an organization, its own id.
        deleted_by_id: The id of the user who deleted it.
        expires_at: The time at which it is purged.
    """

    id: str
    kind: ContainerKind
    item_id: str
    name: str
    slug: str
    organization_id: str
    deleted_by_id: str
    deleted_by_name: str | None
    deleted_at: datetime
    expires_at: datetime


class RestoreContainer(Request):
    """A new slug for a restored workspace or organization, if its own has been taken since.

    Attributes:
        slug: The new slug. Default: the slug that it had.
    """

    slug: Slug | Unset = UNSET


_ITEMS = Collection(WorkspaceRef, "trash", TrashedItemRef, TrashedItem)
_CONTAINERS = Collection(Ref, "trash", TrashedContainerRef, TrashedContainer)

LIST_TRASH = _ITEMS.lists(
    "trash.list",
    summary="List the deleted items of a workspace, the last one first.",
    takes=ListTrash,
    policy=BOARD_READ,
)
RESTORE_ITEM = _ITEMS.acts(
    "trash.restore",
    "restore",
    summary="Restore a deleted item with all that was deleted with it.",
    takes=RestoreItem,
    policy=BOARD_WRITE,
)
PURGE_ITEM = _ITEMS.deletes(
    "trash.delete",
    summary="Delete an item in the trash for good, with its files.",
    policy=BOARD_AUTHOR,
)

LIST_CONTAINERS = _CONTAINERS.lists(
    "deleted_containers.list",
    summary="List the deleted organizations and workspaces that the caller administers, the last one first.",
    policy=PERSON_ONLY,
)
RESTORE_CONTAINER = _CONTAINERS.acts(
    "deleted_containers.restore",
    "restore",
    summary="Restore a deleted organization or workspace with everything in it. Admins only.",
    takes=RestoreContainer,
    policy=OWN_CONTAINER,
)
PURGE_CONTAINER = _CONTAINERS.deletes(
    "deleted_containers.delete",
    summary="Delete an organization or a workspace in the trash for good. Owner only.",
    policy=OWN_CONTAINER,
)
