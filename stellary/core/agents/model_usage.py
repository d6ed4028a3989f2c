"""The service for the usage of language models. Section Agents of the API reference."""

from __future__ import annotations

from stellary.contract.model_usage import GET_MODEL_USAGE, GetModelUsage, WorkspaceUsage
from stellary.contract.refs import WorkspaceRef
from stellary.core.accounts import access as accounts_access
from stellary.core.kernel.model_usage import count_tokens, list_usage
from stellary.core.kernel.unit import UnitOfWork, serves


@serves(GET_MODEL_USAGE)
def get_model_usage(uow: UnitOfWork, ref: WorkspaceRef, request: GetModelUsage) -> WorkspaceUsage:
    """Return the tokens that language models have used in a workspace."""
    workspace_id = accounts_access.workspace(uow, ref).row.id
    return WorkspaceUsage(
        daily_budget=uow.env.model_budgets.daily,
        tokens_today=count_tokens(uow.connection, workspace_id, uow.now),
        days=list_usage(uow, workspace_id, request.days),
    )
