"""Documents: the knowledge base of a workspace, and their review."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellary.client.calling.method import C, IdLike
from stellary.client.methods.documents import DocumentHandleMethods, DocumentsMethods

if TYPE_CHECKING:
    from stellary.client.methods.comments import DocumentComments


class Documents(DocumentsMethods[C]):
    """The documents of a workspace. Call it with an id for the handle of one."""

    def __call__(self, document: IdLike) -> DocumentHandle[C]:
        return DocumentHandle(self._caller, self._extend_path(document_id=document))


class DocumentHandle(DocumentHandleMethods[C]):
    """One document, its submitted versions, and the comments on it."""

    @property
    def comments(self) -> DocumentComments[C]:
        """The comments on the document."""
        from stellary.client.methods.comments import DocumentComments

        return DocumentComments(self._caller, self._path_params)
