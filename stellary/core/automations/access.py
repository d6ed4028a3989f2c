"""The access check for a rule."""

from __future__ import annotations

from stellary.contract.refs import AutomationRef
from stellary.core.accounts.access_checks import AccessCheck, Link, by_ref
from stellary.core.automations.row_types import AutomationRow
from stellary.core.automations.tables import automations
from stellary.core.board.access import IN_PROJECT, PROJECT

automation = AccessCheck(
    AutomationRef,
    AutomationRow,
    PROJECT,
    Link("Automation", automations, "rule_id", automations.c.project_id == IN_PROJECT),
    columns=automations.c,
    reads_sight=True,
)
"""The access check for a rule of a project."""

ACCESS_BY_REF = by_ref(automation)
