"""Agents: programs that work in a workspace under a name of their own. Section Agents of the API reference."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from stellary.contract.endpoint import Ok, creates, deletes, lists, reads, updates
from stellary.contract.limits import Id, Items, Length, Name, Range, Secret, Slug
from stellary.contract.paging import Paged
from stellary.contract.policies import AGENT_TOKENS, AGENTS_ADMIN, AGENTS_READ
from stellary.contract.refs import AgentRef, AgentTokenRef, WorkspaceRef
from stellary.contract.unset import UNSET, Unset
from stellary.contract.wire import Request, Value, request, value

AGENTS_MAX = 100
AGENT_TOKENS_MAX = 20
AutonomyMode = Literal["supervised", "approval", "autonomous"]
"""How what an agent wants to change comes about: each change is decided by a person, all changes of a mission are
decided at once, or none is."""
Runtime = Literal["built_in", "model", "external"]
"""Who thinks for an agent: the built-in reader of plain instructions, a language model, or a program outside."""
AgentStatus = Literal["active", "suspended"]
AuditOutcome = Literal["allowed", "proposed", "refused"]
Tools = Annotated[list[Annotated[str, Length(1, 100)]], Items(0, 100)]
Projects = Annotated[list[Id], Items(1, 100)]


@value
class RateLimit(Value):
    """How often an agent may do something.

    Attributes:
        max_actions: So many calls, refused ones not counted, within
        window_seconds: so many seconds.
    """

    max_actions: int
    window_seconds: int


@value
class Agent(Value):
    """A program that works in a workspace; what it does bears its id and its name.

    Attributes:
        id: Stands where a user's id does in activity, comments and cards that it has made.
        tools: What it may do: names of actions (``move_card``) and whole categories (``board.write``).
        project_ids: Where it may do so; None for all projects of the workspace.
        runtime: Who thinks for it.
        model: Of the runtime ``model``: ``openai:gpt-5-mini`` …
        created_by_id: Who has made it.
    """

    id: str
    workspace_id: str
    name: str
    slug: str
    description: str | None
    autonomy_mode: AutonomyMode
    tools: list[str]
    project_ids: list[str] | None
    rate_limit: RateLimit
    runtime: Runtime
    model: str | None
    status: AgentStatus
    created_by_id: str
    created_at: datetime
    updated_at: datetime


@value
class AgentToken(Value):
    """A token with which a program acts as an agent, as its admins see it.

    Attributes:
        prefix: How it begins, to tell it from others.
        created_by_id: Within whose rights the agent acts with it.
        expires_at: None for one that does not expire.
        last_used_at: To the minute.
    """

    id: str
    agent_id: str
    name: str
    prefix: str
    created_by_id: str
    expires_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime


@value
class CreatedAgentToken(AgentToken):
    """A new one; the token itself is shown here and never again."""

    token: Annotated[str, Secret()]


@value
class AuditEntry(Value):
    """What an agent has tried to do, and what became of it.

    Attributes:
        mission_id: For which mission; None for what it did with a token of its own.
        tool: The name of the action, or the operation of the API: ``move_card``, ``cards.update``.
        reason: Why it was refused.
        on_behalf_of_id: Within whose rights.
        proposal_id: Of what was proposed.
    """

    id: str
    agent_id: str
    mission_id: str | None
    tool: str
    outcome: AuditOutcome
    reason: str | None
    on_behalf_of_id: str
    proposal_id: str | None
    created_at: datetime


@request
class SetRateLimit(Request):
    """How often an agent may do something.

    Attributes:
        max_actions: 1 to 10 000 calls within
        window_seconds: 1 to 86 400 seconds.
    """

    max_actions: Annotated[int, Range(1, 10_000)]
    window_seconds: Annotated[int, Range(1, 86_400)]


@request
class CreateAgent(Request):
    """An agent to be; a workspace has 100 at most.

    Attributes:
        slug: Unique in the workspace; made of the name if not given.
        autonomy_mode: ``supervised`` if not given: every change waits for somebody to approve it.
        tools: Names of actions and of categories of them; ``["board.read"]`` if not given.
        project_ids: Where it may work; in all projects of the workspace if not given.
        rate_limit: 60 calls in 60 seconds if not given.
        runtime: ``built_in`` if not given; ``external`` for one that comes with a token of its own.
        model: Whom the runtime ``model`` asks, as ``provider:name``.
    """

    name: Name
    slug: Slug | Unset = UNSET
    description: Annotated[str, Length(0, 2000)] | None = None
    autonomy_mode: AutonomyMode = "supervised"
    tools: Tools | Unset = UNSET
    project_ids: Projects | None = None
    rate_limit: SetRateLimit | Unset = UNSET
    runtime: Runtime = "built_in"
    model: Annotated[str, Length(1, 200)] | None = None


@request
class UpdateAgent(Request):
    """What is not named stays.

    Attributes:
        tools: All of them anew.
        project_ids: All of them anew; ``None`` for every project of the workspace.
        status: ``suspended`` stops it at once: its tokens are refused, and its missions wait.
    """

    name: Name | Unset = UNSET
    slug: Slug | Unset = UNSET
    description: Annotated[str, Length(0, 2000)] | Unset | None = UNSET
    autonomy_mode: AutonomyMode | Unset = UNSET
    tools: Tools | Unset = UNSET
    project_ids: Projects | Unset | None = UNSET
    rate_limit: SetRateLimit | Unset = UNSET
    runtime: Runtime | Unset = UNSET
    model: Annotated[str, Length(1, 200)] | Unset | None = UNSET
    status: AgentStatus | Unset = UNSET


@request
class CreateAgentToken(Request):
    """A token to be; an agent has 20 at most.

    Attributes:
        name: What it is for.
        expires_at: A moment to come; never if not given.
    """

    name: Name
    expires_at: date | Unset | None = UNSET


CREATE_AGENT = creates(
    "agents.create",
    WorkspaceRef,
    "agents",
    summary="Create an agent: a program with a name of its own, and what it may do.",
    takes=CreateAgent,
    returns=Agent,
    policy=AGENTS_ADMIN,
)
LIST_AGENTS = lists(
    "agents.list",
    WorkspaceRef,
    "agents",
    summary="List the agents of a workspace.",
    takes=Paged,
    item=Agent,
    policy=AGENTS_READ,
)
GET_AGENT = reads(
    "agents.get",
    AgentRef,
    summary="One agent, and what it may do.",
    returns=Agent,
    policy=AGENTS_READ,
)
UPDATE_AGENT = updates(
    "agents.update",
    AgentRef,
    summary="Change an agent, suspend it, or let it work again.",
    takes=UpdateAgent,
    returns=Agent,
    policy=AGENTS_ADMIN,
)
DELETE_AGENT = deletes(
    "agents.delete",
    AgentRef,
    summary="Delete an agent with its tokens and missions. What it has done stays, and bears its name.",
    returns=Ok,
    policy=AGENTS_ADMIN,
)
LIST_AUDIT = lists(
    "agents.audit",
    AgentRef,
    "audit",
    summary="List what an agent has tried to do, newest first; about the last ten thousand calls.",
    takes=Paged,
    item=AuditEntry,
    policy=AGENTS_READ,
)
CREATE_AGENT_TOKEN = creates(
    "agents.create_token",
    AgentRef,
    "tokens",
    summary="Make a token with which a program acts as the agent, within the rights of whoever makes it.",
    takes=CreateAgentToken,
    returns=CreatedAgentToken,
    policy=AGENT_TOKENS,
    keeps_secret=True,
)
LIST_AGENT_TOKENS = lists(
    "agents.list_tokens",
    AgentRef,
    "tokens",
    summary="List the tokens of an agent, without their secrets.",
    takes=Paged,
    item=AgentToken,
    policy=AGENT_TOKENS,
)
REVOKE_AGENT_TOKEN = deletes(
    "agents.revoke_token",
    AgentTokenRef,
    summary="Revoke a token of an agent; it is refused from the next request on.",
    returns=Ok,
    policy=AGENT_TOKENS,
)

ENDPOINTS = (
    CREATE_AGENT,
    LIST_AGENTS,
    GET_AGENT,
    UPDATE_AGENT,
    DELETE_AGENT,
    LIST_AUDIT,
    CREATE_AGENT_TOKEN,
    LIST_AGENT_TOKENS,
    REVOKE_AGENT_TOKEN,
)
