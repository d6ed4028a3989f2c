"""Attachments: files on cards, at most 10 MB each. Section Attachments of the API reference."""

from __future__ import annotations

from stellary.contract.endpoint import Collection, creates, reads
from stellary.contract.policies import BOARD_AUTHOR, BOARD_READ, BOARD_WRITE
from stellary.contract.refs import AttachmentRef, CardRef
from stellary.contract.wire import RecordedItem

SIZE_MAX = 10 * 1024 * 1024
"""The maximum size of a file, in bytes; a larger file is a 413."""
NAME_MAX = 255
"""The maximum number of characters in a file name. Longer names are shortened before the extension."""


class Attachment(RecordedItem):
    """A file on a card.

    Attributes:
        uploaded_by: The id of the user or agent that uploaded it.
        original_name: The file name given by the uploader, without directories; at most 255 characters.
        mime_type: As given by the uploader, or else derived from the file name; ``application/octet-stream`` if
            unknown.
        size: In bytes.
    """

    card_id: str
    uploaded_by: str
    original_name: str
    mime_type: str
    size: int


_ATTACHMENTS = Collection(CardRef, "attachments", AttachmentRef, Attachment)

LIST_ATTACHMENTS = _ATTACHMENTS.lists(
    "attachments.list",
    summary="List the attachments of a card.",
    policy=BOARD_READ,
)
UPLOAD_ATTACHMENT = creates(
    "attachments.upload",
    CardRef,
    "attachments",
    summary="Upload a file of at most 10 MB to a card, as multipart/form-data with the single field `file`.",
    returns=Attachment,
    policy=BOARD_WRITE,
    takes_file=True,
)
DOWNLOAD_ATTACHMENT = reads(
    "attachments.download",
    AttachmentRef,
    summary="Download a file, or a range of its bytes.",
    returns=bytes,
    policy=BOARD_READ,
)
DELETE_ATTACHMENT = _ATTACHMENTS.deletes(
    "attachments.delete",
    summary="Delete a file.",
    policy=BOARD_AUTHOR,
)
