"""Traces: the record of what rules did. Section Execution Traces of the API reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, insert, select

from stellary.contract.automations import LIST_TRACES, AutomationTrace
from stellary.contract.paging import Listing, Paged
from stellary.contract.refs import AutomationRef
from stellary.core.automations import access, rows
from stellary.core.automations.row_types import TraceRow
from stellary.core.automations.tables import traces
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.retention import CountLimit, RetentionRule
from stellary.core.kernel.unit import UnitOfWork, serves

TRACES_MAX = 1_000

_OF_RULE = traces.c.automation_id == bindparam("_rule_id")
_LIST = Pages(TraceRow, select(traces).where(_OF_RULE), traces.c.id, newest_first=True)
_INSERT = insert(traces)
LIMIT = CountLimit(traces, "automation_id", TRACES_MAX)
"""The limit of the traces of a rule."""
RETENTION = RetentionRule(traces, traces.c.created_at, lambda retention: timedelta(days=retention.trace_days))
"""The rule for old traces."""


@serves(LIST_TRACES)
def list_traces(uow: UnitOfWork, ref: AutomationRef, request: Paged) -> Listing[AutomationTrace]:
    """Return the traces of a rule, newest first."""
    rule = access.automation(uow, ref).row
    return _LIST.fetch(uow, request, rows.trace, _rule_id=rule.id)


def record(uow: UnitOfWork, trace_rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert traces; about one in a hundred also deletes old traces of its rule.

    Args:
        uow: A unit of work that writes.
        trace_rows: Rows without id and time.
    """
    if not trace_rows:
        return
    complete_rows = [{"id": uow.new_id(), "created_at": uow.now, **row} for row in trace_rows]
    uow.connection.execute(_INSERT, complete_rows)
    LIMIT.apply(uow, complete_rows)
