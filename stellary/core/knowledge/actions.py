"""Actions of agents and MCP clients on documents, which are identified by id or title."""

from __future__ import annotations

from stellary.contract.actions import (
    CreateDocumentParams,
    GetDocumentParams,
    ListDocumentsParams,
    UpdateDocumentParams,
)
from stellary.contract.documents import (
    CREATE_DOCUMENT,
    GET_DOCUMENT,
    LIST_DOCUMENTS,
    UPDATE_DOCUMENT,
    CreateDocument,
    Document,
    DocumentSummary,
    GetDocument,
    ListDocuments,
    UpdateDocument,
)
from stellary.contract.fields import convert
from stellary.contract.refs import DocumentRef, WorkspaceRef
from stellary.contract.rich_text import ContentFormat
from stellary.contract.wire import UNSET, Listing
from stellary.core.board import resolve_names as board_names
from stellary.core.kernel.actions import ActionList
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.knowledge import access, documents, listing, resolve_names

ACTIONS = ActionList()
"""Reading actions first, then writing ones."""


@ACTIONS.add("documents.read", ListDocumentsParams, LIST_DOCUMENTS)
def _list_documents(
    uow: UnitOfWork, ref: WorkspaceRef, params: ListDocumentsParams
) -> Listing[DocumentSummary]:
    """List the documents of the workspace, by type, project, parent, status, tag or title."""
    access.workspace(uow, ref)
    resolved = _parent(uow, ref, params)
    if params.project_id is not UNSET:
        resolved["project_id"] = board_names.resolve_project(uow, ref, params.project_id).project_id
    return listing.list_documents(uow, ref, convert(ListDocuments, params, **resolved))


@ACTIONS.add("documents.read", GetDocumentParams, GET_DOCUMENT)
def _get_document(uow: UnitOfWork, ref: WorkspaceRef, params: GetDocumentParams) -> Document:
    """Read a document with its content, as Markdown unless you request TipTap JSON. Content that Markdown cannot express is JSON in blocks and tags named tiptap."""
    return documents.get_document(uow, _document(uow, ref, params), convert(GetDocument, params))


@ACTIONS.add("documents.write", CreateDocumentParams, CREATE_DOCUMENT)
def _create_document(uow: UnitOfWork, ref: WorkspaceRef, params: CreateDocumentParams) -> Document:
    """Create a document, as a draft, with its content in Markdown."""
    access.workspace(uow, ref)
    resolved = _parent(uow, ref, params)
    if params.project_id is not UNSET and params.context_type in (UNSET, "project"):
        project = board_names.resolve_project(uow, ref, params.project_id)
        resolved["context_type"] = "project"
        if params.context_id is UNSET:
            resolved["context_id"] = project.project_id
    return documents.create_document(
        uow, ref, convert(CreateDocument, params, **resolved, content_format=_format(params))
    )


@ACTIONS.add("documents.write", UpdateDocumentParams, UPDATE_DOCUMENT)
def _update_document(uow: UnitOfWork, ref: WorkspaceRef, params: UpdateDocumentParams) -> Document:
    """Change the given fields of a document; content is Markdown. Keep blocks and tags named tiptap as they are."""
    resolved = _parent(uow, ref, params)
    change = convert(UpdateDocument, params, **resolved, content_format=_format(params))
    return documents.update_document(uow, _document(uow, ref, params), change)


def _document(
    uow: UnitOfWork, ref: WorkspaceRef, params: GetDocumentParams | UpdateDocumentParams
) -> DocumentRef:
    return ref.child(DocumentRef, resolve_names.resolve_document(uow, ref, params.document_id))


def _parent(
    uow: UnitOfWork,
    ref: WorkspaceRef,
    params: ListDocumentsParams | CreateDocumentParams | UpdateDocumentParams,
) -> dict[str, object]:
    parent = params.parent_id
    if parent is UNSET or parent is None:
        return {}
    return {"parent_id": resolve_names.resolve_document(uow, ref, parent, "parentId")}


def _format(params: CreateDocumentParams | UpdateDocumentParams) -> ContentFormat:
    if params.content_format is not UNSET:
        return params.content_format
    return "tiptap" if isinstance(params.content, dict) else "markdown"
