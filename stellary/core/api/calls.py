"""Calls: one request on its way through the core, from the token to the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sqlalchemy.exc import DBAPIError

from stellary.contract.endpoint import Nothing
from stellary.contract.errors import (
    ApiError,
    Invalid,
    TooLarge,
    Unauthenticated,
    Unavailable,
    UnsupportedMedia,
)
from stellary.contract.jsonic import VALUES_MAX, parse
from stellary.contract.paging import Listing
from stellary.contract.port import RawRequest, RawResponse
from stellary.contract.proposals import Proposal
from stellary.contract.router import AnyEndpoint, Match
from stellary.contract.wire import Request, dump, load, load_query
from stellary.core.accounts.authentication import touch
from stellary.core.agents import audit, gate, proposing, tokens
from stellary.core.api.authentication import authenticate_bearer
from stellary.core.api.transfers import begun, file_response
from stellary.core.api.uploads import Upload
from stellary.core.board.card_keys import resolve_card_key
from stellary.core.board.settled_answers import settle_answer
from stellary.core.kernel.actions import registered_actions
from stellary.core.kernel.idempotency import Attempt
from stellary.core.kernel.unit import NOBODY, Actor, AgentLimits, Service, UnitOfWork
from stellary.core.kernel.units import Units
from stellary.core.ports.blobs import StoredFile, new_key
from stellary.core.streaming.streams import Record, streaming


class Call:
    """One request on its way: who asks, what is said, which service answers.

    Args:
        units: Opens the units of work.
        request: With lower-case header names.
        actor: Whoever acts; without one, the Bearer token says.
        match: The endpoint, and what the path names.
        service: Serves the endpoint.
        check_access: The access check for the ref, if there is one.
        upload: The body of a request that brings a file, where somebody has read it already.
        payload: What ``read`` has made of the request, where that was asked already.

    Attributes:
        known: Whom the request came from, as far as that was found out.
        name: What an agent is noted to have called.
    """

    def __init__(
        self,
        units: Units,
        request: RawRequest,
        actor: Actor | None,
        match: Match,
        service: Service,
        check_access: Callable[[UnitOfWork, Any], object] | None,
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
        self.known = actor
        self.upload = upload
        self.payload = payload
        self.file: StoredFile | None = None

    def answered(self) -> RawResponse:
        with self._noting():
            return self._answered()

    def _answered(self) -> RawResponse:
        said = self._said()
        if self.endpoint.takes_file:
            response = self._with_file(said)
        elif self.service.mode == "self_managed":
            response = self._run_self_managed(said)
        else:
            prepared = self._prepared(said)
            # What an agent does is noted and counted, also if it only reads.
            writes = self.service.mode == "write" or self._is_agents()
            response = self.units.run(lambda uow: self._within(uow, said, **prepared), read_only=not writes)
        if self.stale_token and self.known is not None:
            # The request has been carried out: that the note of it failed is no reason to say it was not.
            with suppress(Unavailable, DBAPIError), self.units.database.writing() as connection:
                touch(connection, self.known, self.units.env.clock())
        return begun(response)

    def admitted(self) -> RawResponse:
        """Nothing, once it is clear that whoever asks may do so."""
        with self._noting():
            self._admit()
        return RawResponse(200)

    def _admit(self) -> None:
        def ask(uow: UnitOfWork) -> None:
            uow.actor = self._authenticated(uow)
            self._require(uow)
            if uow.actor.agent_limits is not None:
                gate.check_active(uow, uow.actor.agent_limits)
            self._check_access(uow)

        self.units.run(ask, read_only=True)

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """What an agent is refused is noted; the unit in which it was is undone by then."""
        try:
            yield
        except ApiError as error:
            if self.known is not None and self.known.agent_limits is not None:
                audit.record_refusal(self.units, self.known.agent_limits, self.name, error.message)
            raise

    def _prepared(self, said: Request | ApiError) -> dict[str, Any]:
        """What a service wants to be done before its unit is begun, for somebody who may ask it."""
        if self.service.prepare is None or isinstance(said, ApiError):
            return {}
        self._admit()
        assert self.known is not None
        return {"prepared": self.service.prepare(self.units, self.known, self.ref, said)}

    def _with_file(self, said: Request | ApiError) -> RawResponse:
        if self.upload is not None:
            return self._keep(self.upload, said)
        self._admit()
        with Upload(self.request.headers.get("content-type", "")) as upload:
            upload.feed_all((self.request.body,) if self.request.blocks is None else self.request.blocks)
            return self._keep(upload, said)

    def _keep(self, upload: Upload, said: Request | ApiError) -> RawResponse:
        """Keep a file: its bytes first, then the row that names them."""
        upload.finish()
        blobs, key = self.units.env.blobs, new_key()
        self.file = StoredFile(key, upload.name or "", upload.mime_type, upload.size, upload.sha256)
        committing = False

        def work(uow: UnitOfWork) -> RawResponse:
            nonlocal committing
            committing = False
            response = self._within(uow, said)
            committing = True
            return response

        try:
            blobs.put(key, upload.file)
            response = self.units.run(work)
        except BaseException:
            # Of a commit that has failed nobody knows whether it was done: what is left of that is swept.
            if not committing:
                blobs.discard(key)
            raise
        if "idempotency-replayed" in response.headers:
            blobs.discard(key)
        return response

    def _said(self) -> Request | ApiError:
        return self.read() if self.payload is None else self.payload

    def read(self, values_max: int = VALUES_MAX) -> Request | ApiError:
        """Parse and validate the query or the body. It needs neither the database nor the caller.

        Args:
            values_max: How many JSON values the body may hold.

        Returns:
            The request; or what is wrong with it, which is raised later: 401, 403 and 404 come before it.
        """
        kind: type[Request] = self.endpoint.request_class
        if self.endpoint.takes_file:
            return kind()
        try:
            if self.endpoint.in_query:
                return load_query(kind, self._query())
            return load(kind, self._json(values_max) if self.request.body else {})
        except (Invalid, UnsupportedMedia, TooLarge) as error:
            # Its frames hold the body, which may be large.
            return error.with_traceback(None)
        except UnicodeDecodeError:
            return Invalid("the query must be UTF-8")

    def _query(self) -> list[tuple[str, str]]:
        pairs = parse_qsl(self.request.query, keep_blank_values=True, errors="strict")
        seen = self.request.headers.get("last-event-id") if self.endpoint.is_stream else None
        if not seen:
            return pairs
        # A browser that comes back asks for the same URL again; only the header knows how far it had come.
        return [*(pair for pair in pairs if pair[0] != "lastEventId"), ("lastEventId", seen)]

    def _json(self, values_max: int) -> Any:
        media, _, rest = self.request.headers.get("content-type", "").partition(";")
        charset = rest.strip().lower().removeprefix("charset=").strip('"')
        if media.strip().lower() != "application/json" or charset not in ("", "utf-8"):
            raise UnsupportedMedia("Content-Type must be application/json in UTF-8")
        return parse(self.request.body, values_max)

    def _run_self_managed(self, said: Request | ApiError) -> RawResponse:
        if self.endpoint.policy.role == "public":
            self.actor = NOBODY
        else:
            self.actor = self.units.run(self._authenticated, read_only=True)
        self.actor.require(self.endpoint.policy)
        if isinstance(said, ApiError):
            raise said
        return self._response(self.service.function(self.units, self.actor, self.ref, *self._arguments(said)))

    def _within(self, uow: UnitOfWork, said: Request | ApiError, **prepared: Any) -> RawResponse:
        policy = self.endpoint.policy
        uow.actor = NOBODY if policy.role == "public" else self._authenticated(uow)
        self._require(uow)
        done = partial(self._done, **prepared)
        limits = uow.actor.agent_limits
        if limits is None:
            return self._once(uow, said, done)
        gate.count_call(uow, limits)
        if uow.actor.token_id is not None:
            tokens.touch(uow, uow.actor.token_id)
        proposes = policy.agent == "w" and not limits.at_once
        if not proposes:
            audit.record(uow, limits, self.name, "allowed")
        return self._once(uow, said, self._proposed if proposes else done)

    def _require(self, uow: UnitOfWork) -> None:
        """Check what the token reaches before anything is looked up; then the path may name a card by its key."""
        uow.actor.require(self.endpoint.policy)
        if uow.actor.agent_limits is not None and self.endpoint.policy.role != "public":
            gate.check_call(uow.actor.agent_limits, self.endpoint, registered_actions(self.units.env))
        self.ref = resolve_card_key(uow, self.ref)

    def _once(
        self,
        uow: UnitOfWork,
        said: Request | ApiError,
        do: Callable[[UnitOfWork, Request], RawResponse],
    ) -> RawResponse:
        """Do what is asked, unless it has been done before under the same key."""
        if isinstance(said, ApiError):
            self._check_access(uow)
            raise said
        uow.if_match = _versions(self.request.headers.get("if-match"))
        key = self.request.headers.get("idempotency-key") if self.endpoint.idempotent else None
        if key is None:
            return do(uow, said)
        attempt = Attempt(uow, key, self.endpoint, self.request.path, self._told_apart())
        earlier = attempt.earlier()
        if earlier is not None:
            # Whoever has lost access since does not get the old answer either.
            self._check_access(uow)
            return earlier
        response = do(uow, said)
        attempt.keep(response)
        return response

    def _done(self, uow: UnitOfWork, said: Request, **prepared: Any) -> RawResponse:
        answer = self.service.function(uow, self.ref, *self._arguments(said), **prepared)
        return self._response(settle_answer(uow, answer))

    def _proposed(self, uow: UnitOfWork, said: Request) -> RawResponse:
        """What an agent would do that has to ask: written down, to be decided by a person."""
        limits = uow.actor.agent_limits
        assert limits is not None
        arguments = self._arguments(said)
        made = proposing.propose_call(
            uow,
            limits,
            self.endpoint,
            self.ref,
            self.file or said,
            lambda: self.service.function(uow, self.ref, *arguments),
        )
        return self._waiting(uow, limits, made)

    def _waiting(self, uow: UnitOfWork, limits: AgentLimits, made: Proposal) -> RawResponse:
        """The answer that something was proposed."""
        audit.record(uow, limits, self.name, "proposed", proposal_id=made.id)
        return RawResponse(202, {"content-type": "application/json"}, dump(made))

    def _is_agents(self) -> bool:
        """Whether an agent asks, as far as that can be told before anything is looked up."""
        if self.actor is not None:
            return self.actor.agent_limits is not None
        return tokens.is_agent_token(self._bearer())

    def _bearer(self) -> str:
        scheme, _, bearer = self.request.headers.get("authorization", "").partition(" ")
        return bearer.strip() if scheme.lower() == "bearer" else ""

    def _authenticated(self, uow: UnitOfWork) -> Actor:
        if self.actor is not None:
            return self.actor
        bearer = self._bearer()
        if not bearer:
            raise Unauthenticated("a Bearer token is required")
        self.known, self.stale_token = found = authenticate_bearer(uow.connection, bearer, self.units.env)
        return found[0]

    def _check_access(self, uow: UnitOfWork) -> None:
        if self.access_check is None:
            return
        uow.push_policy(self.endpoint.policy)
        try:
            self.access_check(uow, self.ref)
        finally:
            uow.mark_authorized()
            uow.pop_policy()

    def _told_apart(self) -> bytes:
        """What tells this request from another one with the same key."""
        if self.file is None:
            return self.request.body
        return "\0".join((self.file.name, self.file.mime_type or "", self.file.sha256)).encode()

    def _arguments(self, said: Request) -> tuple[Any, ...]:
        if self.file is not None:
            return (self.file,)
        return () if self.endpoint.takes is Nothing else (said,)

    def _response(self, made: Any) -> RawResponse:
        if isinstance(made, StoredFile):
            return file_response(self.units.env.blobs, made, self.request.headers)
        if isinstance(made, Record):
            return streaming(made)
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
