"""Dispatch: which service serves which endpoint, and one request from bytes to bytes.

The server, the embedded client and MCP all come through here, so that the same router, checks and errors hold.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import attrs
from sqlalchemy.exc import DBAPIError, OperationalError

from stellary.contract.endpoint import Nothing
from stellary.contract.errors import (
    ApiError,
    Invalid,
    ServerError,
    StorageFull,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)
from stellary.contract.jsonic import parse
from stellary.contract.paging import Listing
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.refs import Ref
from stellary.contract.router import AnyEndpoint, Match, Router
from stellary.contract.wire import Request, dump, load, load_query
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts import (
    api_tokens,
    auth,
    invitations,
    organization_members,
    organizations,
    workspace_members,
    workspaces,
)
from stellary.core.board import access as board_access
from stellary.core.board import (
    board,
    bulk,
    cards,
    checklists,
    columns,
    comments,
    custom_fields,
    field_access,
    labels,
    listing,
    project_members,
    projects,
    relation_access,
    relations,
    templates,
)
from stellary.core.idempotency import Attempt
from stellary.core.notifications import access as notifications_access
from stellary.core.notifications import notifications
from stellary.core.unit import NOBODY, Actor, Service, UnitOfWork, served

if TYPE_CHECKING:
    from stellary.core.app import Core

_log = logging.getLogger("stellary.core")

_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    auth.register,
    auth.login,
    auth.me,
    auth.update_me,
    auth.change_password,
    organizations.create_organization,
    organizations.list_organizations,
    organizations.get_organization,
    organizations.update_organization,
    organizations.delete_organization,
    organization_members.list_organization_members,
    organization_members.add_organization_member,
    organization_members.update_organization_member,
    organization_members.remove_organization_member,
    organization_members.leave_organization,
    workspaces.create_workspace,
    workspaces.list_workspaces,
    workspaces.get_workspace,
    workspaces.update_workspace,
    workspaces.delete_workspace,
    workspace_members.list_workspace_members,
    workspace_members.update_workspace_member,
    workspace_members.remove_workspace_member,
    invitations.invite_member,
    invitations.list_invitations,
    invitations.revoke_invitation,
    invitations.accept_invitation,
    api_tokens.create_api_token,
    api_tokens.list_api_tokens,
    api_tokens.delete_api_token,
    projects.create_project,
    projects.list_projects,
    templates.list_templates,
    projects.get_project,
    projects.update_project,
    projects.delete_project,
    board.get_board,
    project_members.list_project_members,
    project_members.add_project_member,
    project_members.remove_project_member,
    columns.create_column,
    columns.list_columns,
    columns.update_column,
    columns.delete_column,
    listing.list_cards,
    cards.create_card,
    cards.get_card,
    cards.update_card,
    cards.delete_card,
    bulk.create_cards,
    bulk.update_cards,
    labels.create_label,
    labels.list_labels,
    labels.update_label,
    labels.delete_label,
    labels.add_label_to_card,
    labels.remove_label_from_card,
    custom_fields.create_custom_field,
    custom_fields.list_custom_fields,
    custom_fields.update_custom_field,
    custom_fields.delete_custom_field,
    custom_fields.set_custom_fields,
    relations.create_relation,
    relations.list_relations,
    relations.delete_relation,
    checklists.list_checklist_items,
    checklists.add_checklist_item,
    checklists.update_checklist_item,
    checklists.delete_checklist_item,
    comments.list_comments,
    comments.create_comment,
    comments.update_comment,
    comments.delete_comment,
    notifications.list_notifications,
    notifications.count_notifications,
    notifications.read_all_notifications,
    notifications.read_notification,
)
SERVICES: Mapping[str, Service] = {service.endpoint.operation: service for service in map(served, _FUNCTIONS)}
"""Every service, by the operation that it serves: one explicit line each."""

DOORS: Mapping[type[Ref], Callable[[UnitOfWork, Any], object]] = {
    **accounts_access.DOORS,
    **board_access.DOORS,
    **field_access.DOORS,
    **relation_access.DOORS,
    **notifications_access.DOORS,
}
"""The door to what each ref names: asked alone where a body is bad, since 404 and 403 come before 400."""

ROUTER = Router(service.endpoint for service in SERVICES.values())


@attrs.frozen
class Answer(RawResponse):
    """An answer, and whom the request came from as far as that was found out: for the log, never for the caller."""

    actor: Actor | None = attrs.field(default=None, eq=False, repr=False)


def answer(core: Core, request: RawRequest, actor: Actor | None = None, match: Match | None = None) -> Answer:
    """Answer one request. Never raises: whatever goes wrong is an answer in the error shape.

    Args:
        core: The core to ask.
        request: With lower-case header names; ``x-request-id`` is taken over, or made.
        actor: Whoever acts; without one, the Bearer token in ``authorization`` says.
        match: What ``ROUTER`` says of the request, where somebody has asked it already.
    """
    request_id = request.headers.get("x-request-id") or f"req_{secrets.token_hex(8)}"
    call: _Call | None = None
    try:
        call = _Call(core, request, actor, match or ROUTER.match(request.method, request.path))
        response = call.answered()
    except ApiError as error:
        response = error_response(error, request_id)
    except Exception as error:  # noqa: BLE001 - the last one: an answer, and a line in the log with the trace
        response = error_response(_translated(error, request_id), request_id)
    headers = {**response.headers, "x-request-id": request_id}
    return Answer(response.status, headers, response.body, call.known if call else actor)


def error_response(error: ApiError, request_id: str) -> RawResponse:
    """An error as an answer, in the error shape."""
    headers = {name.lower(): text for name, text in error.headers.items()}
    headers["content-type"] = "application/json"
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, round(error.retry_after)))
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    return RawResponse(error.status, headers, dump(error.body(request_id)))


def _translated(error: Exception, request_id: str) -> ApiError:
    if isinstance(error, OperationalError):
        text = str(error.orig)
        if "disk is full" in text or "No space left" in text:
            return StorageFull("the disk of the server is full")
        _log.warning("request %s: the database is not available: %s", request_id, type(error.orig).__name__)
        return Unavailable("the database is not available; try again", retry_after=1)
    _log.error("request %s failed", request_id, exc_info=error)
    return ServerError("the server has failed; the request id helps to find out why")


class _Call:
    """One request on its way: who asks, what is said, which service answers."""

    def __init__(self, core: Core, request: RawRequest, actor: Actor | None, match: Match) -> None:
        self.core = core
        self.request = request
        self.actor = actor
        self.ref = match.ref
        self.endpoint: AnyEndpoint = match.endpoint
        self.service = SERVICES[match.endpoint.operation]
        self.stale_token = False
        self.known = actor

    def answered(self) -> RawResponse:
        said = self._said()
        if self.service.mode == "outside":
            response = self._outside(said)
        else:
            response = self.core.run(self.service.mode == "begin", lambda uow: self._within(uow, said))
        if self.stale_token and self.known is not None:
            # The request has been carried out: that the note of it failed is no reason to say it was not.
            with suppress(Unavailable, DBAPIError):
                self.core.touch(self.known)
        return response

    def _said(self) -> Request | ApiError:
        """The request, or what is wrong with it: told later, since it must not be told to whom nothing is."""
        kind: type[Request] = self.endpoint.request_class
        try:
            if self.endpoint.in_query:
                return load_query(
                    kind, parse_qsl(self.request.query, keep_blank_values=True, errors="strict")
                )
            return load(kind, self._json() if self.request.body else {})
        except (Invalid, UnsupportedMedia) as error:
            return error
        except UnicodeDecodeError:
            return Invalid("the query must be UTF-8")

    def _json(self) -> Any:
        media, _, rest = self.request.headers.get("content-type", "").partition(";")
        charset = rest.strip().lower().removeprefix("charset=").strip('"')
        if media.strip().lower() != "application/json" or charset not in ("", "utf-8"):
            raise UnsupportedMedia("Content-Type must be application/json in UTF-8")
        return parse(self.request.body)

    def _outside(self, said: Request | ApiError) -> RawResponse:
        if self.endpoint.policy.role == "public":
            self.actor = NOBODY
        else:
            self.actor = self.core.run(False, self._authenticated)
        self.actor.require(self.endpoint.policy)
        if isinstance(said, ApiError):
            raise said
        return self._response(self.service.function(self.core, self.actor, self.ref, *self._arguments(said)))

    def _within(self, uow: UnitOfWork, said: Request | ApiError) -> RawResponse:
        policy = self.endpoint.policy
        uow.actor = NOBODY if policy.role == "public" else self._authenticated(uow)
        uow.actor.require(policy)
        if isinstance(said, ApiError):
            self._ask_door(uow)
            raise said
        uow.if_match = _versions(self.request.headers.get("if-match"))
        key = self.request.headers.get("idempotency-key") if self.endpoint.idempotent else None
        if key is None:
            return self._response(self.service.function(uow, self.ref, *self._arguments(said)))
        attempt = Attempt(uow, key, self.endpoint, self.request.path, self.request.body)
        earlier = attempt.earlier()
        if earlier is not None:
            # Whoever has lost access since does not get the old answer either.
            self._ask_door(uow)
            return earlier
        response = self._response(self.service.function(uow, self.ref, *self._arguments(said)))
        attempt.keep(response)
        return response

    def _authenticated(self, uow: UnitOfWork) -> Actor:
        if self.actor is not None:
            return self.actor
        scheme, _, bearer = self.request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not bearer.strip():
            raise Unauthenticated("a Bearer token is required")
        self.known, self.stale_token = found = self.core.authenticate_in(uow.connection, bearer.strip())
        return found[0]

    def _ask_door(self, uow: UnitOfWork) -> None:
        door = DOORS.get(type(self.ref))
        if door is None:
            return
        uow.enter(self.endpoint.policy)
        try:
            door(uow, self.ref)
        finally:
            uow.admit()
            uow.leave()

    def _arguments(self, said: Request) -> tuple[Request, ...]:
        return () if self.endpoint.takes is Nothing else (said,)

    def _response(self, made: Any) -> RawResponse:
        headers = {"content-type": "application/json"}
        if isinstance(made, Listing):
            if made.next is not None:
                pairs = [(name, text) for name, text in parse_qsl(self.request.query) if name != "cursor"]
                query = urlencode([*pairs, ("cursor", made.next)])
                headers["link"] = f'<{self.request.path}?{query}>; rel="next"'
            return RawResponse(self.endpoint.status, headers, dump(made.items))
        if (version := getattr(made, "version", None)) is not None:
            headers["etag"] = f'"{version}"'
        return RawResponse(self.endpoint.status, headers, dump(made))


def _versions(header: str | None) -> frozenset[str] | None:
    """The versions that an ``If-Match`` accepts; a weak one (``W/"3"``) never matches."""
    if header is None or header.strip() == "*":
        return None
    return frozenset(part.strip().strip('"') for part in header.split(","))


def can_retry(error: DBAPIError) -> bool:
    """Whether the database has undone the unit for the sake of another one: a deadlock or a serialization failure."""
    return getattr(error.orig, "sqlstate", None) in ("40P01", "40001")
