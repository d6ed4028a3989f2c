"""Attachments: files on cards, 10 MB each at most. Section Attachments of the API reference."""

from __future__ import annotations

from datetime import datetime

from stellary.contract.endpoint import Ok, creates, deletes, lists, reads
from stellary.contract.paging import Paged
from stellary.contract.policies import BOARD_AUTHOR, BOARD_READ, BOARD_WRITE
from stellary.contract.refs import AttachmentRef, CardRef
from stellary.contract.wire import Value, value

SIZE_MAX = 10 * 1024 * 1024
"""Bytes of a file: exactly that many pass, one more is a 413."""
NAME_MAX = 255
"""Characters of a file's name; a longer one is cut before its extension."""


@value
class Attachment(Value):
    """A file on a card.

    Attributes:
        uploaded_by: The user's id.
        original_name: As the uploader called it, without a folder; at most 255 characters.
        mime_type: As the uploader said, else by the name; ``application/octet-stream`` if neither helps.
        size: In bytes.
    """

    id: str
    card_id: str
    uploaded_by: str
    original_name: str
    mime_type: str
    size: int
    created_at: datetime


LIST_ATTACHMENTS = lists(
    "attachments.list",
    CardRef,
    "attachments",
    summary="List the files on a card.",
    takes=Paged,
    item=Attachment,
    policy=BOARD_READ,
)
UPLOAD_ATTACHMENT = creates(
    "attachments.upload",
    CardRef,
    "attachments",
    summary="Upload a file to a card: a form with the one field `file`, 10 MB at most.",
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
    also=(416,),
)
DELETE_ATTACHMENT = deletes(
    "attachments.delete",
    AttachmentRef,
    summary="Delete a file. Its uploader or a workspace admin.",
    returns=Ok,
    policy=BOARD_AUTHOR,
)

ENDPOINTS = (LIST_ATTACHMENTS, UPLOAD_ATTACHMENT, DOWNLOAD_ATTACHMENT, DELETE_ATTACHMENT)
