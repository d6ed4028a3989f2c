"""Pilotage: the goals of a workspace, and the actions proposed to reach them."""

from __future__ import annotations

from stellary.client.calling.method import C, Resource, by_id, iterates, method
from stellary.contract.active_docs import CREATE_DOC, DELETE_DOC, LIST_DOCS, UPDATE_DOC
from stellary.contract.pilotage import (
    CREATE_DECISION,
    CREATE_MISSION,
    CREATE_PRIORITY,
    CREATE_TODO,
    DELETE_MISSION,
    DELETE_PRIORITY,
    DELETE_TODO,
    LIST_DECISIONS,
    LIST_MISSIONS,
    LIST_PRIORITIES,
    LIST_TODOS,
    UPDATE_MISSION,
    UPDATE_PRIORITY,
    UPDATE_TODO,
)
from stellary.contract.pilotage_state import GET_STATE
from stellary.contract.proposed_actions import (
    APPLY_ACTION,
    GET_ACTION,
    LIST_ACTIONS,
    PROPOSE_ACTION,
    REVIEW_ACTION,
)


class Pilotage(Resource[C]):
    """The pilotage of a workspace. Its ids are short: ``m-001``, ``p-001``, ``t-001``, ``act-001``."""

    state = method(GET_STATE)

    create_mission = method(CREATE_MISSION)
    list_missions = method(LIST_MISSIONS)
    iterate_missions = iterates(LIST_MISSIONS)
    update_mission = by_id(UPDATE_MISSION)
    delete_mission = by_id(DELETE_MISSION)

    create_priority = method(CREATE_PRIORITY)
    list_priorities = method(LIST_PRIORITIES)
    iterate_priorities = iterates(LIST_PRIORITIES)
    update_priority = by_id(UPDATE_PRIORITY)
    delete_priority = by_id(DELETE_PRIORITY)

    create_todo = method(CREATE_TODO)
    list_todos = method(LIST_TODOS)
    iterate_todos = iterates(LIST_TODOS)
    update_todo = by_id(UPDATE_TODO)
    delete_todo = by_id(DELETE_TODO)

    create_decision = method(CREATE_DECISION)
    list_decisions = method(LIST_DECISIONS)
    iterate_decisions = iterates(LIST_DECISIONS)

    create_doc = method(CREATE_DOC)
    list_docs = method(LIST_DOCS)
    iterate_docs = iterates(LIST_DOCS)
    update_doc = by_id(UPDATE_DOC)
    delete_doc = by_id(DELETE_DOC)

    propose_action = method(PROPOSE_ACTION)
    list_actions = method(LIST_ACTIONS)
    iterate_actions = iterates(LIST_ACTIONS)
    get_action = by_id(GET_ACTION)
    review_action = by_id(REVIEW_ACTION)
    apply_action = by_id(APPLY_ACTION)
