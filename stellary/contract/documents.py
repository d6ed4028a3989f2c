"""Documents: the knowledge base of a workspace, and document reviews. Section Documents of the API reference."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from stellary.contract.endpoint import Collection, creates, lists, reads
from stellary.contract.limits import Different, Id, Items, Length
from stellary.contract.policies import (
    DOCUMENT_DELETE,
    DOCUMENT_READ,
    DOCUMENT_REVIEW,
    DOCUMENT_WRITE,
)
from stellary.contract.refs import DocumentRef, DocumentVersionRef, WorkspaceRef
from stellary.contract.rich_text import Content, ContentFormat
from stellary.contract.wire import UNSET, DatedItem, Paged, Request, Unset, Value

TAGS_MAX = 20

DocType = Literal["document", "spec", "brief", "adr", "note", "reference", "template", "spreadsheet"]
ContextType = Literal["organization", "workspace", "project", "scope"]
DocumentStatus = Literal["draft", "pending_review", "approved", "changes_requested"]
ReviewStatus = Literal["approved", "changes_requested"]
VersionStatus = Literal["pending_review", "approved", "changes_requested", "withdrawn"]

DocumentTitle = Annotated[str, Length(1, 200)]
Tag = Annotated[str, Length(1, 50)]
Tags = Annotated[list[Tag], Items(0, TAGS_MAX), Different()]
ReviewNotes = Annotated[str, Length(1, 5000)]


class DocumentSummary(DatedItem):
    """A document without its content, as in lists.

    Attributes:
        context_type, context_id: The organization, workspace, project or scope that the document belongs to and is
            deleted with.
        workspace_id: The workspace in which the document was created and can be changed. A document of an organization
            can be read in each of its workspaces.
        project_id: The project that the document's context is or belongs to; None otherwise.
        parent_id: The parent document; None at the top level.
        status: The state of the review.
        author_id: The id of the user or agent that created the document.
        reviewer_id: The id of the latest reviewer; None before the first review.
        review_notes: The notes of the latest review.
        submitted_at, reviewed_at: The times of the latest submission and review.
        version: Increases with every change; the document's ``ETag``, for use with ``If-Match``.
    """

    title: str
    doc_type: DocType
    context_type: ContextType
    context_id: str
    workspace_id: str
    project_id: str | None
    parent_id: str | None
    tags: list[str]
    status: DocumentStatus
    author_id: str
    author_name: str | None
    reviewer_id: str | None
    reviewer_name: str | None
    review_notes: str | None
    submitted_at: datetime | None
    reviewed_at: datetime | None
    version: int


class Document(DocumentSummary):
    """A document with its content.

    Attributes:
        content: A TipTap document or a Markdown string, depending on ``content_format``.
    """

    content_format: ContentFormat
    content: Any


class DocumentVersionSummary(Value):
    """A document as submitted for review, without its content.

    Attributes:
        number: 1 for the first submission.
        status: The outcome of the review; ``withdrawn`` if the document was changed before it was reviewed.
    """

    id: str
    document_id: str
    number: int
    title: str
    doc_type: DocType
    tags: list[str]
    status: VersionStatus
    submitted_by_id: str
    submitted_by_name: str | None
    submitted_at: datetime
    reviewer_id: str | None
    reviewer_name: str | None
    review_notes: str | None
    reviewed_at: datetime | None


class DocumentVersion(DocumentVersionSummary):
    """A document as submitted for review.

    Attributes:
        content: A TipTap document or a Markdown string, depending on ``content_format``.
    """

    content_format: ContentFormat
    content: Any


class DocumentFields(Request):
    """The fields that a document is created and changed with, in the same form.

    Attributes:
        title: 1-200 characters.
        content: A TipTap document of at most 1 MB and 32 levels of nodes; or, if ``content_format`` is ``markdown``, a
            string.
        content_format: The format of ``content``, and of the content in the response.
        context_id: The id of the project or scope. Not required for an organization or workspace.
        tags: At most 20, each 1-50 characters and unique, ignoring case.
    """

    title: DocumentTitle | Unset = UNSET
    doc_type: DocType | Unset = UNSET
    content: Content | Unset = UNSET
    content_format: ContentFormat = "tiptap"
    context_type: ContextType | Unset = UNSET
    context_id: Id | Unset = UNSET
    parent_id: Id | Unset | None = UNSET
    tags: Tags | Unset = UNSET


class CreateDocument(DocumentFields):
    """The fields of a new document.

    Attributes:
        context_type: The kind of context that the document belongs to. Default: the context of the parent; without a
            parent, the workspace.
        parent_id: The parent, a document of the workspace.
    """

    title: DocumentTitle
    doc_type: DocType = "document"


class DuplicateDocument(Request):
    """The title of a copy of a document. Default: that of the document."""

    title: DocumentTitle | Unset = UNSET


class ListDocuments(Paged):
    """Filters for the documents of a workspace and its organization. The list is in order of creation.

    Attributes:
        doc_type: Only documents of this type.
        context_type: Only documents of an organization, a workspace, a project or a scope.
        context_id: Only documents of the context with this id.
        project_id: Only documents of this project and its scopes.
        parent_id: Only direct children of this document; ``none`` (in Python ``None``) for top-level documents.
        top_level: ``true`` for top-level documents.
        status: Only documents with this status.
        author_id: Only documents created by this user.
        tag: Only documents with this tag, ignoring case.
        q: Only documents whose title contains this text, ignoring case.
        updated_since: Only documents changed at this time or later.
    """

    doc_type: DocType | Unset = UNSET
    context_type: ContextType | Unset = UNSET
    context_id: Id | Unset = UNSET
    project_id: Id | Unset = UNSET
    parent_id: Id | Unset | None = UNSET
    top_level: bool | Unset = UNSET
    status: DocumentStatus | Unset = UNSET
    author_id: Id | Unset = UNSET
    tag: Annotated[str, Length(1, 50)] | Unset = UNSET
    q: Annotated[str, Length(1, 200)] | Unset = UNSET
    updated_since: date | Unset = UNSET


class GetDocument(Request):
    """Options for reading a document.

    Attributes:
        content_format: ``markdown`` returns the content as a Markdown string instead of TipTap JSON.
    """

    content_format: ContentFormat = "tiptap"


class UpdateDocument(DocumentFields):
    """The fields to change.

    Omitted fields keep their values. A new title or content turns an approved or submitted document back into a draft.

    Attributes:
        context_type: The kind of context that the document is to belong to.
        parent_id: The new parent, a document of the workspace; None moves the document to the top level. A cycle is a
            409.
    """


class TransferDocument(Request):
    """The project or workspace that a document is moved to, with its child documents of the same project.

    Attributes:
        context_type: The kind of context that they belong to from then on.
        context_id: Another project of the organization, a scope of one, or another workspace, in which you may write documents
            as well.
        parent_id: The new parent, a document of that workspace. Default: none, at the top level.
    """

    context_type: Literal["workspace", "project", "scope"]
    context_id: Id
    parent_id: Id | Unset | None = UNSET


class ReviewDocument(Request):
    """A reviewer's decision on a document that is pending review.

    Attributes:
        status: ``approved`` or ``changes_requested``. Authors cannot approve their own documents, unless no other user
            has access to the workspace.
        notes: 1-5000 characters for the author.
    """

    status: ReviewStatus
    notes: ReviewNotes | Unset | None = UNSET


_DOCUMENTS = Collection(WorkspaceRef, "documents", DocumentRef, Document)
CREATE_DOCUMENT = _DOCUMENTS.creates(
    "documents.create",
    summary="Create a document, as a draft.",
    takes=CreateDocument,
    policy=DOCUMENT_WRITE,
)
LIST_DOCUMENTS = lists(
    "documents.list",
    WorkspaceRef,
    "documents",
    summary="List the documents of a workspace, without their content.",
    takes=ListDocuments,
    item=DocumentSummary,
    policy=DOCUMENT_READ,
)
GET_DOCUMENT = reads(
    "documents.get",
    DocumentRef,
    summary="Get a document, as TipTap JSON or Markdown.",
    takes=GetDocument,
    returns=Document,
    policy=DOCUMENT_READ,
)
UPDATE_DOCUMENT = _DOCUMENTS.updates(
    "documents.update",
    summary="Update a document. Only include the fields to change.",
    takes=UpdateDocument,
    policy=DOCUMENT_WRITE,
)
DELETE_DOCUMENT = _DOCUMENTS.deletes(
    "documents.delete",
    summary="Delete a document and its versions. Its children move up to its parent.",
    policy=DOCUMENT_DELETE,
)
DUPLICATE_DOCUMENT = creates(
    "documents.duplicate",
    DocumentRef,
    "duplicate",
    summary="Copy a document beside it, as a draft of the caller, without comments and child documents.",
    takes=DuplicateDocument,
    returns=Document,
    policy=DOCUMENT_WRITE,
)
TRANSFER_DOCUMENT = _DOCUMENTS.acts(
    "documents.transfer",
    "transfer",
    summary="Move a document with its child documents, up to 500, to another project or workspace of the organization.",
    takes=TransferDocument,
    policy=DOCUMENT_WRITE,
)
SUBMIT_REVIEW = _DOCUMENTS.acts(
    "documents.submit_review",
    "submit-review",
    summary="Submit a draft for review. A version of it is stored.",
    policy=DOCUMENT_WRITE,
)
REVIEW_DOCUMENT = _DOCUMENTS.acts(
    "documents.review",
    "review",
    summary="Approve a document that is pending review, or request changes.",
    takes=ReviewDocument,
    policy=DOCUMENT_REVIEW,
)
LIST_VERSIONS = lists(
    "documents.versions",
    DocumentRef,
    "versions",
    summary="List the submitted versions of a document, newest first, without their content.",
    item=DocumentVersionSummary,
    policy=DOCUMENT_READ,
)
GET_VERSION = reads(
    "documents.get_version",
    DocumentVersionRef,
    summary="Get a version of a document, as TipTap JSON or Markdown.",
    takes=GetDocument,
    returns=DocumentVersion,
    policy=DOCUMENT_READ,
)
