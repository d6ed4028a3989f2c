"""Execution of rules, right after their trigger, in the same transaction, on behalf of their owners.

Each rule runs within a savepoint, so that a failing rule leaves the change as it is. On PostgreSQL, another
transaction may hold a lock that the rule needs: then the rule runs later, in a job with a transaction of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError

from stellary.contract.automations import (
    TRY_AUTOMATION,
    AutomationAction,
    AutomationTrial,
    TraceResult,
    TryAutomation,
)
from stellary.contract.cards import GET_CARD, Card
from stellary.contract.errors import ApiError, Forbidden, NotFound
from stellary.contract.fields import replace_fields
from stellary.contract.refs import AutomationRef, CardRef, ProjectRef, WorkspaceRef
from stellary.contract.wire import UNSET, invalid, wire_fields
from stellary.core.accounts import people
from stellary.core.accounts.audience import name_of
from stellary.core.accounts.places import workspace_ref
from stellary.core.accounts.rules import ProjectSight
from stellary.core.automations import access, traces
from stellary.core.automations.row_types import AutomationRow, EnabledRow
from stellary.core.automations.rows import list_actions
from stellary.core.automations.rules import occurrences as rules
from stellary.core.automations.rules.conditions import Facts, is_satisfied
from stellary.core.automations.rules.occurrences import Occurrence
from stellary.core.automations.rules.values import LOOKED_UP, fill_params, find_names, to_values
from stellary.core.automations.tables import automations
from stellary.core.automations.tables import traces as traces_table
from stellary.core.board import access as board_access
from stellary.core.board.access import read_cards
from stellary.core.board.columns import scope_columns
from stellary.core.board.order.locks import uses_row_locks
from stellary.core.board.queries.item_names import name_of_item
from stellary.core.board.rules.references import unknown
from stellary.core.db.base import is_among, is_given
from stellary.core.db.direct_connection import execute_queued
from stellary.core.db.row_types import Query
from stellary.core.kernel import actions, jobs
from stellary.core.kernel.causes import Cause, Chain
from stellary.core.kernel.events import CardEvent
from stellary.core.kernel.grouping import group
from stellary.core.kernel.unit import Actor, UnitOfWork, serves
from stellary.core.pilotage.action_params import COLUMN_PARAMS
from stellary.core.pilotage.references import NOTHING, describe_rules, is_broken

_log = logging.getLogger("stellary.core")

ACT = "automations.act"
LOCK_TIMEOUT = "100ms"
UNDONE = "its own change was undone"
TURNED_OFF = "it was disabled before it could run"
# SQLSTATEs: lock not available, deadlock detected, serialization failure.
_BUSY = ("55P03", "40P01", "40001")

_RULES = select(automations, is_broken(automations.c.id).label("broken"))
_ENABLED = Query(
    EnabledRow,
    _RULES.where(
        is_among(automations.c.project_id), is_among(automations.c.trigger), automations.c.enabled
    ).order_by(automations.c.id),
)
_ONE = Query(EnabledRow, _RULES.where(is_given(automations.c.id)))
_TURN_OFF = update(automations).where(is_given(automations.c.id), is_given(automations.c.owner_id))
_ACTIONS_OF = (
    # A trace without a step is one of a rule that was stopped.
    select(func.coalesce(func.sum(func.coalesce(traces_table.c.step, 1)), 0)).where(
        is_given(traces_table.c.chain_id), traces_table.c.result != "skipped"
    )
)
_VALUE_NAMES = select(
    name_of_item(bindparam("_column_id"), bindparam("_workspace_id")).label("column"),
    name_of(bindparam("_assignee_id")).label("assignee"),
    name_of_item(bindparam("_project_id"), bindparam("_workspace_id")).label("project"),
    name_of(bindparam("_actor_id")).label("actor"),
)
_GET_LOCK_TIMEOUT = text("SELECT current_setting('lock_timeout')")
_SET_LOCK_TIMEOUT = text("SELECT set_config('lock_timeout', :timeout, true)")


@attrs.frozen
class Case:
    """A rule and the event that triggers it, with the values that the rule's trace and its params need.

    Its fields can be stored as JSON.
    """

    rule_id: str
    workspace_id: str
    project_id: str
    event: str
    event_id: str
    chain_id: str
    depth: int
    triggered_by_id: str | None
    card_id: str | None
    card_key: str | None
    card_title: str | None
    values: dict[str, str] = attrs.field(factory=dict)

    def trace(
        self,
        actor_id: str,
        result: TraceResult,
        error: str | None = None,
        *,
        step: int | None = None,
        ms: int = 0,
    ) -> dict[str, object]:
        """Return the row of a trace.

        Args:
            actor_id: The rule's owner.
            result: The result of the rule.
            error: The reason why the rule failed or was skipped.
            step: The number of the last action that ran.
            ms: The duration in milliseconds.
        """
        row = attrs.asdict(
            self, filter=lambda field, _: field.name not in ("workspace_id", "project_id", "values")
        )
        row["automation_id"] = row.pop("rule_id")
        return row | {"actor_id": actor_id, "result": result, "error": error, "step": step, "duration_ms": ms}


def react(uow: UnitOfWork, events: Sequence[CardEvent]) -> None:
    """Run the rules that events trigger, in the order of the events and then of the rules.

    Args:
        events: The changes of cards in the unit.
    """
    occurrences = [
        occurrence
        for occurrence in rules.find_occurrences(
            event for event in events if event.workspace_id not in uow.workspaces_without_subscribers
        )
        if occurrence.trigger not in rules.CHANGE_TRIGGERS
        or occurrence.event.workspace_id not in uow.workspaces_without_change_rules
    ]
    if not occurrences:
        return
    enabled_rules = _load_enabled_rules(uow, occurrences)
    if enabled_rules:
        _RuleRunner(uow).act(occurrences, enabled_rules)


def _load_enabled_rules(
    uow: UnitOfWork, occurrences: Sequence[Occurrence]
) -> Mapping[tuple[str, str], list[EnabledRow]]:
    """Load the enabled rules for some occurrences, by project and trigger."""
    parameters = {
        "_project_ids": sorted({occurrence.event.project_id for occurrence in occurrences}),
        "_triggers": sorted({occurrence.trigger for occurrence in occurrences}),
    }
    enabled_rules = _ENABLED.all(uow.connection, parameters)
    return group(((rule.project_id, rule.trigger), rule) for rule in enabled_rules)


class _RuleRunner:
    """The execution of rules for a batch of events."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow
        self.traces: list[dict[str, object]] = []
        self.turned_off: set[str] = set()
        self.original_timeout: str | None = None

    def act(
        self, occurrences: Sequence[Occurrence], enabled_rules: Mapping[tuple[str, str], list[EnabledRow]]
    ) -> None:
        chains: dict[int, Chain] = {}
        for occurrence in occurrences:
            event = occurrence.event
            chain = (
                event.cause.chain if event.cause else chains.setdefault(id(event), Chain(self.uow.new_id()))
            )
            event_id = self.uow.new_id()
            for rule in enabled_rules.get((event.project_id, occurrence.trigger), ()):
                if rule.id not in self.turned_off and rules.was_armed(occurrence, rule.armed_at):
                    case = build_case(
                        rule, event.workspace_id, occurrence.trigger, event_id, chain.id, event.card
                    )
                    case = attrs.evolve(case, depth=occurrence.depth, triggered_by_id=self.uow.actor.user_id)
                    self._handle(rule, occurrence, case, chain)
        if self.original_timeout is not None:
            self.uow.connection.execute(_SET_LOCK_TIMEOUT, {"timeout": self.original_timeout})
        traces.record(self.uow, self.traces)

    def _handle(self, rule: EnabledRow, occurrence: Occurrence, case: Case, chain: Chain) -> None:
        facts = rules.facts(occurrence.event)
        if not is_satisfied(rule.conditions, facts):
            self.traces.append(case.trace(rule.owner_id, "skipped"))
        elif rule.id == chain.undone_rule_id:
            self.traces.append(case.trace(rule.owner_id, "skipped", UNDONE))
        elif rule.broken:
            self.traces.append(case.trace(rule.owner_id, "skipped", _describe_problem(self.uow, rule)))
        elif (stop_reason := rules.find_stop_reason(occurrence.depth, chain, _count(rule))) is not None:
            self.traces.append(case.trace(rule.owner_id, "failure", stop_reason))
        else:
            case = with_values(self.uow, rule, case, occurrence.event.card, facts)
            if self.uow.rule_action_count + _count(rule) > rules.UNIT_ACTIONS_MAX:
                _defer(self.uow, case)
            else:
                self._run(rule, case, chain)

    def _run(self, rule: EnabledRow, case: Case, chain: Chain) -> None:
        if self.original_timeout is None and uses_row_locks(self.uow):
            self.original_timeout = self.uow.connection.execute(_GET_LOCK_TIMEOUT).scalar_one()
            self.uow.connection.execute(_SET_LOCK_TIMEOUT, {"timeout": LOCK_TIMEOUT})
        count = _count(rule)
        chain.actions += count
        self.uow.rule_action_count += count
        # Errors of earlier statements abort the unit, so that no job can be added after them.
        execute_queued(self.uow.connection)
        try:
            trace = run(self.uow, rule, case, chain)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _BUSY:
                raise
            chain.actions -= count
            _defer(self.uow, case)
            return
        if trace["error"] == traces.OWNER_LEFT:
            self.turned_off.add(rule.id)
        self.traces.append(trace)


