"""Agents: programs that work in a workspace under their own name. Section Agents of the API reference."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from stellary.contract.endpoint import Collection, creates, lists
from stellary.contract.limits import Id, Items, Length, Name, Range, Secret, Slug
from stellary.contract.policies import AGENT_TOKENS, AGENTS_ADMIN, AGENTS_READ
from stellary.contract.refs import AgentRef, AgentTokenRef, WorkspaceRef
from stellary.contract.wire import UNSET, DatedItem, RecordedItem, Request, Unset, Value

AGENTS_MAX = 100
AGENT_TOKENS_MAX = 20
AutonomyMode = Literal["supervised", "approval", "autonomous"]
"""The approval that an agent's changes need.

``supervised``: each change by itself; ``approval``: all changes of a mission together; ``autonomous``: none.
"""
Runtime = Annotated[str, Length(1, 20)]
"""The program that decides an agent's steps.

``built_in``: an interpreter of plain instructions; ``model``: a language model; ``built_in_else_model``: a language model for
the tasks that ``built_in`` does not understand; ``external``: an external program; or the name of a runtime that the
application registers.
"""
AgentStatus = Literal["active", "suspended"]
AuditOutcome = Literal["allowed", "proposed", "refused"]
Tools = Annotated[list[Annotated[str, Length(1, 100)]], Items(0, 100)]
ProjectIds = Annotated[list[Id], Items(1, 100)]


class RateLimit(Value):
    """The maximum rate of an agent's calls.

    Attributes:
        max_actions: The maximum number of calls within the window. Refused calls do not count.
        window_seconds: The length of the window, in seconds.
    """

    max_actions: int
    window_seconds: int


class Agent(DatedItem):
    """A program that works in a workspace. Its changes carry its id and name.

    Attributes:
        id: Used like a user id in the activities, comments and cards that the agent creates.
        tools: The allowed tools: names of actions (``move_card``) and whole categories (``board.write``).
        project_ids: The projects in which the agent may work; None for all projects of the workspace.
        runtime: The program that decides the agent's steps.
        model: The language model of the runtimes ``model`` and ``built_in_else_model``: ``openai:gpt-5-mini`` …
        created_by_id: The id of the user who created the agent.
    """

    workspace_id: str
    name: str
    slug: str
    description: str | None
    autonomy_mode: AutonomyMode
    tools: list[str]
    project_ids: list[str] | None
    rate_limit: RateLimit
    runtime: str
    model: str | None
    status: AgentStatus
    created_by_id: str


class AgentToken(RecordedItem):
    """A token with which an external program acts as an agent, without its secret.

    Attributes:
        prefix: The first characters of the token, to tell it from others.
        created_by_id: The id of the user who created the token and whose rights limit the agent's.
        expires_at: None if the token does not expire.
        last_used_at: To the minute; None if the token was never used.
    """

    agent_id: str
    name: str
    prefix: str
    created_by_id: str
    expires_at: datetime | None
    last_used_at: datetime | None


class CreatedAgentToken(AgentToken):
    """A token that has just been created. The token itself is only returned in this response."""

    token: Annotated[str, Secret()]


class AuditEntry(RecordedItem):
    """An action that an agent attempted, and its outcome.

    Attributes:
        mission_id: The mission it was part of; None for a call with one of the agent's own tokens.
        tool: The name of the action, or of the API operation: ``move_card``, ``cards.update``.
        reason: Why it was refused.
        on_behalf_of_id: The id of the user whose rights limited the agent's.
        proposal_id: The id of the proposal that was created.
    """

    agent_id: str
    mission_id: str | None
    tool: str
    outcome: AuditOutcome
    reason: str | None
    on_behalf_of_id: str
    proposal_id: str | None


class SetRateLimit(Request):
    """The maximum rate of an agent's calls.

    Attributes:
        max_actions: The maximum number of calls within the window, 1 to 10 000.
        window_seconds: The length of the window, 1 to 86 400 seconds.
    """

    max_actions: Annotated[int, Range(1, 10_000)]
    window_seconds: Annotated[int, Range(1, 86_400)]


class CreateAgent(Request):
    """The fields of a new agent. A workspace has at most 100.

    Attributes:
        slug: Unique in the workspace. Default: derived from the name.
        autonomy_mode: Default: ``supervised``, where every change waits for approval.
        tools: Names of actions and of categories of actions. Default: ``["board.read"]``.
        project_ids: The projects in which the agent may work. Default: all projects of the workspace.
        rate_limit: Default: 60 calls in 60 seconds.
        runtime: ``built_in`` (default), ``model``, ``built_in_else_model``, ``external`` for a program that uses a token of
            the agent, or the name of a runtime of the application.
        model: The language model, as ``provider:name``; one of those that the server allows. Required by the runtime
            ``model``, optional with ``built_in_else_model``.
    """

    name: Name
    slug: Slug | Unset = UNSET
    description: Annotated[str, Length(0, 2000)] | None = None
    autonomy_mode: AutonomyMode = "supervised"
    tools: Tools | Unset = UNSET
    project_ids: ProjectIds | None = None
    rate_limit: SetRateLimit | Unset = UNSET
    runtime: Runtime = "built_in"
    model: Annotated[str, Length(1, 200)] | None = None


class UpdateAgent(Request):
    """The fields to change. Omitted fields keep their values.

    Attributes:
        tools: Replaces all tools.
        project_ids: Replaces all projects; ``None`` for every project of the workspace.
        status: ``suspended`` stops the agent immediately: its tokens are refused and its missions wait.
    """

    name: Name | Unset = UNSET
    slug: Slug | Unset = UNSET
    description: Annotated[str, Length(0, 2000)] | Unset | None = UNSET
    autonomy_mode: AutonomyMode | Unset = UNSET
    tools: Tools | Unset = UNSET
    project_ids: ProjectIds | Unset | None = UNSET
    rate_limit: SetRateLimit | Unset = UNSET
    runtime: Runtime | Unset = UNSET
    model: Annotated[str, Length(1, 200)] | Unset | None = UNSET
    status: AgentStatus | Unset = UNSET


class CreateAgentToken(Request):
    """The fields of a new token. An agent has at most 20.

    Attributes:
        name: The purpose of the token.
        expires_at: A time in the future. Default: the token does not expire.
    """

    name: Name
    expires_at: date | Unset | None = UNSET


_AGENTS = Collection(WorkspaceRef, "agents", AgentRef, Agent)
_TOKENS = Collection(AgentRef, "tokens", AgentTokenRef, AgentToken)

CREATE_AGENT = _AGENTS.creates(
    "agents.create",
    summary="Create an agent with its own name, allowed tools and rate limit.",
    takes=CreateAgent,
    policy=AGENTS_ADMIN,
)
LIST_AGENTS = _AGENTS.lists(
    "agents.list",
    summary="List the agents of a workspace.",
    policy=AGENTS_READ,
)
GET_AGENT = _AGENTS.reads("agents.get", summary="Get an agent and its configuration.", policy=AGENTS_READ)
UPDATE_AGENT = _AGENTS.updates(
    "agents.update",
    summary="Update, suspend or resume an agent.",
    takes=UpdateAgent,
    policy=AGENTS_ADMIN,
)
DELETE_AGENT = _AGENTS.deletes(
    "agents.delete",
    summary="Delete an agent with its tokens and missions. Its changes are kept and still carry its name.",
    policy=AGENTS_ADMIN,
)
LIST_AUDIT = lists(
    "agents.audit",
    AgentRef,
    "audit",
    summary="List the actions that an agent attempted, newest first. About the latest 10 000 are kept.",
    item=AuditEntry,
    policy=AGENTS_READ,
)
CREATE_AGENT_TOKEN = creates(
    "agents.create_token",
    AgentRef,
    "tokens",
    summary="Create a token with which a program acts as the agent, limited by the caller's rights.",
    takes=CreateAgentToken,
    returns=CreatedAgentToken,
    policy=AGENT_TOKENS,
)
LIST_AGENT_TOKENS = _TOKENS.lists(
    "agents.list_tokens",
    summary="List the tokens of an agent, without their secrets.",
    policy=AGENT_TOKENS,
)
REVOKE_AGENT_TOKEN = _TOKENS.deletes(
    "agents.revoke_token",
    summary="Revoke a token of an agent. Requests with it are refused from then on.",
    policy=AGENT_TOKENS,
)
