"""Access checks of pilotage items, by their short ids."""

from __future__ import annotations

from typing import TypeVar

from stellary.contract.refs import (
    ActiveDocRef,
    MissionRef,
    PilotagePriorityRef,
    ProposedActionRef,
    TodoRef,
    WorkspaceRef,
)
from stellary.contract.wire import Value
from stellary.core.accounts.access_checks import WORKSPACE_ID, AccessCheck, Link, Loaded, by_ref
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.pilotage.ledger import ACTIONS, DOCS, MISSIONS, PRIORITIES, TODOS, Ledger
from stellary.core.pilotage.row_types import LedgerRow

R = TypeVar("R", bound=WorkspaceRef)
T = TypeVar("T", bound=Value)
Row = TypeVar("Row", bound=LedgerRow)


class _LedgerCheck(AccessCheck[R, Row]):
    """The access check for items of one kind. Their version is recorded by their number, since they have no id.

    Args:
        ref: The kind of ref, whose ``id`` is a short id.
        ledger: The operations on the kind of item.
    """

    def __init__(self, ref: type[R], ledger: Ledger[Row, T]) -> None:
        table = ledger.table
        in_workspace = table.c.workspace_id == WORKSPACE_ID
        link = Link(ledger.name, table, "id", in_workspace, column="number", parse=ledger.parse_number)
        super().__init__(ref, ledger.row_type, link, columns=table.c)
        self._record_version = ledger.record_version

    def __call__(self, uow: UnitOfWork, ref: R) -> Loaded[Row]:
        """Check the caller's access to an item, and load it.

        Args:
            ref: The ref.

        Raises:
            NotFound: The caller has no access to the workspace, or it has no such item.
            Forbidden: The caller's role in pilotage is not enough.
        """
        loaded = super().__call__(uow, ref)
        self._record_version(uow, loaded.row)
        return loaded


mission = _LedgerCheck(MissionRef, MISSIONS)
"""The access check for a mission."""
priority = _LedgerCheck(PilotagePriorityRef, PRIORITIES)
"""The access check for a priority."""
todo = _LedgerCheck(TodoRef, TODOS)
"""The access check for a todo."""
doc = _LedgerCheck(ActiveDocRef, DOCS)
"""The access check for an active document."""
action = _LedgerCheck(ProposedActionRef, ACTIONS)
"""The access check for a proposed action."""

ACCESS_BY_REF = by_ref(mission, priority, todo, doc, action)
