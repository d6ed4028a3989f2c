"""Endpoints as values: a name, a place, what it takes and answers with, and its policy row.

``UPDATE_CARD = updates("cards.update", CardRef, takes=UpdateCard, returns=Card, policy=BOARD_WRITE)`` says all that
the server's routes, the SDK's methods, OpenAPI and the permission matrix need. An endpoint without a policy row cannot
be built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Literal, ParamSpec, TypeVar, overload

import attrs

from stellary.contract.paging import Listing
from stellary.contract.refs import Ref
from stellary.contract.streaming import Stream
from stellary.contract.wire import Request, Value, request, value

R = TypeVar("R", bound=Ref)
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
TOKEN_SCOPES: tuple[TokenScope, ...] = (
    "projects:read",
    "projects:write",
    "pilotage:read",
    "pilotage:write",
    "notifications:read",
    "account:read",
    "account:write",
)

Role = Literal[
    "public",  # anybody, without a token
    "any",  # whoever has a live token; what is asked of it decides who may
    "self",  # whoever has an account, on what is the account's own
    "self_obj",  # the same, on one thing that only its owner sees
    "invitee",  # whoever holds the invitation's secret and has the e-mail that it was sent to
    "org_read",  # members of the organization
    "org_admin",  # its admins and its owner
    "org_owner",  # its owner
    "ws_read",  # who reaches the workspace: members, and the admins and the owner of the organization
    "ws_admin",  # admins of the workspace, and the admins and the owner of the organization
    "ws_admin_or_self",  # the same, or the member in question
    "ws_owner",  # the owner of the workspace, and the owner of the organization
    "proj_manage",  # project members and workspace admins
    "author",  # who made the thing, and workspace admins
    "pil_write",  # pilotage owners
    "pil_review",  # pilotage reviewers and owners
]

TokenRule = TokenScope | Literal["public", "any", "full", "jwt"]
"""What a personal access token must have: a scope; ``any`` live token will do; ``full``: all scopes; ``jwt``: none will
do, it takes a person who has logged in; ``public``: no token is asked for."""

AgentRule = Literal["-", "r", "w", "w0"]
"""What an agent's own token may do: nothing, read, write (which its mode may turn into a proposal), propose."""


@attrs.frozen
class Policy:
    """Who may call an endpoint: one row, checked by every access check alike."""

    role: Role
    token: TokenRule
    agent: AgentRule = "-"


@request
class Nothing(Request):
    """What an endpoint takes that takes nothing."""


@value
class Ok(Value):
    """The answer to a deletion: ``{"ok": true}``."""

    ok: bool = True


