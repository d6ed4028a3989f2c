"""Relations between cards."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, by_id, iterates, method
from stellary.contract.relations import CREATE_RELATION, DELETE_RELATION, LIST_RELATIONS


class Relations(Resource[C]):
    """The relations of a card, from its point of view."""

    create = method(CREATE_RELATION)
    list = method(LIST_RELATIONS)
    iterate = iterates(LIST_RELATIONS)
    delete = by_id(DELETE_RELATION)
