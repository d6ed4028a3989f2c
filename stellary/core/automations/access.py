"""The access check for a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import FromClause, and_, bindparam

from stellary.contract.errors import NotFound
from stellary.contract.refs import AutomationRef, Ref
from stellary.core.accounts.access_checks import Loaded, check_role, load_with_roles
from stellary.core.automations.tables import automations
from stellary.core.board.access import OF_PROJECT, through_project
from stellary.core.kernel.unit import UnitOfWork


def _to_automation(source: FromClause) -> FromClause:
    return source.outerjoin(
        automations,
        and_(automations.c.project_id == OF_PROJECT, automations.c.id == bindparam("_rule_id")),
    )


_AUTOMATION = through_project(*automations.c, joins=_to_automation)


def automation(uow: UnitOfWork, ref: AutomationRef) -> Loaded[Any]:
    """Check access to a rule of a project; return its row.

    Raises:
        NotFound: The caller does not reach the workspace, or there is no such project, or no such rule in it.
        Forbidden: The caller's role is not enough.
    """
    row, roles = load_with_roles(uow, _AUTOMATION, ref, _project_id=ref.project_id, _rule_id=ref.rule_id)
    if row.of_project is None:
        raise NotFound("Project not found")
    check_role(uow, roles)
    if row.id is None:
        raise NotFound("Automation not found")
    return Loaded(row, roles)


ACCESS_BY_REF: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {AutomationRef: automation}
