"""Ledgers: what all things of pilotage have in common. They are numbered in their workspace, listed in that order, held
while they are changed, and each change is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import ColumnElement, Row, Select, Table, and_, bindparam, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stellary.contract.activities import ActivityType
from stellary.contract.errors import NotFound
from stellary.contract.naming import camel
from stellary.contract.paging import Listing, Paged
from stellary.contract.unset import UNSET, Unset
from stellary.core.board.locks import uses_row_locks
from stellary.core.board.rules.references import unknown
from stellary.core.kernel.events import PilotageChanged
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork
from stellary.core.pilotage import rows, rules
from stellary.core.pilotage.tables import actions, decisions, docs, missions, numbers, priorities, todos

T = TypeVar("T")


def _next(dialect: Any) -> Any:
    """Give the next number. Who wants another one of the same kind waits, so that one that is undone leaves no gap."""
    made = dialect.insert(numbers).values(last=1)
    return made.on_conflict_do_update(
        index_elements=[numbers.c.workspace_id, numbers.c.kind], set_={"last": numbers.c.last + 1}
    ).returning(numbers.c.last)


_NEXT = {"sqlite": _next(sqlite), "postgresql": _next(postgresql)}


class Ledger(Generic[T]):
    """One kind of things; statements are built once.

    Args:
        name: As a person calls it, in a 404.
        kind: As activities call it.
        table: Where they are.
        title: The column that tells one from another.
        made: The value of a row.
    """

    def __init__(
        self,
        name: str,
        kind: rules.Kind,
        table: Table,
        title: str,
        made: Callable[[UnitOfWork, Row[Any]], T],
    ) -> None:
        self.name, self.table, self.made = name, table, made
        self._kind, self._title = kind, title
        here: ColumnElement[bool] = table.c.workspace_id == bindparam("_workspace_id")
        self.this: ColumnElement[bool] = and_(here, table.c.number == bindparam("_number"))
        """The condition of one row, by its workspace and its number."""
        all_here: Select[Any] = select(table).where(here)
        self._all = Pages(all_here, table.c.number)
        if "status" in table.c:
            self._of_status = Pages(all_here.where(table.c.status == bindparam("_status")), table.c.number)
        self._row: Select[Any] = select(table).where(self.this)
        self._held = self._row.with_for_update(key_share=True)
        self._kept = select(table.c.number).where(self.this).with_for_update(read=True, key_share=True)
        self._insert = insert(table).returning(*table.c)
        self._update = update(table).where(self.this).returning(*table.c)
        self._delete = delete(table).where(self.this).returning(table.c.number)

    def number(self, said: str) -> int:
        """The number that a short id stands for."""
        return rules.number_of(self._kind, said)

    def see(self, uow: UnitOfWork, row: Row[Any]) -> None:
        """Note that a change hangs on one, as it was then."""
        uow.record_dependency(self._kind, f"{row.workspace_id} {row.number}", row.updated_at)

    def fetch(
        self, uow: UnitOfWork, workspace_id: str, request: Paged, status: str | Unset = UNSET
    ) -> Listing[T]:
        """All of a workspace, or those of a status, or a page of these, in the order in which they were made."""
        place = {"_workspace_id": workspace_id}

        def made(row: Row[Any]) -> T:
            return self.made(uow, row)

        if status is UNSET:
            return self._all.fetch(uow, request, made, **place)
        return self._of_status.fetch(uow, request, made, **place, _status=status)

    def row(self, uow: UnitOfWork, workspace_id: str, number: int) -> Row[Any]:
        """One as it is by now.

        Raises:
            NotFound: It is gone.
        """
        return self._found(uow.connection.execute(self._row, _this(workspace_id, number)).first())

    def add(self, uow: UnitOfWork, workspace_id: str, change: str = "created", **values: Any) -> T:
        """Write down a new one, under the next number."""
        place = {"workspace_id": workspace_id, "kind": self._kind}
        number = uow.connection.execute(_NEXT[uow.connection.dialect.name], place).scalar_one()
        written = {"workspace_id": workspace_id, "number": number, **values}
        written |= {"created_by_id": uow.user_id, "created_at": uow.now, "updated_at": uow.now}
        row = uow.connection.execute(self._insert, written).one()
        self.tell(uow, row, change)
        return self.made(uow, row)

    def hold(self, uow: UnitOfWork, row: Row[Any]) -> Row[Any]:
        """Hold what an access check has found until the unit ends, as it is by now: nobody else changes it.

        Raises:
            NotFound: It was deleted in the meantime.
        """
        if not uses_row_locks(uow):
            return row
        place = _this(row.workspace_id, row.number)
        return self._found(uow.connection.execute(self._held, place).first())

    def change(self, uow: UnitOfWork, before: Row[Any], changes: Mapping[str, Any]) -> T:
        """Write what is to be otherwise into a row that is held."""
        changes = {name: said for name, said in changes.items() if said != getattr(before, name)}
        if not changes:
            return self.made(uow, before)
        written = {**changes, "updated_at": uow.now, **_this(before.workspace_id, before.number)}
        row = uow.connection.execute(self._update, written).one()
        self.tell(uow, row, "updated", tuple(_wire(name) for name in changes))
        return self.made(uow, row)

    def remove(self, uow: UnitOfWork, row: Row[Any]) -> None:
        """Delete what an access check has found.

        Raises:
            NotFound: Somebody else was quicker.
        """
        place = _this(row.workspace_id, row.number)
        self._found(uow.connection.execute(self._delete, place).first())
        self.tell(uow, row, "deleted")

    def refer(
        self, uow: UnitOfWork, workspace_id: str, said: str | Unset | None, field: str
    ) -> int | Unset | None:
        """The number of what an id in a body names; it is not deleted before the unit ends.

        Raises:
            Invalid: There is no such thing in the workspace.
        """
        if said is UNSET or said is None:
            return said
        place = _this(workspace_id, self.number(said))
        number: int | None = uow.connection.execute(self._kept, place).scalar()
        if number is None:
            raise unknown(field)
        return number

    def tell(
        self,
        uow: UnitOfWork,
        row: Row[Any],
        change: str,
        changed: tuple[str, ...] = (),
        concerned_id: str | None = None,
    ) -> None:
        """Note what has happened to one."""
        uow.emit(
            PilotageChanged(
                workspace_id=row.workspace_id,
                type=cast("ActivityType", f"{self._kind}_{change}"),
                thing_id=rules.short_id(self._kind, row.number),
                title=getattr(row, self._title),
                changed=changed,
                concerned_id=concerned_id,
            )
        )

    def _found(self, row: Row[Any] | None) -> Row[Any]:
        if row is None:
            raise NotFound(f"{self.name} not found")
        return row


def _this(workspace_id: str, number: int) -> dict[str, Any]:
    return {"_workspace_id": workspace_id, "_number": number}


def _wire(column: str) -> str:
    """What a column is called on the wire: ``mission_number`` holds the ``missionId``."""
    return camel(column.replace("_number", "_id"))


MISSIONS = Ledger("Mission", "mission", missions, "objective", rows.mission)
PRIORITIES = Ledger("Priority", "priority", priorities, "label", rows.priority)
TODOS = Ledger("Todo", "todo", todos, "label", rows.todo)
DECISIONS = Ledger("Decision", "decision", decisions, "title", rows.decision)
DOCS = Ledger("Document", "doc", docs, "title", rows.doc)
ACTIONS = Ledger("Action", "action", actions, "action_type", rows.action)

AnyLedger = Ledger[Any]
