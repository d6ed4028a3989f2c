"""The unit of work: one transaction, one actor, one moment; and the policy row that access checks enforce."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeVar, cast, overload

import attrs
from sqlalchemy import Connection

from stellary.contract.endpoint import TOKEN_SCOPES, Endpoint, Nothing, Policy
from stellary.contract.errors import Forbidden, PreconditionFailed, ServerError, Unauthenticated
from stellary.contract.refs import Ref
from stellary.contract.wire import Request, check
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.events import BaseEvent, Cause
from stellary.core.kernel.signals import Signals
from stellary.core.ports.blobs import StoredFile

R = TypeVar("R", bound=Ref)
Q = TypeVar("Q", bound=Request)
T = TypeVar("T")
U = TypeVar("U")


@attrs.frozen
class AgentLimits:
    """The limits of an acting agent, as its row states them now. The rights of its principal limit it as well.

    Attributes:
        principal_id: The user within whose rights the agent acts: the one who issued its token, started its mission or approves
            its proposal.
        workspace_id: The only workspace that the agent can reach.
        tools: The actions and categories of actions that it may use, by name.
        project_ids: The projects that it can reach; None for all projects of the workspace.
        at_once: Whether its changes take effect without the approval of a person.
        mission_id: The mission that it works on; None outside of missions.
    """

    agent_id: str
    principal_id: str
    workspace_id: str
    tools: frozenset[str] = frozenset()
    project_ids: frozenset[str] | None = None
    at_once: bool = False
    mission_id: str | None = None

    def sees(self, project_id: str) -> bool:
        """Return whether the agent can reach a project of its workspace."""
        return self.project_ids is None or project_id in self.project_ids


@attrs.frozen
class Actor:
    """Whoever acts, and how far the token reaches; what the user may do is read anew in each unit of work.

    Attributes:
        user_id: Whose name what is done will bear; None for somebody without a token.
        scopes: Those of a personal access token; None for a person who has logged in, or an embedding host.
        token_id: The token, if it is not a login.
        agent_limits: What the agent may do; None for a person.
        login_id: The login (``jti``), if it is one: for the log.
    """

    user_id: str | None
    scopes: frozenset[str] | None = None
    token_id: str | None = None
    agent_limits: AgentLimits | None = None
    login_id: str | None = attrs.field(default=None, eq=False, repr=False)

    def require(self, policy: Policy) -> None:
        """Check what the token reaches, before anything is looked up.

        Raises:
            Unauthenticated: The endpoint asks for a token.
            Forbidden: The token lacks the scope.
        """
        if policy.token == "public":
            return
        if self.user_id is None:
            raise Unauthenticated("a Bearer token is required")
        if self.agent_limits is not None:
            if policy.agent == "-":
                raise Forbidden("agents may not do that, whatever their mode", code="not_for_agents")
            return
        if self.scopes is None or policy.token == "any":
            return
        if policy.token == "jwt":
            raise Forbidden("this takes a person who has logged in, not an API token", code="login_required")
        if policy.token == "full":
            if not self.scopes.issuperset(TOKEN_SCOPES):
                raise Forbidden("this takes an API token with all scopes", code="insufficient_scope")
        elif policy.token not in self.scopes:
            raise Forbidden(f"the API token lacks the scope {policy.token}", code="insufficient_scope")

    def reaches(self, policy: Policy) -> bool:
        """Whether the token reaches that far."""
        try:
            self.require(policy)
        except (Unauthenticated, Forbidden):
            return False
        return True


NOBODY = Actor(user_id=None)


class UnitOfWork:
    """One transaction on behalf of one actor. Services take it first; access checks enforce the policy row that it carries.

    Attributes:
        env: The environment of the core: its clock, settings and ports.
        connection: The database connection, in a transaction.
        actor: On whose behalf.
        now: The moment, the same throughout.
        new_id: Makes an id.
        if_match: The versions that the caller will accept, from ``If-Match``; None asks for nothing.
        events: What has happened so far; reactions settle it before the commit.
        after_commit: What is to be done once the transaction is over.
        cause: What leads to what happens now; None for what somebody does by hand.
        proxied: How many actions have been run by rules.
        seen: The versions that access checks have read, for a proposal to depend on; None where none is being made.
        settled: How many of the events have been reacted to.
        reaching: Who has been found to reach a workspace, and so does until the unit ends: names by workspace and user.
        ended: How much has ended in this unit with somebody's rights, by the fields of ``EndedRights``; reactions count.
        workspaces_without_subscribers: Ids of workspaces without rules and webhooks, as access checks have read them.
    """

    __slots__ = (
        "_authorized",
        "_policies",
        "_react",
        "actor",
        "after_commit",
        "cause",
        "connection",
        "ended",
        "env",
        "events",
        "if_match",
        "new_id",
        "now",
        "proxied",
        "reaching",
        "seen",
        "settled",
        "workspaces_without_subscribers",
    )

    def __init__(
        self,
        env: Environment,
        connection: Connection,
        actor: Actor,
        react: Callable[[UnitOfWork], None],
    ) -> None:
        self.env = env
        self.connection = connection
        self.actor = actor
        self.now = env.clock()
        self.new_id = env.new_id
        self.if_match: frozenset[str] | None = None
        self.events: list[BaseEvent] = []
        self.after_commit: list[Callable[[], None]] = []
        self.cause: Cause | None = None
        self.proxied = 0
        self.seen: dict[str, str] | None = None
        self.settled = 0
        self.reaching: dict[tuple[str, str], str] = {}
        self.ended: Counter[str] = Counter()
        self.workspaces_without_subscribers: set[str] = set()
        self._react = react
        self._policies: list[Policy] = []
        self._authorized: list[bool] = []

    @property
    def user_id(self) -> str:
        """The acting user.

        Raises:
            Unauthenticated: Nobody acts.
        """
        if self.actor.user_id is None:
            raise Unauthenticated("a Bearer token is required")
        return self.actor.user_id

    @property
    def principal_id(self) -> str:
        """Within whose rights: the acting user, or whom the acting agent acts for."""
        limits = self.actor.agent_limits
        return self.user_id if limits is None else limits.principal_id

    def record_dependency(self, kind: str, id: str, version: object = "") -> None:
        """Record the version of a row that a change depends on, as first read: a proposal is bound to these versions.

        Args:
            kind: The kind of the row, such as ``card``.
            id: The id of the row.
            version: Its version, or the time of its last change.
        """
        if self.seen is not None:
            self.seen.setdefault(f"{kind} {id}", str(version))

    @property
    def policy(self) -> Policy:
        """The policy row of the running service, which its access check enforces."""
        return self._policies[-1]

    def push_policy(self, policy: Policy) -> None:
        """Start a service with this policy row. So far, only what the token allows has been checked.

        Raises:
            Unauthenticated: The endpoint requires a token, and there is none.
            Forbidden: The token does not allow the call.
        """
        self.actor.require(policy)
        self._policies.append(policy)
        self._authorized.append(policy.role in ("public", "self"))

    def mark_authorized(self) -> None:
        """Note that an access check has enforced the policy row of the running service."""
        self._authorized[-1] = True

    def pop_policy(self) -> None:
        """End a service.

        Raises:
            ServerError: The service performed no access check, which is a defect. Nothing has been committed yet.
        """
        self._policies.pop()
        if not self._authorized.pop():
            raise ServerError("a service answered without asking whether it may", code="unchecked_policy")

    @contextmanager
    def checking(self, policy: Policy) -> Iterator[None]:
        """Check access by a policy row in the block, outside of the service that the row belongs to."""
        self.push_policy(policy)
        try:
            yield
        except BaseException:
            self.mark_authorized()
            raise
        finally:
            self.pop_policy()

    def emit(self, event: BaseEvent) -> None:
        """Add an event to the unit. ``settle`` passes it to the reactions (``stellary.core.api.reactions``)."""
        self.events.append(event if self.cause is None else event.because(self.cause))

    def settle(self) -> None:
        """Let everything that has happened so far be reacted to, at the latest before the commit.

        A service that answers with what rules may change settles before it answers.
        """
        if self.settled < len(self.events):
            self._react(self)

    def send_on_commit(self, topic: str) -> None:
        """Send a signal once the unit is committed; none if it is undone."""
        self.after_commit.append(_SendSignal(self.env.signals, topic))

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part of the unit that is undone by itself on an exception, as if it had not been begun."""
        events, due = len(self.events), len(self.after_commit)
        settled, ended = self.settled, self.ended.copy()
        try:
            with self.connection.begin_nested():
                yield
        except BaseException:
            del self.events[events:], self.after_commit[due:]
            # What was settled in it is undone as well, whenever it happened.
            self.settled, self.ended = settled, ended
            # What kept them there has been let go of with the savepoint.
            self.reaching.clear()
            raise

    @contextmanager
    def caused_by(self, cause: Cause | None, actor: Actor) -> Iterator[None]:
        """A part of the unit in which somebody else acts, for a reason."""
        before = self.actor, self.cause
        self.actor, self.cause = actor, cause
        try:
            yield
        finally:
            self.actor, self.cause = before

    def require_version(self, version: int) -> None:
        """Honour ``If-Match``.

        Raises:
            PreconditionFailed: The caller has seen another version.
        """
        if self.if_match is not None and str(version) not in self.if_match:
            raise PreconditionFailed(f"the current version is {version}", code="stale_version")


