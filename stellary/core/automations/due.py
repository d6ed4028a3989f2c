"""Due dates: a job that emits an event when a card becomes due."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import bindparam, func, insert, select

from stellary.core.accounts.audience import is_reachable
from stellary.core.automations.tables import automations, due_dates
from stellary.core.board.queries.recipient_queries import build_dated_card, select_dated_cards
from stellary.core.board.row_types import DatedCardRow
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.events import CardDue
from stellary.core.kernel.unit import UnitOfWork

CHECK = "automations.due_dates"
PAUSE = timedelta(minutes=1)
BATCH_SIZE = 20

_ARMED = (
    select(automations.c.project_id, func.min(automations.c.armed_at).label("since"))
    .where(automations.c.trigger == "due_date_reached", automations.c.enabled)
    .group_by(automations.c.project_id)
    .subquery("armed")
)
_DATED = select_dated_cards(_ARMED)
_card = _DATED.selected_columns
_DATED = _DATED.where(is_reachable(_card.workspace_id))
_IS_RECORDED = (
    select(due_dates.c.card_id)
    .where(due_dates.c.card_id == _card.id, due_dates.c.due_date == _card.due_date)
    .exists()
)
_DUE_CARDS = Query(
    DatedCardRow,
    _DATED.where(_card.due_date <= bindparam("_now"), ~_IS_RECORDED)
    .order_by(_card.due_date, _card.id)
    .limit(BATCH_SIZE),
)
_NEXT = _DATED.with_only_columns(func.min(_card.due_date), maintain_column_froms=True).where(
    _card.due_date > bindparam("_now")
)
_INSERT = insert(due_dates)


def check(uow: UnitOfWork, _: object) -> None:
    """Emit an event for each card that has become due, and schedule the next check, at most a minute later."""
    rows = _DUE_CARDS.all(uow.connection, {"_now": uow.now})
    due_cards = [(row.workspace_id, build_dated_card(row)) for row in rows]
    if due_cards:
        uow.connection.execute(
            _INSERT, [{"card_id": card.id, "due_date": card.due_date} for _, card in due_cards]
        )
    for workspace_id, card in due_cards:
        uow.emit(CardDue(workspace_id=workspace_id, project_id=card.project_id, card=card))
    jobs.enqueue(uow, CHECK, {}, due_at=uow.now if len(rows) == BATCH_SIZE else _next_check(uow), key=CHECK)


def _next_check(uow: UnitOfWork) -> datetime:
    due: datetime | None = uow.connection.execute(_NEXT, {"_now": uow.now}).scalar()
    latest = uow.now + PAUSE
    return latest if due is None else min(due, latest)
