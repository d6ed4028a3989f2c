"""One card, with all that is on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stellary.client.display import _words as w
from stellary.client.display._look import Look, Names
from stellary.client.display._markup import line, readable
from stellary.client.display._parts import Cell, Facts, Part, Points, Prose, Section, Span
from stellary.client.display._rows import summary
from stellary.client.display._sheet import Sheet

if TYPE_CHECKING:
    from stellary.contract.attachments import Attachment
    from stellary.contract.cards import Card
    from stellary.contract.comments import Comment
    from stellary.contract.relations import Relation

TEXT_MAX = 3_000
COMMENTS = 10
COMMENT_MAX = 600


def detail(
    card: Card,
    look: Look,
    known: Names | None = None,
    *,
    comments: Sequence[Comment] = (),
    relations: Sequence[Relation] = (),
    attachments: Sequence[Attachment] = (),
) -> Sheet:
    """A card as one reads it.

    Args:
        known: What its labels, its column, its fields and people are called.
        comments: The oldest first.
    """
    known = known or Names()
    done = card.status == "done"
    facts = [Span(card.key or "", "quiet", "code"), w.status(card.status), w.priority(card.priority)]
    if card.archived:
        facts.append(Span("archived", "warn", "tag"))
    parts: list[Part] = [Facts(tuple(each for each in _facts(card, look, known, done=done) if each[1]))]
    if card.description:
        parts.append(Prose(_cut(card.description, TEXT_MAX)))
    if card.checklist:
        steps = [_step(each) for each in card.checklist]
        parts.append(Section("Checklist", (Points(tuple(steps)),), len(steps)))
    if relations:
        parts.append(Section("Relations", (Points(tuple(_relation(each) for each in relations)),)))
    if attachments:
        files = tuple((Span(line(each.original_name, 120)),) for each in attachments)
        parts.append(Section("Files", (Points(files),), len(files)))
    if comments:
        parts.append(_comments(comments, look))
    return Sheet("Card", card.title, tuple(parts), tuple(each for each in facts if each is not None))


def _facts(card: Card, look: Look, known: Names, *, done: bool) -> list[tuple[str, Cell]]:
    start = None if card.start_date is None else Span(w.day(card.start_date, look.now), "quiet")
    found: list[tuple[str, Any]] = [
        ("Column", Span(known.columns[card.column_id]) if card.column_id in known.columns else None),
        ("Assignee", known.person(card.assignee_id)),
        ("Starts", start),
        ("Due", w.due(card.due_date, look.now, done=done)),
        ("Done", Span(w.day(card.completed_at, look.now), "good") if card.completed_at else None),
        ("Progress", w.progress(card.checklist_progress)),
    ]
    facts: list[tuple[str, Cell]] = [(name, () if each is None else (each,)) for name, each in found]
    facts.insert(2, ("Labels", known.chips(card.label_ids)))
    for field_id, value in (card.custom_fields or {}).items():
        name = known.fields[field_id].name if field_id in known.fields else field_id
        facts.append((line(name, 60), (Span(line(summary(value), 200)),)))
    return facts


def _step(item: Any) -> Cell:
    mark = Span("☑", "good", hint="done") if item.done else Span("☐", "quiet", hint="to do")
    return (mark, Span(line(item.title, 300), "quiet" if item.done else "plain"))


def _relation(relation: Relation) -> Cell:
    other = relation.card
    return (
        Span(w.words(str(relation.type)), "quiet"),
        Span(other.key, "quiet", "code"),
        Span(line(other.title, 160)),
    )


def _comments(comments: Sequence[Comment], look: Look) -> Section:
    shown = comments[-look.of(COMMENTS) :]
    said: list[Cell] = [
        (
            Span(line(each.author_name, 60), kind="person"),
            Span(w.day(each.created_at, look.now), "quiet"),
            Span(line(each.content, COMMENT_MAX)),
        )
        for each in shown
    ]
    hidden = len(comments) - len(shown)
    earlier: tuple[Part, ...] = (Prose(f"{hidden} earlier", "quiet"),) if hidden else ()
    return Section("Comments", (*earlier, Points(tuple(said))), len(comments))


def _cut(text: str, most: int) -> str:
    found = readable(text).strip()
    return found if len(found) <= most else found[: most - 1] + "…"
