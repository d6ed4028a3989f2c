"""What an import cannot keep: each is told, with its place in the file and the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator

from stellary.contract.project_imports import ImportedPerson, ImportProject, NotCarried
from stellary.core.board.rules.fields import given


def left_behind(file: ImportProject, assignees: Container[str], email: str) -> Iterator[NotCarried]:
    """What of a file no project has, but for relations, members and keys.

    Args:
        file: What is imported.
        assignees: The addresses of people who are there, as the file writes them.
        email: Of whoever imports.
    """
    cards = file.cards or []
    unknown = Counter(each.assignee for each in cards if each.assignee and each.assignee not in assignees)
    for stranger, count in unknown.items():
        yield NotCarried(
            kind="assignee",
            path="cards[].assignee",
            name=stranger,
            count=count,
            reason="nobody in the workspace has that e-mail address, so that the cards are assigned to nobody",
        )
    makers = [each.created_by for each in cards if each.created_by]
    reason = "whoever imports has made the cards here"
    yield from other_makers(makers, email, "cards[].createdBy", reason)
    for place, card in enumerate(cards):
        for index, file_on_it in enumerate(card.attachments or ()):
            yield NotCarried(
                kind="attachment",
                path=f"cards[{place}].attachments[{index}]",
                name=file_on_it.original_name,
                count=1,
                reason="its bytes are not in the file: download it where it is, and upload it to the card",
            )


def other_makers(
    makers: Iterable[ImportedPerson], email: str, path: str, reason: str
) -> Iterator[NotCarried]:
    """Who had made something of the file, and is not whoever imports it.

    Args:
        makers: As the file has them.
        email: Of whoever imports.
        path: Where they stand in the file.
        reason: Why they have made nothing here.
    """
    others = Counter(
        _name(each) for each in makers if (given(each.email, None) or "").casefold() != email.casefold()
    )
    for name, count in others.items():
        yield NotCarried(kind="creator", path=path, name=name, count=count, reason=reason)


def _name(person: ImportedPerson) -> str:
    return person.name or given(person.email, None) or ""