def build_case(
    rule: AutomationRow, workspace_id: str, trigger: str, event_id: str, chain_id: str, card: Card | None
) -> Case:
    """Return a rule and an event that no other rule has led to.

    Args:
        rule: The rule.
        workspace_id: Its workspace.
        trigger: The trigger of the event.
        event_id: The id of the event.
        chain_id: The id of the chain that the event belongs to.
        card: The card of the event.
    """
    return Case(
        rule_id=rule.id,
        workspace_id=workspace_id,
        project_id=rule.project_id,
        event=trigger,
        event_id=event_id,
        chain_id=chain_id,
        depth=0,
        triggered_by_id=None,
        card_id=None if card is None else card.id,
        card_key=None if card is None else card.key,
        card_title=None if card is None else card.title,
    )


def with_values(uow: UnitOfWork, rule: AutomationRow, case: Case, card: Card | None, facts: Facts) -> Case:
    """Return a case with the values of its event that the params of the rule may need.

    Args:
        rule: The rule.
        case: The case.
        card: The card of the event.
        facts: The facts of the event.
    """
    names = set(find_names([action.params for action in list_actions(rule)]))
    if not names:
        return case
    looked_up: Mapping[str, str | None] = {}
    if names.intersection(LOOKED_UP):
        parameters = {
            "_column_id": None if card is None else card.column_id,
            "_assignee_id": None if card is None else card.assignee_id,
            "_project_id": rule.project_id,
            "_actor_id": case.triggered_by_id,
            "_workspace_id": case.workspace_id,
        }
        looked_up = dict(zip(LOOKED_UP, uow.connection.execute(_VALUE_NAMES, parameters).one(), strict=True))
    return attrs.evolve(case, values=to_values(facts, looked_up))


