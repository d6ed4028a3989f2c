"""The unit of work, which is one transaction on behalf of one actor; and the decorators for services."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import copy
from datetime import datetime
from typing import Any, Final, Literal, TypeVar, cast, overload

import attrs
from sqlalchemy import Connection

from stellary.contract.endpoint import TOKEN_SCOPES, Endpoint, Nothing, Policy
from stellary.contract.errors import Forbidden, PreconditionFailed, ServerError, Unauthenticated
from stellary.contract.refs import Ref
from stellary.contract.wire import Request, check
from stellary.core.db.base import IdSource
from stellary.core.db.direct_connection import execute_queued
from stellary.core.kernel.causes import Cause
from stellary.core.kernel.environment import Environment
from stellary.core.kernel.event_handlers import NESTED_MAX
from stellary.core.kernel.events import BaseEvent
from stellary.core.kernel.lock_plan import LockPlan
from stellary.core.kernel.signals import Signals
from stellary.core.kernel.signer import Claims, build_invalid_token
from stellary.core.ports.blobs import StoredFile

R = TypeVar("R", bound=Ref)
Q = TypeVar("Q", bound=Request)
T = TypeVar("T")
U = TypeVar("U")


@attrs.frozen
class AgentLimits:
    """The current limits of an acting agent. The rights of its principal limit it as well.

    Attributes:
        principal_id: The user within whose rights it acts, who issued its token, started its mission or approves its proposal.
        workspace_id: The only workspace to which the agent has access.
        tools: The actions and categories of actions that it may use, by name.
        project_ids: The projects to which it has access; None for all projects of the workspace.
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

    def as_via(self) -> dict[str, str | None]:
        """Return the fields of ``ViaAgent`` as JSON, except the name, for the activities of the agent."""
        return {"id": self.agent_id, "mission": self.mission_id, "principalId": self.principal_id}


@attrs.frozen
class Actor:
    """The caller: a user or an agent, and the limits of the token. The rights of the user are read in each unit of work.

    Attributes:
        user_id: The user or agent that changes are attributed to; None for a caller without a token.
        scopes: The scopes of a personal access token; None after a login, and for an embedding host.
        token_id: The id of the API token or agent token; None for a login.
        agent_limits: The limits of an agent; None for a person.
        login_id: The id of the caller's session (the ``jti`` of the JWT); None without a login.
        login_generation: The number of password changes before the login; None without a login.
        token_name: The name of the token, for the record of changes.
        token_project_ids: The projects to which the API token is bound; None for other callers.
        acts_for_host: Whether the host acts with the user's rights, which then apply even if the account is deactivated.
    """

    user_id: str | None
    scopes: frozenset[str] | None = None
    token_id: str | None = None
    agent_limits: AgentLimits | None = None
    login_id: str | None = attrs.field(default=None, eq=False, repr=False)
    login_generation: int | None = attrs.field(default=None, eq=False, repr=False)
    token_name: str | None = attrs.field(default=None, eq=False, repr=False)
    acts_for_host: bool = attrs.field(default=False, eq=False, repr=False)
    token_project_ids: frozenset[str] | None = None

    def require(self, policy: Policy) -> None:
        """Check that the token allows a call, before anything is read.

        Args:
            policy: The policy row of the endpoint.

        Raises:
            Unauthenticated: The endpoint requires a token, and there is none.
            Forbidden: The token lacks the scope, or the endpoint is not for agents.
        """
        if policy.token == "public":
            return
        if self.user_id is None:
            raise Unauthenticated("a Bearer token is required")
        if self.agent_limits is not None:
            if policy.agent == "-":
                raise Forbidden("agents may not do that, whatever their mode", code="not_for_agents")
            return
        if self.scopes is not None:
            self._require_scope(policy, self.scopes)

    def _require_scope(self, policy: Policy, scopes: frozenset[str]) -> None:
        if self.token_project_ids is not None and policy.project is None and policy.role != "any":
            raise Forbidden("the API token is bound to projects", code="bound_token")
        if policy.token == "any":
            return
        if policy.token == "jwt":
            raise Forbidden("this requires a login, not an API token", code="login_required")
        if policy.token == "full":
            if not scopes.issuperset(TOKEN_SCOPES):
                raise Forbidden("this requires an API token with all scopes", code="insufficient_scope")
        elif policy.token not in scopes:
            raise Forbidden(f"the API token lacks the scope {policy.token}", code="insufficient_scope")

    def is_allowed(self, policy: Policy) -> bool:
        """Return whether the token allows a call, without reading anything."""
        with suppress(Unauthenticated, Forbidden):
            self.require(policy)
            return True
        return False


