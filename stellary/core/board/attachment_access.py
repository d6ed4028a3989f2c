"""The access check for a file on a card."""

from __future__ import annotations

from stellary.contract.refs import AttachmentRef
from stellary.core.accounts.access_checks import AccessCheck, Link, by_ref
from stellary.core.board.access import CARD, PROJECT
from stellary.core.board.row_types import LoadedAttachmentRow
from stellary.core.board.tables import attachments, cards

attachment = AccessCheck(
    AttachmentRef,
    LoadedAttachmentRow,
    PROJECT,
    CARD,
    Link("Attachment", attachments, "attachment_id", attachments.c.card_id == cards.c.id),
    columns=attachments.c,
    author="uploaded_by_id",
)
"""The access check for a file on a card."""

ACCESS_BY_REF = by_ref(attachment)
