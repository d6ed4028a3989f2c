"""The rules of documents: tags, the columns that a request changes, and which changes are reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from stellary.contract.documents import UpdateDocument
from stellary.contract.unset import UNSET
from stellary.contract.wire import invalid
from stellary.core.knowledge.rules.review import next_status

REPORT_INTERVAL: Final = timedelta(minutes=10)

REVIEWED_FIELDS: Final = frozenset({"title", "content"})
"""The fields that a review covers: changing one of them makes a new review necessary."""


def check_tags(tags: Sequence[str], path: str = "tags") -> None:
    """Check that each tag is on one line, and occurs once, regardless of case.

    Raises:
        Invalid: A tag has several lines, or occurs twice.
    """
    seen: set[str] = set()
    for index, tag in enumerate(tags):
        if "\n" in tag:
            raise invalid((f"{path}[{index}]", "must be on one line"))
        if tag.casefold() in seen:
            raise invalid((f"{path}[{index}]", "must not be there twice"))
        seen.add(tag.casefold())


def tag_keys(tags: Sequence[str]) -> str:
    """Return the tags as filters compare them: in lower case, each between line feeds."""
    return "".join(f"\n{tag.casefold()}\n" for tag in tags)


def compute_changes(
    before: Mapping[str, Any], request: UpdateDocument, resolved: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the changed columns with their new values. A new title or content is an edit in the review workflow.

    Args:
        before: The document before the change.
        request: The request.
        resolved: The columns that the service has computed from the request: content, parent, context.

    Returns:
        The new values by column names, without unchanged ones.
    """
    requested = dict(resolved)
    for name in ("title", "doc_type", "tags"):
        if (value := getattr(request, name)) is not UNSET:
            requested[name] = value
    changes = {name: value for name, value in requested.items() if value != before[name]}
    if "tags" in changes:
        changes["tag_keys"] = tag_keys(changes["tags"])
    if (
        changes.keys() & REVIEWED_FIELDS
        and (status := next_status(before["status"], "edit")) != before["status"]
    ):
        changes["status"] = status
    return changes


def is_news(before: Mapping[str, Any], changes: Mapping[str, Any], user_id: str, now: datetime) -> bool:
    """Return whether a change is reported; while one person saves repeatedly, only every ten minutes."""
    is_continued = changes.keys() == {"content"} and before["told_of_id"] == user_id
    return not is_continued or now - before["told_at"] >= REPORT_INTERVAL
