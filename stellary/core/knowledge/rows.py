"""Conversion of database rows to documents and versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stellary.contract.documents import (
    Document,
    DocumentSummary,
    DocumentVersion,
    DocumentVersionSummary,
)
from stellary.contract.rich_text import ContentFormat
from stellary.contract.safe_content import make_safe
from stellary.contract.wire import wire_fields
from stellary.core.accounts.audience import name_of
from stellary.core.knowledge.rules.markdown_writing import to_markdown
from stellary.core.knowledge.tables import documents, versions

DocumentRow = Mapping[Any, Any]
"""A row of a document or a version, by column names."""

_NAMES = (
    name_of(documents.c.author_id).label("author_name"),
    name_of(documents.c.reviewer_id).label("reviewer_name"),
)
SUMMARY = (*(column for column in documents.c if column.name != "content"), *_NAMES)
DOCUMENT = (*documents.c, *_NAMES)

VERSION_SUMMARY = (
    *(column for column in versions.c if column.name != "content"),
    name_of(versions.c.submitted_by_id).label("submitted_by_name"),
    name_of(versions.c.reviewer_id).label("reviewer_name"),
)

_FIELDS = [field.name for field in wire_fields(DocumentSummary).values()]
_VERSION_FIELDS = [field.name for field in wire_fields(DocumentVersionSummary).values()]


def summary(row: DocumentRow) -> DocumentSummary:
    """Return the document of a row, without its content."""
    return DocumentSummary(**{name: row[name] for name in _FIELDS})


def document(row: DocumentRow, content_format: ContentFormat) -> Document:
    """Return the document of a row."""
    return Document(**{name: row[name] for name in _FIELDS}, **_content_fields(row, content_format))


def version_summary(row: DocumentRow) -> DocumentVersionSummary:
    """Return the version of a row, without its content."""
    return DocumentVersionSummary(**{name: row[name] for name in _VERSION_FIELDS})


def version(row: DocumentRow, content_format: ContentFormat) -> DocumentVersion:
    """Return the version of a row."""
    return DocumentVersion(
        **{name: row[name] for name in _VERSION_FIELDS}, **_content_fields(row, content_format)
    )


def _content_fields(row: DocumentRow, content_format: ContentFormat) -> dict[str, Any]:
    # Documents that were stored before unsafe content was refused may still have some.
    content = make_safe(row["content"])
    return {
        "content_format": content_format,
        "content": to_markdown(content) if content_format == "markdown" else content,
    }
