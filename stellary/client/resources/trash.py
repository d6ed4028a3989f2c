"""The trash of a workspace."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, by_id, iterates, method
from stellary.contract.trash import LIST_TRASH, PURGE_ITEM, RESTORE_ITEM


class Trash(Resource[C]):
    """The deleted items of a workspace. ``restore`` and ``delete`` take the ``id`` of an item in the trash, or the item."""

    list = method(LIST_TRASH)
    iterate = iterates(LIST_TRASH)
    restore = by_id(RESTORE_ITEM)
    delete = by_id(PURGE_ITEM)