def _count(rule: EnabledRow) -> int:
    """Return the number of the actions of a rule."""
    return 1 + len(rule.further_actions)


def _defer(uow: UnitOfWork, case: Case) -> None:
    jobs.enqueue(uow, ACT, attrs.asdict(case))


def act(uow: UnitOfWork, payload: Any) -> None:
    """Run a rule as a job, since it could not run with the change.

    Args:
        payload: The payload of the job: the fields of ``Case``.
    """
    case = Case(**payload)
    rule = _ONE.first(uow.connection, {"_id": case.rule_id})
    if rule is None:
        return
    chain = Chain(
        case.chain_id, uow.connection.execute(_ACTIONS_OF, {"_chain_id": case.chain_id}).scalar_one()
    )
    if not rule.enabled:
        trace = case.trace(rule.owner_id, "skipped", TURNED_OFF)
    elif rule.broken:
        trace = case.trace(rule.owner_id, "skipped", _describe_problem(uow, rule))
    elif (stop_reason := rules.find_stop_reason(case.depth, chain, _count(rule))) is not None:
        trace = case.trace(rule.owner_id, "failure", stop_reason)
    else:
        chain.actions += _count(rule)
        uow.rule_action_count += _count(rule)
        trace = run(uow, rule, case, chain)
    traces.record(uow, [trace])


