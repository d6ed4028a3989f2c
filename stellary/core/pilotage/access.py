"""Access checks of pilotage: each reads a thing by its short id, with the caller's roles, in one statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import FromClause, and_, bindparam

from stellary.contract.errors import NotFound
from stellary.contract.refs import (
    ActiveDocRef,
    MissionRef,
    PilotagePriorityRef,
    ProposedActionRef,
    Ref,
    TodoRef,
)
from stellary.core.accounts.access_checks import (
    WORKSPACE_ID,
    Loaded,
    check_role,
    load_with_roles,
    through_workspace,
)
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.pilotage.ledger import ACTIONS, DOCS, MISSIONS, PRIORITIES, TODOS, Ledger

AnyThingRef = MissionRef | PilotagePriorityRef | TodoRef | ActiveDocRef | ProposedActionRef


def _build_check(ledger: Ledger[Any]) -> Callable[[UnitOfWork, AnyThingRef], Loaded[Any]]:
    table = ledger.table

    def joins(source: FromClause) -> FromClause:
        return source.outerjoin(
            table, and_(table.c.workspace_id == WORKSPACE_ID, table.c.number == bindparam("_number"))
        )

    statement = through_workspace(*table.c, joins=joins)

    def check(uow: UnitOfWork, ref: AnyThingRef) -> Loaded[Any]:
        row, roles = load_with_roles(uow, statement, ref, _number=ledger.parse_number(ref.id))
        check_role(uow, roles)
        if row.number is None:
            raise NotFound(f"{ledger.name} not found")
        ledger.record_version(uow, row)
        return Loaded(row, roles)

    return check


mission = _build_check(MISSIONS)
priority = _build_check(PRIORITIES)
todo = _build_check(TODOS)
doc = _build_check(DOCS)
action = _build_check(ACTIONS)
"""The access check for each kind of thing.

Raises:
    NotFound: The caller does not reach the workspace, or there is no such thing in it.
    Forbidden: The caller's role in pilotage is not enough.
"""

ACCESS_BY_REF: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {
    MissionRef: mission,
    PilotagePriorityRef: priority,
    TodoRef: todo,
    ActiveDocRef: doc,
    ProposedActionRef: action,
}
