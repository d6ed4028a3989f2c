"""Types of items that are written by id, checked by mypy (``dev.py check``), and never run.

Each line that must be refused bears an ignore comment; one that is not needed is an error itself.
"""

from stellary.contract.agents import Agent, AgentToken
from stellary.core import UnitOfWork
from stellary.core.agents.rows import AGENTS, TOKENS


def write_items(uow: UnitOfWork, agent: Agent, token: AgentToken) -> None:
    """Insert, update and delete items, and others of which the type checker must refuse each."""
    TOKENS.insert(uow, token, token_digest="d")
    TOKENS.insert_all(uow, [token], token_digest="d")
    TOKENS.update(uow, token, token)
    TOKENS.delete(uow, token)
    TOKENS.insert(uow, agent, token_digest="d")  # type: ignore[arg-type]
    TOKENS.insert(uow, token)  # type: ignore[call-arg]
    TOKENS.insert(uow, token, token_digest=3)  # type: ignore[arg-type]
    TOKENS.insert(uow, token, token_digst="d")  # type: ignore[call-arg]
    TOKENS.update(uow, token, agent)  # type: ignore[arg-type]
    TOKENS.delete(uow, agent)  # type: ignore[arg-type]
    AGENTS.delete(uow, token.agent_id)  # type: ignore[arg-type]
