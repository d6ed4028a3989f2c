"""Due dates: a job that is always there looks whether one has come, and tells it once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, insert, select

from stellary.core.automations.tables import automations, due_dates
from stellary.core.board.recipient_queries import dated_card, dated_cards
from stellary.core.kernel import jobs
from stellary.core.kernel.events import CardDue
from stellary.core.kernel.unit import UnitOfWork

LOOK = "automations.due_dates"
PAUSE = timedelta(minutes=1)
AT_ONCE = 20

_ARMED = (
    select(automations.c.project_id, func.min(automations.c.armed_at).label("since"))
    .where(automations.c.trigger == "due_date_reached", automations.c.enabled)
    .group_by(automations.c.project_id)
    .subquery("armed")
)
_DATED = dated_cards(_ARMED)
_card = _DATED.selected_columns
_TOLD = (
    select(due_dates.c.card_id)
    .where(due_dates.c.card_id == _card.id, due_dates.c.due_date == _card.due_date)
    .exists()
)
_REACHED = (
    _DATED.where(_card.due_date <= bindparam("_now"), ~_TOLD)
    .order_by(_card.due_date, _card.id)
    .limit(AT_ONCE)
)
_NEXT = _DATED.with_only_columns(func.min(_card.due_date), maintain_column_froms=True).where(
    _card.due_date > bindparam("_now")
)
_INSERT = insert(due_dates)


def look(uow: UnitOfWork, _: Any) -> None:
    """Tell which due dates have come, and look again when the next one does, or in a minute."""
    rows = uow.connection.execute(_REACHED, {"_now": uow.now}).fetchall()
    if rows:
        uow.connection.execute(_INSERT, [{"card_id": row.id, "due_date": row.due_date} for row in rows])
    for row in rows:
        card = dated_card(row)
        uow.emit(CardDue(workspace_id=row.workspace_id, project_id=card.project_id, card=card))
    jobs.enqueue(uow, LOOK, {}, due_at=uow.now if len(rows) == AT_ONCE else _next(uow), key=LOOK)


def _next(uow: UnitOfWork) -> datetime:
    due: datetime | None = uow.connection.execute(_NEXT, {"_now": uow.now}).scalar()
    latest = uow.now + PAUSE
    return latest if due is None else min(due, latest)
