"""Custom fields: additional metadata of a project's cards. Section Custom Fields of the API reference."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from stellary.contract.cards import Card
from stellary.contract.endpoint import Collection, Deleted, deletes, updates
from stellary.contract.limits import Items, Length, Name, Whole
from stellary.contract.policies import BOARD_DELETE, BOARD_READ, BOARD_WRITE
from stellary.contract.refs import CustomFieldRef, FlatCardRef, ProjectRef
from stellary.contract.wire import UNSET, DatedItem, Request, Unset

OPTIONS_MAX = 100
TEXT_MAX = 5000
FIELDS_MAX = 100

FieldType = Literal["text", "number", "select", "multi-select", "date", "boolean"]
Options = Annotated[list[Annotated[str, Length(1, 100)]], Items(0, OPTIONS_MAX)]
OptionIds = Annotated[list[Annotated[str, Length(0, 24)]], Items(0, OPTIONS_MAX)]


class CustomField(DatedItem):
    """The definition of a field that every card of the project has.

    Attributes:
        options: The choices of a ``select`` or ``multi-select`` field; empty for other types.
        option_ids: The id of each option, in the same order. An option keeps its id when it is renamed or moved.
    """

    project_id: str
    name: str
    type: FieldType
    options: list[str]
    option_ids: list[str]
    required: bool


class CreateCustomField(Request):
    """The fields of a new custom field. A project has at most 100.

    Attributes:
        name: 1-100 characters, unique in the project, ignoring case.
        options: 1-100 distinct strings for ``select`` and ``multi-select``; none for the other types.
        required: Whether every new card needs a value, which then cannot be cleared. Existing and imported cards may
            lack one.
    """

    name: Name
    type: FieldType
    options: Options | Unset = UNSET
    required: bool = False


class UpdateCustomField(Request):
    """The fields to change. Omitted fields keep their values.

    Attributes:
        type: The new type. Values that can be converted to it and back are kept; a value that cannot is a 409.
        options: Replaces all options. Options left out are cleared from the cards. If the number of options stays the
            same, a new option renames the one at its position, on the cards too, also on those in the trash.
        option_ids: The ids of ``options``, in the same order, with an empty string for each new one. Then an option with
            another name is renamed wherever it is.
    """

    name: Name | Unset = UNSET
    type: FieldType | Unset = UNSET
    options: Options | Unset = UNSET
    option_ids: OptionIds | Unset = UNSET
    required: bool | Unset = UNSET


class SetCustomFields(Request):
    """Values by custom field id. Fields that are not given keep their values.

    Attributes:
        values: The value depends on the field's type: ``text`` a string of 1-5000 characters, ``number`` a number,
            ``boolean`` true or false, ``date`` a day such as ``2026-04-01``, ``select`` one of the options,
            ``multi-select`` a list of distinct options (an empty list clears the value). ``None`` clears a value of any
            type. The value of a required field cannot be cleared.
    """

    values: Annotated[dict[str, Any], Whole()]


_CUSTOM_FIELDS = Collection(ProjectRef, "custom-fields", CustomFieldRef, CustomField)
CREATE_CUSTOM_FIELD = _CUSTOM_FIELDS.creates(
    "custom_fields.create",
    summary="Create a custom field, which every card of the project then has.",
    takes=CreateCustomField,
    policy=BOARD_WRITE,
)
LIST_CUSTOM_FIELDS = _CUSTOM_FIELDS.lists(
    "custom_fields.list",
    summary="List the custom fields of a project.",
    policy=BOARD_READ,
)
UPDATE_CUSTOM_FIELD = _CUSTOM_FIELDS.updates(
    "custom_fields.update",
    summary="Update a custom field's name, type or options. A type change that would lose values is a 409.",
    takes=UpdateCustomField,
    policy=BOARD_WRITE,
)
DELETE_CUSTOM_FIELD = deletes(
    "custom_fields.delete",
    CustomFieldRef,
    summary="Delete a custom field and its values on all cards.",
    returns=Deleted,
    policy=BOARD_DELETE,
)
SET_CUSTOM_FIELDS = updates(
    "custom_fields.set_values",
    FlatCardRef,
    "custom-fields",
    summary="Set or clear custom field values of a card. Only the given fields change.",
    takes=SetCustomFields,
    returns=Card,
    policy=BOARD_WRITE,
)