NOBODY = Actor(user_id=None)
_ROLLED_BACK: Final = ("settled_count", "handled_count", "ended_counts", "broken_rules", "shared_places")


@attrs.define(eq=False, repr=False)
class UnitOfWork:
    """One transaction on behalf of one actor, at one moment.

    Services take a unit as their first argument. Open one with ``Core.begin``, ``Core.view`` or ``Core.run``. A unit
    belongs to the thread and the block that it was opened in.

    Attributes:
        env, connection: The environment of the core, and the SQLAlchemy connection, whose transaction commits with the unit.
        actor: The caller on whose behalf the unit works.
        now, new_id: The time in UTC, the same throughout the unit, and a function that returns a new id.
        if_match: The versions that the caller accepts, from ``If-Match``; None accepts any version.
        operation: The operation of the request, or the kind of the job, for ``UnitTimes``.
        events: The events so far, in order; ``settle`` passes them to the reactions.
        unfinished: The path of an item that a job changes, if the unit reads it or begins that; and a function that undoes the latter.
        after_commit: Functions without arguments to call after the commit, in order; an exception in one is logged.
        cause: The reason for the current change; None for a change that the caller makes directly.
        rule_action_count: The number of actions that automation rules have run in the unit.
        pending_login: The caller's JWT, until its password generation has been compared with the account's.
        dependencies: The versions that access checks have read, by kind and id, while a proposal is made; None otherwise.
        lock_plan: The rows that it locks, if it is repeated when the database aborts it; None otherwise.
        sees_only_committed: Whether the unit only reads, on a connection of its own, so that it sees only committed rows.
        opened_at: A time before its first statement, by ``time.perf_counter``, if it only reads on a connection of its own; otherwise 0.
        settled_count, handled_count: The numbers of events passed to the reactions, and to the handlers of the host.
        has_deleted: Whether the unit has deleted rows to which rows of a host may refer.
        members: Users known to have access to a workspace until the unit ends: their names, by workspace id and user id.
        ended_counts: The numbers of items that ended together with a user's rights, by field of ``EndedRights``.
        item_names, broken_rules: The names of labels and custom fields that it has read, and the projects and names of rules that it broke, by id.
        shared_places: The ids of workspaces known to have no guests, and of projects known not to be private.
        workspaces_without_subscribers, workspaces_without_change_rules, workspaces_without_watches: Those known to have none.
    """

    env: Environment
    connection: Connection
    actor: Actor
    _react: Callable[[UnitOfWork], None]
    now: datetime = attrs.field(init=False)
    new_id: IdSource = attrs.field(init=False)
    if_match: frozenset[str] | None = None
    operation: str = "other"
    events: list[BaseEvent] = attrs.field(factory=list)
    after_commit: list[Callable[[], None]] = attrs.field(factory=list)
    unfinished: tuple[str, Callable[[UnitOfWork], None] | None] | None = None
    cause: Cause | None = None
    lock_plan: LockPlan | None = None
    pending_login: Claims | None = None
    dependencies: dict[str, str] | None = None
    sees_only_committed: bool = False
    opened_at: float = 0.0
    rule_action_count: int = 0
    settled_count: int = 0
    handled_count: int = 0
    has_deleted: bool = False
    members: dict[tuple[str, str], str] = attrs.field(factory=dict)
    item_names: dict[str, str] = attrs.field(factory=dict)
    broken_rules: dict[str, tuple[str, str]] = attrs.field(factory=dict)
    ended_counts: defaultdict[str, int] = attrs.field(factory=functools.partial(defaultdict, int))
    shared_places: set[str] = attrs.field(factory=set)
    workspaces_without_subscribers: set[str] = attrs.field(factory=set)
    workspaces_without_change_rules: set[str] = attrs.field(factory=set)
    workspaces_without_watches: set[str] = attrs.field(factory=set)
    _policies: list[Policy] = attrs.field(factory=list)
    _authorized: list[bool] = attrs.field(factory=list)
    _handler_depth: int = 0

    def __attrs_post_init__(self) -> None:
        self.now, self.new_id = self.env.clock(), self.env.new_id

    @property
    def user_id(self) -> str:
        """The id of the acting user or agent.

        Raises:
            Unauthenticated: The caller has no token.
        """
        if self.actor.user_id is None:
            raise Unauthenticated("a Bearer token is required")
        return self.actor.user_id

    @property
    def principal_id(self) -> str:
        """The id of the user whose rights apply: the acting user, or the principal of the acting agent."""
        limits = self.actor.agent_limits
        return self.user_id if limits is None else limits.principal_id

    @property
    def pending_session_id(self) -> str:
        """The id of the session of the caller's JWT, until ``confirm_login`` is called; empty without one."""
        return "" if self.pending_login is None else self.pending_login.token_id

    def confirm_login(self, user_id: str, generation: int | None) -> None:
        """Compare the password generation of an account with that of the caller's JWT, if that is still pending.

        Args:
            user_id: The account. Another one than the caller's is ignored.
            generation: The number of its passwords so far; None if it does not exist, or ``pending_session_id`` has ended.

        Raises:
            Unauthenticated: Since the login, the password has been changed, or the session or the account has ended.
        """
        login = self.pending_login
        if login is None or login.user_id != user_id:
            return
        if login.generation != generation:
            raise build_invalid_token()
        self.pending_login = None

    def record_dependency(self, kind: str, id: str, version: object = "") -> None:
        """Record the version of a row that a change depends on, when it is first read. A proposal is bound to these versions.

        Args:
            kind: The kind of the row, such as ``card``.
            id: The id of the row.
            version: Its version, or the time of its last change.
        """
        if self.dependencies is not None:
            self.dependencies.setdefault(f"{kind} {id}", str(version))

    @property
    def policy(self) -> Policy:
        """The policy row of the running service, which its access check enforces."""
        return self._policies[-1]

    def push_policy(self, policy: Policy) -> None:
        """Start a service with this policy row, and check that the token permits it.

        Raises:
            Unauthenticated, Forbidden: The token does not allow the call, or there is none.
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
            raise ServerError("a service has responded without an access check", code="unchecked_policy")

    def checking(self, policy: Policy) -> _PolicyBlock:
        """Let access checks in the block enforce a policy row.

        Raises:
            Unauthenticated, Forbidden: The token does not allow the call, or there is none.
            ServerError: The block performed no access check, which is a defect.
        """
        return _PolicyBlock(self, policy)

    def emit(self, event: BaseEvent) -> None:
        """Add an event to the unit. ``settle`` passes it to the reactions (``stellary.core.api.reactions``)."""
        self.events.append(event if self.cause is None else event.because(self.cause))

    def settle(self) -> None:
        """Pass the events so far to the reactions: automation rules, activity, notifications, webhooks, search.

        The unit settles before it commits. A service that returns something that rules may change settles before it
        returns.
        """
        if self.settled_count < len(self.events):
            self._react(self)

    def call_handlers(self) -> None:
        """Pass the events so far to the handlers that the host registered with ``Core.on``.

        Each handler acts as the actor of the change. ``settle`` calls the handlers of events before their reactions.

        Raises:
            ServerError: Handlers trigger each other without end.
        """
        handlers = self.env.event_handlers
        if not handlers:
            return
        while self.handled_count < len(self.events):
            event = self.events[self.handled_count]
            self.handled_count += 1
            for handle in handlers.find(type(event)):
                if self._handler_depth == NESTED_MAX:
                    raise ServerError(
                        f"handlers of events trigger each other more than {NESTED_MAX} deep",
                        code="endless_handlers",
                    )
                self._handler_depth += 1
                try:
                    actor = self.actor if event.cause is None else Actor(event.cause.user_id)
                    with self.caused_by(event.cause, actor):
                        handle(self, event)
                    self.call_handlers()
                finally:
                    self._handler_depth -= 1

    def send_on_commit(self, topic: str) -> None:
        """Send a signal after the commit, so that its listeners read the database again. A rollback sends nothing."""
        self.after_commit.append(_SendSignal(self.env.signals, topic))

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Run the block in a savepoint. An exception rolls back only the block, with its events and effects."""
        event_count, effect_count = len(self.events), len(self.after_commit)
        before = {name: copy(getattr(self, name)) for name in _ROLLED_BACK}
        # Their errors concern the whole unit.
        execute_queued(self.connection)
        try:
            with self.connection.begin_nested():
                yield
        except BaseException:
            del self.events[event_count:], self.after_commit[effect_count:]
            # Reactions that ran within the block are rolled back too, even those to earlier events.
            for name, value in before.items():
                setattr(self, name, value)
            # The rollback has released the locks on these users' memberships.
            self.members.clear()
            self.item_names.clear()
            raise

    @contextmanager
    def caused_by(self, cause: Cause | None, actor: Actor) -> Iterator[None]:
        """Act as another actor within the block.

        Args:
            cause: The reason for the changes in the block, which their events carry.
            actor: The actor within the block.
        """
        before = self.actor, self.cause
        self.actor, self.cause = actor, cause
        try:
            yield
        finally:
            self.actor, self.cause = before

    def require_version(self, version: int) -> None:
        """Check the current version of a row against ``If-Match``.

        Raises:
            PreconditionFailed: The caller does not accept the current version.
        """
        if self.if_match is not None and str(version) not in self.if_match:
            raise PreconditionFailed(f"the current version is {version}", code="stale_version")


