"""Active documents: which documents matter at the moment, and who answers for them. Section Active Docs of the API
reference.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from stellary.contract.endpoint import Ok, creates, deletes, lists, updates
from stellary.contract.limits import Name
from stellary.contract.paging import Paged
from stellary.contract.pilotage import Headline
from stellary.contract.policies import PILOTAGE_DELETE, PILOTAGE_READ, PILOTAGE_WRITE
from stellary.contract.refs import ActiveDocRef, WorkspaceRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

SourceType = Literal["product", "tech", "sprint", "ops"]


@value
class ActiveDoc(Value):
    """A document that matters at the moment.

    Attributes:
        id: ``doc-001``.
        owner: The name of whoever answers for it.
    """

    id: str
    title: str
    owner: str | None
    source_type: SourceType | None
    created_by_id: str
    created_at: datetime
    updated_at: datetime


@request
class CreateDoc(Request):
    """A document to be registered.

    Attributes:
        title: 1-500 characters.
        owner: The name of whoever answers for it; 1-100 characters.
    """

    title: Headline
    owner: Name | Unset | None = UNSET
    source_type: SourceType | Unset | None = UNSET


@request
class UpdateDoc(Request):
    """What is not named stays."""

    title: Headline | Unset = UNSET
    owner: Name | Unset | None = UNSET
    source_type: SourceType | Unset | None = UNSET


CREATE_DOC = creates(
    "pilotage.create_doc",
    WorkspaceRef,
    "pilotage/docs",
    summary="Register a document that matters at the moment.",
    takes=CreateDoc,
    returns=ActiveDoc,
    policy=PILOTAGE_WRITE,
)
LIST_DOCS = lists(
    "pilotage.list_docs",
    WorkspaceRef,
    "pilotage/docs",
    summary="List the active documents of a workspace.",
    takes=Paged,
    item=ActiveDoc,
    policy=PILOTAGE_READ,
)
UPDATE_DOC = updates(
    "pilotage.update_doc",
    ActiveDocRef,
    summary="Change what is said of an active document.",
    takes=UpdateDoc,
    returns=ActiveDoc,
    policy=PILOTAGE_WRITE,
)
DELETE_DOC = deletes(
    "pilotage.delete_doc",
    ActiveDocRef,
    summary="Take a document off the register.",
    returns=Ok,
    policy=PILOTAGE_DELETE,
)

ENDPOINTS = (CREATE_DOC, LIST_DOCS, UPDATE_DOC, DELETE_DOC)