@attrs.frozen
class Endpoint(Generic[R, P, Q, T]):
    """One operation of the API.

    Attributes:
        operation: ``resource.verb``; the method of that name stands on the SDK's resource.
        summary: One sentence for a person: what it does, and what a caller would stumble over.
        method, path: As published; ``alias`` is a second path that is served alike.
        ref: The address class of the thing (or the container) that the path names.
        takes: The request class: the query of a GET or DELETE, else the JSON body.
        returns: The value class of the answer, or of the rows if ``many``.
        status: Of success.
        policy: Who may call it.
        many: Whether it answers with a list.
        keeps_secret: Whether the answer holds a secret that is shown once, so that no copy of it may be kept.
        also: Statuses of errors that other endpoints of its kind do not have.
        takes_file: Whether it takes a form with one file (``multipart/form-data``, field ``file``) in place of JSON.
        returns_file: Whether it answers with the bytes of a file in place of JSON; ``returns`` is then ``bytes``.
        media: What the answer is: JSON; a page or a text that no value of the contract stands for (``returns`` is
            ``str``); or a stream of server-sent events, each with a ``returns`` for its data.
        thinks: Whether a model may think about the answer, which can take a minute.
        idempotent: Whether it makes something and honours ``Idempotency-Key``.
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
    keeps_secret: bool = False
    also: tuple[int, ...] = ()
    takes_file: bool = False
    media: str = JSON
    thinks: bool = False

    @property
    def returns_file(self) -> bool:
        return self.returns is bytes

    @property
    def is_stream(self) -> bool:
        """Whether it goes on answering: what it takes is a ``Follow``."""
        return self.media == EVENT_STREAM

    @property
    def in_query(self) -> bool:
        """Whether what it takes stands in the query string."""
        return self.method in ("GET", "DELETE")

    @property
    def resource(self) -> str:
        """What stands before the dot of ``operation``."""
        return self.operation.partition(".")[0]

    @property
    def idempotent(self) -> bool:
        return self.method == "POST" and self.status == 201 and self.policy.role != "public"

    @property
    def request_class(self) -> type[Q]:
        """``takes``, as the class that it is."""
        assert isinstance(self.takes, type)
        return self.takes


@attrs.frozen
class _Maker:
    """Makes endpoints of one method and status. Written as a class so that both signatures are said once."""

    method: Method
    status: int

    @overload
    def __call__(
        self,
        operation: str,
        ref: type[R],
        tail: str = "",
        *,
        summary: str,
        returns: type[T],
        policy: Policy,
        keeps_secret: bool = False,
        status: int | None = None,
        also: tuple[int, ...] = (),
        takes_file: bool = False,
        media: str = JSON,
    ) -> Endpoint[R, [], Nothing, T]: ...
    @overload
    def __call__(
        self,
        operation: str,
        ref: type[R],
        tail: str = "",
        *,
        summary: str,
        takes: Callable[P, Q],
        returns: type[T],
        policy: Policy,
        keeps_secret: bool = False,
        status: int | None = None,
        also: tuple[int, ...] = (),
        thinks: bool = False,
    ) -> Endpoint[R, P, Q, T]: ...
    def __call__(
        self,
        operation: str,
        ref: type[Any],
        tail: str = "",
        *,
        summary: str,
        takes: Any = Nothing,
        returns: type[Any],
        policy: Policy,
        keeps_secret: bool = False,
        status: int | None = None,
        also: tuple[int, ...] = (),
        takes_file: bool = False,
        media: str = JSON,
        thinks: bool = False,
    ) -> Any:
        return Endpoint(
            operation=operation,
            summary=summary,
            method=self.method,
            path=_joined(ref.template, tail),
            alias=ref.alias and _joined(ref.alias, tail),
            ref=ref,
            takes=takes,
            returns=returns,
            status=status or self.status,
            policy=policy,
            keeps_secret=keeps_secret,
            also=also,
            takes_file=takes_file,
            media=media,
            thinks=thinks,
        )


def lists(
    operation: str,
    ref: type[R],
    tail: str,
    *,
    summary: str,
    takes: Callable[P, Q],
    item: type[T],
    policy: Policy,
) -> Endpoint[R, P, Q, Listing[T]]:
    """GET that answers 200 with a list of ``item``; what it takes is a kind of ``Paged``."""
    made: Endpoint[R, P, Q, Listing[T]] = _several(
        operation, ref, tail, summary=summary, takes=takes, item=item, policy=policy, many=True
    )
    return made


def streams(
    operation: str,
    ref: type[R],
    tail: str,
    *,
    summary: str,
    takes: Callable[P, Q],
    item: type[T],
    policy: Policy,
) -> Endpoint[R, P, Q, Stream[T]]:
    """GET that goes on answering with server-sent events whose data is an ``item``; what it takes is a ``Follow``."""
    made: Endpoint[R, P, Q, Stream[T]] = _several(
        operation, ref, tail, summary=summary, takes=takes, item=item, policy=policy, media=EVENT_STREAM
    )
    return made


def _several(operation: str, ref: type[Any], tail: str, *, item: type[Any], **more: Any) -> Any:
    return Endpoint(
        operation=operation,
        method="GET",
        path=_joined(ref.template, tail),
        alias=ref.alias and _joined(ref.alias, tail),
        ref=ref,
        returns=item,
        status=200,
        **more,
    )


def _joined(template: str, tail: str) -> str:
    return f"{template}/{tail}" if tail else template or "/"


reads = _Maker("GET", 200)
creates = _Maker("POST", 201)
acts = _Maker("POST", 200)
updates = _Maker("PATCH", 200)
deletes = _Maker("DELETE", 200)
"""Makers: GET 200, POST 201, POST 200, PATCH 200, DELETE 200."""
