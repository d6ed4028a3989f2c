"""Acting: rules run right after what they wait for, in the same transaction, on behalf of their owners.

Each runs within a savepoint, so that one that fails leaves the change as it was. What it needs may be held by somebody
else (PostgreSQL): then nobody waits for anybody, and the rule acts in a transaction of its own, as a job.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
from sqlalchemy import Row, bindparam, func, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError

from stellary.contract.automations import TraceResult
from stellary.contract.errors import ApiError, Forbidden, NotFound
from stellary.contract.refs import WorkspaceRef
from stellary.contract.wire import wire_fields
from stellary.core.accounts import people
from stellary.core.accounts.places import workspace_ref
from stellary.core.automations import traces
from stellary.core.automations.rules import occurrences as rules
from stellary.core.automations.rules.conditions import holds
from stellary.core.automations.rules.occurrences import Occurrence
from stellary.core.automations.tables import automations
from stellary.core.automations.tables import traces as traces_table
from stellary.core.board.locks import uses_row_locks
from stellary.core.kernel import actions, jobs
from stellary.core.kernel.events import CardEvent, Cause, Chain
from stellary.core.kernel.unit import Actor, UnitOfWork

_log = logging.getLogger("stellary.core")

ACT = "automations.act"
PATIENCE = "100ms"
OWNER_LEFT = "its owner no longer reaches the workspace: the rule was turned off"
TURNED_OFF = "it was turned off before its turn came"
# Somebody else holds what is needed; a deadlock; what was to be held has moved.
_BUSY = ("55P03", "40P01", "40001")

_ENABLED = (
    select(automations)
    .where(
        automations.c.project_id.in_(bindparam("_project_ids", expanding=True)),
        automations.c.trigger.in_(bindparam("_triggers", expanding=True)),
        automations.c.enabled,
    )
    .order_by(automations.c.id)
)
_ONE = select(automations).where(automations.c.id == bindparam("_id"))
_TURN_OFF = (
    update(automations)
    .where(automations.c.id == bindparam("_id"), automations.c.owner_id == bindparam("_owner_id"))
    .values(enabled=False, updated_at=bindparam("_now"))
)
_ACTIONS_OF = (
    select(func.count())
    .select_from(traces_table)
    .where(traces_table.c.chain_id == bindparam("_chain_id"), traces_table.c.result != "skipped")
)
_PATIENCE = text("SELECT current_setting('lock_timeout')")
_HAVE_PATIENCE = text("SELECT set_config('lock_timeout', :patience, true)")


@attrs.frozen
class Case:
    """A rule and an event, as far as both have to be known to act and to tell of it. All of it can be JSON."""

    rule_id: str
    workspace_id: str
    project_id: str
    event: str
    event_id: str
    chain_id: str
    depth: int
    triggered_by_id: str | None
    card_id: str
    card_key: str
    card_title: str

    def trace(
        self, actor_id: str, result: TraceResult, error: str | None = None, ms: int = 0
    ) -> dict[str, Any]:
        """The row that tells what became of it."""
        told = attrs.asdict(
            self, filter=lambda field, _: not field.name.endswith(("workspace_id", "project_id"))
        )
        told["automation_id"] = told.pop("rule_id")
        return told | {"actor_id": actor_id, "result": result, "error": error, "duration_ms": ms}


def react(uow: UnitOfWork, events: Sequence[CardEvent]) -> None:
    """Let the rules act that wait for what has happened, in the order of the events and then of the rules."""
    found = list(
        rules.occurrences(
            each for each in events if each.workspace_id not in uow.workspaces_without_subscribers
        )
    )
    if not found:
        return
    waiting = _waiting(uow, found)
    if waiting:
        _Acting(uow).act(found, waiting)


def _waiting(uow: UnitOfWork, found: Sequence[Occurrence]) -> Mapping[tuple[str, str], list[Row[Any]]]:
    """The rules that wait for something that has happened, by project and trigger."""
    place = {
        "_project_ids": sorted({each.event.project_id for each in found}),
        "_triggers": sorted({each.trigger for each in found}),
    }
    waiting: dict[tuple[str, str], list[Row[Any]]] = defaultdict(list)
    for rule in uow.connection.execute(_ENABLED, place):
        waiting[rule.project_id, rule.trigger].append(rule)
    return waiting


class _Acting:
    """What rules make of a wave of events."""

    def __init__(self, uow: UnitOfWork) -> None:
        self.uow = uow
        self.made: list[dict[str, Any]] = []
        self.off: set[str] = set()
        self.patience: str | None = None

    def act(self, found: Sequence[Occurrence], waiting: Mapping[tuple[str, str], list[Row[Any]]]) -> None:
        chains: dict[int, Chain] = {}
        for each in found:
            event = each.event
            chain = (
                event.cause.chain if event.cause else chains.setdefault(id(event), Chain(self.uow.new_id()))
            )
            event_id = self.uow.new_id()
            for rule in waiting.get((event.project_id, each.trigger), ()):
                if rule.id not in self.off and rules.concerns(each, rule.armed_at):
                    self._answer(rule, each, self._case(rule, each, event_id, chain), chain)
        if self.patience is not None:
            self.uow.connection.execute(_HAVE_PATIENCE, {"patience": self.patience})
        traces.record(self.uow, self.made)

    def _case(self, rule: Row[Any], found: Occurrence, event_id: str, chain: Chain) -> Case:
        card = found.event.card
        return Case(
            rule_id=rule.id,
            workspace_id=found.event.workspace_id,
            project_id=rule.project_id,
            event=found.trigger,
            event_id=event_id,
            chain_id=chain.id,
            depth=found.depth,
            triggered_by_id=self.uow.actor.user_id,
            card_id=card.id,
            card_key=card.key,
            card_title=card.title,
        )

    def _answer(self, rule: Row[Any], found: Occurrence, case: Case, chain: Chain) -> None:
        if not holds(rule.conditions, rules.facts(found.event)):
            self.made.append(case.trace(rule.owner_id, "skipped"))
        elif (why := rules.stopped(found.depth, chain)) is not None:
            self.made.append(case.trace(rule.owner_id, "failure", why))
        elif self.uow.rule_action_count >= rules.UNIT_ACTIONS_MAX:
            _defer(self.uow, case)
        else:
            self._run(rule, case, chain)

    def _run(self, rule: Row[Any], case: Case, chain: Chain) -> None:
        if self.patience is None and uses_row_locks(self.uow):
            self.patience = self.uow.connection.execute(_PATIENCE).scalar_one()
            self.uow.connection.execute(_HAVE_PATIENCE, {"patience": PATIENCE})
        chain.actions += 1
        self.uow.rule_action_count += 1
        try:
            trace = run(self.uow, rule, case, chain)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _BUSY:
                raise
            chain.actions -= 1
            _defer(self.uow, case)
            return
        if trace["error"] == OWNER_LEFT:
            self.off.add(rule.id)
        self.made.append(trace)


def _defer(uow: UnitOfWork, case: Case) -> None:
    jobs.enqueue(uow, ACT, attrs.asdict(case))


def act(uow: UnitOfWork, payload: Any) -> None:
    """Do as a job what could not be done with the change."""
    case = Case(**payload)
    rule = uow.connection.execute(_ONE, {"_id": case.rule_id}).first()
    if rule is None:
        return
    chain = Chain(
        case.chain_id, uow.connection.execute(_ACTIONS_OF, {"_chain_id": case.chain_id}).scalar_one()
    )
    if not rule.enabled:
        made = case.trace(rule.owner_id, "skipped", TURNED_OFF)
    elif (why := rules.stopped(case.depth, chain)) is not None:
        made = case.trace(rule.owner_id, "failure", why)
    else:
        chain.actions += 1
        uow.rule_action_count += 1
        made = run(uow, rule, case, chain)
    traces.record(uow, [made])


def run(uow: UnitOfWork, rule: Row[Any], case: Case, chain: Chain) -> dict[str, Any]:
    """Let a rule act, on behalf of its owner; what became of it.

    Raises:
        DBAPIError: Something else needs the same, or the database does not answer: it may be tried again.
    """
    begun = time.perf_counter()
    error = _problem(uow, rule, case, chain)
    ms = round(1000 * (time.perf_counter() - begun))
    return case.trace(rule.owner_id, "success" if error is None else "failure", error, ms)


def _problem(uow: UnitOfWork, rule: Row[Any], case: Case, chain: Chain) -> str | None:
    """What was in the way of a rule that has acted; None if nothing was."""
    cause = Cause(chain, rule.owner_id, case.depth + 1)
    try:
        with uow.attempt(), uow.caused_by(cause, Actor(rule.owner_id)):
            _do(uow, workspace_ref(uow, case.workspace_id), rule, case)
    except (NotFound, Forbidden) as error:
        if people.reaches(uow, case.workspace_id, rule.owner_id):
            return error.message
        uow.connection.execute(_TURN_OFF, {"_id": rule.id, "_owner_id": rule.owner_id, "_now": uow.now})
        return OWNER_LEFT
    except ApiError as error:
        return error.message
    except Exception as error:
        if (
            isinstance(error, OperationalError)
            or getattr(getattr(error, "orig", None), "sqlstate", None) in _BUSY
        ):
            raise
        _log.exception("rule %s failed", rule.id)
        return "the server has failed"
    return None


def _do(uow: UnitOfWork, ref: WorkspaceRef, rule: Row[Any], case: Case) -> None:
    action = actions.find(uow, rule.action_type)
    takes = set(wire_fields(action.takes))
    params = rules.with_place(rule.action_params, takes, case.project_id, case.card_id)
    actions.run(uow, ref, action.name, params)
