"""Documents: create, read, change, delete. Section Documents of the API reference."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypedDict, cast

import attrs
from sqlalchemy import bindparam, or_, select, update

from stellary.contract.cards import BULK_MAX
from stellary.contract.comments import DocumentComment
from stellary.contract.documents import (
    CREATE_DOCUMENT,
    DELETE_DOCUMENT,
    DUPLICATE_DOCUMENT,
    GET_DOCUMENT,
    TRANSFER_DOCUMENT,
    UPDATE_DOCUMENT,
    CreateDocument,
    Document,
    DocumentSummary,
    DuplicateDocument,
    GetDocument,
    TransferDocument,
    UpdateDocument,
)
from stellary.contract.endpoint import Ok
from stellary.contract.errors import Conflict
from stellary.contract.fields import build_value, convert, find_changed_fields, replace_fields
from stellary.contract.naming import camel
from stellary.contract.refs import DocumentRef, WorkspaceRef
from stellary.contract.rich_text import ContentFormat, Node, check_rich_text, document_too_large, is_too_large
from stellary.contract.wire import UNSET, Unset, Value, invalid
from stellary.core.accounts.access_checks import Loaded
from stellary.core.accounts.locks import lock_workspace
from stellary.core.board.order.locks import retry_transaction, uses_row_locks
from stellary.core.db.base import is_among, is_given
from stellary.core.db.row_types import Query
from stellary.core.kernel import trash
from stellary.core.kernel.events import (
    DocumentCreated,
    DocumentDeleted,
    DocumentRevised,
    DocumentTransferred,
    DocumentTransferredOut,
    DocumentUpdated,
    DocumentWritten,
)
from stellary.core.kernel.unit import UnitOfWork, serves
from stellary.core.knowledge import access, placing, rows
from stellary.core.knowledge.row_types import DocumentSummaryRow, LoadedDocumentRow, StoredDocumentRow
from stellary.core.knowledge.rules import documents as rules
from stellary.core.knowledge.rules.documents import StoredDocument
from stellary.core.knowledge.rules.markdown_reading import EMPTY, from_markdown
from stellary.core.knowledge.rules.plain_text import AT_SIGNS, plain_text
from stellary.core.knowledge.tables import documents, versions

_UPDATE = update(documents).where(is_given(documents.c.id), is_given(documents.c.version))
_TOUCH = update(documents).values(version=documents.c.version + 1)
_ENTER = _TOUCH.where(is_among(documents.c.id))
_SET_PARENT = update(documents).where(is_given(documents.c.id))
_MOVE_CHILDREN_UP = _TOUCH.where(is_among(documents.c.parent_id, "ids"), is_given(documents.c.workspace_id))
UPDATE_VERSION = (
    update(versions)
    .where(is_given(versions.c.document_id, "id"), is_given(versions.c.number))
    .returning(versions.c.submitted_by_id)
)
# The children are locked after their parents, so that none is added in between.
_LEVEL = Query(
    DocumentSummaryRow,
    select(*rows.SUMMARY)
    .where(
        documents.c.workspace_id == bindparam("workspace_id"),
        documents.c.project_id.is_not_distinct_from(bindparam("project_id")),
        or_(is_given(documents.c.id), is_among(documents.c.parent_id, "ids")),
    )
    .order_by(documents.c.id)
    .limit(BULK_MAX + 1)
    .with_for_update(of=documents),
)
_NOTIFIED_FIELDS = ("title", "doc_type", "content", "tags", "parent_id", "context_type", "context_id")
"""The fields whose changes are reported to members; all other fields change only together with these."""


_SEARCHED_FIELDS = frozenset({"title", "content", "tags", "context_type", "context_id"})
"""The fields that the search index depends on."""


@serves(CREATE_DOCUMENT)
def create_document(uow: UnitOfWork, ref: WorkspaceRef, request: CreateDocument) -> Document:
    """Create a document as a draft."""
    loaded = access.workspace(uow, ref)
    workspace_id = loaded.roles.workspace_id
    tags = request.tags or []
    rules.check_tags(tags)
    content = _parse_content(request.content, request.content_format)
    parent = placing.parent(uow, loaded.roles, workspace_id, request)
    context = placing.context(uow, ref, loaded, request, parent) or placing.DocumentContext(
        "workspace", workspace_id
    )
    document = build_value(
        StoredDocument,
        request,
        id=uow.new_id(),
        organization_id=loaded.roles.organization_id,
        workspace_id=workspace_id,
        context_type=context.context_type,
        context_id=context.context_id,
        project_id=context.project_id,
        scope_id=context.scope_id,
        parent_id=None if parent is None else parent.id,
        content=EMPTY if content is UNSET else content,
        tags=tags,
        tag_keys=rules.tag_keys(tags),
        status="draft",
        submissions=0,
        author_id=uow.user_id,
        author_name=loaded.row.caller_name,
        **rules.NOT_REVIEWED,
        reported_by_id=uow.user_id,
        reported_at=uow.now,
        version=1,
        created_at=uow.now,
        updated_at=uow.now,
    )
    rows.STORED.insert(uow, document)
    uow.emit(DocumentCreated(**describe_change(None, document)))
    uow.emit(written_event(document, is_new=True))
    return rows.to_document(document, request.content_format)


@serves(GET_DOCUMENT)
def get_document(uow: UnitOfWork, ref: DocumentRef, request: GetDocument) -> Document:
    """Return a document."""
    return rows.to_document(rows.STORED.to_value(access.document(uow, ref).row), request.content_format)


@serves(DUPLICATE_DOCUMENT)
def duplicate_document(uow: UnitOfWork, ref: DocumentRef, request: DuplicateDocument) -> Document:
    """Create a draft with the content of a document, in the same context and below the same parent."""
    source = rows.STORED.to_value(access.document(uow, ref).row)
    is_shared = source.context_type in ("organization", "workspace")
    body = convert(
        CreateDocument,
        source,
        title=request.title or source.title,
        context_id=UNSET if is_shared else source.context_id,
    )
    return create_document(uow, ref.parent(WorkspaceRef), body)


@serves(UPDATE_DOCUMENT)
def update_document(uow: UnitOfWork, ref: DocumentRef, request: UpdateDocument) -> Document:
    """Change the given fields. Editors call this every few seconds, so a call without changes costs one statement."""
    if request.parent_id is not UNSET:
        lock_workspace(uow, ref)
    loaded = access.document(uow, ref)
    resolved = _resolve_changes(uow, ref, loaded, request)

    def decide(before: StoredDocument) -> StoredDocument:
        after = rules.apply_update(before, request, resolved, uow.now)
        uow.require_version(before.version)
        if rules.is_news(before, after, uow.user_id, uow.now):
            after = replace_fields(after, reported_by_id=uow.user_id, reported_at=uow.now)
        return after

    before, after = change_document(uow, loaded, decide)
    changed = find_changed_fields(before, after)
    if after.status != before.status == "pending_review":
        version = {"_id": before.id, "_number": before.submissions, "status": "withdrawn"}
        uow.connection.execute(UPDATE_VERSION, version)
    if after.project_id != before.project_id:
        # Writers of comments lock the document, so each comment is committed, or fails after this change.
        _leave_place(uow, [convert(DocumentSummary, before)], after)
    if not _SEARCHED_FIELDS.isdisjoint(changed):
        is_moved = before.context_id != after.context_id
        uow.emit(written_event(after, is_new=False, is_moved=is_moved))
    if after is not before:
        event_class = (
            DocumentUpdated if rules.is_news(before, after, uow.user_id, uow.now) else DocumentRevised
        )
        uow.emit(
            event_class(
                **describe_change(before, after),
                changed=_list_notified(changed),
                before=before.status,
            )
        )
    return rows.to_document(after, request.content_format)


def _list_notified(changed: Collection[str]) -> tuple[str, ...]:
    return tuple(camel(name) for name in _NOTIFIED_FIELDS if name in changed)


@serves(TRANSFER_DOCUMENT)
def transfer_document(uow: UnitOfWork, ref: DocumentRef, request: TransferDocument) -> Document:
    """Move a document with its descendants of the same project. Others move up to its parent if it leaves the workspace."""
    if request.parent_id is not UNSET:
        lock_workspace(uow, ref)
    loaded = access.document(uow, ref)
    before: StoredDocument = rows.STORED.to_value(loaded.row)
    uow.require_version(before.version)
    place, parent = placing.find_place(uow, ref, loaded, request)
    tree = _lock_tree(uow, before)
    ids, parent_id = [document.id for document in tree], None if parent is None else parent.id
    values = {**place, "updated_at": uow.now}
    uow.connection.execute(_ENTER, {"_ids": ids, **values})
    uow.connection.execute(_SET_PARENT, {"_id": before.id, "parent_id": parent_id})
    if place["workspace_id"] != before.workspace_id:
        _move_children_up(uow, tree[0], ids)
    after = replace_fields(before, **values, parent_id=parent_id, version=before.version + 1)
    _leave_place(uow, tree, after)
    del values["scope_id"]
    for old in tree:
        values["parent_id"] = parent_id if old.id == after.id else old.parent_id
        new = replace_fields(old, **values, version=old.version + 1)
        here, changed = event_location(new), _list_notified(find_changed_fields(old, new))
        uow.emit(
            DocumentTransferred(**here, document=new, old=old, new=new, changed=changed, before=old.status)
        )
    return rows.to_document(after, "tiptap")


@serves(DELETE_DOCUMENT)
def delete_document(uow: UnitOfWork, ref: DocumentRef) -> Ok:
    """Move a document and its versions to the trash. Its child documents move up to its parent."""
    loaded = access.document(uow, ref)
    row: StoredDocumentRow = loaded.row
    if uses_row_locks(uow):
        trash.lock(uow, documents, row.id)
        row = access.reload_document(uow, row)
    document = rows.STORED.to_value(row)
    uow.require_version(document.version)
    item = trash.Item(document.id, document.title, document.project_id)
    trash.put_item(uow, documents, "document", item, document)
    _move_children_up(uow, document, [document.id])
    rows.STORED.delete(uow, document)
    uow.emit(DocumentDeleted(**describe_change(document, None)))
    return Ok()


def _move_children_up(uow: UnitOfWork, parent: DocumentSummary, ids: Sequence[str]) -> None:
    values = {"parent_id": parent.parent_id, "updated_at": uow.now}
    uow.connection.execute(_MOVE_CHILDREN_UP, {"_ids": ids, "_workspace_id": parent.workspace_id, **values})


def _lock_tree(uow: UnitOfWork, document: DocumentSummary) -> list[DocumentSummary]:
    """Lock a document and its descendants of the same project, and return them as they are, the document first.

    Raises:
        Conflict: There are more than 500.
    """
    tree: list[DocumentSummary] = []
    parameters = {**event_location(document), "_id": document.id, "_ids": []}
    while level := _LEVEL.all(uow.connection, parameters):
        tree += map(rows.SUMMARY_FIELDS.to_value, level)
        if len(tree) > BULK_MAX:
            raise Conflict(f"more than {BULK_MAX} documents would move", code="too_many_documents")
        parameters |= {"_id": "", "_ids": [row.id for row in level]}
    if not tree or tree[0].version != document.version:
        retry_transaction(uow)
    return tree


def _leave_place(uow: UnitOfWork, left: Sequence[DocumentSummary], after: DocumentSummary) -> None:
    """Let deleted comments follow documents that have left their workspace or project, and emit that these have left.

    Args:
        left: The documents as they were, all of one project, or of none.
        after: One of them as it is now.
    """
    place = event_location(after)
    moved = {"_workspace_id": left[0].workspace_id, "_document_ids": [document.id for document in left]}
    uow.connection.execute(trash.MOVE_DOCUMENT_COMMENTS, {**moved, **place})
    for document in left:
        here = event_location(document)
        uow.emit(
            DocumentTransferredOut(**here, document=document, place=(after.workspace_id, after.project_id))
        )


def change_document(
    uow: UnitOfWork, loaded: Loaded[LoadedDocumentRow], decide: Callable[[StoredDocument], StoredDocument]
) -> tuple[StoredDocument, StoredDocument]:
    """Change a document. If another unit has changed it in the meantime, call ``decide`` again with the new state.

    Args:
        uow: The unit.
        loaded: The result of the access check.
        decide: Returns the current document with its changes, or itself; it may be called several times.

    Returns:
        The document before and after the change.
    """
    before = rows.STORED.to_value(loaded.row)
    while (after := decide(before)) is not before:
        after = replace_fields(after, version=before.version + 1, updated_at=uow.now)
        condition = {"_id": before.id, "_version": before.version}
        if uow.connection.execute(_UPDATE, {**rows.STORED.to_changes(before, after), **condition}).rowcount:
            return before, after
        before = rows.STORED.to_value(access.reload_document(uow, before))
    return before, before


def written_event(
    document: StoredDocument,
    *,
    is_new: bool,
    is_moved: bool = False,
    comments: Sequence[DocumentComment] = (),
) -> DocumentWritten:
    """Return the event from which search indexes the current content of a document.

    Args:
        document: The document as it is stored now.
        is_new: Whether it has just been created.
        is_moved: Whether it has another context than before. Default: False.
        comments: The comments that were imported with it. Default: none.
    """
    return DocumentWritten(
        **event_location(document),
        document_id=document.id,
        is_new=is_new,
        is_moved=is_moved,
        comments=comments,
        organization_id=document.organization_id if document.context_type == "organization" else None,
        title=document.title,
        tags=document.tags,
        content=document.content,
    )


class EventLocation(TypedDict):
    """The workspace and the project of a document, as fields of an event."""

    workspace_id: str
    project_id: str | None


class DocumentChange(EventLocation):
    """The fields of a document's event."""

    document: DocumentSummary
    old: Value | None
    new: Value | None
    texts: tuple[str, str]


