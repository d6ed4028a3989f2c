"""Documents: create, read, change, delete. Section Documents of the API reference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import bindparam, delete, insert, update
from sqlalchemy.exc import IntegrityError

from stellary.contract.documents import (
    CREATE_DOCUMENT,
    DELETE_DOCUMENT,
    GET_DOCUMENT,
    UPDATE_DOCUMENT,
    CreateDocument,
    Document,
    GetDocument,
    UpdateDocument,
)
from stellary.contract.endpoint import Ok
from stellary.contract.errors import NotFound
from stellary.contract.naming import camel
from stellary.contract.refs import DocumentRef, WorkspaceRef
from stellary.contract.rich_text import ContentFormat, Node, check_rich_text, document_too_large, is_too_large
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import invalid
from stellary.core.accounts.access_checks import Loaded
from stellary.core.accounts.locks import lock_workspace
from stellary.core.board.order.locks import uses_row_locks
from stellary.core.kernel.events import DocumentCreated, DocumentDeleted, DocumentUpdated, DocumentWritten
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import access, placing, rows
from stellary.core.knowledge.row_types import LoadedDocumentRow
from stellary.core.knowledge.rows import DocumentRow
from stellary.core.knowledge.rules import documents as rules
from stellary.core.knowledge.rules.markdown_reading import EMPTY, from_markdown
from stellary.core.knowledge.tables import documents, versions

_INSERT = insert(documents)
_UPDATE = update(documents).where(
    documents.c.id == bindparam("_id"), documents.c.version == bindparam("_version")
)
_DELETE = delete(documents).where(documents.c.id == bindparam("_id"))
_MOVE_CHILDREN_UP = (
    update(documents)
    .where(documents.c.parent_id == bindparam("_id"))
    .values(
        parent_id=bindparam("_parent_id", type_=documents.c.parent_id.type),
        version=documents.c.version + 1,
        updated_at=bindparam("_now"),
    )
)
_WITHDRAW_SUBMISSION = (
    update(versions)
    .where(versions.c.document_id == bindparam("_id"), versions.c.number == bindparam("_number"))
    .values(status="withdrawn")
)
_NOTIFIED_COLUMNS = ("title", "doc_type", "content", "tags", "parent_id", "context_type", "context_id")
"""The columns whose changes are reported to members; the others follow from them."""


_SEARCHED_COLUMNS = frozenset({"title", "content", "tags", "context_type", "context_id"})
"""The columns that the search index depends on."""


@serves(CREATE_DOCUMENT)
def create_document(uow: UnitOfWork, ref: WorkspaceRef, request: CreateDocument) -> Document:
    """Create a document as a draft."""
    at = access.workspace(uow, ref)
    workspace_id = at.roles.workspace_id or ""
    tags = request.tags or []
    rules.check_tags(tags)
    content = _parse_content(request.content, request.content_format)
    parent = placing.parent(uow, workspace_id, request)
    context = placing.context(uow, ref, at, request, parent) or placing.Context("workspace", workspace_id)
    row = {
        "id": uow.new_id(),
        "organization_id": at.roles.organization_id,
        "workspace_id": workspace_id,
        "context_type": context.context_type,
        "context_id": context.context_id,
        "project_id": context.project_id,
        "scope_id": context.scope_id,
        "parent_id": parent and parent.id,
        "title": request.title,
        "doc_type": request.doc_type,
        "content": EMPTY if content is UNSET else content,
        "tags": tags,
        "tag_keys": rules.tag_keys(tags),
        "status": "draft",
        "submissions": 0,
        "author_id": uow.user_id,
        "reviewer_id": None,
        "review_notes": None,
        "submitted_at": None,
        "reviewed_at": None,
        "told_of_id": uow.user_id,
        "told_at": uow.now,
        "version": 1,
        "created_at": uow.now,
        "updated_at": uow.now,
    }
    try:
        uow.connection.execute(_INSERT, row)
    except IntegrityError:
        # All other rows that it refers to are locked.
        raise NotFound("Workspace not found") from None
    document_row = {**row, "author_name": at.row.caller_name, "reviewer_name": None}
    uow.emit(DocumentCreated(**event_location(document_row), document=rows.summary(document_row)))
    uow.emit(written_event(document_row, is_new=True))
    return rows.document(document_row, request.content_format)


@serves(GET_DOCUMENT)
def get_document(uow: UnitOfWork, ref: DocumentRef, request: GetDocument) -> Document:
    """Return a document."""
    return rows.document(access.document(uow, ref).row._mapping, request.content_format)


@serves(UPDATE_DOCUMENT)
def update_document(uow: UnitOfWork, ref: DocumentRef, request: UpdateDocument) -> Document:
    """Change the given fields. Editors call this every few seconds, so a call without changes costs one statement."""
    if request.parent_id is not UNSET:
        lock_workspace(uow, ref)
    at = access.document(uow, ref)
    resolved = _resolve_changes(uow, ref, at, request)

    def decide(before: DocumentRow) -> dict[str, Any]:
        changes = rules.compute_changes(before, request, resolved)
        uow.require_version(before["version"])
        if changes and rules.is_news(before, changes, uow.user_id, uow.now):
            changes |= {"told_of_id": uow.user_id, "told_at": uow.now}
        return changes

    before, changes = change_document(uow, at, decide)
    after = {**before, **changes}
    if after["status"] != before["status"] == "pending_review":
        uow.connection.execute(_WITHDRAW_SUBMISSION, {"_id": before["id"], "_number": before["submissions"]})
    if not _SEARCHED_COLUMNS.isdisjoint(changes):
        uow.emit(written_event(after, is_new=False))
    if "told_at" in changes:
        changed_fields = tuple(camel(name) for name in _NOTIFIED_COLUMNS if after[name] != before[name])
        document = rows.summary(after)
        uow.emit(
            DocumentUpdated(
                **event_location(after), document=document, changed=changed_fields, before=before["status"]
            )
        )
    return rows.document(after, request.content_format)


@serves(DELETE_DOCUMENT)
def delete_document(uow: UnitOfWork, ref: DocumentRef) -> Ok:
    """Delete a document and its versions. Its child documents move up to its parent."""
    at = access.document(uow, ref)
    row: DocumentRow = at.row._mapping
    if uses_row_locks(uow):
        row = access.lock_document_to_delete(uow, at.row.id)._mapping
    uow.require_version(row["version"])
    uow.connection.execute(
        _MOVE_CHILDREN_UP, {"_id": row["id"], "_parent_id": row["parent_id"], "_now": uow.now}
    )
    uow.connection.execute(_DELETE, {"_id": row["id"]})
    uow.emit(DocumentDeleted(**event_location(row), document=rows.summary(row)))
    return Ok()


def change_document(
    uow: UnitOfWork, at: Loaded[LoadedDocumentRow], decide: Callable[[DocumentRow], dict[str, Any]]
) -> tuple[DocumentRow, dict[str, Any]]:
    """Change a document if it is still the one that ``decide`` was called with; else call ``decide`` again.

    Args:
        uow: The unit.
        at: The result of the access check.
        decide: Returns the columns to change for the current document; it may be called several times.

    Returns:
        The document before the change, and the changed columns.
    """
    before: DocumentRow = at.row._mapping
    while changes := decide(before):
        changes |= {"version": before["version"] + 1, "updated_at": uow.now}
        condition = {"_id": before["id"], "_version": before["version"]}
        if uow.connection.execute(_UPDATE, {**changes, **condition}).rowcount:
            return before, changes
        current = access.reload_document(uow, before["id"])._mapping
        before = {**before, **current}
    return before, {}


def written_event(row: DocumentRow, *, is_new: bool) -> DocumentWritten:
    """Return the event from which search indexes the current content of a document."""
    return DocumentWritten(
        **event_location(row),
        document_id=row["id"],
        is_new=is_new,
        organization_id=row["organization_id"] if row["context_type"] == "organization" else None,
        title=row["title"],
        tags=row["tags"],
        content=row["content"],
    )


def event_location(row: DocumentRow) -> dict[str, Any]:
    """Return the workspace and project of a document, as fields of an event."""
    return {"workspace_id": row["workspace_id"], "project_id": row["project_id"]}


def _resolve_changes(
    uow: UnitOfWork, ref: DocumentRef, at: Loaded[LoadedDocumentRow], request: UpdateDocument
) -> dict[str, Any]:
    """Return the columns for the content, parent and context of a request."""
    if request.tags is not UNSET:
        rules.check_tags(request.tags)
    resolved: dict[str, Any] = {}
    content = _parse_content(request.content, request.content_format)
    if content is not UNSET:
        resolved["content"] = content
    if request.parent_id is not UNSET:
        parent = placing.parent(uow, at.row.workspace_id, request)
        resolved["parent_id"] = parent and parent.id
    if (context := placing.context(uow, ref, at, request)) is not None:
        resolved |= {
            "context_type": context.context_type,
            "context_id": context.context_id,
            "project_id": context.project_id,
            "scope_id": context.scope_id,
        }
    if resolved.get("parent_id"):
        placing.check_no_cycle(uow, at.row.workspace_id, at.row.id, resolved["parent_id"])
    return resolved


def _parse_content(content: object, content_format: ContentFormat) -> Node | Unset:
    """Return the content of a request as TipTap JSON.

    Raises:
        Invalid: It does not match ``content_format``, or is too large as TipTap JSON.
    """
    if content is UNSET:
        return UNSET
    if content_format == "tiptap":
        if isinstance(content, str):
            raise invalid(("content", "must be a TipTap document unless contentFormat is markdown"))
        return cast("Node", content)
    if not isinstance(content, str):
        raise invalid(("content", "must be a string if contentFormat is markdown"))
    document = from_markdown(content)
    if is_too_large(document):
        raise document_too_large()
    check_rich_text(document)
    return document
