"""Sentences about changes of cards, in the words of the history. Pure functions.

``Move APP-12 *Fix login* (6b0d…) from Backlog (6b0e…) to **Done** (6b0f…)``: each item has its id beside its name, and the
new value is bold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import orjson

from stellary.contract.cards import Card
from stellary.contract.wire import dump
from stellary.core.kernel import events
from stellary.core.notifications.changes import StoredChange, list_card_changes
from stellary.core.notifications.undo import name_field, name_value

_NAME_MAX = 60
# What follows from another change, or stands at the beginning of the sentence.
_IN_SENTENCE: Mapping[type[events.BaseEvent], tuple[str, ...]] = {
    events.CardMoved: ("columnId", "order", "completedAt"),
    events.CardTransferred: ("projectId", "columnId", "scopeId", "order", "completedAt"),
    events.CardCreated: ("title", "columnId", "completedAt"),
    events.CardArchived: ("archived", "order"),
}
_CHANGES = (
    events.CardUpdated,
    events.CardAssigned,
    events.CardMoved,
    events.CardArchived,
    events.CardCreated,
)


def describe_changes(changes: Sequence[events.BaseEvent], names: Mapping[str, str]) -> str | None:
    """Return what events report, in one sentence each.

    Args:
        changes: The events of one call, without those that it caused in turn.
        names: The names of the people and items that they refer to, by id.

    Returns:
        The sentences; None if there is no event, or if one of them is not about a card.
    """
    names_and_ids = {id: f"{_show(name)} ({id})" for id, name in names.items()}
    sentences: dict[str, str | None] = {}
    for event in changes:
        # A relation has an event for each of its cards.
        key = getattr(event, "relation_id", "") or str(len(sentences))
        if (
            not isinstance(event, (events.ChecklistCompleted, events.CardTransferredOut))
            and key not in sentences
        ):
            sentences[key] = _describe(event, names_and_ids)
    texts = [sentence for sentence in sentences.values() if sentence is not None]
    return "; ".join(texts) if texts and len(texts) == len(sentences) else None


def _describe(event: events.BaseEvent, names: Mapping[str, str]) -> str | None:
    match event:
        case events.CommentCreated():
            return f"Comment on {_name_card(event.card)}: {name_value(event.comment.content, {})}"
        case events.NoticeGiven():
            people = ", ".join(f"**{names.get(id, id)}**" for id in event.user_ids)
            return f"Tell {people} about {_name_card(event.card)}: {name_value(event.message, {})}"
        case events.RelationAdded() | events.RelationRemoved():
            verb = "Relate" if isinstance(event, events.RelationAdded) else "Unrelate"
            relation = f"**{event.type.replace('_', ' ')}** {_name_card(event.other)}"
            return f"{verb} {_name_card(event.card)}: {relation}"
        case events.CardEvent() if isinstance(event, _CHANGES):
            fields = ", ".join(_describe_fields(event, names))
            return f"{_open_sentence(event)}: {fields}" if fields else _open_sentence(event)
        case _:
            return None


def _open_sentence(event: events.CardEvent) -> str:
    card = _name_card(getattr(event, "before", event.card))
    match event:
        case events.CardMoved():
            before, after = _show(event.from_column), _show(event.to_column)
            places = f"from {before} ({event.before.column_id}) to **{after}** ({event.card.column_id})"
            return f"Move {card} {places}"
        case events.CardCreated():
            return f"Create *{_show(event.card.title)}* in **{_show(event.column)}** ({event.card.column_id})"
        case events.CardArchived():
            return f"Archive {card}"
        case _:
            return f"Change {card}"


def _name_card(card: Card) -> str:
    return f"{card.key} *{_show(card.title)}* ({card.id})"


def _show(name: str) -> str:
    """Return a name on one line, of at most 60 characters, whose asterisks emphasize nothing."""
    text = " ".join(name.split()).replace("*", "\\*")
    return text if len(text) <= _NAME_MAX else f"{text[: _NAME_MAX - 1]}…"


def _describe_fields(event: events.CardEvent, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the fields that an event changes, each with its value before and after."""
    changes: Iterable[StoredChange] = orjson.loads(dump(list_card_changes(event, {})))
    for change in changes:
        field = str(change["field"])
        is_new = isinstance(event, events.CardCreated)
        if field in _IN_SENTENCE.get(type(event), ()) or (
            is_new and (field, change.get("to")) == ("status", "open")
        ):
            continue
        name = name_field(field, names)
        if "diff" in change:
            yield f"{name} by **{name_value(change['diff'], {})}**"
        elif is_new:
            yield f"{name} **{name_value(change['to'], names)}**"
        else:
            before, after = name_value(change["from"], names), name_value(change["to"], names)
            yield f"{name} from {before} to **{after}**"
