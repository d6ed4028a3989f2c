"""Services for the usage of language models, and the keys that pay for it. Section Agents of the API reference."""

from __future__ import annotations

from stellary.contract.endpoint import Ok
from stellary.contract.model_usage import (
    GET_MODEL_USAGE,
    SET_MODEL_KEY,
    GetModelUsage,
    SetModelKey,
    WorkspaceUsage,
)
from stellary.contract.refs import WorkspaceRef
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts.locks import lock_workspace
from stellary.core.kernel.model_usage import count_tokens, list_key_providers, list_usage, store_key
from stellary.core.kernel.unit import UnitOfWork, serves


@serves(GET_MODEL_USAGE)
def get_model_usage(uow: UnitOfWork, ref: WorkspaceRef, request: GetModelUsage) -> WorkspaceUsage:
    """Return the tokens that language models have used in a workspace."""
    workspace_id = accounts_access.workspace(uow, ref).row.id
    return WorkspaceUsage(
        daily_budget=uow.env.model_budgets.daily,
        tokens_today=count_tokens(uow.connection, workspace_id, uow.now),
        own_keys=list_key_providers(uow, workspace_id),
        days=list_usage(uow, workspace_id, request.days),
    )


@serves(SET_MODEL_KEY)
def set_model_key(uow: UnitOfWork, ref: WorkspaceRef, request: SetModelKey) -> Ok:
    """Set or remove the key of a workspace for the models of a provider.

    Raises:
        Conflict: The server has no lasting secret to encrypt the key with.
    """
    lock_workspace(uow, ref)
    store_key(uow, accounts_access.workspace(uow, ref).row.id, request.provider, request.secret)
    return Ok()
