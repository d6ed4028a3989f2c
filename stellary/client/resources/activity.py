"""The activity of a project."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, by_id, iterates, method
from stellary.contract.activities import LIST_ACTIVITY, UNDO_ACTIVITY


class ProjectActivity(Resource[C]):
    """The activities of a project, newest first; ``card_id`` selects those of one card."""

    list = method(LIST_ACTIVITY)
    iterate = iterates(LIST_ACTIVITY)
    undo = by_id(UNDO_ACTIVITY)