class _PolicyBlock:
    """A block in which access checks enforce a policy row."""

    __slots__ = ("_policy", "_uow")

    def __init__(self, uow: UnitOfWork, policy: Policy) -> None:
        self._uow, self._policy = uow, policy

    def __enter__(self) -> None:
        self._uow.push_policy(self._policy)

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        if error_type is not None:
            self._uow.mark_authorized()
        self._uow.pop_policy()


@attrs.frozen
class _SendSignal:
    """An effect that sends a signal. Effects with the same topic are equal, so that a commit sends each topic once."""

    signals: Signals
    topic: str

    def __call__(self) -> None:
        self.signals.send(self.topic)


def check_restrictions(uow: UnitOfWork, endpoint: object, ref: Ref) -> None:
    """Call the host's checks, each of which may refuse the call of an endpoint.

    Args:
        endpoint: The endpoint that is called.
        ref: The address of the item.
    """
    for restrict in uow.env.restrictions:
        restrict(uow, endpoint, ref)


Prepare = Callable[[Any, Actor, Any, Any], Any]
"""A slow step before a service, called with ``Units``, actor, ref and request; the service gets the result as ``prepared``."""

Mode = Literal["read", "write", "self_managed"]
"""The unit that a service runs in: one that only reads, one that may write, or units that the service opens itself."""


