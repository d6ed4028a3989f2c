"""Active documents: the documents that currently matter, and their owners. Section Active Docs of the API reference."""

from __future__ import annotations

from typing import Literal

from stellary.contract.endpoint import Collection
from stellary.contract.limits import Name
from stellary.contract.pilotage import Headline
from stellary.contract.policies import PILOTAGE_DELETE, PILOTAGE_READ, PILOTAGE_WRITE
from stellary.contract.refs import ActiveDocRef, WorkspaceRef
from stellary.contract.wire import UNSET, DatedItem, Request, Unset

SourceType = Literal["product", "tech", "sprint", "ops"]


class ActiveDoc(DatedItem):
    """A registered document.

    Attributes:
        id: ``doc-001``.
        owner: The name of the responsible person.
    """

    title: str
    owner: str | None
    source_type: SourceType | None
    created_by_id: str


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


_DOCS = Collection(WorkspaceRef, "pilotage/docs", ActiveDocRef, ActiveDoc)
CREATE_DOC = _DOCS.creates(
    "pilotage.create_doc",
    summary="Register an active document.",
    takes=CreateDoc,
    policy=PILOTAGE_WRITE,
)
LIST_DOCS = _DOCS.lists(
    "pilotage.list_docs",
    summary="List the active documents of a workspace.",
    policy=PILOTAGE_READ,
)
UPDATE_DOC = _DOCS.updates(
    "pilotage.update_doc",
    summary="Update an active document.",
    takes=UpdateDoc,
    policy=PILOTAGE_WRITE,
)
DELETE_DOC = _DOCS.deletes(
    "pilotage.delete_doc",
    summary="Remove an active document from the register.",
    policy=PILOTAGE_DELETE,
)
