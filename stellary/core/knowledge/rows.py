"""Rows: documents and their versions as values."""

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

Found = Mapping[Any, Any]
"""What a statement has found, by the columns' names."""

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


def summary(found: Found) -> DocumentSummary:
    """The document of a row, without its content."""
    return DocumentSummary(**{name: found[name] for name in _FIELDS})


def document(found: Found, content_format: ContentFormat) -> Document:
    """The document of a row."""
    return Document(**{name: found[name] for name in _FIELDS}, **_told(found, content_format))


def version_summary(found: Found) -> DocumentVersionSummary:
    """The version of a row, without its content."""
    return DocumentVersionSummary(**{name: found[name] for name in _VERSION_FIELDS})


def version(found: Found, content_format: ContentFormat) -> DocumentVersion:
    """The version of a row."""
    return DocumentVersion(**{name: found[name] for name in _VERSION_FIELDS}, **_told(found, content_format))


def _told(found: Found, content_format: ContentFormat) -> dict[str, Any]:
    # Documents that were stored before unsafe content was refused may still have some.
    content = make_safe(found["content"])
    return {
        "content_format": content_format,
        "content": to_markdown(content) if content_format == "markdown" else content,
    }