@attrs.frozen
class Service:
    """The registration of a service function.

    Attributes:
        endpoint: The endpoint that it serves.
        mode: The unit that it runs in.
        function: The function.
        prepare: The slow step before its unit; None if there is none.
        needs_snapshot: Whether the statements of a reading service must see the same state of the database.
        shares_commit: Whether waiting calls in a project are committed together on PostgreSQL.
    """

    endpoint: Endpoint[Any, Any, Any, Any]
    mode: Mode
    function: Callable[..., Any]
    prepare: Prepare | None = None
    needs_snapshot: bool = True
    shares_commit: bool = False


@overload
def serves(  # type: ignore[overload-overlap] # an endpoint without a request calls it without one
    endpoint: Endpoint[R, [], Nothing, T],
    *,
    snapshot: bool = True,
) -> Callable[[Callable[[UnitOfWork, R], T]], Callable[[UnitOfWork, R], T]]: ...
@overload
def serves(
    endpoint: Endpoint[R, ..., Q, T],
    prepare: Prepare | None = None,
    *,
    snapshot: bool = True,
    shares_commit: bool = False,
) -> Callable[[Callable[[UnitOfWork, R, Q], T]], Callable[[UnitOfWork, R, Q], T]]: ...
def serves(
    endpoint: Endpoint[Any, ..., Any, Any],
    prepare: Prepare | None = None,
    *,
    snapshot: bool = True,
    shares_commit: bool = False,
) -> Any:
    """Declare that a function serves an endpoint. Every call is checked, whether it comes from Python or over HTTP.

    Before it runs, the token and the limits of the request are checked; ``ServerError`` follows if no access check ran.

    Args:
        endpoint: The endpoint that the function serves.
        prepare: A slow step to run before the unit opens, once the access check has passed. A function that
            is called within an open unit receives no ``prepared`` result, and must do this work itself.
        snapshot: Whether the statements of a GET must see the same state. False if the response needs only
            the access check and one other statement; PostgreSQL then needs no BEGIN and COMMIT.
        shares_commit: Whether waiting calls in a project are committed together on PostgreSQL, one after the other in
            the order of their columns. For functions that lock the project, then only the column of their ref.

    """
    policy = endpoint.policy
    mode: Mode = "read" if endpoint.method == "GET" else "write"

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def service(uow: UnitOfWork, ref: Ref, *requests: Any, **prepared: Any) -> Any:
            with uow.checking(policy):
                check_restrictions(uow, endpoint, ref)
                checked = requests if endpoint.takes_file else map(check, requests)
                return function(uow, ref, *checked, **prepared)

        service.service = Service(  # type: ignore[attr-defined]
            endpoint, mode, service, prepare, snapshot, shares_commit
        )
        return service

    return decorate


