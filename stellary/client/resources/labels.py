"""Labels: colour-coded tags of a project's cards."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, by_id, by_two_ids, iterates, method
from stellary.contract.labels import (
    ADD_LABEL_TO_CARD,
    CREATE_LABEL,
    DELETE_LABEL,
    LIST_LABELS,
    REMOVE_LABEL_FROM_CARD,
    UPDATE_LABEL,
)


class Labels(Resource[C]):
    """The labels of a project. ``add_to_card`` and ``remove_from_card`` take the card first and then the label."""

    create = method(CREATE_LABEL)
    list = method(LIST_LABELS)
    iterate = iterates(LIST_LABELS)
    update = by_id(UPDATE_LABEL)
    delete = by_id(DELETE_LABEL)
    add_to_card = by_two_ids(ADD_LABEL_TO_CARD)
    remove_from_card = by_two_ids(REMOVE_LABEL_FROM_CARD)


class CardLabels(Resource[C]):
    """The labels on a card. To read them, use ``card.get().label_ids``."""

    add = by_id(ADD_LABEL_TO_CARD)
    remove = by_id(REMOVE_LABEL_FROM_CARD)
