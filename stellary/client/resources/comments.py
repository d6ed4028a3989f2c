"""Comments on cards and documents."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, by_id, iterates, method
from stellary.contract.comments import (
    CREATE_COMMENT,
    CREATE_DOCUMENT_COMMENT,
    DELETE_COMMENT,
    DELETE_DOCUMENT_COMMENT,
    LIST_COMMENTS,
    LIST_DOCUMENT_COMMENTS,
    UPDATE_COMMENT,
    UPDATE_DOCUMENT_COMMENT,
)


class Comments(Resource[C]):
    """The comments on a card, oldest first."""

    list = method(LIST_COMMENTS)
    iterate = iterates(LIST_COMMENTS)
    create = method(CREATE_COMMENT)
    update = by_id(UPDATE_COMMENT)
    delete = by_id(DELETE_COMMENT)


class DocumentComments(Resource[C]):
    """The comments on a document, oldest first."""

    list = method(LIST_DOCUMENT_COMMENTS)
    iterate = iterates(LIST_DOCUMENT_COMMENTS)
    create = method(CREATE_DOCUMENT_COMMENT)
    update = by_id(UPDATE_DOCUMENT_COMMENT)
    delete = by_id(DELETE_DOCUMENT_COMMENT)
