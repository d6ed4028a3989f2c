"""Labels: color-coded tags for a project's cards. Section Labels of the API reference."""

from __future__ import annotations

from typing import Annotated

from stellary.contract.endpoint import Collection, Deleted, creates, deletes
from stellary.contract.limits import Length, Pattern
from stellary.contract.policies import BOARD_DELETE, BOARD_READ, BOARD_WRITE
from stellary.contract.refs import CardLabelRef, LabelRef, ProjectRef
from stellary.contract.wire import UNSET, DatedItem, Request, Unset

NAME_MAX = 50
LabelName = Annotated[str, Length(1, NAME_MAX)]
Color = Annotated[str, Pattern("#[0-9a-fA-F]{6}", "must be a colour such as #22c55e")]
DEFAULT_COLOR = "#6b7280"


class Label(DatedItem):
    """A tag for a project's cards. Its name is unique in the project, ignoring case."""

    project_id: str
    name: str
    color: str


class CreateLabel(Request):
    """The fields of a new label.

    Attributes:
        name: 1-50 characters; unique in the project, ignoring case.
        color: ``#rrggbb``. Default: gray.
    """

    name: LabelName
    color: Color | Unset = UNSET


class UpdateLabel(Request):
    """The fields to change. Omitted fields keep their values."""

    name: LabelName | Unset = UNSET
    color: Color | Unset = UNSET


_LABELS = Collection(ProjectRef, "labels", LabelRef, Label)
CREATE_LABEL = _LABELS.creates(
    "labels.create",
    summary="Create a label for a project's cards.",
    takes=CreateLabel,
    policy=BOARD_WRITE,
)
LIST_LABELS = _LABELS.lists(
    "labels.list",
    summary="List the labels of a project.",
    policy=BOARD_READ,
)
UPDATE_LABEL = _LABELS.updates(
    "labels.update",
    summary="Update a label's name or color.",
    takes=UpdateLabel,
    policy=BOARD_WRITE,
)
DELETE_LABEL = deletes(
    "labels.delete",
    LabelRef,
    summary="Delete a label and remove it from all cards.",
    returns=Deleted,
    policy=BOARD_DELETE,
)
ADD_LABEL_TO_CARD = creates(
    "labels.add_to_card",
    CardLabelRef,
    summary="Add a label to a card. Has no effect if the card already has the label.",
    policy=BOARD_WRITE,
)
REMOVE_LABEL_FROM_CARD = deletes(
    "labels.remove_from_card",
    CardLabelRef,
    summary="Remove a label from a card.",
    policy=BOARD_WRITE,
)
