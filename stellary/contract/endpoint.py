"""Endpoints as values: the operation's name, path, request, response and policy.

``CREATE_CARD = creates("cards.create", ColumnRef, "cards", takes=CreateCard, returns=Card, policy=BOARD_WRITE)`` contains all that
the server's routes, the SDK's methods, OpenAPI and the permission matrix need. An endpoint without a policy cannot be
created.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, ParamSpec, TypedDict, TypeVar, Unpack, get_args, overload

import attrs

from stellary.contract.limits import Secret
from stellary.contract.naming import marks, wire_fields
from stellary.contract.refs import Ref
from stellary.contract.roles import ProjectRole
from stellary.contract.wire import Listing, Paged, Request, Stream, Value

R = TypeVar("R", bound=Ref)
S = TypeVar("S", bound=Ref)
Q = TypeVar("Q", bound=Request)
T = TypeVar("T")
P = ParamSpec("P")
Method = Literal["GET", "POST", "PATCH", "DELETE"]
JSON = "application/json"
EVENT_STREAM = "text/event-stream"

TokenScope = Literal[
    "projects:read",
    "projects:write",
    "pilotage:read",
    "pilotage:write",
    "notifications:read",
    "account:read",
    "account:write",
]
TOKEN_SCOPES: tuple[TokenScope, ...] = get_args(TokenScope)

Role = Literal[
    "public",
    "any",
    "self",
    "self_obj",
    "invitee",
    "org_read",
    "org_admin",
    "org_owner",
    "ws_read",
    "ws_admin",
    "ws_admin_or_self",
    "ws_owner",
    "proj_manage",
    "author",
    "creator",
    "author_or_manager",
    "pil_write",
    "pil_review",
]

ROLES: Mapping[Role, str] = {
    "public": "everyone",
    "any": "every caller with a valid token",
    "self": "every account, for its own data",
    "self_obj": "the owner of the item",
    "invitee": "the recipient of the invitation",
    "org_read": "members of the organization",
    "org_admin": "admins of the organization",
    "org_owner": "the owner of the organization",
    "ws_read": "everyone with access to the workspace",
    "ws_admin": "admins of the workspace",
    "ws_admin_or_self": "admins of the workspace, and the member itself",
    "ws_owner": "the owner of the workspace",
    "proj_manage": "members of the project, and admins of the workspace",
    "author": "the creator, and admins of the workspace",
    "creator": "the creator only",
    "author_or_manager": "the creator, and managers of the project",
    "pil_write": "pilotage owners",
    "pil_review": "pilotage reviewers and owners",
}
"""The callers with each role. The admins and the owner of an organization are admins of its workspaces as well."""
_WITH_GUESTS: tuple[Role, ...] = ("org_read", "ws_read")
"""The roles that include guests, unless the policy row says otherwise."""
_TOKENS: Mapping[str, str] = {
    "public": "",
    "any": "; any API token is accepted",
    "full": "; API tokens need all scopes",
    "jwt": "; requires a login, not an API token",
}

TokenRule = TokenScope | Literal["public", "any", "full", "jwt"]
"""The requirement on a personal access token.

