"""Multipart imports: a project of any size is created from a file that is sent in parts.

The project is hidden until the import is completed, and then becomes visible with all its cards.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from stellary.contract.endpoint import Collection, creates
from stellary.contract.limits import Items, Range
from stellary.contract.policies import PROJECT_IMPORT, PROJECT_IMPORT_CREATOR
from stellary.contract.project_imports import (
    CARDS_MAX,
    ImportedCard,
    ImportedColumn,
    ProjectHeader,
    ProjectImport,
    TolerantRequest,
)
from stellary.contract.refs import ImportRef, WorkspaceRef
from stellary.contract.wire import UNSET, Unset, Value

PARTS_MAX = 2_000
"""The maximum number of parts of an import: a million cards."""
COLUMNS_MAX = 1_000

ImportStatus = Literal["open", "completed"]


class MultipartImport(Value):
    """An import whose cards are sent in parts.

    Attributes:
        name: The name of the project.
        status: ``open`` until the import is completed.
        parts: The number of parts received. The next part has this number.
        cards: The number of cards received.
        project_id: The project that the import has created; None until it is completed.
        expires_at: An open import is deleted at this time, and can no longer be continued.
    """

    id: str
    workspace_id: str
    name: str
    status: ImportStatus
    parts: int
    cards: int
    project_id: str | None
    created_by_id: str
    created_at: datetime
    expires_at: datetime


class CreateImport(ProjectHeader):
    """A project file without its cards.

    Attributes:
        columns: At most 1000, in order.
    """

    columns: Annotated[list[ImportedColumn], Items(0, COLUMNS_MAX)] | Unset = UNSET


class AddImportPart(TolerantRequest):
    """Some of the cards of a project file.

    Attributes:
        part: The number of the part, counted from 0. Parts are added in order; sending a part again changes nothing.
        cards: 1-500 cards, in the order of the file. A card without a number gets the next one after
            ``project.lastNumber`` and the cards before it.
    """

    part: Annotated[int, Range(0, PARTS_MAX - 1)]
    cards: Annotated[list[ImportedCard], Items(1, CARDS_MAX)]


_IMPORTS = Collection(WorkspaceRef, "imports", ImportRef, MultipartImport)
CREATE_IMPORT = _IMPORTS.creates(
    "imports.create",
    summary="Start to import a project of any size: send all but its cards, then the cards in parts.",
    takes=CreateImport,
    policy=PROJECT_IMPORT,
)
GET_IMPORT = _IMPORTS.reads(
    "imports.get",
    summary="Get the progress of an import, to continue it after an interruption.",
    policy=PROJECT_IMPORT_CREATOR,
)
DELETE_IMPORT = _IMPORTS.deletes(
    "imports.delete",
    summary="Abandon an import. A project that it has created stays.",
    policy=PROJECT_IMPORT_CREATOR,
)
ADD_IMPORT_PART = creates(
    "imports.add_part",
    ImportRef,
    "parts",
    summary="Add the next cards to an import. They are hidden until the import is completed.",
    takes=AddImportPart,
    returns=MultipartImport,
    policy=PROJECT_IMPORT_CREATOR,
)
COMPLETE_IMPORT = creates(
    "imports.complete",
    ImportRef,
    "complete",
    summary="Complete an import: the project appears with all its cards, or the import stays as it is.",
    returns=ProjectImport,
    policy=PROJECT_IMPORT_CREATOR,
)
