"""Undoing a change of a card: fields that still have the values of the change get their former values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stellary.contract.activities import UNDO_ACTIVITY, FieldChange
from stellary.contract.cards import Card, TransferCard, UpdateCard
from stellary.contract.errors import Conflict, FieldProblem, Invalid, PreconditionFailed
from stellary.contract.fields import convert
from stellary.contract.refs import ActivityRef, CardRef, ProjectRef
from stellary.contract.wire import load
from stellary.core.accounts.people import load_people
from stellary.core.board import access as board_access
from stellary.core.board import cards
from stellary.core.board.order.locks import retry_transaction
from stellary.core.board.queries.item_names import load_item_names
from stellary.core.board.transfers import move_cards
from stellary.core.kernel.causes import Cause, Chain
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.notifications import access
from stellary.core.notifications.reversal import Reversal, name_field, name_value
from stellary.core.notifications.rows import read_changes, read_via
from stellary.core.notifications.via import find_means

UNDOABLE = ("card_updated", "card_moved", "card_archived", "card_assigned", "card_transferred")


@serves(UNDO_ACTIVITY)
def undo_activity(uow: UnitOfWork, ref: ActivityRef) -> Card:
    """Undo a change of a card. If a rule made it, the rule does not react.

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
    changes = read_changes(activity.changes)
    reversal = Reversal(card, changes, activity.meta.get("toOrder"))
    if activity.type == "card_transferred":
        # The series may have gone on with another card.
        reversal.problems.pop("recurrence", None)
    if reversal.problems:
        raise _changed_since_error(reversal.problems, _load_names(uow, card, changes))
    via = find_means(uow.actor)
    via["undo"] = {"id": activity.id, "name": activity.type}
    rule = None if (former_via := read_via(activity.via)) is None else former_via.rule
    if rule is not None:
        via["skippedRule"] = {"id": rule.id, "name": rule.name}
    chain = Chain(uow.new_id(), undone_rule_id=None if rule is None else rule.id)
    if_match, uow.if_match = uow.if_match, frozenset({str(card.version)})
    try:
        with uow.caused_by(Cause(chain, uow.user_id, 0, via), uow.actor):
            if activity.type == "card_transferred":
                return _transfer_back(uow, card_ref, reversal)
            return cards.update_card(uow, card_ref, load(UpdateCard, reversal.body))
    except PreconditionFailed:
        # Another unit has changed the card in between.
        retry_transaction(uow)
        raise
    except Invalid as error:
        names = _load_names(uow, card, changes)
        fields = {detail.field.partition("[")[0] for detail in error.details}
        values = [
            f"{name_field(change.field, names)} {name_value(change.from_, names)}"
            for change in changes
            if change.field in fields
        ]
        message = f"an old value is no longer valid: {', '.join(values) or error.message}"
        raise Conflict(message, code="not_undoable", details=error.details) from None
    finally:
        uow.if_match = if_match


def _transfer_back(uow: UnitOfWork, ref: CardRef, reversal: Reversal) -> Card:
    """Move a card back to the project that it has left, with the labels and values that it had there."""
    loaded = board_access.card(uow, ref)
    card = loaded.card
    uow.require_version(card.version)
    if card.custom_fields.keys() - reversal.field_values.keys() or (
        card.label_ids and "labelIds" not in reversal.body
    ):
        raise Conflict("the card has got labels or values since", code="changed_since")
    former_values = {id: value for id, value in reversal.field_values.items() if value is not None}
    current = {"labelIds": card.label_ids, "assigneeId": card.assignee_id}
    values = {**current, **reversal.body, "customFields": former_values}
    column_id = values.pop("columnId")
    del values["projectId"]
    request = TransferCard(column_id=str(column_id))
    restored = load(UpdateCard, values)
    return convert(Card, move_cards(uow, ref.parent(ProjectRef), loaded.roles, [card], request, restored)[0])


def _load_names(uow: UnitOfWork, card: Card, changes: Sequence[FieldChange]) -> dict[str, str]:
    """Return the names of what a card and its changes refer to, by id: the current ones, else those at that time."""
    names = {id: name for change in changes for id, name in change.names.items()}
    ids = {card.column_id, *card.label_ids, *card.custom_fields, *names}
    people_ids = {*names, card.assignee_id or ""}
    names |= load_item_names(uow, [card.project_id], ids)
    return names | {id: person.name for id, person in load_people(uow, people_ids).items()}


def _changed_since_error(problems: Mapping[str, object], names: Mapping[str, str]) -> Conflict:
    """Return the error for fields that have changed since, with their current values.

    Args:
        problems: The current values by field.
        names: Names by id.
    """
    details = [FieldProblem(field, f"is now {name_value(value, names)}") for field, value in problems.items()]
    sentence = ", ".join(f"{name_field(detail.field, names)} {detail.message}" for detail in details[:5])
    return Conflict(f"the card has been changed since: {sentence}", code="changed_since", details=details)
