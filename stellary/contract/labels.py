"""Labels: colour-coded tags of a project's cards. Section Labels of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from stellary.contract.endpoint import Ok, creates, deletes, lists, updates
from stellary.contract.limits import Length, Pattern
from stellary.contract.paging import Paged
from stellary.contract.policies import BOARD_DELETE, BOARD_READ, BOARD_WRITE
from stellary.contract.refs import CardLabelRef, LabelRef, ProjectRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

NAME_MAX = 50
LabelName = Annotated[str, Length(1, NAME_MAX)]
Color = Annotated[str, Pattern("#[0-9a-fA-F]{6}", "must be a colour such as #22c55e")]
DEFAULT_COLOR = "#6b7280"


@value
class Label(Value):
    """A tag that a project's cards can bear; its name is unique in the project without regard to case."""

    id: str
    project_id: str
    name: str
    color: str
    created_at: datetime
    updated_at: datetime


@request
class CreateLabel(Request):
    """A label to be.

    Attributes:
        name: 1-50 characters; unique in the project without regard to case.
        color: ``#rrggbb``; grey if it is not given.
    """

    name: LabelName
    color: Color | Unset = UNSET


@request
class UpdateLabel(Request):
    """What is not named stays."""

    name: LabelName | Unset = UNSET
    color: Color | Unset = UNSET


CREATE_LABEL = creates(
    "labels.create",
    ProjectRef,
    "labels",
    summary="Create a label for a project's cards.",
    takes=CreateLabel,
    returns=Label,
    policy=BOARD_WRITE,
)
LIST_LABELS = lists(
    "labels.list",
    ProjectRef,
    "labels",
    summary="List the labels of a project.",
    takes=Paged,
    item=Label,
    policy=BOARD_READ,
)
UPDATE_LABEL = updates(
    "labels.update",
    LabelRef,
    summary="Change a label's name or colour.",
    takes=UpdateLabel,
    returns=Label,
    policy=BOARD_WRITE,
)
DELETE_LABEL = deletes(
    "labels.delete",
    LabelRef,
    summary="Delete a label, and take it off all cards.",
    returns=Ok,
    policy=BOARD_DELETE,
)
ADD_LABEL_TO_CARD = creates(
    "labels.add_to_card",
    CardLabelRef,
    summary="Put a label on a card; one that is there already stays.",
    returns=Ok,
    policy=BOARD_WRITE,
)
REMOVE_LABEL_FROM_CARD = deletes(
    "labels.remove_from_card",
    CardLabelRef,
    summary="Take a label off a card.",
    returns=Ok,
    policy=BOARD_WRITE,
)

ENDPOINTS = (
    CREATE_LABEL,
    LIST_LABELS,
    UPDATE_LABEL,
    DELETE_LABEL,
    ADD_LABEL_TO_CARD,
    REMOVE_LABEL_FROM_CARD,
)
