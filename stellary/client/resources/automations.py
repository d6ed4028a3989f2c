"""Automations: rules of a project that act when something happens."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, by_id, iterates, method
from stellary.contract.automations import (
    CREATE_AUTOMATION,
    DELETE_AUTOMATION,
    GET_AUTOMATION,
    LIST_AUTOMATIONS,
    LIST_TRACES,
    LIST_TRIGGERS,
    TOGGLE_AUTOMATION,
    UPDATE_AUTOMATION,
)


class Automations(Resource[C]):
    """The automations of a project. ``traces`` lists the runs of one, ``triggers`` the events to which they can react."""

    create = method(CREATE_AUTOMATION)
    list = method(LIST_AUTOMATIONS)
    iterate = iterates(LIST_AUTOMATIONS)
    get = by_id(GET_AUTOMATION)
    update = by_id(UPDATE_AUTOMATION)
    delete = by_id(DELETE_AUTOMATION)
    toggle = by_id(TOGGLE_AUTOMATION)
    traces = by_id(LIST_TRACES)
    triggers = method(LIST_TRIGGERS)