A scope; ``any``: any valid token; ``full``: a token with all scopes; ``jwt``: a JWT, and no personal access token;
``public``: no token.
"""

AgentRule = Literal["-", "r", "w", "w0"]
"""The access of an agent's own token: none, read, write (subject to approval by the agent's mode), or propose only."""


@attrs.frozen
class Policy:
    """The callers that may use an endpoint, by role, token and agent.

    Attributes:
        project: The least role in the project of the item, beside ``role``; None if the item is in no project.
        guests: Whether guests of the workspace may use it too, in the projects of which they are members.
    """

    role: Role
    token: TokenRule
    agent: AgentRule = "-"
    project: ProjectRole | None = None
    guests: bool = False

    def describe(self) -> str:
        """Return the sentence that says who may use the endpoint."""
        token = _TOKENS.get(self.token, f"; API tokens need the scope `{self.token}`")
        project = f"; in a project, with the role {self.project} or a higher one" if self.project else ""
        guests = "" if self.guests or self.role not in _WITH_GUESTS else ", except guests"
        return f"Permitted for {ROLES[self.role]}{guests}{project}{token}."


_NO_OWNER = "without a caller, nobody owns the key"
_SEVERAL_TRANSACTIONS = (
    "it checks passwords between its transactions, so no transaction has both key and effect"
)
WITHOUT_KEY: Mapping[str, str] = {
    "auth.change_email": _SEVERAL_TRANSACTIONS,
    "auth.change_password": _SEVERAL_TRANSACTIONS,
    "auth.confirm_email": _NO_OWNER,
    "auth.confirm_second_factor": _SEVERAL_TRANSACTIONS,
    "auth.delete_account": _SEVERAL_TRANSACTIONS,
    "auth.disable_second_factor": _SEVERAL_TRANSACTIONS,
    "auth.enroll_second_factor": _SEVERAL_TRANSACTIONS,
    "auth.forgot_password": _NO_OWNER,
    "auth.login": _NO_OWNER,
    "auth.logout": "it ends the login with which a repetition would be sent",
    "auth.register": _NO_OWNER,
    "auth.reset_password": _NO_OWNER,
}
"""The operations that write and ignore ``Idempotency-Key``, with the reasons."""


class Nothing(Request):
    """The request class of an endpoint without parameters."""


class Ok(Value):
    """The response to a deletion: ``{"ok": true}``."""

    ok: bool = True


class BrokenAutomation(Value):
    """An automation rule that a deletion broke."""

    id: str
    name: str


class Deleted(Ok):
    """The response to the deletion of an item that automation rules may need.

    Attributes:
        broken_automations: The rules that no longer run, since they need the item, of projects that you see. Restoring it mends
            them.
    """

    broken_automations: list[BrokenAutomation]


@attrs.frozen
class Endpoint(Generic[R, P, Q, T]):
    """An operation of the API.

    Attributes:
        operation: ``resource.verb``; the SDK's resource has a method of that name.
        summary: A description in one sentence, with what a caller should know.
        method, path: As published; ``alias`` is a second path for the same operation.
        ref: The address class of the item (or container) in the path.
        takes: The request class: the query of a GET or DELETE, else the JSON body.
        returns: The value class of the response, or of its items if ``many``.
        status: The HTTP status of success.
        policy: The callers that may use it.
        many: Whether the response is a list.
        also: Error statuses that similar endpoints do not have.
        takes_file: Whether the request is a form with one file (``multipart/form-data``, field ``file``), not JSON.
        returns_file: Whether the response is a file, not JSON; ``returns`` is then ``bytes``.
        media: The media type of the response: JSON; a page or plain text (``returns`` is then ``str``); or a stream of
            server-sent events, whose data has the type ``returns``.
        thinks: Whether a language model may be involved. If it takes more than 30 seconds, the status is 202.
        idempotent: Whether it writes and honors ``Idempotency-Key``.
        keeps_secret: Whether a field of the response is a secret that is shown only once, so that it must not be stored.
    """

    operation: str
    summary: str
    method: Method
    path: str
    alias: str | None
    ref: type[R]
    takes: Callable[P, Q]
    returns: type[Any]
    status: int
    policy: Policy
    many: bool = False
    also: tuple[int, ...] = ()
    takes_file: bool = False
    media: str = JSON
    thinks: bool = False

    @functools.cached_property
    def returns_file(self) -> bool:
        return self.returns is bytes

    @functools.cached_property
    def is_stream(self) -> bool:
        """Return whether the response is a stream of events; the request class is then a ``Follow``."""
        return self.media == EVENT_STREAM

    @functools.cached_property
    def in_query(self) -> bool:
        """Return whether the request's fields are query parameters."""
        return self.method in ("GET", "DELETE")

    @property
    def resource(self) -> str:
        """The part of ``operation`` before the dot."""
        return self.operation.partition(".")[0]

    @functools.cached_property
    def idempotent(self) -> bool:
        return self.method != "GET" and self.operation not in WITHOUT_KEY

    @functools.cached_property
    def keeps_secret(self) -> bool:
        fields = wire_fields(self.returns).values() if attrs.has(self.returns) else ()
        return any(isinstance(mark, Secret) for field in fields for mark in marks(field.type))

    @functools.cached_property
    def request_class(self) -> type[Q]:
        """The request class: ``takes``, typed as a class."""
        assert isinstance(self.takes, type)
        return self.takes


