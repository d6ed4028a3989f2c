"""Recurring cards: a job that makes the next cards of series that are due, one card in each transaction."""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy import bindparam, func, select
from sqlalchemy.exc import OperationalError

from stellary.contract.cards import CREATE_CARD, Card
from stellary.contract.errors import ApiError, Conflict, Forbidden, NotFound
from stellary.contract.fields import replace_fields
from stellary.contract.recurrences import CardRecurrence
from stellary.contract.refs import ColumnRef, ProjectRef
from stellary.core.accounts.audience import is_reachable
from stellary.core.accounts.people import queue_members
from stellary.core.accounts.places import workspace_ref
from stellary.core.board.cards import add_card
from stellary.core.board.changes.card_references import drop_missing
from stellary.core.board.order.locks import retry_transaction
from stellary.core.board.row_types import RecurringCardRow
from stellary.core.board.rows import card_rows
from stellary.core.board.rules import recurrences as rules
from stellary.core.board.rules.cards import build_events, increment_version
from stellary.core.board.tables import PROJECT_WORKSPACE_ID, cards, projects
from stellary.core.db.row_types import Query
from stellary.core.kernel import jobs
from stellary.core.kernel.causes import Cause, Chain
from stellary.core.kernel.events import NoticeGiven
from stellary.core.kernel.unit import Actor, UnitOfWork, check_restrictions

_log = logging.getLogger("stellary.core")

CHECK = "board.recurrences"
PAUSE = timedelta(minutes=1)
TRASH_PAUSE = timedelta(hours=1)
"""The time after which a series of a deleted workspace, which may be restored, is looked at again."""

_IS_REACHABLE = is_reachable(projects.c.workspace_id)
_SERIES = (
    select(
        PROJECT_WORKSPACE_ID,
        projects.c.key,
        projects.c.archived.label("project_archived"),
        _IS_REACHABLE.label("reachable"),
        *card_rows.STORED,
    )
    .join_from(cards, projects)
    .where(cards.c.recurs_at.is_not(None))
    .order_by(cards.c.recurs_at, cards.c.id)
    .limit(1)
)
_DUE = Query(RecurringCardRow, _SERIES.where(cards.c.recurs_at <= bindparam("_now")))
# A series whose last time is later than now was advanced by a clock that was ahead.
_AHEAD = Query(RecurringCardRow, _SERIES.where(cards.c.recurs_after > bindparam("_now"), _IS_REACHABLE))
_NEXT = select(func.min(cards.c.recurs_at)).where(cards.c.recurs_at > bindparam("_now"))


def check(uow: UnitOfWork, _: object) -> None:
    """Make the next card of the series that has been due for longest, and schedule the next check."""
    now = {"_now": uow.now}
    row = _DUE.first(uow.connection, now) or _AHEAD.first(uow.connection, now)
    if row is not None:
        card = card_rows.card(row[4:], row.key, None)
        assert card.recurrence is not None
        owner_id = card.recurrence.owner_id
        via = {"recurrence": {"id": card.id, "name": card.key}}
        with uow.caused_by(Cause(Chain(uow.new_id()), owner_id, 0, via), Actor(owner_id)):
            if row.reachable:
                _continue_series(uow, row, card, card.recurrence)
            else:
                uow.connection.execute(card_rows.UPDATE, {"_id": card.id, "recurs_at": uow.now + TRASH_PAUSE})
    next_at = uow.connection.execute(_NEXT, now).scalar()
    latest = uow.now + PAUSE
    pause_end = latest if next_at is None else min(next_at, latest)
    jobs.enqueue(uow, CHECK, {}, due_at=uow.now if row is not None else pause_end, key=CHECK)


def _continue_series(uow: UnitOfWork, row: RecurringCardRow, card: Card, recurrence: CardRecurrence) -> None:
    """Make the next card, which takes over the recurrence; if that fails, tell people, and try again at the next time."""
    try:
        with uow.attempt():
            after = _make_card(uow, row, card, recurrence)
    except OperationalError:
        raise
    except Exception as error:  # noqa: BLE001 - logged; one series must not stop the others
        after = rules.defer_series(
            recurrence, _describe(uow, row.workspace_id, card, recurrence.owner_id, error), uow.now
        )
    changed = increment_version(card, replace_fields(card, recurrence=after), card.order, uow.now)
    written = {"_id": card.id, "_version": card.version, **card_rows.build_changes(card, changed)}
    if not uow.connection.execute(card_rows.UPDATE_OF_VERSION, written).rowcount:
        # It was changed while its successor was made.
        retry_transaction(uow)
    if after is not None and after.problem == recurrence.problem:
        # Only its times have changed. A series that fails for years leaves one activity.
        return
    for event in build_events(card, changed, row.workspace_id):
        uow.emit(event)
    if after is not None:
        user_ids = {recurrence.owner_id, card.created_by_id, card.assignee_id or card.created_by_id}
        uow.emit(
            NoticeGiven(
                workspace_id=row.workspace_id,
                project_id=card.project_id,
                card=changed,
                message=f"The card repeats {after.summary}, but the next one could not be made: {after.problem}.",
                user_ids=tuple(sorted(user_ids)),
            )
        )


def _describe(uow: UnitOfWork, workspace_id: str, card: Card, owner_id: str, error: Exception) -> str:
    """Return why the next card of a series could not be made, in words."""
    if (
        isinstance(error, NotFound | Forbidden)
        and not queue_members(uow, workspace_id, [owner_id], card.project_id)()
    ):
        return "the person who set the recurrence no longer has access to the project"
    if isinstance(error, ApiError):
        return error.message
    _log.error("the next card of a series could not be made", exc_info=error)
    return "the server has failed"


def _make_card(
    uow: UnitOfWork, row: RecurringCardRow, card: Card, recurrence: CardRecurrence
) -> CardRecurrence | None:
    """Make the next card of a series, and return what remains of the recurrence of the last one: nothing."""
    if recurrence.next_at is not None and recurrence.next_at > uow.now:
        return rules.rewind_series(recurrence, uow.now)
    if row.project_archived:
        raise Conflict("the project is archived")
    following = rules.find_next_card(card, recurrence, uow.now)
    if following is None:
        return None
    (request,) = drop_missing(uow, row.workspace_id, card.project_id, [following.request])
    ref = workspace_ref(uow, row.workspace_id).child(ProjectRef, card.project_id)
    with uow.checking(CREATE_CARD.policy):
        column = ref.child(ColumnRef, recurrence.column_id)
        check_restrictions(uow, CREATE_CARD, column)
        add_card(uow, column, request, recurrence=following.recurrence)
    return None
