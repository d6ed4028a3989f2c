"""Custom fields: what a project wants to know of its cards. Section Custom Fields of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from stellary.contract.cards import Card
from stellary.contract.endpoint import Ok, creates, deletes, lists, updates
from stellary.contract.limits import Items, Length, Name, Whole
from stellary.contract.paging import Paged
from stellary.contract.policies import BOARD_DELETE, BOARD_READ, BOARD_WRITE
from stellary.contract.refs import CustomFieldRef, FlatCardRef, ProjectRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

OPTIONS_MAX = 100
TEXT_MAX = 5000
FIELDS_MAX = 100

FieldType = Literal["text", "number", "select", "multi-select", "date", "boolean"]
Options = Annotated[list[Annotated[str, Length(1, 100)]], Items(0, OPTIONS_MAX)]


@value
class CustomField(Value):
    """The definition of a field that each card of the project has.

    Attributes:
        options: What can be chosen, for ``select`` and ``multi-select``; else empty.
    """

    id: str
    project_id: str
    name: str
    type: FieldType
    options: list[str]
    required: bool
    created_at: datetime
    updated_at: datetime


@request
class CreateCustomField(Request):
    """A field to be; a project has 100 at most.

    Attributes:
        name: 1-100 characters, unique in the project without regard to case.
        options: 1-100 different texts for ``select`` and ``multi-select``; none for the other types.
        required: Whether every new card needs a value of it, which cannot be cleared. Cards that are there already, and
            imported ones, may lack it.
    """

    name: Name
    type: FieldType
    options: Options | Unset = UNSET
    required: bool = False


@request
class UpdateCustomField(Request):
    """What is not named stays.

    Attributes:
        type: Values are kept where they can be said in the new type, and back again; one that cannot is a 409.
        options: All that there shall be; one that is left out is cleared from the cards. With as many as before, one that
            is new renames the one whose place it takes, also on the cards.
    """

    name: Name | Unset = UNSET
    type: FieldType | Unset = UNSET
    options: Options | Unset = UNSET
    required: bool | Unset = UNSET


@request
class SetCustomFields(Request):
    """Values by the id of the custom field; fields that are not named keep theirs.

    Attributes:
        values: By the field's type: ``text`` a text of 1-5000 characters, ``number`` a number, ``boolean`` true or
            false, ``date`` a day such as ``2026-04-01``, ``select`` one of the options, ``multi-select`` a list of
            different ones, of which an empty one clears. ``None`` clears a value of any type; a required field cannot
            be cleared.
    """

    values: Annotated[dict[str, Any], Whole()]


CREATE_CUSTOM_FIELD = creates(
    "custom_fields.create",
    ProjectRef,
    "custom-fields",
    summary="Define a field that every card of the project has.",
    takes=CreateCustomField,
    returns=CustomField,
    policy=BOARD_WRITE,
)
LIST_CUSTOM_FIELDS = lists(
    "custom_fields.list",
    ProjectRef,
    "custom-fields",
    summary="List the custom fields of a project.",
    takes=Paged,
    item=CustomField,
    policy=BOARD_READ,
)
UPDATE_CUSTOM_FIELD = updates(
    "custom_fields.update",
    CustomFieldRef,
    summary="Change a field's name, type or options; values that would be lost are a 409.",
    takes=UpdateCustomField,
    returns=CustomField,
    policy=BOARD_WRITE,
)
DELETE_CUSTOM_FIELD = deletes(
    "custom_fields.delete",
    CustomFieldRef,
    summary="Delete a field, with its values on all cards.",
    returns=Ok,
    policy=BOARD_DELETE,
)
SET_CUSTOM_FIELDS = updates(
    "custom_fields.set_values",
    FlatCardRef,
    "custom-fields",
    summary="Set and clear custom field values of a card; only those that are named.",
    takes=SetCustomFields,
    returns=Card,
    policy=BOARD_WRITE,
)

ENDPOINTS = (
    CREATE_CUSTOM_FIELD,
    LIST_CUSTOM_FIELDS,
    UPDATE_CUSTOM_FIELD,
    DELETE_CUSTOM_FIELD,
    SET_CUSTOM_FIELDS,
)
