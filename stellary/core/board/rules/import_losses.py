"""Losses of an import: each is reported with its path in the file and the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence

from stellary.contract.fields import replace_fields
from stellary.contract.project_imports import ImportedCard, ImportedPerson, NotCarried
from stellary.core.board.rules.fields import value_or


def list_losses(
    cards: Sequence[ImportedCard], assignees: Container[str], email: str, first: int = 0
) -> Iterator[NotCarried]:
    """List the assignees, creators, attachments and fields of later cards that an import does not keep.

    Args:
        cards: Cards of the file to import.
        assignees: The e-mail addresses of assignees with access to the workspace, as the file writes them.
        email: The e-mail address of the importer.
        first: The index of the first of the cards in the file.
    """
    unknown = Counter(card.assignee for card in cards if card.assignee and card.assignee not in assignees)
    for stranger, count in unknown.items():
        yield NotCarried(
            kind="assignee",
            path="cards[].assignee",
            name=stranger,
            count=count,
            reason="no member of the workspace has this e-mail address, so the cards have no assignee",
        )
    creators = [card.created_by for card in cards if card.created_by]
    reason = "imported cards are created by the person who imports them"
    yield from list_other_creators(creators, email, "cards[].createdBy", reason)
    for card_index, card in enumerate(cards, first):
        if card.recurrence and card.recurrence.later:
            yield NotCarried(
                kind="recurrence",
                path=f"cards[{card_index}].recurrence.later",
                name=card.title,
                count=1,
                reason="the fields of later cards are not imported: the next card is like this one",
            )
        for index, attachment in enumerate(card.attachments or ()):
            yield NotCarried(
                kind="attachment",
                path=f"cards[{card_index}].attachments[{index}]",
                name=attachment.original_name,
                count=1,
                reason="its content is not in the file: download it from the source, and upload it to the card",
            )


def list_other_creators(
    creators: Iterable[ImportedPerson], email: str, path: str, reason: str
) -> Iterator[NotCarried]:
    """List the creators in a file who are not the importer.

    Args:
        creators: The creators in the file.
        email: The e-mail address of the importer.
        path: The path of the creators in the file.
        reason: The reason why they are not kept.
    """
    names = Counter(
        _name(creator)
        for creator in creators
        if (value_or(creator.email, None) or "").casefold() != email.casefold()
    )
    for name, count in names.items():
        yield NotCarried(kind="creator", path=path, name=name, count=count, reason=reason)


def _name(person: ImportedPerson) -> str:
    return person.name or value_or(person.email, None) or ""


def merge_losses(losses: Iterable[NotCarried]) -> list[NotCarried]:
    """Return the losses of several parts of a file, with the counts of equal ones added."""
    merged: dict[tuple[str, str, str, str], NotCarried] = {}
    for loss in losses:
        key = (loss.kind, loss.path, loss.name, loss.reason)
        same = merged.get(key)
        merged[key] = loss if same is None else replace_fields(same, count=same.count + loss.count)
    return list(merged.values())