def serves_upload(
    endpoint: Endpoint[R, [], Nothing, T],
) -> Callable[[Callable[[UnitOfWork, R, StoredFile], T]], Callable[[UnitOfWork, R, StoredFile], T]]:
    """Declare that a function serves an endpoint that takes a file. The function receives a file that is in the store."""
    decorate: Any = serves(endpoint)
    return decorate  # type: ignore[no-any-return]


def serves_download(
    endpoint: Endpoint[R, [], Nothing, bytes],
) -> Callable[[Callable[[UnitOfWork, R], StoredFile]], Callable[[UnitOfWork, R], StoredFile]]:
    """Declare that a function serves an endpoint that responds with a file. The function returns the stored file."""
    decorate: Any = serves(endpoint)
    return decorate  # type: ignore[no-any-return]


@overload
def serves_self_managed(  # type: ignore[overload-overlap] # as above
    endpoint: Endpoint[R, [], Nothing, T],
) -> Callable[[Callable[[U, Actor, R], T]], Callable[[U, Actor, R], T]]: ...
@overload
def serves_self_managed(
    endpoint: Endpoint[R, ..., Q, T],
) -> Callable[[Callable[[U, Actor, R, Q], T]], Callable[[U, Actor, R, Q], T]]: ...
def serves_self_managed(endpoint: Endpoint[Any, ..., Any, Any]) -> Any:
    """Declare that a function serves an endpoint and opens its own units of work, with slow work between them.

    Hashing a password takes 0.3 s, during which an open transaction would block all other writers.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def service(units: Any, actor: Actor, ref: Ref, *requests: Request) -> Any:
            actor.require(endpoint.policy)
            return function(units, actor, ref, *map(check, requests))

        service.service = Service(endpoint, "self_managed", service)  # type: ignore[attr-defined]
        return service

    return decorate


def find_service(uow: UnitOfWork, operation: str) -> Service:
    """Return the service of an operation, such as ``cards.create``.

    Args:
        operation: The name of the operation.

    Raises:
        KeyError: There is no such operation.
    """
    return cast("Service", uow.env.services[operation])


def is_service(function: Callable[..., Any]) -> bool:
    """Return whether a function serves an endpoint, and therefore checks its policy row itself."""
    return isinstance(getattr(function, "service", None), Service)


def service_of(function: Callable[..., Any]) -> Service:
    """Return the registration of a service function.

    Raises:
        TypeError: The function serves no endpoint.
    """
    if not is_service(function):
        raise TypeError(f"{function!r} serves no endpoint")
    return cast("Service", vars(function)["service"])