def run(uow: UnitOfWork, rule: EnabledRow, case: Case, chain: Chain) -> dict[str, object]:
    """Run a rule on behalf of its owner, and return the row of its trace.

    Args:
        uow: A unit of work that writes.
        rule: The rule's row.
        case: The event that triggers it.
        chain: The chain of rules to which the event belongs.

    Raises:
        DBAPIError: A lock is not available, or the database does not answer; it may be tried again.
    """
    started = time.perf_counter()
    steps = list[AutomationAction]()
    error = _find_problem(uow, rule, case, chain, steps)
    ms = round(1000 * (time.perf_counter() - started))
    result: TraceResult = "success" if error is None else "failure"
    return case.trace(rule.owner_id, result, error, step=len(steps), ms=ms)


def _find_problem(
    uow: UnitOfWork, rule: EnabledRow, case: Case, chain: Chain, steps: list[AutomationAction]
) -> str | None:
    """Run a rule's actions, noting each as a step, and return what went wrong; None if nothing did."""
    via = {"id": rule.id, "name": rule.name, "projectId": rule.project_id}
    cause = Cause(chain, rule.owner_id, case.depth + 1, {"rule": via})
    try:
        with uow.attempt(), uow.caused_by(cause, Actor(rule.owner_id)):
            ref = workspace_ref(uow, case.workspace_id)
            _run_actions(uow, ref, rule, case, steps)
            # Called within the savepoint, so that a handler that raises an error rolls back the rule, but not
            # the change that triggered it.
            uow.call_handlers()
    except Exception as error:  # noqa: BLE001 - logged, or raised again
        # What is in no project are documents, and no message about them names one.
        sight = ProjectSight(only=frozenset([rule.project_id]))
        problem = _to_problem(uow, rule, case, error, sight)
        if problem == traces.OWNER_LEFT:
            changes = {"enabled": False, "updated_at": uow.now}
            uow.connection.execute(_TURN_OFF, {"_id": rule.id, "_owner_id": rule.owner_id, **changes})
        return problem
    return None


def _to_problem(
    uow: UnitOfWork, rule: AutomationRow, case: Case, error: Exception, sight: ProjectSight
) -> str:
    """Return why a rule failed, in words for a reader; raise an error of the database again that may pass."""
    if isinstance(error, NotFound | Forbidden) and not people.reaches(uow, case.workspace_id, rule.owner_id):
        return traces.OWNER_LEFT
    if isinstance(error, ApiError):
        # The message may name an item beside the one that the rule refers to, such as a column of its project.
        hides_names = describe_rules(uow, [rule.id], sight).get(rule.id, NOTHING).hides_names
        return (
            f"an action that needs a hidden item has failed: {error.code}" if hides_names else error.message
        )
    if (
        isinstance(error, OperationalError)
        or getattr(getattr(error, "orig", None), "sqlstate", None) in _BUSY
    ):
        raise error
    _log.error("rule %s failed", rule.id, exc_info=error)
    return "the server has failed"


