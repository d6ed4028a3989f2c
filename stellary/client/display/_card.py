"""The view of one card with its relations, files and comments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from stellary.client.display import _parts as p
from stellary.client.display import _words as w
from stellary.client.display._markup import line, readable
from stellary.client.display._rows import summarize
from stellary.client.display._sheet import View

if TYPE_CHECKING:
    from stellary.contract.attachments import Attachment
    from stellary.contract.cards import Card
    from stellary.contract.comments import Comment
    from stellary.contract.relations import Relation

TEXT_MAX = 3_000
COMMENTS = 10
COMMENT_MAX = 600


def build_card(
    card: Card,
    options: p.RenderOptions,
    names: p.Names | None = None,
    *,
    comments: Sequence[Comment] = (),
    relations: Sequence[Relation] = (),
    attachments: Sequence[Attachment] = (),
) -> View:
    """Render a card in full.

    Args:
        card: The card.
        options: The rendering options.
        names: The display names of its labels, column, custom fields and assignee.
        comments: The comments, oldest first.
        relations: The related cards.
        attachments: The attached files.

    Returns:
        The view.
    """
    names = names or p.Names()
    done = card.status == "done"
    facts = [
        p.Span(card.key or "", "quiet", "code"),
        w.status_tag(card.status),
        w.priority_mark(card.priority),
    ]
    if card.archived:
        facts.append(p.Span("archived", "warn", "tag"))
    parts: list[p.Part] = [
        p.FactList(tuple(fact for fact in _facts(card, options, names, done=done) if fact[1]))
    ]
    if card.description:
        text = readable(card.description).strip()
        parts.append(p.Prose(text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 1] + "…"))
    parts += p.list_section("Checklist", map(_step, card.checklist or ()))
    parts += p.list_section("Relations", map(_relation, relations), counted=False)
    parts += p.list_section("Files", ((p.Span(line(file.original_name, 120)),) for file in attachments))
    if comments:
        parts.append(_comments(comments, options))
    return View("Card", card.title, tuple(parts), tuple(span for span in facts if span is not None))


def _facts(card: Card, options: p.RenderOptions, names: p.Names, *, done: bool) -> list[tuple[str, p.Cell]]:
    start = None if card.start_date is None else p.Span(w.format_day(card.start_date, options.now), "quiet")
    optional_spans: list[tuple[str, Any]] = [
        ("Column", p.Span(names.columns[card.column_id]) if card.column_id in names.columns else None),
        ("Assignee", names.person(card.assignee_id)),
        ("Starts", start),
        ("Due", w.due_date_label(card.due_date, options.now, done=done)),
        ("Estimate", None if card.estimate is None else p.Span(f"{card.estimate:g}")),
        ("Repeats", p.Span(card.recurrence.summary) if card.recurrence else None),
        ("Done", p.Span(w.format_day(card.completed_at, options.now), "good") if card.completed_at else None),
        ("Progress", w.checklist_meter(card.checklist_progress)),
    ]
    facts: list[tuple[str, p.Cell]] = [(name, p.to_cell(span)) for name, span in optional_spans]
    facts.insert(2, ("Labels", names.chips(card.label_ids)))
    for field_id, value in (card.custom_fields or {}).items():
        name = names.fields[field_id].name if field_id in names.fields else field_id
        facts.append((line(name, 60), (p.Span(line(summarize(value), 200)),)))
    return facts


def _step(item: Any) -> p.Cell:
    mark = p.Span("☑", "good", hint="done") if item.done else p.Span("☐", "quiet", hint="to do")
    return (mark, p.Span(line(item.title, 300), "quiet" if item.done else "plain"))


def _relation(relation: Relation) -> p.Cell:
    other = relation.card
    return (
        p.Span(w.humanize(str(relation.type)), "quiet"),
        p.Span(other.key, "quiet", "code"),
        p.Span(line(other.title, 160)),
    )


def _comments(comments: Sequence[Comment], options: p.RenderOptions) -> p.Section:
    latest = comments[-options.limit(COMMENTS) :]
    points: list[p.Cell] = [
        (
            p.Span(line(comment.author_name, 60), kind="person"),
            p.Span(w.format_day(comment.created_at, options.now), "quiet"),
            p.Span(line(comment.content, COMMENT_MAX)),
        )
        for comment in latest
    ]
    hidden = len(comments) - len(latest)
    earlier: tuple[p.Part, ...] = (p.Prose(f"{hidden} earlier", "quiet"),) if hidden else ()
    return p.Section("Comments", (*earlier, p.Points(tuple(points))), len(comments))
