"""Documents: made, read, changed, deleted. Section Documents of the API reference."""

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
from stellary.core.knowledge.rows import Found
from stellary.core.knowledge.rules import documents as rules
from stellary.core.knowledge.rules.markdown_reading import EMPTY, from_markdown
from stellary.core.knowledge.tables import documents, versions

_INSERT = insert(documents)
_UPDATE = update(documents).where(
    documents.c.id == bindparam("_id"), documents.c.version == bindparam("_version")
)
_DELETE = delete(documents).where(documents.c.id == bindparam("_id"))
_LIFT = (
    update(documents)
    .where(documents.c.parent_id == bindparam("_id"))
    .values(
        parent_id=bindparam("_parent_id", type_=documents.c.parent_id.type),
        version=documents.c.version + 1,
        updated_at=bindparam("_now"),
    )
)
_WITHDRAW = (
    update(versions)
    .where(versions.c.document_id == bindparam("_id"), versions.c.number == bindparam("_number"))
    .values(status="withdrawn")
)
_TOLD = ("title", "doc_type", "content", "tags", "parent_id", "context_type", "context_id")
"""The columns of which it is told that they have changed; the others follow from them."""


_FOUND_BY = frozenset({"title", "content", "tags", "context_type", "context_id"})
"""The columns of which search has to know."""


@serves(CREATE_DOCUMENT)
def create_document(uow: UnitOfWork, ref: WorkspaceRef, request: CreateDocument) -> Document:
    """Make a document; a draft."""
    at = access.workspace(uow, ref)
    workspace_id = at.roles.workspace_id or ""
    tags = request.tags or []
    rules.check_tags(tags)
    content = _content(request.content, request.content_format)
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
        # All else that it refers to is held.
        raise NotFound("Workspace not found") from None
    made = {**row, "author_name": at.row.caller_name, "reviewer_name": None}
    uow.emit(DocumentCreated(**place(made), document=rows.summary(made)))
    uow.emit(written_event(made, is_new=True))
    return rows.document(made, request.content_format)


@serves(GET_DOCUMENT)
def get_document(uow: UnitOfWork, ref: DocumentRef, request: GetDocument) -> Document:
    """One document."""
    return rows.document(access.document(uow, ref).row._mapping, request.content_format)


@serves(UPDATE_DOCUMENT)
def update_document(uow: UnitOfWork, ref: DocumentRef, request: UpdateDocument) -> Document:
    """Change what is named. Made to be called every few seconds: what changes nothing costs one statement."""
    if request.parent_id is not UNSET:
        lock_workspace(uow, ref)
    at = access.document(uow, ref)
    resolved = _resolved(uow, ref, at, request)

    def decide(before: Found) -> dict[str, Any]:
        changes = rules.changed(before, request, resolved)
        uow.require_version(before["version"])
        if changes and rules.is_news(before, changes, uow.user_id, uow.now):
            changes |= {"told_of_id": uow.user_id, "told_at": uow.now}
        return changes

    before, changes = written(uow, at, decide)
    after = {**before, **changes}
    if after["status"] != before["status"] == "pending_review":
        uow.connection.execute(_WITHDRAW, {"_id": before["id"], "_number": before["submissions"]})
    if not _FOUND_BY.isdisjoint(changes):
        uow.emit(written_event(after, is_new=False))
    if "told_at" in changes:
        told = tuple(camel(name) for name in _TOLD if after[name] != before[name])
        document = rows.summary(after)
        uow.emit(DocumentUpdated(**place(after), document=document, changed=told, before=before["status"]))
    return rows.document(after, request.content_format)


@serves(DELETE_DOCUMENT)
def delete_document(uow: UnitOfWork, ref: DocumentRef) -> Ok:
    """Delete a document and its versions. What stands below it rises to its parent."""
    at = access.document(uow, ref)
    found: Found = at.row._mapping
    if uses_row_locks(uow):
        found = access.lock_document_to_delete(uow, at.row.id)._mapping
    uow.require_version(found["version"])
    uow.connection.execute(_LIFT, {"_id": found["id"], "_parent_id": found["parent_id"], "_now": uow.now})
    uow.connection.execute(_DELETE, {"_id": found["id"]})
    uow.emit(DocumentDeleted(**place(found), document=rows.summary(found)))
    return Ok()


def written(
    uow: UnitOfWork, at: Loaded[Any], decide: Callable[[Found], dict[str, Any]]
) -> tuple[Found, dict[str, Any]]:
    """Change a document, on condition that it still is what the decision was made of; else decide anew.

    Args:
        uow: The unit.
        at: The result of the access check.
        decide: The columns to change, of the document as it is; it may be called several times.

    Returns:
        The document before that, and what has been changed of it.
    """
    before: Found = at.row._mapping
    while changes := decide(before):
        changes |= {"version": before["version"] + 1, "updated_at": uow.now}
        condition = {"_id": before["id"], "_version": before["version"]}
        if uow.connection.execute(_UPDATE, {**changes, **condition}).rowcount:
            return before, changes
        held = access.reload_document(uow, before["id"])._mapping
        before = {**before, **held}
    return before, {}


def written_event(found: Found, *, is_new: bool) -> DocumentWritten:
    """What a document says by now, as search is told of it."""
    return DocumentWritten(
        **place(found),
        document_id=found["id"],
        is_new=is_new,
        organization_id=found["organization_id"] if found["context_type"] == "organization" else None,
        title=found["title"],
        tags=found["tags"],
        content=found["content"],
    )


def place(found: Found) -> dict[str, Any]:
    """Where something happens to a document."""
    return {"workspace_id": found["workspace_id"], "project_id": found["project_id"]}


def _resolved(uow: UnitOfWork, ref: DocumentRef, at: Loaded[Any], request: UpdateDocument) -> dict[str, Any]:
    """What is asked for, as it is kept: content, parent, context."""
    if request.tags is not UNSET:
        rules.check_tags(request.tags)
    found: dict[str, Any] = {}
    content = _content(request.content, request.content_format)
    if content is not UNSET:
        found["content"] = content
    if request.parent_id is not UNSET:
        parent = placing.parent(uow, at.row.workspace_id, request)
        found["parent_id"] = parent and parent.id
    if (context := placing.context(uow, ref, at, request)) is not None:
        found |= {
            "context_type": context.context_type,
            "context_id": context.context_id,
            "project_id": context.project_id,
            "scope_id": context.scope_id,
        }
    if found.get("parent_id"):
        placing.check_no_cycle(uow, at.row.workspace_id, at.row.id, found["parent_id"])
    return found


def _content(said: object, content_format: ContentFormat) -> Node | Unset:
    """The content that is said, as it is kept.

    Raises:
        Invalid: It is not of that format, or too large once it is TipTap JSON.
    """
    if said is UNSET:
        return UNSET
    if content_format == "tiptap":
        if isinstance(said, str):
            raise invalid(("content", "must be a TipTap document unless contentFormat is markdown"))
        return cast("Node", said)
    if not isinstance(said, str):
        raise invalid(("content", "must be a text if contentFormat is markdown"))
    made = from_markdown(said)
    if is_too_large(made):
        raise document_too_large()
    check_rich_text(made)
    return made
