"""Undoing a change of a card: fields that still have the values of the change get their former values."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from stellary.contract.activities import UNDO_ACTIVITY
from stellary.contract.cards import Card, UpdateCard
from stellary.contract.errors import Conflict, FieldProblem, Invalid, PreconditionFailed
from stellary.contract.refs import ActivityRef, CardRef, ProjectRef
from stellary.contract.wire import load
from stellary.core.board import access as board_access
from stellary.core.board import cards
from stellary.core.board.order.locks import retry_transaction
from stellary.core.kernel.events import Cause, Chain
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications import access
from stellary.core.notifications.reversal import Reversal
from stellary.core.notifications.rows import read_changes
from stellary.core.notifications.via import find_means

UNDOABLE = ("card_updated", "card_moved", "card_archived", "card_assigned")


@serves(UNDO_ACTIVITY)
def undo_activity(uow: UnitOfWork, ref: ActivityRef) -> Card:
    """Undo a change of a card.

    Raises:
        NotFound: The project has no such activity, or its card was deleted.
        Conflict: The activity is not a change of a card, a field has changed since, or an old value is no longer valid.
    """
    activity = access.activity(uow, ref).row
    if activity.type not in UNDOABLE or activity.card_id is None or not activity.changes:
        raise Conflict("only changes of a card's fields can be undone", code="not_undoable")
    card_ref = ref.parent(ProjectRef).child(CardRef, activity.card_id)
    card = board_access.card(uow, card_ref).card
    uow.require_version(card.version)
    reversal = Reversal(card, read_changes(activity.changes), activity.meta.get("toOrder"))
    if reversal.problems:
        raise _changed_since_error(reversal.problems)
    via = find_means(uow.actor)
    via["undo"] = {"id": activity.id, "name": activity.type}
    if_match, uow.if_match = uow.if_match, frozenset({str(card.version)})
    try:
        with uow.caused_by(Cause(Chain(uow.new_id()), uow.user_id, 0, via), uow.actor):
            return cards.update_card(uow, card_ref, load(UpdateCard, reversal.body))
    except PreconditionFailed:
        # Another unit has changed the card in between.
        retry_transaction(uow)
        raise
    except Invalid as error:
        raise Conflict(f"an old value is no longer valid: {error.message}", code="not_undoable") from None
    finally:
        uow.if_match = if_match


def _changed_since_error(problems: Mapping[str, object]) -> Conflict:
    """Return the error for fields that have changed since, with their current values."""
    details = [
        FieldProblem(field, f"is now {orjson.dumps(value).decode()}") for field, value in problems.items()
    ]
    sentence = ", ".join(f"{detail.field} {detail.message}" for detail in details[:5])
    return Conflict(f"the card has been changed since: {sentence}", code="changed_since", details=details)
