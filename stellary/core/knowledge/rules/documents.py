"""The rules of documents: tags, updates, and the reporting of changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from stellary.contract.documents import DocumentSummary, UpdateDocument
from stellary.contract.fields import find_changed_fields, replace_fields, update_value
from stellary.contract.rich_text import Node
from stellary.contract.wire import invalid
from stellary.core.knowledge.rules.review import next_status

REPORT_INTERVAL: Final = timedelta(minutes=10)


class StoredDocument(DocumentSummary):
    """A document with all its columns.

    Attributes:
        tag_keys: The tags in the form that filters compare.
        submissions: The number of submissions.
        reported_by_id, reported_at: The author and the time of the last change that was reported.
    """

    organization_id: str
    scope_id: str | None
    content: Node
    tag_keys: str
    submissions: int
    reported_by_id: str
    reported_at: datetime


_BOOKKEEPING: Final = frozenset({"reported_by_id", "reported_at", "version", "updated_at"})
"""The fields that change with any other field."""

NOT_REVIEWED: Final[Mapping[str, None]] = dict.fromkeys(
    ("reviewer_id", "reviewer_name", "review_notes", "submitted_at", "reviewed_at")
)
"""The fields about reviews, for a document that was never submitted."""


def check_tags(tags: Sequence[str], path: str = "tags") -> None:
    """Check that each tag is on one line, and occurs once, regardless of case.

    Args:
        tags: The tags of the request.
        path: The path of the list, for the message of an error.

    Raises:
        Invalid: A tag has several lines, or occurs twice.
    """
    seen: set[str] = set()
    for index, tag in enumerate(tags):
        if "\n" in tag:
            raise invalid((f"{path}[{index}]", "must be on one line"))
        if tag.casefold() in seen:
            raise invalid((f"{path}[{index}]", "must not be given twice"))
        seen.add(tag.casefold())


def tag_keys(tags: Sequence[str]) -> str:
    """Return the tags in the form that filters compare: in lower case, each between line feeds."""
    return "".join(f"\n{tag.casefold()}\n" for tag in tags)


def apply_update(
    before: StoredDocument, request: UpdateDocument, resolved: Mapping[str, object], now: datetime
) -> StoredDocument:
    """Return a document with an update applied. A new title or content is an edit in the review workflow.

    Args:
        before: The document before the update.
        request: The request.
        resolved: The fields that the service has computed from the request: content, parent, context.
        now: The time of the update.

    Returns:
        The updated document; ``before`` itself if no field changes.
    """
    fields = {"content": before.content, "context_type": before.context_type, "context_id": before.context_id}
    after = update_value(before, request, now, **{**fields, **resolved})
    if after is before:
        return before
    if (after.title, after.content) != (before.title, before.content):
        after = replace_fields(after, status=next_status(before.status, "edit"))
    return replace_fields(after, tag_keys=tag_keys(after.tags))


def is_news(before: StoredDocument, after: StoredDocument, user_id: str, now: datetime) -> bool:
    """Return whether a change is reported. If one person saves repeatedly, it is reported every ten minutes.

    Args:
        before: The stored document, with its last reported change.
        after: The document with the changes.
        user_id: The user who makes the change.
        now: The time of the change.
    """
    changed = set(find_changed_fields(before, after)) - _BOOKKEEPING
    if changed == {"content"} and before.reported_by_id == user_id:
        return now - before.reported_at >= REPORT_INTERVAL
    return bool(changed)