@attrs.frozen
class _SendSignal:
    """Sends a signal. Two of one topic are equal: of several that wait for one commit, one is enough."""

    signals: Signals
    topic: str

    def __call__(self) -> None:
        self.signals.send(self.topic)


Prepare = Callable[[Any, Actor, Any, Any], Any]
"""Something slow that is done before the unit is begun: called with the ``Units`` of the core, the actor, the ref and the
request. What it returns is given to the service as ``prepared``."""

Mode = Literal["view", "begin", "outside"]
"""How a service wants to be run: in a unit that only reads, in one that may write, or by itself (it opens its own)."""


@attrs.frozen
class Service:
    """What a service function says of itself: the endpoint it serves, how it is run, and what is done before that."""

    endpoint: Endpoint[Any, Any, Any, Any]
    mode: Mode
    function: Callable[..., Any]
    prepare: Prepare | None = None


@overload
def serves(  # type: ignore[overload-overlap] # what takes nothing is called with nothing, not with a Nothing
    endpoint: Endpoint[R, [], Nothing, T],
) -> Callable[[Callable[[UnitOfWork, R], T]], Callable[[UnitOfWork, R], T]]: ...
@overload
def serves(
    endpoint: Endpoint[R, ..., Q, T],
    prepare: Prepare | None = None,
) -> Callable[[Callable[[UnitOfWork, R, Q], T]], Callable[[UnitOfWork, R, Q], T]]: ...
def serves(endpoint: Endpoint[Any, ..., Any, Any], prepare: Prepare | None = None) -> Any:
    """Say which endpoint a function of a unit of work serves. Its policy row holds whoever calls it.

    The reach of the token is checked before the function runs, the limits of a request that was built in Python too,
    and that an access check ran is checked after it.

    Args:
        endpoint: Which one.
        prepare: Done before the unit is begun, once the access check has passed. A function that is called within a
            unit that is there already gets nothing prepared, and does it itself.
    """
    policy = endpoint.policy
    mode: Mode = "view" if endpoint.method == "GET" else "begin"

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def service(uow: UnitOfWork, ref: Ref, *requests: Any, **prepared: Any) -> Any:
            with uow.checking(policy):
                said = requests if endpoint.takes_file else map(check, requests)
                return function(uow, ref, *said, **prepared)

        service.served = Service(endpoint, mode, service, prepare)  # type: ignore[attr-defined]
        return service

    return decorate


