"""Responses after automation rules: a service builds its response before the rules react to its change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import orjson

from stellary.contract.cards import Card, TransferredCard
from stellary.contract.checklists import ChecklistItem
from stellary.contract.columns import TransferredColumn
from stellary.contract.endpoint import BrokenAutomation, Deleted
from stellary.contract.fields import convert, replace_fields
from stellary.contract.wire import Listing, dump
from stellary.core.board import access
from stellary.core.board.visibility import select_seen_projects
from stellary.core.kernel.events import CardEvent
from stellary.core.kernel.unit import UnitOfWork

T = TypeVar("T")
KEPT_MAX = 32_000
"""The maximum size of a stored result, in bytes of JSON."""


def settle_answer(uow: UnitOfWork, answer: T) -> T:
    """Run the rules on the events of a unit, and return the response with the current state of its items.

    If no rule has changed a card, nothing is read.

    Args:
        uow: The unit.
        answer: The result of a service: a value, or a list of values.

    Returns:
        The same result, with the current state of its cards and checklist items; deleted ones are unchanged. That of a
        deletion, or of the transfer of a column, has the rules that it broke.
    """
    count = len(uow.events)
    uow.settle()
    if isinstance(answer, Deleted | TransferredColumn):
        return replace_fields(answer, broken_automations=_list_broken_rules(uow))
    if len(uow.events) == count or not any(isinstance(event, CardEvent) for event in uow.events[count:]):
        return answer
    ids = {card.id for card in _find_cards(answer)}
    ids |= {event.card.id for event in uow.events if isinstance(event, CardEvent)}
    cards = access.read_cards(uow, ids)
    items = {item.id: item for card in cards.values() for item in card.checklist}
    refreshed: T = _replace(answer, cards, items)
    return refreshed


def _list_broken_rules(uow: UnitOfWork) -> list[BrokenAutomation]:
    """Return the rules that a unit broke, of the projects that the caller sees."""
    if not uow.broken_rules:
        return []
    project_ids = {project_id for project_id, _ in uow.broken_rules.values()}
    seen = select_seen_projects(uow, ids=project_ids, with_archived=True)
    seen_ids = {*uow.connection.execute(seen).scalars()}
    return [
        BrokenAutomation(id=id, name=name)
        for id, (project_id, name) in uow.broken_rules.items()
        if project_id in seen_ids
    ]


def _find_cards(answer: Any) -> Iterator[Card]:
    if isinstance(answer, Card):
        yield answer
    elif isinstance(answer, list):
        for value in answer:
            yield from _find_cards(value)


def _replace(answer: Any, cards: Mapping[str, Card], items: Mapping[str, ChecklistItem]) -> Any:
    if isinstance(answer, TransferredCard):
        return convert(TransferredCard, cards.get(answer.id, answer), dropped=answer.dropped)
    if isinstance(answer, Card):
        return cards.get(answer.id, answer)
    if isinstance(answer, ChecklistItem):
        return items.get(answer.id, answer)
    if isinstance(answer, list):
        return [_replace(value, cards, items) for value in answer]
    return answer


def as_json(answer: Any) -> Any:
    """Return the result of a service as JSON of at most 32 kB.

    A longer list is truncated: ``items`` has the items that fit, and ``left`` the number of omitted items.
    """
    if isinstance(answer, Listing):
        answer = list(answer.items)
    content = orjson.loads(dump(answer))
    if len(orjson.dumps(content)) <= KEPT_MAX:
        return content
    if not isinstance(content, list):
        return {"tooLong": True}
    items, size = [], 0
    for item in content:
        size += len(orjson.dumps(item))
        if size > KEPT_MAX:
            break
        items.append(item)
    return {"items": items, "left": len(content) - len(items)}