def describe_change(before: StoredDocument | None, after: StoredDocument | None) -> DocumentChange:
    """Return the fields of the event of a change.

    The content is recorded as Markdown if it was changed: a new document has it, and the trash has that of a deleted one.

    Args:
        before: The document before the change; None if it was created.
        after: The document after the change; None if it was deleted.
    """
    document = after or before
    assert document is not None
    has_new_content = before is not None and after is not None and before.content != after.content

    old_text = new_text = ""
    if has_new_content or before is None:
        new_text = plain_text(document.content)
        # A large text takes a while, and only mentions are compared with the text before.
        if before is not None and any(sign in new_text for sign in AT_SIGNS):
            old_text = plain_text(before.content)

    def to_recorded(state: StoredDocument | None) -> Value | None:
        if state is None:
            return None
        return rows.to_document(state, "markdown") if has_new_content else convert(DocumentSummary, state)

    return {
        **event_location(document),
        "document": convert(DocumentSummary, document),
        "old": to_recorded(before),
        "new": to_recorded(after),
        "texts": (old_text, new_text),
    }


def event_location(document: DocumentSummary) -> EventLocation:
    """Return the workspace and project of a document, as fields of an event."""
    return {"workspace_id": document.workspace_id, "project_id": document.project_id}


def _resolve_changes(
    uow: UnitOfWork, ref: DocumentRef, loaded: Loaded[LoadedDocumentRow], request: UpdateDocument
) -> dict[str, object]:
    """Return the fields for the content, parent and context of a request."""
    if request.tags is not UNSET:
        rules.check_tags(request.tags)
    resolved: dict[str, object] = {}
    content = _parse_content(request.content, request.content_format)
    parent_id: str | None = None
    if content is not UNSET:
        resolved["content"] = content
    if request.parent_id is not UNSET:
        parent = placing.parent(uow, loaded.roles, loaded.row.workspace_id, request)
        parent_id = None if parent is None else parent.id
        resolved["parent_id"] = parent_id
    if (context := placing.context(uow, ref, loaded, request)) is not None:
        resolved |= attrs.asdict(context)
    if parent_id is not None:
        placing.check_no_cycle(uow, loaded.row.workspace_id, loaded.row.id, parent_id)
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
