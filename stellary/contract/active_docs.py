"""Active documents: the documents that currently matter, and their owners. Section Active Docs of the API reference."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from stellary.contract.endpoint import creates, deletes, lists, updates
from stellary.contract.limits import Name
from stellary.contract.pilotage import Headline
from stellary.contract.policies import PILOTAGE_DELETE, PILOTAGE_READ, PILOTAGE_WRITE
from stellary.contract.refs import ActiveDocRef, WorkspaceRef
from stellary.contract.wire import UNSET, Request, Unset, Value

SourceType = Literal["product", "tech", "sprint", "ops"]


class ActiveDoc(Value):
    """A registered document.

    Attributes:
        id: ``doc-001``.
        owner: The name of the responsible person.
    """

    id: str
    title: str
    owner: str | None
    source_type: SourceType | None
    created_by_id: str
    created_at: datetime
    updated_at: datetime


class CreateDoc(Request):
    """The document to register.

    Attributes:
        title: 1-500 characters.
        owner: The name of the responsible person; 1-100 characters.
    """

    title: Headline
    owner: Name | Unset | None = UNSET
    source_type: SourceType | Unset | None = UNSET


class UpdateDoc(Request):
    """The fields to change. Omitted fields keep their values."""

    title: Headline | Unset = UNSET
    owner: Name | Unset | None = UNSET
    source_type: SourceType | Unset | None = UNSET


CREATE_DOC = creates(
    "pilotage.create_doc",
    WorkspaceRef,
    "pilotage/docs",
    summary="Register an active document.",
    takes=CreateDoc,
    returns=ActiveDoc,
    policy=PILOTAGE_WRITE,
)
LIST_DOCS = lists(
    "pilotage.list_docs",
    WorkspaceRef,
    "pilotage/docs",
    summary="List the active documents of a workspace.",
    item=ActiveDoc,
    policy=PILOTAGE_READ,
)
UPDATE_DOC = updates(
    "pilotage.update_doc",
    ActiveDocRef,
    summary="Update an active document.",
    takes=UpdateDoc,
    returns=ActiveDoc,
    policy=PILOTAGE_WRITE,
)
DELETE_DOC = deletes(
    "pilotage.delete_doc",
    ActiveDocRef,
    summary="Remove an active document from the register.",
    policy=PILOTAGE_DELETE,
)
