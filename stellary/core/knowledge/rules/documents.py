"""The rules of documents: tags, what a change changes, and when it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from stellary.contract.documents import UpdateDocument
from stellary.contract.unset import UNSET
from stellary.contract.wire import invalid
from stellary.core.knowledge.rules.review import moved

TOLD_EVERY: Final = timedelta(minutes=10)

EDITS: Final = frozenset({"title", "content"})
"""What is reviewed: another one of these is another document."""


def check_tags(tags: Sequence[str], path: str = "tags") -> None:
    """Each tag is on one line, and stands there once, without regard to case.

    Raises:
        Invalid: One has more lines, or stands there twice.
    """
    known: set[str] = set()
    for index, tag in enumerate(tags):
        if "\n" in tag:
            raise invalid((f"{path}[{index}]", "must be on one line"))
        if tag.casefold() in known:
            raise invalid((f"{path}[{index}]", "must not be there twice"))
        known.add(tag.casefold())


def tag_keys(tags: Sequence[str]) -> str:
    """The tags as they are looked for: each, whatever its case, between line feeds."""
    return "".join(f"\n{tag.casefold()}\n" for tag in tags)


def changed(
    before: Mapping[str, Any], request: UpdateDocument, resolved: Mapping[str, Any]
) -> dict[str, Any]:
    """What becomes different by a change, by the columns' names. Another title or content is an edit, as the review has it.

    Args:
        before: The document as it is.
        request: What is asked for.
        resolved: What that comes to where it is not said as it is kept: content, parent, context.
    """
    asked = dict(resolved)
    for name in ("title", "doc_type", "tags"):
        if (said := getattr(request, name)) is not UNSET:
            asked[name] = said
    changes = {name: said for name, said in asked.items() if said != before[name]}
    if "tags" in changes:
        changes["tag_keys"] = tag_keys(changes["tags"])
    if changes.keys() & EDITS and (status := moved(before["status"], "edit")) != before["status"]:
        changes["status"] = status
    return changes


def is_news(before: Mapping[str, Any], changes: Mapping[str, Any], user_id: str, now: datetime) -> bool:
    """Whether a change is told: who goes on writing, and saves every few seconds, is told of every ten minutes."""
    goes_on = changes.keys() == {"content"} and before["told_of_id"] == user_id
    return not goes_on or now - before["told_at"] >= TOLD_EVERY
