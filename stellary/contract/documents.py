"""Documents: the knowledge base of a workspace, and their review. Section Documents of the API reference."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from stellary.contract.endpoint import Ok, acts, creates, deletes, lists, reads, updates
from stellary.contract.limits import Different, Id, Items, Length
from stellary.contract.paging import Paged
from stellary.contract.policies import (
    DOCUMENT_DELETE,
    DOCUMENT_READ,
    DOCUMENT_REVIEW,
    DOCUMENT_WRITE,
)
from stellary.contract.refs import DocumentRef, DocumentVersionRef, WorkspaceRef
from stellary.contract.rich_text import Content, ContentFormat
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

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


@value
class DocumentSummary(Value):
    """A document without its content, as lists have it.

    Attributes:
        context_type, context_id: What it belongs to, and is deleted with.
        workspace_id: Where it was made, and is changed. One of an organization is read in each of its workspaces.
        project_id: That of its context, or of the scope that is its context.
        parent_id: The document below which it stands.
        status: Where it is in its review.
        author_id: Who made it.
        reviewer_id: Who reviewed it last.
        review_notes: What was said then.
        submitted_at, reviewed_at: When it last was.
        version: Counts its changes; ``ETag`` and ``If-Match`` speak of it.
    """

    id: str
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
    created_at: datetime
    updated_at: datetime


@value
class Document(DocumentSummary):
    """A document.

    Attributes:
        content: A TipTap document, or a text, as ``content_format`` says.
    """

    content_format: ContentFormat
    content: Any


@value
class DocumentVersionSummary(Value):
    """A document as it was submitted for review, without its content.

    Attributes:
        number: 1 for the first submission.
        status: What became of it; ``withdrawn`` if it was changed before it was reviewed.
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


@value
class DocumentVersion(DocumentVersionSummary):
    """A document as it was submitted for review.

    Attributes:
        content: A TipTap document, or a text, as ``content_format`` says.
    """

    content_format: ContentFormat
    content: Any


@request
class CreateDocument(Request):
    """A document to be.

    Attributes:
        title: 1-200 characters.
        content: A TipTap document of at most 1 MB and 32 nodes deep; or, with ``content_format`` ``markdown``, a text.
        content_format: That of ``content``, and of the answer.
        context_type: What it belongs to; the context of the parent, or else the workspace, if not given.
        context_id: Which project or scope; need not be said of an organization or a workspace.
        parent_id: A document of the workspace, below which it shall stand.
        tags: At most 20, of 1-50 characters, each once without regard to case.
    """

    title: DocumentTitle
    doc_type: DocType = "document"
    content: Content | Unset = UNSET
    content_format: ContentFormat = "tiptap"
    context_type: ContextType | Unset = UNSET
    context_id: Id | Unset = UNSET
    parent_id: Id | Unset | None = UNSET
    tags: Tags | Unset = UNSET


@request
class ListDocuments(Paged):
    """Which documents of the workspace and of its organization, in the order in which they were made.

    Attributes:
        doc_type: Only those of that type.
        context_type: Only those of an organization, a workspace, a project or a scope.
        context_id: Only those of that one.
        project_id: Only those of that project and of its scopes.
        parent_id: Only those right below that document; ``none`` (in Python ``None``) for those below no other one.
        top_level: ``true`` for those below no other one.
        status: Only those of that status.
        author_id: Only those that this user made.
        tag: Only those with that tag, without regard to case.
        q: Only those whose title contains that, without regard to case.
        updated_since: Only those changed since then.
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


@request
class GetDocument(Request):
    """How the content is told.

    Attributes:
        content_format: ``markdown`` for a text in place of TipTap JSON.
    """

    content_format: ContentFormat = "tiptap"


@request
class UpdateDocument(Request):
    """What is not named stays. Another title or content makes a draft of what was approved or waits for a review.

    Attributes:
        title: 1-200 characters.
        content: A TipTap document of at most 1 MB and 32 nodes deep; or, with ``content_format`` ``markdown``, a text.
        content_format: That of ``content``, and of the answer.
        context_type: What it shall belong to.
        context_id: Which project or scope; need not be said of an organization or a workspace.
        parent_id: A document of the workspace, below which it shall stand; None for none. A cycle is a 409.
        tags: At most 20, of 1-50 characters, each once without regard to case.
    """

    title: DocumentTitle | Unset = UNSET
    doc_type: DocType | Unset = UNSET
    content: Content | Unset = UNSET
    content_format: ContentFormat = "tiptap"
    context_type: ContextType | Unset = UNSET
    context_id: Id | Unset = UNSET
    parent_id: Id | Unset | None = UNSET
    tags: Tags | Unset = UNSET


@request
class ReviewDocument(Request):
    """What a reviewer decides of a document that waits for that.

    Attributes:
        status: ``approved``, which authors cannot say of their own unless they are alone in the workspace; or
            ``changes_requested``.
        notes: 1-5000 characters for the author.
    """

    status: ReviewStatus
    notes: ReviewNotes | Unset | None = UNSET


CREATE_DOCUMENT = creates(
    "documents.create",
    WorkspaceRef,
    "documents",
    summary="Create a document, as a draft.",
    takes=CreateDocument,
    returns=Document,
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
    summary="One document, as TipTap JSON or as Markdown.",
    takes=GetDocument,
    returns=Document,
    policy=DOCUMENT_READ,
)
UPDATE_DOCUMENT = updates(
    "documents.update",
    DocumentRef,
    summary="Change a document; only the fields that are named.",
    takes=UpdateDocument,
    returns=Document,
    policy=DOCUMENT_WRITE,
)
DELETE_DOCUMENT = deletes(
    "documents.delete",
    DocumentRef,
    summary="Delete a document and its versions; what stands below it rises to its parent.",
    returns=Ok,
    policy=DOCUMENT_DELETE,
)
SUBMIT_REVIEW = acts(
    "documents.submit_review",
    DocumentRef,
    "submit-review",
    summary="Submit a draft for review; a version of it is kept.",
    returns=Document,
    policy=DOCUMENT_WRITE,
)
REVIEW_DOCUMENT = acts(
    "documents.review",
    DocumentRef,
    "review",
    summary="Approve a document that waits for a review, or request changes.",
    takes=ReviewDocument,
    returns=Document,
    policy=DOCUMENT_REVIEW,
)
LIST_VERSIONS = lists(
    "documents.versions",
    DocumentRef,
    "versions",
    summary="List the versions of a document that were submitted, newest first, without their content.",
    takes=Paged,
    item=DocumentVersionSummary,
    policy=DOCUMENT_READ,
)
GET_VERSION = reads(
    "documents.get_version",
    DocumentVersionRef,
    summary="One version of a document, as TipTap JSON or as Markdown.",
    takes=GetDocument,
    returns=DocumentVersion,
    policy=DOCUMENT_READ,
)

ENDPOINTS = (
    CREATE_DOCUMENT,
    LIST_DOCUMENTS,
    GET_DOCUMENT,
    UPDATE_DOCUMENT,
    DELETE_DOCUMENT,
    SUBMIT_REVIEW,
    REVIEW_DOCUMENT,
    LIST_VERSIONS,
    GET_VERSION,
)
