"""Requests in the core, from the token to the response."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

import attrs
from sqlalchemy.exc import DBAPIError

from stellary.contract.endpoint import Nothing, Ok, Policy
from stellary.contract.errors import (
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)
from stellary.contract.jsonic import VALUES_MAX, parse
from stellary.contract.policies import BOARD_READ
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.proposals import Proposal
from stellary.contract.refs import OrganizationRef, ProjectRef, Ref, WorkspaceRef, WorkspacesRef
from stellary.contract.router import AnyEndpoint, Match
from stellary.contract.wire import Listing, Request, dump, load, load_query
from stellary.core.accounts import access as accounts_access
from stellary.core.accounts.access_checks import Loaded
from stellary.core.accounts.authentication import confirm_login, start_login, touch
from stellary.core.agents import agents, audit, gate, proposing
from stellary.core.api.authentication import authenticate_bearer, parse_bearer
from stellary.core.api.transfers import build_file_response, build_json_response, open_body
from stellary.core.api.uploads import Upload
from stellary.core.board import access as board_access
from stellary.core.board.changes.card_keys import resolve_card_key
from stellary.core.board.changes.settled_answers import settle_answer
from stellary.core.db.direct_connection import allow_statement
from stellary.core.kernel.actions import registered_actions
from stellary.core.kernel.batches import dump_in_parts
from stellary.core.kernel.idempotency import Attempt, forget_key, is_key_used
from stellary.core.kernel.signer import Claims
from stellary.core.kernel.unit import NOBODY, Actor, AgentLimits, Service, UnitOfWork, check_restrictions
from stellary.core.kernel.units import Units
from stellary.core.ports.blobs import StoredFile, discard, new_key
from stellary.core.streaming.streams import Record, build_stream_response

_SLUGS: Mapping[type[Ref], str] = {OrganizationRef: "org_slug", WorkspaceRef: "ws_slug"}
_READING_WORKSPACE = Policy("ws_read", "any", agent="r")
_READING_ORGANIZATION = Policy("org_read", "any")


class ServiceCall:
    """One request, matched to an endpoint and its service.

    Args:
        units: Opens the units of work.
        request: The request, with lower-case header names.
        actor: The caller; None takes the caller from the bearer token.
        match: The endpoint, and the ref of the path.
        service: The service of the endpoint.
        check_access: The access check for the ref; None if there is none.
        upload: The file of an upload whose body has been read already.
        payload: The result of ``parse_request``, if it has been called already.

    Attributes:
        caller: The caller, once authenticated; None before.
        name: The name under which an agent's call is recorded.
        cancel: Takes back the work that the request has begun and that a job finishes; None for none.
    """

    def __init__(
        self,
        units: Units,
        request: RawRequest,
        actor: Actor | None,
        match: Match,
        service: Service,
        check_access: Callable[[UnitOfWork, object], object] | None,
        upload: Upload | None = None,
        payload: Request | ApiError | None = None,
    ) -> None:
        self.units = units
        self.request = request
        self.actor = actor
        self.ref = match.ref
        self.endpoint: AnyEndpoint = match.endpoint
        self.name = match.endpoint.operation
        self.service = service
        self.access_check = check_access
        self.stale_token = False
        self.caller = actor
        self.cancel: Callable[[UnitOfWork], None] | None = None
        self.upload = upload
        self.payload = payload
        self.file: StoredFile | None = None
        self._bearer = parse_bearer(request.headers.get("authorization"))
        self._unconfirmed_login: Claims | None = None

    def respond(self) -> RawResponse:
        """Run the service and return the response."""
        try:
            return self._respond()
        except ApiError as error:
            self._record_refusal(error)
            raise

    def _respond(self) -> RawResponse:
        payload = self._parse_once()
        if self.endpoint.takes_file:
            response = self._upload_file(payload)
        elif self.service.mode == "self_managed":
            response = self._run_self_managed(payload)
        else:
            prepared = self._prepare(payload)
            # Calls of agents are recorded and counted, so even a read needs a unit that writes.
            writes = self.service.mode == "write" or self._is_from_agent()
            response = self._run_unit(
                lambda uow: self._run_in_unit(uow, payload, **prepared),
                read_only=not writes,
                snapshot=self.service.needs_snapshot,
            )
        if self.stale_token and self.caller is not None:
            # The request has succeeded, whether or not the last use of the token can be recorded.
            with suppress(Unavailable, DBAPIError), self.units.database.writing() as connection:
                touch(connection, self.caller, self.units.env.clock())
        return open_body(response)

    def authorize(self, policies: Iterable[Policy] = (), sight: object = None) -> RawResponse:
        """Check that the caller may make the request, and return an empty response.

        Args:
            policies: Policies that the caller has to fulfil beside that of the endpoint.
            sight: The projects that the caller saw when the stream began; None for other requests.
        """
        try:
            self._authorize(policies, sight)
        except ApiError as error:
            self._record_refusal(error)
            raise
        return RawResponse(200)

    def _authorize(self, policies: Iterable[Policy] = (), sight: object = None) -> None:
        def check(uow: UnitOfWork) -> None:
            uow.actor = self._authenticate(uow)
            self._require(uow)
            self.ref = resolve_card_key(uow, self.ref)
            if uow.actor.agent_limits is not None:
                gate.check_active(uow, uow.actor.agent_limits)
            check_restrictions(uow, self.endpoint, self.ref)
            for policy in (self.endpoint.policy, *policies):
                loaded = self._check_access(uow, policy)
                roles = loaded.roles if isinstance(loaded, Loaded) else None
                if sight is not None and roles is not None and roles.sight != sight:
                    raise Forbidden("the projects that you see have changed", code="sight_changed")

        self.units.run(check, read_only=True)

    def _record_refusal(self, error: ApiError) -> None:
        """Record an error of an agent's call in its audit log, after the unit of the call has been rolled back."""
        if self.caller is not None and self.caller.agent_limits is not None:
            audit.record_refusal(self.units, self.caller.agent_limits, self.name, error.message)

    def _prepare(self, payload: Request | ApiError) -> dict[str, object]:
        """Run the slow step before the unit of the service, once the caller is authorized."""
        if self.service.prepare is None or isinstance(payload, ApiError):
            return {}
        self._authorize()
        if self.endpoint.thinks and self._is_repetition():
            return {}
        assert self.caller is not None
        return {"prepared": self.service.prepare(self.units, self.caller, self.ref, payload)}

    def _is_repetition(self) -> bool:
        """Return whether an earlier request with the same key has been answered, so that no model has to think again."""
        key, actor = self._idempotency_key, self.caller
        if key is None or actor is None:
            return False
        return self.units.run(lambda uow: is_key_used(uow, key), actor, read_only=True)

    def _upload_file(self, payload: Request | ApiError) -> RawResponse:
        if self.upload is not None:
            return self._store_file(self.upload, payload)
        self._authorize()
        with Upload(self.request.headers.get("content-type", "")) as upload:
            upload.feed_all((self.request.body,) if self.request.blocks is None else self.request.blocks)
            return self._store_file(upload, payload)

    def _store_file(self, upload: Upload, payload: Request | ApiError) -> RawResponse:
        """Store the bytes of a file, then the row that refers to them."""
        upload.finish()
        blobs, key = self.units.env.blobs, new_key()
        self.file = StoredFile(key, upload.name or "", upload.mime_type, upload.size, upload.sha256)
        committing = False

        def work(uow: UnitOfWork) -> RawResponse:
            nonlocal committing
            committing = False
            response = self._run_in_unit(uow, payload)
            committing = True
            return response

        try:
            blobs.put(key, upload.file)
            response = self._run_unit(work)
        except BaseException:
            # A commit that raised may still have succeeded, so the file stays; the sweep deletes it if it did not.
            if not committing:
                discard(blobs, key)
            raise
        if "idempotency-replayed" in response.headers:
            discard(blobs, key)
        return response

    def _parse_once(self) -> Request | ApiError:
        return self.parse_request() if self.payload is None else self.payload

    def parse_request(self, values_max: int = VALUES_MAX) -> Request | ApiError:
        """Parse and validate the query or the body, without the database and independently of the caller.

        Args:
            values_max: The maximum number of JSON values in the body.

        Returns:
            The request, or the error in it. The error is raised later, since 401, 403 and 404 take precedence.
        """
        request_class: type[Request] = self.endpoint.request_class
        try:
            if self.endpoint.in_query:
                if self.request.body:
                    load(Nothing, self._parse_json(values_max))
                return load_query(request_class, self._parse_query())
            if self.request.query:
                load_query(Nothing, self._parse_query())
            if self.endpoint.takes_file:
                return request_class()
            return load(request_class, self._parse_json(values_max) if self.request.body else {})
        except (Invalid, UnsupportedMedia, TooLarge) as error:
            # The frames of the traceback hold the body, which may be large.
            return error.with_traceback(None)
        except UnicodeDecodeError:
            return Invalid("the query must be UTF-8")

    def _parse_query(self) -> list[tuple[str, str]]:
        query = self.request.query
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict") if query else []
        last_event_id = self.request.headers.get("last-event-id") if self.endpoint.is_stream else None
        if not last_event_id:
            return pairs
        # A browser reconnects to the same URL; only the header has the id of the last event that it received.
        return [*(pair for pair in pairs if pair[0] != "lastEventId"), ("lastEventId", last_event_id)]

    def _parse_json(self, values_max: int) -> object:
        check_media_type(self.request.headers)
        return parse(self.request.body, values_max)

    def _run_self_managed(self, payload: Request | ApiError) -> RawResponse:
        if self.endpoint.policy.role == "public":
            self.actor = NOBODY
        else:
            self.actor = self.units.run(self._authenticate, read_only=True)
        self.actor.require(self.endpoint.policy)
        if isinstance(payload, ApiError):
            raise payload
        if self.units.is_joined:
            raise Conflict(
                f"{self.endpoint.operation} opens transactions of its own: call it outside of the transaction",
                code="own_transactions",
            )
        result = self.service.function(self.units, self.actor, self.ref, *self._arguments(payload))
        return self._build_response(result)

    def _run_in_unit(self, uow: UnitOfWork, payload: Request | ApiError, **prepared: Any) -> RawResponse:
        self._unconfirmed_login = None
        uow.operation = self.endpoint.operation
        if self.endpoint.policy.role == "public":
            uow.actor = NOBODY
        elif self.actor is None and (actor := start_login(uow, self._bearer)) is not None:
            uow.actor = self.caller = actor
        else:
            uow.actor = self._authenticate(uow)
            if self.actor is None:
                allow_statement(uow.connection)
        try:
            response = self._run_authenticated(uow, payload, partial(self._call_service, **prepared))
        except ApiError:
            # If the caller has to log in again, the 401 takes precedence over the error.
            try:
                self._confirm_login(uow)
            except DBAPIError:
                # On PostgreSQL, the statement behind the error has aborted the transaction.
                self._unconfirmed_login = uow.pending_login
            raise
        self._confirm_login(uow)
        return response

    def _run_unit(
        self, work: Callable[[UnitOfWork], RawResponse], *, read_only: bool = False, snapshot: bool = True
    ) -> RawResponse:
        """Run a unit. If it fails before the caller's login is confirmed, confirm the login in another unit."""
        try:
            return self.units.run(work, read_only=read_only, snapshot=snapshot)
        except ApiError:
            if self._unconfirmed_login is not None:
                self.units.run(self._confirm_login_again, read_only=True)
            raise

    def _confirm_login_again(self, uow: UnitOfWork) -> None:
        uow.pending_login = self._unconfirmed_login
        self._confirm_login(uow)

    def _confirm_login(self, uow: UnitOfWork) -> None:
        try:
            confirm_login(uow)
        except Unauthenticated:
            self.caller = None
            raise

    def _run_authenticated(
        self, uow: UnitOfWork, payload: Request | ApiError, call: Callable[[UnitOfWork, Request], RawResponse]
    ) -> RawResponse:
        policy = self.endpoint.policy
        self._require(uow)
        limits = uow.actor.agent_limits
        if limits is None:
            return self._run_once(uow, payload, call)
        gate.count_call(uow, limits)
        if uow.actor.token_id is not None:
            agents.touch(uow, uow.actor.token_id)
        proposes = policy.agent == "w" and not limits.at_once
        if not proposes:
            audit.record(uow, limits, self.name, "allowed")
        return self._run_once(uow, payload, self._propose if proposes else call)

    def _require(self, uow: UnitOfWork) -> None:
        """Check what the token allows, before anything is read."""
        uow.actor.require(self.endpoint.policy)
        if uow.actor.agent_limits is not None and self.endpoint.policy.role != "public":
            gate.check_call(uow.actor.agent_limits, self.endpoint, registered_actions(self.units.env))

    def _run_once(
        self, uow: UnitOfWork, payload: Request | ApiError, call: Callable[[UnitOfWork, Request], RawResponse]
    ) -> RawResponse:
        """Run the call, unless an earlier request with the same idempotency key has run it."""
        key = None if isinstance(payload, ApiError) else self._idempotency_key
        attempt = None
        if key is not None:
            attempt = Attempt(uow, key, self.endpoint, self.request, self._fingerprint())
            earlier = attempt.find_response()
            if earlier is not None:
                self._check_repetition(uow, earlier)
                return earlier
        self.ref = resolve_card_key(uow, self.ref)
        if isinstance(payload, ApiError):
            self._check_access(uow)
            raise payload
        uow.if_match = _parse_if_match(self.request.headers.get("if-match"))
        response = call(uow, payload)
        if attempt is not None:
            attempt.store(response)
        return response

    @property
    def _idempotency_key(self) -> str | None:
        return self.request.headers.get("idempotency-key") if self.endpoint.idempotent else None

    def _check_repetition(self, uow: UnitOfWork, earlier: RawResponse) -> None:
        """Check that the caller has not lost access since the earlier request, which may itself have removed the item.

        Args:
            earlier: The response to the earlier request.

        Raises:
            Forbidden, NotFound: The caller has lost access.
        """
        if issubclass(self.endpoint.returns, Ok):
            # It shows nothing of a workspace.
            return
        ref = self.ref = resolve_card_key(uow, self.ref)
        try:
            self._check_access(uow)
        except (Forbidden, NotFound):
            name = _SLUGS.get(type(ref))
            if name is not None and self.endpoint.method == "PATCH":
                # The request may have changed the slug.
                self.ref = attrs.evolve(ref, **{name: parse(earlier.body)["slug"]})
                self._check_access(uow)
            elif name is not None or type(ref) is WorkspacesRef:
                raise
            elif isinstance(ref, ProjectRef) and type(ref) is not ProjectRef:
                # The item may be gone, but not its project.
                with uow.checking(BOARD_READ):
                    board_access.project(uow, ref.parent(ProjectRef))
            elif isinstance(ref, WorkspaceRef):
                with uow.checking(_READING_WORKSPACE):
                    accounts_access.workspace(uow, ref.parent(WorkspaceRef))
            elif isinstance(ref, OrganizationRef):
                with uow.checking(_READING_ORGANIZATION):
                    accounts_access.organization(uow, ref.parent(OrganizationRef))

    def _call_service(self, uow: UnitOfWork, payload: Request, **prepared: object) -> RawResponse:
        result = self.service.function(uow, self.ref, *self._arguments(payload), **prepared)
        response = self._build_response(settle_answer(uow, result))
        if uow.unfinished is None:
            return response
        path, self.cancel = uow.unfinished
        headers = {**response.headers, "retry-after": "2"}
        if self.cancel is None:
            return attrs.evolve(response, headers=headers)
        return attrs.evolve(response, status=202, headers={**headers, "location": path})

    def cancel_work(self) -> None:
        """Take back what the request has begun, as if it had not been sent."""

        def work(uow: UnitOfWork) -> None:
            if self.cancel is not None:
                self.cancel(uow)
            if self._idempotency_key is not None:
                forget_key(uow, self._idempotency_key)

        self.units.run(work, self.caller or NOBODY)

    def _propose(self, uow: UnitOfWork, payload: Request) -> RawResponse:
        """Store the call of an agent as a proposal, for a person to decide."""
        limits = uow.actor.agent_limits
        assert limits is not None
        arguments = self._arguments(payload)
        proposal = proposing.propose_call(
            uow,
            limits,
            self.endpoint,
            self.ref,
            self.file or payload,
            lambda: self.service.function(uow, self.ref, *arguments),
        )
        return self._build_accepted(uow, limits, proposal)

    def _build_accepted(self, uow: UnitOfWork, limits: AgentLimits, proposal: Proposal) -> RawResponse:
        """Record that a proposal was made, and return a 202 response with it."""
        audit.record(uow, limits, self.name, "proposed", proposal_id=proposal.id)
        return RawResponse(202, {"content-type": "application/json"}, dump(proposal))

    def _is_from_agent(self) -> bool:
        """Return whether the caller is an agent, judged by the form of the token alone."""
        if self.actor is not None:
            return self.actor.agent_limits is not None
        return agents.is_agent_token(self._bearer)

    def _authenticate(self, uow: UnitOfWork) -> Actor:
        if self.actor is not None:
            return self.actor
        if not self._bearer:
            raise Unauthenticated("a Bearer token is required")
        actor, self.stale_token = authenticate_bearer(uow.connection, self._bearer, self.units.env)
        self.caller = actor
        return actor

    def _check_access(self, uow: UnitOfWork, policy: Policy | None = None) -> object:
        if self.access_check is None:
            return None
        uow.push_policy(policy or self.endpoint.policy)
        try:
            return self.access_check(uow, self.ref)
        finally:
            uow.mark_authorized()
            uow.pop_policy()

    def _fingerprint(self) -> bytes:
        """Return the bytes by which requests with the same idempotency key are compared."""
        if self.file is None:
            return self.request.body
        return "\0".join((self.file.name, self.file.mime_type or "", self.file.sha256)).encode()

    def _arguments(self, payload: Request) -> tuple[object, ...]:
        if self.file is not None:
            return (self.file,)
        return () if self.endpoint.takes is Nothing else (payload,)

    def _build_response(self, result: object) -> RawResponse:
        if isinstance(result, StoredFile):
            return build_file_response(self.units.env.blobs, result, self.request.headers)
        if isinstance(result, Record):
            return build_stream_response(result)
        status, headers = self.endpoint.status, {"content-type": "application/json"}
        if isinstance(result, str):
            headers["content-type"] = f"{self.endpoint.media}; charset=utf-8"
            return RawResponse(status, headers, result.encode())
        if isinstance(result, Listing):
            if result.next is not None:
                pairs = [(name, text) for name, text in parse_qsl(self.request.query) if name != "cursor"]
                query = urlencode([*pairs, ("cursor", result.next)])
                headers["link"] = f'<{self.request.path}?{query}>; rel="next"'
            result = result.items
        elif (version := getattr(result, "version", None)) is not None:
            headers["etag"] = f'"{version}"'
        if self.service.mode == "read":
            return build_json_response(status, headers, dump_in_parts(result))
        return RawResponse(status, headers, dump(result))


def _parse_if_match(header: str | None) -> frozenset[str] | None:
    """Return the versions that an ``If-Match`` header accepts, or None for any. A weak one (``W/"3"``) never matches."""
    if header is None or header.strip() == "*":
        return None
    return frozenset(part.strip().strip('"') for part in header.split(","))


def check_media_type(headers: Mapping[str, str]) -> None:
    """Check that a body is declared as JSON.

    Args:
        headers: The headers of the request, with lower-case names.

    Raises:
        UnsupportedMedia: It is another type, or not in UTF-8.
    """
    media, _, parameters = headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        raise UnsupportedMedia("Content-Type must be application/json in UTF-8")