class _Described(TypedDict):
    """The fields of ``Endpoint`` that every endpoint sets."""

    summary: str
    policy: Policy


class _More(_Described, total=False):
    """These fields, and those that few endpoints set."""

    also: tuple[int, ...]
    takes_file: bool
    media: str
    thinks: bool


@attrs.frozen
class _EndpointFactory:
    """A factory of endpoints with the same method and status. A class, so that its overloads are declared only once."""

    method: Method
    status: int

    @overload
    def __call__(
        self, operation: str, ref: type[R], tail: str = "", **fields: Unpack[_More]
    ) -> Endpoint[R, [], Nothing, Ok]: ...
    @overload
    def __call__(
        self, operation: str, ref: type[R], tail: str = "", *, returns: type[T], **fields: Unpack[_More]
    ) -> Endpoint[R, [], Nothing, T]: ...
    @overload
    def __call__(
        self,
        operation: str,
        ref: type[R],
        tail: str = "",
        *,
        takes: Callable[P, Q],
        **fields: Unpack[_More],
    ) -> Endpoint[R, P, Q, Ok]: ...
    @overload
    def __call__(
        self,
        operation: str,
        ref: type[R],
        tail: str = "",
        *,
        takes: Callable[P, Q],
        returns: type[T],
        **fields: Unpack[_More],
    ) -> Endpoint[R, P, Q, T]: ...
    def __call__(self, operation: str, ref: type[Any], tail: str = "", **fields: Any) -> Any:
        return Endpoint(
            operation=operation,
            method=self.method,
            status=self.status,
            path=_join_path(ref.template, tail),
            alias=ref.alias and _join_path(ref.alias, tail),
            ref=ref,
            **{"takes": Nothing, "returns": Ok, **fields},
        )


def _join_path(template: str, tail: str) -> str:
    return f"{template}/{tail}" if tail else template or "/"


reads = _EndpointFactory("GET", 200)
creates = _EndpointFactory("POST", 201)
acts = _EndpointFactory("POST", 200)
updates = _EndpointFactory("PATCH", 200)
deletes = _EndpointFactory("DELETE", 200)
"""Factories: GET 200, POST 201, POST 200, PATCH 200, DELETE 200. The response is ``Ok`` by default."""
_untyped_reads: Any = reads


@overload
def lists(
    operation: str, ref: type[R], tail: str, *, item: type[T], **described: Unpack[_Described]
) -> Endpoint[R, ..., Paged, Listing[T]]: ...
@overload
def lists(
    operation: str,
    ref: type[R],
    tail: str,
    *,
    item: type[T],
    takes: Callable[P, Q],
    **described: Unpack[_Described],
) -> Endpoint[R, P, Q, Listing[T]]: ...
def lists(
    operation: str, ref: type[Any], tail: str, *, item: type[Any], takes: Any = Paged, **described: Any
) -> Any:
    """Create a GET endpoint that returns 200 with a list.

    Args:
        operation: ``resource.verb``.
        ref: The address class of the container.
        tail: The last part of the path, after the container's.
        item: The value class of the items.
        takes: The request class, a subclass of ``Paged``. Default: ``Paged`` itself.
        described: The summary, and the policy.
    """
    return _untyped_reads(operation, ref, tail, takes=takes, returns=item, many=True, **described)


