"""Documents: the knowledge base of a workspace, and their review."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stellary.client.calling.method import (
    C,
    IdLike,
    ItemHandle,
    Resource,
    by_id,
    by_two_ids,
    iterates,
    method,
)
from stellary.contract.documents import (
    CREATE_DOCUMENT,
    DELETE_DOCUMENT,
    GET_DOCUMENT,
    GET_VERSION,
    LIST_DOCUMENTS,
    LIST_VERSIONS,
    REVIEW_DOCUMENT,
    SUBMIT_REVIEW,
    UPDATE_DOCUMENT,
)

if TYPE_CHECKING:
    from stellary.client.resources.comments import DocumentComments


class Documents(Resource[C]):
    """The documents of a workspace. Call it with an id for the handle of one."""

    create = method(CREATE_DOCUMENT)
    list = method(LIST_DOCUMENTS)
    iterate = iterates(LIST_DOCUMENTS)
    get = by_id(GET_DOCUMENT)
    update = by_id(UPDATE_DOCUMENT)
    delete = by_id(DELETE_DOCUMENT)
    submit_review = by_id(SUBMIT_REVIEW)
    review = by_id(REVIEW_DOCUMENT)
    versions = by_id(LIST_VERSIONS)
    get_version = by_two_ids(GET_VERSION)

    def __call__(self, document: IdLike) -> DocumentHandle[C]:
        return DocumentHandle(self._caller, self._extend_path(document_id=document))


class DocumentHandle(ItemHandle[C]):
    """One document, its submitted versions, and the comments on it."""

    get = method(GET_DOCUMENT)
    update = method(UPDATE_DOCUMENT)
    delete = method(DELETE_DOCUMENT)
    submit_review = method(SUBMIT_REVIEW)
    review = method(REVIEW_DOCUMENT)
    versions = method(LIST_VERSIONS)
    get_version = by_id(GET_VERSION)

    @property
    def comments(self) -> DocumentComments[C]:
        """The comments on the document."""
        from stellary.client.resources.comments import DocumentComments

        return DocumentComments(self._caller, self._path_params)
