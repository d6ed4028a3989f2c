"""Actions on documents: the params of what can be done with them by proxy.

Documents are named by their ids or titles, projects also by their keys. What is said without a format is Markdown if it is a
text, and so is what is answered.
"""

from __future__ import annotations

from stellary.contract.actions import Said
from stellary.contract.documents import CreateDocument, GetDocument, ListDocuments, UpdateDocument
from stellary.contract.rich_text import ContentFormat
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import request


@request
class ListDocumentsParams(ListDocuments):
    """Which documents.

    Attributes:
        project_id: Only those of that project and of its scopes, by its id, key or name.
        parent_id: Only those right below that document, by its id or title.
    """

    project_id: Said | Unset = UNSET
    parent_id: Said | Unset = UNSET


@request
class GetDocumentParams(GetDocument):
    """A document.

    Attributes:
        document_id: Its id or title.
        content_format: ``tiptap`` for TipTap JSON in place of a text.
    """

    document_id: Said
    content_format: ContentFormat = "markdown"


@request
class CreateDocumentParams(CreateDocument):
    """A document to be.

    Attributes:
        project_id: To which it shall belong, by its id, key or name, unless ``context_type`` says otherwise.
        parent_id: Below which it shall stand, by its id or title.
        content_format: That of ``content`` and of the answer; what ``content`` is if not given.
    """

    project_id: Said | Unset = UNSET
    parent_id: Said | Unset | None = UNSET
    content_format: ContentFormat | Unset = UNSET  # type: ignore[assignment] # it need not be said here


@request
class UpdateDocumentParams(UpdateDocument):
    """A document, and what is to change; what is not named stays.

    Attributes:
        document_id: Its id or title.
        parent_id: Below which it shall stand, by its id or title; None for none.
        content_format: That of ``content`` and of the answer; what ``content`` is if not given.
    """

    document_id: Said
    parent_id: Said | Unset | None = UNSET
    content_format: ContentFormat | Unset = UNSET  # type: ignore[assignment] # it need not be said here
