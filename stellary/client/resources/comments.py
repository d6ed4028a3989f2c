"""Comments on cards."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, by_id, iterates, method
from stellary.contract.comments import CREATE_COMMENT, DELETE_COMMENT, LIST_COMMENTS, UPDATE_COMMENT


class Comments(Resource[C]):
    """The comments on a card, oldest first."""

    list = method(LIST_COMMENTS)
    iterate = iterates(LIST_COMMENTS)
    create = method(CREATE_COMMENT)
    update = by_id(UPDATE_COMMENT)
    delete = by_id(DELETE_COMMENT)
