"""Recurrences: the times at which a card is made again. Part of section Cards of the API reference."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

import orjson

from stellary.contract.fields import convert
from stellary.contract.limits import Id, Length, Range
from stellary.contract.wire import UNSET, JsonObject, Request, Unset, Value, dump

COUNT_MAX = 10_000

Creation = Literal["on_schedule", "on_completion"]


class CardRecurrence(Value):
    """The recurrence of the last card of a series. The next card takes it over, and this one no longer recurs.

    Attributes:
        rule: A recurrence rule of iCalendar.
        time_zone: The name of the time zone in which it occurs.
        create: When the next card is made: at the next time of the rule, or once this card is done.
        until: The time after which no card is made; None for no such time.
        count: The number of cards that are still to be made; None for no limit.
        column_id: The column in which the cards are made.
        owner_id: The id of the user with whose rights they are made: the one who set the recurrence.
        occurrence_at: The time of the rule to which this card belongs: the dates of the next card differ from those of this one
            by the time between both occurrences.
        next_at: When the next card is made; None if this card has to be done first, or if the series is over.
        later: The fields of later cards that differ from this one, by wire name, after updates that apply to this card only.
        summary: The rule in words, such as ``every Monday``.
        problem: Why the card of the last occurrence could not be made; None if nothing is wrong.
    """

    rule: str
    time_zone: str
    create: Creation
    until: datetime | None
    count: int | None
    column_id: str
    owner_id: str
    occurrence_at: datetime
    next_at: datetime | None
    later: JsonObject
    summary: str
    problem: str | None


class Recurrence(Request):
    """The times at which a card is made again, at most daily.

    Attributes:
        rule: A recurrence rule of iCalendar: ``FREQ=WEEKLY;BYDAY=MO;BYHOUR=9``. Without ``BYHOUR``, it occurs at midnight.
        time_zone: The name of a time zone, such as ``Europe/Berlin``.
        create: ``on_schedule`` makes the next card at the next time of the rule, ``on_completion`` once the card is done.
        until: No card is made after this time.
        count: The number of further cards, 1-10,000. Default: no limit.
        column_id: The column in which cards are made. Default: that of the card.
    """

    rule: Annotated[str, Length(1, 200)]
    time_zone: Annotated[str, Length(1, 64)] = "UTC"
    create: Creation = "on_schedule"
    until: date | Unset | None = UNSET
    count: Annotated[int, Range(1, COUNT_MAX)] | Unset | None = UNSET
    column_id: Id | Unset = UNSET


def to_body(recurrence: CardRecurrence | None) -> dict[str, object] | None:
    """Return the JSON of the request that sets a recurrence again."""
    if recurrence is None:
        return None
    body: dict[str, object] = orjson.loads(dump(convert(Recurrence, recurrence)))
    return body