def streams(
    operation: str,
    ref: type[R],
    tail: str,
    *,
    takes: Callable[P, Q],
    item: type[T],
    **described: Unpack[_Described],
) -> Endpoint[R, P, Q, Stream[T]]:
    """Create a GET endpoint that returns 200 with a stream of server-sent events.

    Args:
        operation: ``resource.verb``.
        ref: The address class of the container.
        tail: The last part of the path, after the container's.
        takes: The request class, a subclass of ``Follow``.
        item: The value class of the events' data.
        described: The summary, and the policy.
    """
    endpoint: Endpoint[R, P, Q, Stream[T]] = _untyped_reads(
        operation, ref, tail, takes=takes, returns=item, media=EVENT_STREAM, **described
    )
    return endpoint


@attrs.frozen
class Collection(Generic[R, S, T]):
    """The items of one class in a container, for the endpoints that have the same path or return the same.

    Attributes:
        container: The address class of the container.
        tail: The last part of the path of the collection, after the container's.
        ref: The address class of an item.
        value: The value class of an item.
    """

    container: type[R]
    tail: str
    ref: type[S]
    value: type[T]

    def creates(
        self, operation: str, *, takes: Callable[P, Q], **fields: Unpack[_More]
    ) -> Endpoint[R, P, Q, T]:
        """Create the endpoint that creates an item and returns it.

        Args:
            operation: ``resource.verb``.
            takes: The request class.
            fields: The other fields of the endpoint, at least its summary and its policy.
        """
        return creates(operation, self.container, self.tail, takes=takes, returns=self.value, **fields)

    @overload
    def lists(
        self, operation: str, **described: Unpack[_Described]
    ) -> Endpoint[R, ..., Paged, Listing[T]]: ...
    @overload
    def lists(
        self, operation: str, *, takes: Callable[P, Q], **described: Unpack[_Described]
    ) -> Endpoint[R, P, Q, Listing[T]]: ...
    def lists(self, operation: str, **fields: Any) -> Any:
        """Create the endpoint that lists items.

        Args:
            operation: ``resource.verb``.
            fields: As for the function ``lists``.
        """
        return lists(operation, self.container, self.tail, item=self.value, **fields)

    def reads(self, operation: str, **fields: Unpack[_More]) -> Endpoint[S, [], Nothing, T]:
        """Create the endpoint that returns an item.

        Args:
            operation: ``resource.verb``.
            fields: As for ``creates``.
        """
        return reads(operation, self.ref, returns=self.value, **fields)

    def updates(
        self, operation: str, tail: str = "", *, takes: Callable[P, Q], **fields: Unpack[_More]
    ) -> Endpoint[S, P, Q, T]:
        """Create the endpoint that changes an item and returns it.

        Args:
            operation: ``resource.verb``.
            tail: The last part of the path, after the item's.
            takes: The request class.
            fields: As for ``creates``.
        """
        return updates(operation, self.ref, tail, takes=takes, returns=self.value, **fields)

    @overload
    def acts(self, operation: str, tail: str, **fields: Unpack[_More]) -> Endpoint[S, [], Nothing, T]: ...
    @overload
    def acts(
        self, operation: str, tail: str, *, takes: Callable[P, Q], **fields: Unpack[_More]
    ) -> Endpoint[S, P, Q, T]: ...
    def acts(self, operation: str, tail: str, **fields: Any) -> Any:
        """Create the endpoint that does something with an item and returns it.

        Args:
            operation: ``resource.verb``.
            tail: The last part of the path, after the item's.
            fields: As for ``creates``.
        """
        return acts(operation, self.ref, tail, returns=self.value, **fields)

    def deletes(self, operation: str, **fields: Unpack[_More]) -> Endpoint[S, [], Nothing, Ok]:
        """Create the endpoint that deletes an item.

        Args:
            operation: ``resource.verb``.
            fields: As for ``creates``.
        """
        return deletes(operation, self.ref, **fields)
