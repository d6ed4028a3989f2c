"""The caller's work in all workspaces, read by a constant number of statements."""

from __future__ import annotations

from datetime import UTC, timedelta

from sqlalchemy import bindparam, select, union_all

from stellary.contract.refs import Ref
from stellary.contract.work import CARDS_MAX, GET_WORK, ITEMS_MAX, WaitingItem, Work
from stellary.core.accounts.audience import is_reachable
from stellary.core.agents.proposals import select_pending_proposals
from stellary.core.board.finding import load_due_cards
from stellary.core.db.base import IdType
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge.reviews import select_pending_documents
from stellary.core.notifications.notifications import list_mentions
from stellary.core.pilotage.proposed_actions import select_suggested_actions
from stellary.core.pilotage.rules import short_id

_ME = bindparam("_user_id", type_=IdType)
ITEMS = union_all(
    select_pending_documents(_ME), select_suggested_actions(_ME), select_pending_proposals(_ME)
).subquery("items")
"""What waits for the user ``_user_id``."""
_WAITING = (
    select(*ITEMS.c)
    .where(is_reachable(ITEMS.c.workspace_id))
    .order_by(ITEMS.c.created_at, ITEMS.c.id)
    .limit(ITEMS_MAX + 1)
)


@serves(GET_WORK)
def get_work(uow: UnitOfWork, ref: Ref) -> Work:
    """Return the caller's work."""
    today = uow.now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    tomorrow = today + timedelta(days=1)
    cards = load_due_cards(uow, today + timedelta(days=7), CARDS_MAX + 1)
    due = [(card, card.due_date) for card in cards[:CARDS_MAX] if card.due_date is not None]
    rows = uow.connection.execute(_WAITING, {"_user_id": uow.user_id}).fetchall()
    return Work(
        overdue=[card for card, date in due if date < today],
        today=[card for card, date in due if today <= date < tomorrow],
        this_week=[card for card, date in due if date >= tomorrow],
        waiting=[
            WaitingItem(
                kind=row.kind,
                id=short_id("action", int(row.id)) if row.kind == "action" else row.id,
                title=row.title,
                workspace_id=row.workspace_id,
                created_at=row.created_at,
            )
            for row in rows[:ITEMS_MAX]
        ],
        mentioned=list_mentions(uow),
        is_complete=len(cards) <= CARDS_MAX and len(rows) <= ITEMS_MAX,
    )
