"""Activity: what has happened in a project."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, iterates, method
from stellary.contract.activities import LIST_ACTIVITY


class ProjectActivity(Resource[C]):
    """What has happened in a project, newest first; ``card_id`` names one of its cards."""

    list = method(LIST_ACTIVITY)
    iterate = iterates(LIST_ACTIVITY)
