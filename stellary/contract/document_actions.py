"""Parameters of the actions on documents.

Documents are given by id or title, projects also by key. Content without a format is Markdown if it is a string, and so
is the content in the response.
"""

from __future__ import annotations

from stellary.contract.actions import IdOrName
from stellary.contract.documents import CreateDocument, GetDocument, ListDocuments, UpdateDocument
from stellary.contract.rich_text import ContentFormat
from stellary.contract.wire import UNSET, Unset


class ListDocumentsParams(ListDocuments):
    """Filters for the list of documents.

    Attributes:
        project_id: Only documents of this project and its scopes, by its id, key or name.
        parent_id: Only direct children of this document, by its id or title.
    """

    project_id: IdOrName | Unset = UNSET
    parent_id: IdOrName | Unset = UNSET


class GetDocumentParams(GetDocument):
    """The document to read, and its format.

    Attributes:
        document_id: Its id or title.
        content_format: ``tiptap`` returns TipTap JSON instead of Markdown.
    """

    document_id: IdOrName
    content_format: ContentFormat = "markdown"


class CreateDocumentParams(CreateDocument):
    """The fields of a new document.

    Attributes:
        project_id: The project that the document belongs to, by id, key or name, unless ``context_type`` is given.
        parent_id: The parent document, by its id or title.
        content_format: The format of ``content`` and of the content in the response. Default: the format that
            ``content`` has.
    """

    project_id: IdOrName | Unset = UNSET
    parent_id: IdOrName | Unset | None = UNSET
    content_format: ContentFormat | Unset = UNSET  # type: ignore[assignment] # it need not be said here


class UpdateDocumentParams(UpdateDocument):
    """A document, and the fields to change. Omitted fields keep their values.

    Attributes:
        document_id: Its id or title.
        parent_id: The new parent, by its id or title; None moves the document to the top level.
        content_format: The format of ``content`` and of the content in the response. Default: the format that
            ``content`` has.
    """

    document_id: IdOrName
    parent_id: IdOrName | Unset | None = UNSET
    content_format: ContentFormat | Unset = UNSET  # type: ignore[assignment] # it need not be said here
