"""Traces: what rules have made of events. Section Execution Traces of the API reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select

from stellary.contract.automations import LIST_TRACES, AutomationTrace
from stellary.contract.paging import Listing, Paged
from stellary.contract.refs import AutomationRef
from stellary.core.automations import access, rows
from stellary.core.automations.tables import traces
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.unit import UnitOfWork, serves

KEPT = 1_000
FORGETS_EVERY = 100

_OF_RULE = traces.c.automation_id == bindparam("_rule_id")
_LIST = Pages(select(traces).where(_OF_RULE), traces.c.id, newest_first=True)
_INSERT = insert(traces)
_old = traces.alias("old")
_FORGET = delete(traces).where(
    _OF_RULE,
    traces.c.id
    <= select(_old.c.id)
    .where(_old.c.automation_id == bindparam("_rule_id"))
    .order_by(_old.c.id.desc())
    .limit(1)
    .offset(KEPT)
    .scalar_subquery(),
)


@serves(LIST_TRACES)
def list_traces(uow: UnitOfWork, ref: AutomationRef, request: Paged) -> Listing[AutomationTrace]:
    """What a rule has done, newest first."""
    rule = access.automation(uow, ref).row
    return _LIST.fetch(uow, request, rows.trace, _rule_id=rule.id)


def record(uow: UnitOfWork, made: Sequence[Mapping[str, Any]]) -> None:
    """Record traces, and now and then forget the oldest ones of a rule.

    Args:
        uow: The unit.
        made: Rows without an id.
    """
    if not made:
        return
    written = [{"id": uow.new_id(), "created_at": uow.now, **each} for each in made]
    uow.connection.execute(_INSERT, written)
    for each in written:
        if int(each["id"], 16) % FORGETS_EVERY == 0:
            forget(uow, each["automation_id"])


def forget(uow: UnitOfWork, rule_id: str) -> None:
    """Keep the newest thousand traces of a rule."""
    uow.connection.execute(_FORGET, {"_rule_id": rule_id})