def serves_upload(
    endpoint: Endpoint[R, [], Nothing, T],
) -> Callable[[Callable[[UnitOfWork, R, StoredFile], T]], Callable[[UnitOfWork, R, StoredFile], T]]:
    """The same for an endpoint that takes a file: the function is given one whose bytes are in the store."""
    made: Any = serves(endpoint)
    return made  # type: ignore[no-any-return]


def serves_download(
    endpoint: Endpoint[R, [], Nothing, bytes],
) -> Callable[[Callable[[UnitOfWork, R], StoredFile]], Callable[[UnitOfWork, R], StoredFile]]:
    """The same for an endpoint that answers with a file: the function says which one."""
    made: Any = serves(endpoint)
    return made  # type: ignore[no-any-return]


@overload
def serves_outside(  # type: ignore[overload-overlap] # as above
    endpoint: Endpoint[R, [], Nothing, T],
) -> Callable[[Callable[[U, Actor, R], T]], Callable[[U, Actor, R], T]]: ...
@overload
def serves_outside(
    endpoint: Endpoint[R, ..., Q, T],
) -> Callable[[Callable[[U, Actor, R, Q], T]], Callable[[U, Actor, R, Q], T]]: ...
def serves_outside(endpoint: Endpoint[Any, ..., Any, Any]) -> Any:
    """The same for a function that opens units of work itself, since it does something slow between them.

    Hashing a password takes 0.3 s: with a transaction open, nobody else would write.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def service(units: Any, actor: Actor, ref: Ref, *requests: Request) -> Any:
            actor.require(endpoint.policy)
            return function(units, actor, ref, *map(check, requests))

        service.served = Service(endpoint, "outside", service)  # type: ignore[attr-defined]
        return service

    return decorate


def find_service(uow: UnitOfWork, operation: str) -> Service:
    """Return the service of an operation, out of those that the core was made with."""
    return cast("Service", uow.env.services[operation])


def is_service(function: Callable[..., Any]) -> bool:
    """Whether a function serves an endpoint, and so checks its policy row by itself."""
    return isinstance(getattr(function, "served", None), Service)


def served(function: Callable[..., Any]) -> Service:
    """What a service function says of itself. Raises TypeError if it is none."""
    found = getattr(function, "served", None)
    if not isinstance(found, Service):
        raise TypeError(f"{function!r} serves no endpoint")
    return found
