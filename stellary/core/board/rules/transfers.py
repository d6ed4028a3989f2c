"""Rules of transfers: labels, values and assignees of cards in another project. Pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import attrs

from stellary.contract.cards import Card, DroppedReference
from stellary.contract.custom_fields import CustomField
from stellary.contract.errors import Conflict
from stellary.contract.fields import replace_fields
from stellary.contract.projects import EstimateUnit
from stellary.core.board.rules.custom_fields import CHOSEN_FROM

NAMED_MAX: Final = 10
"""The number of missing items that an error names."""


@attrs.frozen
class MatchedReferences:
    """The references that cards have in another project.

    Attributes:
        label_ids: The labels of the other project, by the id of the label that they replace.
        fields: Its custom fields, by the id of the field that they replace.
        assignable_ids: The people and agents who see it.
        lost_unit: The unit of the cards' estimates, if the other project has another one; otherwise None.
        names: The names of all labels, fields and assignees of the cards, by id.
    """

    label_ids: Mapping[str, str]
    fields: Mapping[str, CustomField]
    assignable_ids: Collection[str]
    lost_unit: EstimateUnit | None
    names: Mapping[str, str]


def list_options(value: object) -> list[str]:
    """Return the options that a value of a ``select`` or ``multi-select`` field names."""
    return [value] if isinstance(value, str) else [*value] if isinstance(value, list) else []


def replace_references(card: Card, references: MatchedReferences) -> tuple[Card, list[DroppedReference]]:
    """Return a card with the references that it has in another project, and those that are missing there.

    Args:
        card: The card.
        references: The references of the other project.
    """
    names, dropped = references.names, list[DroppedReference]()
    lost_ids = [id for id in card.label_ids if id not in references.label_ids]
    dropped += [DroppedReference(kind="label", name=names.get(id, id)) for id in lost_ids]
    values: dict[str, object] = {}
    for id, value in card.custom_fields.items():
        field = references.fields.get(id)
        if field is None:
            dropped.append(DroppedReference(kind="custom_field", name=names.get(id, id)))
        elif field.type not in CHOSEN_FROM:
            values[field.id] = value
        else:
            options = list_options(value)
            common = [option for option in options if option in field.options]
            dropped += [DroppedReference(kind="option", name=name) for name in options if name not in common]
            if common:
                values[field.id] = common if field.type == "multi-select" else common[0]
    estimate, assignee_id = card.estimate, card.assignee_id
    if estimate is not None and references.lost_unit is not None:
        dropped.append(DroppedReference(kind="estimate", name=references.lost_unit))
        estimate = None
    if assignee_id is not None and assignee_id not in references.assignable_ids:
        dropped.append(DroppedReference(kind="assignee", name=names.get(assignee_id, assignee_id)))
        assignee_id = None
    label_ids = [references.label_ids[id] for id in card.label_ids if id in references.label_ids]
    changes = {"label_ids": label_ids, "estimate": estimate, "assignee_id": assignee_id}
    return replace_fields(card, custom_fields=values, **changes), dropped


def refuse_missing(dropped: Sequence[DroppedReference]) -> None:
    """Refuse a transfer if labels, fields or options are missing in the other project.

    Args:
        dropped: What the cards would lose. Assignees may be lost, since people see what they see.

    Raises:
        Conflict: Something is missing. The message names up to 10 of the items.
    """
    missing = {(item.kind, item.name): None for item in dropped if item.kind != "assignee"}
    if missing:
        names = [f"{kind.replace('_', ' ')} {name!r}" for kind, name in missing]
        more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
        raise Conflict(
            f"the other project does not have {', '.join(names[:NAMED_MAX])}{more}: missing must be drop or create",
            code="missing_references",
        )
