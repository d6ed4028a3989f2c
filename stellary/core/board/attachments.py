"""Files on cards. Section Attachments of the API reference.

The bytes are written before the row that refers to them, and deleted after it has been purged from the trash. A row
therefore always has its file; after a crash there may be a file without a row, which ``sweep`` deletes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, TypedDict

from sqlalchemy import Select, insert, select

from stellary.contract.attachments import (
    DELETE_ATTACHMENT,
    DOWNLOAD_ATTACHMENT,
    LIST_ATTACHMENTS,
    UPLOAD_ATTACHMENT,
    Attachment,
)
from stellary.contract.endpoint import Ok
from stellary.contract.fields import replace_fields
from stellary.contract.refs import AttachmentRef, CardRef
from stellary.contract.wire import Listing, Paged
from stellary.core.board import access
from stellary.core.board.changes.card_changes import change_count
from stellary.core.board.queries.current_cards import load_current_cards
from stellary.core.board.row_types import AttachmentRow
from stellary.core.board.rows import card_rows
from stellary.core.board.rules.attachments import clean_name, detect_type
from stellary.core.board.tables import attachments, cards
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import trash
from stellary.core.kernel.events import AttachmentAdded, AttachmentRemoved
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves, serves_download, serves_upload
from stellary.core.kernel.units import Units
from stellary.core.kernel.writes import StoredItems
from stellary.core.ports.blobs import StoredFile, is_key

SWEEP_AFTER = timedelta(hours=1)
"""The time after which a file without a row is deleted; much longer than any upload takes."""
SWEEP_BATCH = 500


class FileColumns(TypedDict):
    """The columns of a new attachment that are not fields."""

    sha256: str
    blob_key: str


_ATTACHMENTS = StoredItems(
    Attachment, attachments, "Attachment", FileColumns, renamed={"uploaded_by": "uploaded_by_id"}
)
_LIST = Pages(AttachmentRow, select(attachments).where(is_given(attachments.c.card_id)), attachments.c.id)
# The lock keeps a file from being deleted, and then purged, before its copy can be seen.
_OF_CARDS = Query(
    AttachmentRow,
    select(attachments)
    .where(is_among(attachments.c.card_id))
    .order_by(attachments.c.id)
    .with_for_update(read=True, key_share=True),
)
_INSERT = insert(attachments)
USED_BLOBS: Select[Any] = select(attachments.c.blob_key).where(is_among(attachments.c.blob_key, "keys"))
_ALL = select(attachments.c.blob_key, attachments.c.size, attachments.c.sha256)
# The card's version does not change, as with comments: a new file does not conflict with a change of the card.


@serves(LIST_ATTACHMENTS)
def list_attachments(uow: UnitOfWork, ref: CardRef, request: Paged) -> Listing[Attachment]:
    """Return the attachments of a card, oldest first."""
    card = access.card(uow, ref).card
    return _LIST.fetch(uow, request, _ATTACHMENTS.to_value, _card_id=card.id)


@serves_upload(UPLOAD_ATTACHMENT)
def upload_attachment(uow: UnitOfWork, ref: CardRef, file: StoredFile) -> Attachment:
    """Attach a file to a card.

    Args:
        ref: The card.
        file: The file, whose bytes are stored already. If the unit fails, ``sweep`` deletes them.
    """
    loaded = access.card(uow, ref)
    count = change_count(uow, cards.c.attachment_count, loaded.card.id, loaded.card.project_id, 1)
    name = clean_name(file.name)
    attachment = Attachment(
        id=uow.new_id(),
        card_id=loaded.card.id,
        uploaded_by=uow.user_id,
        original_name=name,
        mime_type=detect_type(file.mime_type, name),
        size=file.size,
        created_at=uow.now,
    )
    _ATTACHMENTS.insert(uow, attachment, sha256=file.sha256, blob_key=file.key)
    card = replace_fields(loaded.card, attachment_count=count, updated_at=uow.now)
    uow.emit(AttachmentAdded(**loaded.place, card=card, attachment=attachment))
    return attachment


@serves_download(DOWNLOAD_ATTACHMENT)
def download_attachment(uow: UnitOfWork, ref: AttachmentRef) -> StoredFile:
    """Return the metadata of a file and the key of its bytes.

    Args:
        ref: The attachment.
    """
    row = access.attachment(uow, ref).row
    return StoredFile(row.blob_key, row.original_name, row.mime_type, row.size, row.sha256)


@serves(DELETE_ATTACHMENT)
def delete_attachment(uow: UnitOfWork, ref: AttachmentRef) -> Ok:
    """Move an attachment of a card to the trash, which keeps its file."""
    loaded = access.attachment(uow, ref)
    row = loaded.row
    # The card is locked first, as when a card is deleted, so that two units never wait for each other.
    change_count(uow, cards.c.attachment_count, row.card_id, row.of_project, -1)
    workspace_id = loaded.roles.workspace_id
    card = load_current_cards(uow.connection, workspace_id, [row.card_id])[row.card_id]
    item = trash.Item(row.id, row.original_name, row.of_project)
    trash.put_item(
        uow, attachments, "attachment", item, loaded.roles, key=card.key, author_id=row.uploaded_by_id
    )
    attachment = _ATTACHMENTS.to_value(row)
    _ATTACHMENTS.delete(uow, attachment)
    ids = {"workspace_id": workspace_id, "project_id": row.of_project}
    uow.emit(AttachmentRemoved(**ids, card=card, attachment=attachment))
    return Ok()


def load_files(uow: UnitOfWork, card_ids: Collection[str]) -> Sequence[AttachmentRow]:
    """Return the files of cards, which are locked against deletion.

    Args:
        card_ids: The ids of the cards.
    """
    return _OF_CARDS.all(uow.connection, {"_card_ids": list(card_ids)}) if card_ids else []


def attach_copies(uow: UnitOfWork, files: Sequence[AttachmentRow], new_ids: Mapping[str, str]) -> None:
    """Attach files to copies of their cards. A file and its copy share the bytes in the store, which are never changed.

    Args:
        files: The files.
        new_ids: The ids of the copies by those of the cards.
    """
    rows = [{**file._mapping, "id": uow.new_id(), "card_id": new_ids[file.card_id]} for file in files]
    if rows:
        uow.connection.execute(_INSERT, rows)
        counts = Counter(row["card_id"] for row in rows)
        changes = [{"_id": id, "attachment_count": count} for id, count in counts.items()]
        uow.connection.execute(card_rows.UPDATE, changes)


def all_files(uow: UnitOfWork) -> dict[str, tuple[int, str]]:
    """Return the size and the SHA-256 of each attached file of the whole database, by key."""
    return {row.blob_key: (row.size, row.sha256) for row in uow.connection.execute(_ALL)}


def find_used_blobs(uow: UnitOfWork, keys: list[str]) -> set[str]:
    """Return the blob keys among ``keys`` that belong to attachments.

    Args:
        keys: The keys of blobs.
    """
    return set(uow.connection.execute(USED_BLOBS, {"_keys": keys}).scalars())


def sweep(units: Units, find_used_keys: Callable[[list[str]], set[str]]) -> int:
    """Delete the files that have had no row for an hour, and return their number.

    Args:
        units: The units of the application.
        find_used_keys: Returns those keys that rows refer to.
    """
    deleted_count = 0
    names = units.env.blobs.older_than(units.env.clock() - SWEEP_AFTER)
    all_keys = (name for name in names if is_key(name))
    while keys := list(islice(all_keys, SWEEP_BATCH)):
        used_keys = find_used_keys(keys)
        unused_keys = [key for key in keys if key not in used_keys]
        if unused_keys:
            units.env.blobs.delete(unused_keys)
            deleted_count += len(unused_keys)
    return deleted_count
