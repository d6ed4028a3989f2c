"""Reminders: a job notifies each person in the morning of their time zone of dates of cards, and of what waits for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

import attrs
from sqlalchemy import and_, bindparam, or_, select

from stellary.contract.cards import Card
from stellary.core.accounts.audience import is_reachable
from stellary.core.accounts.people import list_next_people
from stellary.core.board.queries.recipient_queries import build_dated_card, select_reminded_cards
from stellary.core.board.row_types import DatedCardRow
from stellary.core.db.base import IdType
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.events import ItemNoticeGiven, NoticeGiven
from stellary.core.kernel.item_changes import emit_notice
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.notifications import watches
from stellary.core.notifications.preferences import load_last_reminders, record_reminders
from stellary.core.pilotage.rules import short_id
from stellary.core.work.work import ITEMS

CHECK: Final = "work.reminders"
HOUR: Final = 7
"""The local hour of reminders: before that of the digest, which may contain them."""
PAUSE: Final = timedelta(minutes=15)
PAGE: Final = 500
"""The number of people whose time zones a transaction reads."""
PEOPLE_MAX: Final = 20
"""The number of people whom a transaction reminds."""
REMINDERS_MAX: Final = 500
"""The number of cards of which a person is reminded in a day, and of items that wait."""
OUTAGE_MAX: Final = timedelta(days=30)
"""The longest outage after which reminders of its days are given."""
_WAITS: Final = {
    "document": (timedelta(days=2), "The document has waited for a review for two days."),
    "action": (timedelta(days=1), "The proposed action has waited for a review for a day."),
    "proposal": (timedelta(days=1), "The proposal has waited for a decision for a day."),
}
"""The time after which a person is reminded of each kind of item that waits, and the sentence."""
_ZONES_FURTHEST: Final = timedelta(hours=14)

_ME = bindparam("_user_id", type_=IdType)
_CARDS = Query(
    DatedCardRow,
    select_reminded_cards(
        _ME,
        watches.select_watched_cards(_ME),
        lambda project_id, card_id: watches.is_muted(_ME, project_id, card_id),
    ).limit(REMINDERS_MAX),
)
_WAITING = (
    select(*ITEMS.c)
    .where(
        is_reachable(ITEMS.c.workspace_id),
        or_(
            *(
                and_(
                    ITEMS.c.kind == kind,
                    ITEMS.c.created_at > bindparam(f"_after_{kind}"),
                    ITEMS.c.created_at <= bindparam(f"_until_{kind}"),
                )
                for kind in _WAITS
            )
        ),
    )
    .order_by(ITEMS.c.created_at, ITEMS.c.id)
    .limit(REMINDERS_MAX)
)


@attrs.frozen
class _Morning:
    """The reminders of a person for the days after the last reminders, until and including a day."""

    user_id: str
    zone: tzinfo
    last_day: date
    day: date
    last_at: datetime

    def describe(self, card: Card) -> Iterator[str]:
        """Yield what a person is reminded of about a card, in one sentence each."""
        if card.start_date is not None:
            starts_on = find_day(card.start_date, self.zone)
            if self.last_day < starts_on <= self.day:
                yield "Its start date is reached."
        if card.due_date is not None:
            due_on = find_day(card.due_date, self.zone)
            if due_on == self.day + timedelta(days=1):
                yield "It is due tomorrow."
            elif due_on == self.day:
                yield "It is due today."
            elif self.last_day <= due_on < self.day:
                yield "It is overdue."


def find_day(moment: datetime, zone: tzinfo) -> date:
    """Return the day of a date of a card: a time in a zone, or a date without time, which is midnight in UTC.

    Args:
        moment: The date.
        zone: The time zone of the reader.
    """
    in_utc = moment.astimezone(UTC)
    if in_utc.time() != time():
        # The first and the last hours of the calendar have no date in some zones.
        with suppress(OverflowError):
            return in_utc.astimezone(zone).date()
    return in_utc.date()


def check(uow: UnitOfWork, payload: Mapping[str, str]) -> None:
    """Remind the next people whose morning has begun, and schedule the check of those after them, or of all later.

    Args:
        payload: ``after``, the id of the last person of the previous check; empty to begin with the first one.
    """
    ids = list_next_people(uow, payload.get("after", ""), PAGE)
    mornings = list(_find_mornings(uow, ids))
    reminded = mornings[:PEOPLE_MAX]
    _remind_of_cards(uow, reminded)
    _remind_of_waiting(uow, reminded)
    if reminded:
        record_reminders(uow, {morning.user_id: morning.day for morning in reminded})
    if len(mornings) > PEOPLE_MAX:
        jobs.enqueue(uow, CHECK, {"after": reminded[-1].user_id}, key=CHECK)
    elif len(ids) == PAGE:
        jobs.enqueue(uow, CHECK, {"after": ids[-1]}, key=CHECK)
    else:
        jobs.enqueue(uow, CHECK, {}, due_at=uow.now + PAUSE, key=CHECK)


def _find_mornings(uow: UnitOfWork, user_ids: list[str]) -> Iterator[_Morning]:
    a_day = timedelta(days=1)
    for user_id, (zone, reminded_on, reminded_at) in load_last_reminders(uow, user_ids).items():
        local = uow.now.astimezone(zone)
        day = local.date()
        if reminded_on is None or reminded_at is None or reminded_at > uow.now + a_day:
            # There were no reminders, or the clock was ahead and was set back.
            last_day, last_at = day - a_day, uow.now - a_day
        else:
            last_day, last_at = date.fromisoformat(reminded_on), reminded_at
        if local.hour >= HOUR and last_day < day:
            yield _Morning(
                user_id, zone, max(last_day, day - OUTAGE_MAX), day, max(last_at, uow.now - OUTAGE_MAX)
            )


def _remind_of_cards(uow: UnitOfWork, mornings: list[_Morning]) -> None:
    """Remind people of dates of cards. People with the same sentence about a card share a notice."""
    notices: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    cards: dict[str, Card] = {}
    for morning in mornings:
        first, last = (datetime.combine(day, time(), UTC) for day in (morning.last_day, morning.day))
        times = {"_from": first - _ZONES_FURTHEST, "_until": last + timedelta(days=2) + _ZONES_FURTHEST}
        for row in _CARDS.all(uow.connection, {"_user_id": morning.user_id, **times}):
            card = build_dated_card(row)
            if message := " ".join(morning.describe(card)):
                cards[card.id] = card
                notices[row.workspace_id, card.id, message].append(morning.user_id)
    for (workspace_id, card_id, message), user_ids in notices.items():
        card = cards[card_id]
        notice = NoticeGiven(
            workspace_id=workspace_id,
            project_id=card.project_id,
            card=card,
            message=message,
            user_ids=tuple(user_ids),
            is_reminder=True,
        )
        emit_notice(uow, user_ids[0], notice)


def _remind_of_waiting(uow: UnitOfWork, mornings: list[_Morning]) -> None:
    """Remind people of items that wait for them. Those for whom an item waits share a notice."""
    notices: dict[ItemNoticeGiven, list[str]] = defaultdict(list)
    for morning in mornings:
        parameters: dict[str, object] = {"_user_id": morning.user_id}
        for kind, (wait, _) in _WAITS.items():
            parameters |= {f"_after_{kind}": morning.last_at - wait, f"_until_{kind}": uow.now - wait}
        for row in uow.connection.execute(_WAITING, parameters).fetchall():
            project_ids = row.named_projects
            notice = ItemNoticeGiven(
                workspace_id=row.workspace_id,
                kind=row.kind,
                item_id=short_id("action", int(row.id)) if row.kind == "action" else row.id,
                name=row.title,
                project_id=row.project_id,
                message=_WAITS[row.kind][1],
                user_ids=(),
                named_projects=None if project_ids is None else tuple(project_ids),
            )
            notices[notice].append(morning.user_id)
    for notice, user_ids in notices.items():
        emit_notice(uow, user_ids[0], attrs.evolve(notice, user_ids=tuple(user_ids)))
