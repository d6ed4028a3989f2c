"""Custom fields: additional fields that a project defines for its cards."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, by_id, iterates, method
from stellary.contract.custom_fields import (
    CREATE_CUSTOM_FIELD,
    DELETE_CUSTOM_FIELD,
    LIST_CUSTOM_FIELDS,
    SET_CUSTOM_FIELDS,
    UPDATE_CUSTOM_FIELD,
)


class CustomFields(Resource[C]):
    """The custom fields of a project."""

    create = method(CREATE_CUSTOM_FIELD)
    list = method(LIST_CUSTOM_FIELDS)
    iterate = iterates(LIST_CUSTOM_FIELDS)
    update = by_id(UPDATE_CUSTOM_FIELD)
    delete = by_id(DELETE_CUSTOM_FIELD)


class CardCustomFields(Resource[C]):
    """The custom field values of a card. To read them, use ``card.get().custom_fields``."""

    set = method(SET_CUSTOM_FIELDS)
