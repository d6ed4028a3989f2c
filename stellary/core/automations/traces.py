"""Traces: the record of what rules did. Section Execution Traces of the API reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, insert, or_, select, update

from stellary.contract.automations import LIST_TRACES, AutomationTrace
from stellary.contract.refs import AutomationRef
from stellary.contract.wire import Listing, Paged
from stellary.core.accounts.people import list_admins
from stellary.core.automations import access, rows
from stellary.core.automations.row_types import TraceRow
from stellary.core.automations.tables import automations, traces
from stellary.core.board.queries.recipient_queries import select_workspace_id
from stellary.core.db.base import is_among, is_given
from stellary.core.kernel.events import ItemNoticeGiven
from stellary.core.kernel.item_changes import emit_notice
from stellary.core.kernel.paging import Pages
from stellary.core.kernel.retention import CountLimit, RetentionRule
from stellary.core.kernel.unit import UnitOfWork, serves

TRACES_MAX = 1_000
OWNER_LEFT = "its owner no longer has access to the workspace: the rule was disabled"
TAKEN_OVER = "its owner's account was given to the owner of its e-mail address: the rule was disabled"
NOTICE_PAUSE = timedelta(days=1)
"""The time after which the owner of a rule that still fails is notified again."""

_OF_RULE = is_given(traces.c.automation_id, "rule_id")
_LIST = Pages(TraceRow, select(traces).where(_OF_RULE), traces.c.id, newest_first=True)
_INSERT = insert(traces)
# One process notifies the owner, even if the rule fails in several at the same time.
_NOTE_NOTICES = (
    update(automations)
    .where(
        is_among(automations.c.id),
        or_(
            automations.c.noticed_at.is_(None),
            automations.c.noticed_at <= bindparam("_before"),
            is_among(automations.c.id, "switched_off"),
        ),
    )
    .returning(
        automations.c.id,
        automations.c.name,
        automations.c.project_id,
        automations.c.owner_id,
        select_workspace_id(automations.c.project_id).label("workspace_id"),
    )
)
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
    """Insert traces, and notify the owners of rules that fail; about one in a hundred also deletes old traces of its rule.

    Args:
        uow: A unit of work that writes.
        trace_rows: Rows without id and time.
    """
    if not trace_rows:
        return
    complete_rows = [{"id": uow.new_id(), "created_at": uow.now, **row} for row in trace_rows]
    uow.connection.execute(_INSERT, complete_rows)
    LIMIT.apply(uow, complete_rows)
    errors = {row["automation_id"]: str(row["error"]) for row in trace_rows if row["result"] == "failure"}
    if errors:
        _notify_owners(uow, errors)


def _notify_owners(uow: UnitOfWork, errors: Mapping[str, str]) -> None:
    """Notify the owners of failing rules, once a day, or the admins if the owner has lost access.

    Args:
        errors: Why each rule has failed, by its id.
    """
    switched_off = [id for id, error in errors.items() if error in (OWNER_LEFT, TAKEN_OVER)]
    parameters = {
        "_ids": sorted(errors),
        "_switched_off": switched_off,
        "noticed_at": uow.now,
        "_before": uow.now - NOTICE_PAUSE,
    }
    for row in uow.connection.execute(_NOTE_NOTICES, parameters).fetchall():
        admin_ids = list_admins(uow, row.workspace_id) if row.id in switched_off else []
        notice = ItemNoticeGiven(
            workspace_id=row.workspace_id,
            kind="automation",
            item_id=row.id,
            name=row.name,
            project_id=row.project_id,
            message=f"The rule has failed: {errors[row.id]}.",
            user_ids=(row.owner_id, *admin_ids),
        )
        emit_notice(uow, row.owner_id, notice, rule={"id": row.id, "name": row.name})