def _run_actions(
    uow: UnitOfWork, ref: WorkspaceRef, rule: AutomationRow, case: Case, steps: list[AutomationAction]
) -> None:
    """Run a rule's actions, noting each with the values of its params."""
    for to_run in list_actions(rule):
        steps.append(to_run)
        action = actions.find(uow, to_run.type)
        takes = set(wire_fields(action.takes))
        params = rules.with_event_ids(to_run.params, takes, case.project_id, case.card_id)
        for name in COLUMN_PARAMS:
            if isinstance(ids := params.get(name), list):
                params[name] = _select_column(uow, case, ids, name)
        markdown = ("content",) if action.category == "documents.write" else ()
        params = fill_params(action.takes, params, case.values, uow.now, markdown)
        steps[-1] = replace_fields(to_run, params=params)
        actions.run(uow, ref, action.name, params)


class _Discarded(Exception):
    """The changes of a trial are undone."""


@serves(TRY_AUTOMATION)
def try_automation(uow: UnitOfWork, ref: AutomationRef, request: TryAutomation) -> AutomationTrial:
    """Run a rule for a card with the rights of its owner, and undo all changes."""
    loaded = access.automation(uow, ref)
    rule, workspace_id = loaded.row, loaded.roles.workspace_id
    card = None
    has_card = rule.schedule is None or rule.schedule["cards"] is not None
    if has_card != (request.card_id is not UNSET):
        requirement = (
            "is required, since the rule runs for cards"
            if has_card
            else "must be left out, since the rule runs without a card"
        )
        raise invalid(("cardId", requirement))
    if request.card_id is not UNSET:
        try:
            with uow.checking(GET_CARD.policy):
                card = board_access.card(uow, ref.parent(ProjectRef).child(CardRef, request.card_id)).card
        except NotFound:
            raise unknown("cardId") from None
    facts: Facts = {} if card is None else rules.card_facts(card)
    case = build_case(rule, workspace_id, rule.trigger, uow.new_id(), uow.new_id(), card)
    case = with_values(uow, rule, attrs.evolve(case, triggered_by_id=uow.user_id), card, facts)
    described = describe_rules(uow, [rule.id], loaded.roles.sight)
    steps, error = list[AutomationAction](), described.get(rule.id, NOTHING).problem
    try:
        if error is None:
            cause = Cause(Chain(case.chain_id), rule.owner_id, 1)
            with uow.attempt(), uow.caused_by(cause, Actor(rule.owner_id)):
                _run_actions(uow, workspace_ref(uow, workspace_id), rule, case, steps)
                raise _Discarded
    except _Discarded:
        pass
    except Exception as problem:  # noqa: BLE001 - logged, or raised again
        error = _to_problem(uow, rule, case, problem, loaded.roles.sight)
    return AutomationTrial(matches=is_satisfied(rule.conditions, facts), actions=steps, error=error)


def _select_column(uow: UnitOfWork, case: Case, ids: Collection[str], name: str) -> str:
    """Return the one of several columns that is in the scope of the card."""
    card = None if case.card_id is None else read_cards(uow, {case.card_id}).get(case.card_id)
    if card is None:
        raise NotFound("Card not found")
    columns = [column for column in scope_columns(uow, case.project_id, card.scope_id) if column.id in ids]
    if len(columns) != 1:
        raise invalid((name, "must be a column of the card's scope, where the rule names none"))
    return columns[0].id


def _describe_problem(uow: UnitOfWork, rule: AutomationRow) -> str:
    """Return what a broken rule lacks, for its trace, which all readers of its project see."""
    sight = ProjectSight(only=frozenset([rule.project_id]), sees_outside=False)
    return f"the rule is broken: {describe_rules(uow, [rule.id], sight)[rule.id].problem}"
