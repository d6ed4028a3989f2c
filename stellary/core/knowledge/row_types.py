"""The rows of documents, as their statements select them."""

from __future__ import annotations

from datetime import datetime

from stellary.contract.documents import ContextType
from stellary.contract.rich_text import Node
from stellary.contract.roles import OthersRole, ProjectRole
from stellary.core.board.row_types import ExportedCommentRow
from stellary.core.db.row_types import RowType


class CallerNameRow(RowType):
    """The name of the caller."""

    caller_name: str


class DocumentSummaryRow(RowType):
    """A document without its content, which ``rows.SUMMARY_FIELDS`` reads."""

    id: str


class LoadedSummaryRow(DocumentSummaryRow):
    """A document without its content, for an access check."""

    workspace_id: str


class StoredDocumentRow(LoadedSummaryRow):
    """A document with its content, which ``rows.STORED`` reads."""

    project_id: str | None
    author_id: str
    submissions: int
    version: int


class LoadedDocumentRow(StoredDocumentRow):
    """A document, with the name of the caller."""

    caller_name: str


class LoadedCommentRow(LoadedSummaryRow):
    """A document without its content, and a comment on it."""

    comment_id: str


class VersionContentRow(RowType):
    """A submitted version of a document, with its content."""

    content: Node


class ExportedDocumentRow(RowType):
    """A document for a project file."""

    id: str
    parent_id: str | None
    author_id: str
    content: Node


class DocumentHitRow(RowType):
    """A document or a comment that a search finds; without its content if that is too long for a snippet."""

    id: str
    document_id: str
    title: str
    project_id: str | None
    tags: list[str]
    content: Node | str | None
    created_at: datetime
    updated_at: datetime


class ExportedDocumentCommentRow(ExportedCommentRow):
    """A comment on a document for a project file."""

    document_id: str


class ParentRow(RowType):
    """A parent document, with its context."""

    id: str
    context_type: ContextType
    context_id: str
    project_id: str | None
    scope_id: str | None
    own_role: ProjectRole | None
    others_role: OthersRole | None
