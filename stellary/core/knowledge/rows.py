"""Conversion of database rows to documents and versions."""

from __future__ import annotations

from sqlalchemy import and_

from stellary.contract.documents import (
    Document,
    DocumentSummary,
    DocumentVersion,
    DocumentVersionSummary,
)
from stellary.contract.fields import convert
from stellary.contract.rich_text import ContentFormat, Node
from stellary.contract.safe_content import make_safe
from stellary.core.accounts.audience import is_reachable, name_of
from stellary.core.db.row_fields import RowFields
from stellary.core.kernel.writes import NoColumns, StoredItems
from stellary.core.knowledge.row_types import VersionContentRow
from stellary.core.knowledge.rules.documents import StoredDocument
from stellary.core.knowledge.rules.markdown_writing import to_markdown
from stellary.core.knowledge.tables import documents, versions

_NAMES = {
    "author_name": name_of(documents.c.author_id),
    "reviewer_name": name_of(documents.c.reviewer_id),
}
STORED = StoredItems(StoredDocument, documents, "Document", NoColumns, selected=_NAMES)
SUMMARY_FIELDS = RowFields(
    DocumentSummary,
    documents,
    selected=_NAMES,
    internal=(
        "organization_id",
        "scope_id",
        "content",
        "tag_keys",
        "submissions",
        "reported_by_id",
        "reported_at",
    ),
)
VERSION_FIELDS = RowFields(
    DocumentVersionSummary,
    versions,
    selected={
        "submitted_by_name": name_of(versions.c.submitted_by_id),
        "reviewer_name": name_of(versions.c.reviewer_id),
    },
    internal=("content",),
)
OF_ORGANIZATION = and_(documents.c.context_type == "organization", is_reachable(documents.c.workspace_id))
"""The condition of a document that all workspaces of the organization show: its own workspace is not in the trash."""
SUMMARY = SUMMARY_FIELDS.columns
DOCUMENT = STORED.columns
VERSION_SUMMARY = VERSION_FIELDS.columns


def to_document(document: StoredDocument, content_format: ContentFormat) -> Document:
    """Return a document with its content in a format.

    Args:
        document: The document, with TipTap content.
        content_format: The format of the result.
    """
    content = _format_content(document.content, content_format)
    return convert(Document, document, content_format=content_format, content=content)


def version(row: VersionContentRow, content_format: ContentFormat) -> DocumentVersion:
    """Return the version of a row.

    Args:
        row: The row, with TipTap content.
        content_format: The format of the result.
    """
    content = _format_content(row.content, content_format)
    summary = VERSION_FIELDS.to_value(row)
    return convert(DocumentVersion, summary, content_format=content_format, content=content)


def _format_content(stored: Node, content_format: ContentFormat) -> Node | str:
    # Documents that were stored before unsafe content was refused may still have some.
    content = make_safe(stored)
    return to_markdown(content) if content_format == "markdown" else content
