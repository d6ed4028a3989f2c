"""Ledgers: the operations that all kinds of pilotage items share.

Items are numbered per workspace, listed in that order, and locked while they are changed. Each change emits an event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, Unpack

from sqlalchemy import ColumnElement, Select, Table, and_, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stellary.contract.active_docs import ActiveDoc
from stellary.contract.activities import ACTIVITY_TYPES
from stellary.contract.naming import camel
from stellary.contract.pilotage import Decision, Mission, PilotagePriority, Todo
from stellary.contract.proposed_actions import ProposedAction
from stellary.contract.wire import UNSET, Listing, Paged, Unset, Value
from stellary.core.board.access import require_row
from stellary.core.board.order.locks import uses_row_locks
from stellary.core.board.rules.references import unknown
from stellary.core.db.base import is_given
from stellary.core.db.row_fields import FieldOptions, RowFields
from stellary.core.db.row_types import Query
from stellary.core.kernel.events import PilotageChanged
from stellary.core.kernel.paging import Pages, equals_unindexed
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.kernel.writes import delete_row
from stellary.core.pilotage import rows, rules
from stellary.core.pilotage.row_types import (
    ActionRow,
    LedgerRow,
    MissionRow,
    PriorityRow,
    TodoRow,
)
from stellary.core.pilotage.tables import actions, decisions, docs, missions, numbers, priorities, todos

Row = TypeVar("Row", bound=LedgerRow)
T = TypeVar("T", bound=Value)


def _build_next_number(dialect: Any) -> Any:
    """Build the statement that returns the next number. It locks the counter, so a rollback leaves no gap."""
    statement = dialect.insert(numbers).values(last=1)
    return statement.on_conflict_do_update(
        index_elements=[numbers.c.workspace_id, numbers.c.kind], set_={"last": numbers.c.last + 1}
    ).returning(numbers.c.last)


_NEXT = {"sqlite": _build_next_number(sqlite), "postgresql": _build_next_number(postgresql)}


class Ledger(Generic[Row, T]):
    """The operations on one kind of item, with statements that are built once.

    Args:
        name: The name of the kind in errors.
        kind: The name of the kind in activity types.
        table: The table.
        row_type: The columns of its rows.
        title: The column with the title or label.
        value_type: The class of the values.
        derive: Returns further fields of the value of a row. Default: none.
        **options: See ``RowFields``.
    """

    def __init__(
        self,
        name: str,
        kind: rules.PilotageKind,
        table: Table,
        row_type: type[Row],
        title: str,
        value_type: type[T],
        derive: Callable[[UnitOfWork, Row], Mapping[str, object]] = lambda uow, row: {},
        **options: Unpack[FieldOptions],
    ) -> None:
        self.name, self.table, self.row_type = name, table, row_type
        self._kind, self._title, self._derive = kind, title, derive
        options["computed"] = ("id", *options.get("computed", ()))
        options["internal"] = ("workspace_id", "number", *options.get("internal", ()))
        self._fields = RowFields(value_type, table, **options)
        in_workspace: ColumnElement[bool] = is_given(table.c.workspace_id)
        self.this: ColumnElement[bool] = and_(in_workspace, is_given(table.c.number))
        """The condition of one row, by its workspace and its number."""
        all_rows: Select[Any] = select(table).where(in_workspace)
        self._all = Pages(row_type, all_rows, table.c.number)
        if "status" in table.c:
            has_status = equals_unindexed(table.c.status, bindparam("_status"))
            self._of_status = Pages(row_type, all_rows, table.c.number, residual=[has_status])
        this_row: Select[Any] = select(table).where(self.this)
        self._lock_statement = Query(row_type, this_row.with_for_update(key_share=True))
        self._share_lock_statement = (
            select(table.c.number).where(self.this).with_for_update(read=True, key_share=True)
        )
        self._insert = Query(row_type, insert(table).returning(*table.c))
        self._update = Query(row_type, update(table).where(self.this).returning(*table.c))
        self._delete = delete(table).where(self.this)

    def to_value(self, uow: UnitOfWork, row: Row) -> T:
        """Convert a row to a value.

        Args:
            uow: A unit.
            row: The row.
        """
        return self._fields.to_value(row, id=rules.short_id(self._kind, row.number), **self._derive(uow, row))

    def parse_number(self, short_id: str) -> int:
        """Return the number of a short id."""
        return rules.parse_short_id(self._kind, short_id)

    def record_version(self, uow: UnitOfWork, row: Row) -> None:
        """Record that the unit's changes depend on the current version of an item.

        Args:
            row: The row of the item.
        """
        uow.record_dependency(self._kind, f"{row.workspace_id} {row.number}", row.updated_at)

    def fetch(
        self, uow: UnitOfWork, workspace_id: str, request: Paged, status: str | Unset = UNSET
    ) -> Listing[T]:
        """Return the items of a workspace, or a page of them, oldest first.

        Args:
            workspace_id: The workspace.
            request: The page.
            status: The status to filter by; all by default.
        """
        parameters = {"_workspace_id": workspace_id}

        def convert(row: Row) -> T:
            return self.to_value(uow, row)

        if status is UNSET:
            return self._all.fetch(uow, request, convert, **parameters)
        return self._of_status.fetch(uow, request, convert, **parameters, _status=status)

    def add(
        self, uow: UnitOfWork, workspace_id: str, values: Mapping[str, object], change: str = "created"
    ) -> T:
        """Insert an item with the next number, and return it.

        Args:
            uow: A unit of work that writes.
            workspace_id: The workspace.
            values: The values of its columns.
            change: The name of the change in the activity type.
        """
        counter_parameters = {"workspace_id": workspace_id, "kind": self._kind}
        number = uow.connection.execute(_NEXT[uow.connection.dialect.name], counter_parameters).scalar_one()
        columns = {"workspace_id": workspace_id, "number": number, **values}
        columns |= {"created_by_id": uow.user_id, "created_at": uow.now, "updated_at": uow.now}
        row = self._insert.one(uow.connection, columns)
        item = self.to_value(uow, row)
        self.emit_change(uow, row, change, None, item)
        return item

    def lock(self, uow: UnitOfWork, row: Row) -> Row:
        """Lock the row of an item until the transaction ends, and return its current state.

        Args:
            uow: A unit of work that writes.
            row: The row that an access check has loaded.

        Raises:
            NotFound: The item was deleted in the meantime.
        """
        if not uses_row_locks(uow):
            return row
        parameters = row_parameters(row.workspace_id, row.number)
        return require_row(self._lock_statement.first(uow.connection, parameters), self.name)

    def change(self, uow: UnitOfWork, before: Row, changes: Mapping[str, object]) -> T:
        """Update the changed columns of a locked item, and return it.

        Args:
            uow: A unit of work that writes.
            before: The locked row.
            changes: The new values by column.
        """
        changes = {name: value for name, value in changes.items() if value != getattr(before, name)}
        if not changes:
            return self.to_value(uow, before)
        columns = {**changes, "updated_at": uow.now, **row_parameters(before.workspace_id, before.number)}
        row = self._update.one(uow.connection, columns)
        item = self.to_value(uow, row)
        changed = tuple(camel(name.replace("_number", "_id")) for name in changes)
        self.emit_change(uow, row, "updated", self.to_value(uow, before), item, changed)
        return item

    def remove(self, uow: UnitOfWork, row: Row) -> None:
        """Delete an item.

        Args:
            uow: A unit of work that writes.
            row: The row that an access check has loaded.

        Raises:
            NotFound: Another request has deleted it.
        """
        parameters = row_parameters(row.workspace_id, row.number)
        delete_row(uow, self._delete, parameters, self.name)
        self.emit_change(uow, row, "deleted", self.to_value(uow, row), None)

    def resolve_reference(
        self, uow: UnitOfWork, workspace_id: str, short_id: str | Unset | None, field: str
    ) -> int | Unset | None:
        """Return the number of an item that a body refers to, and lock it against deletion.

        Args:
            uow: A unit of work that writes.
            workspace_id: The workspace.
            short_id: The id; UNSET and None are returned as they are.
            field: The position of the id in the request, for the error.

        Raises:
            Invalid: The workspace has no such item.
        """
        if short_id is UNSET or short_id is None:
            return short_id
        parameters = row_parameters(workspace_id, self.parse_number(short_id))
        number: int | None = uow.connection.execute(self._share_lock_statement, parameters).scalar()
        if number is None:
            raise unknown(field)
        return number

    def emit_change(
        self,
        uow: UnitOfWork,
        row: Row,
        change: str,
        before: T | None,
        after: T | None,
        changed: tuple[str, ...] = (),
        concerned_id: str | None = None,
    ) -> None:
        """Emit the event of a change.

        Args:
            uow: A unit of work that writes.
            row: The item's row.
            change: The name of the change in the activity type.
            before: The item before the change; None if it was created.
            after: The item after the change; None if it was deleted.
            changed: The wire names of the changed fields.
            concerned_id: A user to notify.
        """
        uow.emit(
            PilotageChanged(
                workspace_id=row.workspace_id,
                type=ACTIVITY_TYPES[f"{self._kind}_{change}"],
                thing_id=rules.short_id(self._kind, row.number),
                title=getattr(row, self._title),
                before=before,
                after=after,
                changed=changed,
                concerned_id=concerned_id,
            )
        )


def row_parameters(workspace_id: str, number: int) -> dict[str, object]:
    """Return the parameters of statements that find a row of a ledger.

    Args:
        workspace_id: The workspace.
        number: The number of the row.
    """
    return {"_workspace_id": workspace_id, "_number": number}


def _derive_references(_: UnitOfWork, row: TodoRow) -> dict[str, object]:
    mission, priority = row.mission_number, row.priority_number
    return {
        "mission_id": None if mission is None else rules.short_id("mission", mission),
        "priority_id": None if priority is None else rules.short_id("priority", priority),
    }


def _derive_problem(uow: UnitOfWork, row: ActionRow) -> dict[str, object]:
    """Return the problem of an action that may still be applied; the caller adds its references."""
    is_open = row.status in rules.OPEN
    return {
        "problem": rows.find_problem(uow, row.action_type, row.payload) if is_open else None,
        "references": [],
    }


MISSIONS = Ledger("Mission", "mission", missions, MissionRow, "objective", Mission)
PRIORITIES = Ledger("Priority", "priority", priorities, PriorityRow, "label", PilotagePriority)
TODOS = Ledger(
    "Todo",
    "todo",
    todos,
    TodoRow,
    "label",
    Todo,
    _derive_references,
    computed=("mission_id", "priority_id"),
    internal=("mission_number", "priority_number"),
)
DECISIONS = Ledger("Decision", "decision", decisions, LedgerRow, "title", Decision)
DOCS = Ledger("Document", "doc", docs, LedgerRow, "title", ActiveDoc)
ACTIONS = Ledger(
    "Action",
    "action",
    actions,
    ActionRow,
    "action_type",
    ProposedAction,
    _derive_problem,
    computed=("problem", "references"),
    converted=("result",),
    renamed={"proposed_by_id": "created_by_id"},
    internal=("resolved_payload",),
)

AnyLedger = Ledger[Any, Any]
