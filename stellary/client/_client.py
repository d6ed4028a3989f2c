"""The clients: Stellary for callers that block, AsyncStellary for callers that await."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypedDict, TypeVar, Unpack, overload

import attrs

from stellary import __version__
from stellary.client._lazy_display import register_lazy_display
from stellary.client.calling.call import Options
from stellary.client.calling.caller import AsyncCaller, Credentials, SyncCaller
from stellary.client.calling.capture import Exchange, Watch
from stellary.client.calling.embedded import AsyncPortCarrier, PortCarrier
from stellary.client.calling.method import Async, C, Id, Later, Resource, Sync
from stellary.client.calling.settings import Settings, checked_headers, settings, start_logging
from stellary.client.resources.organizations import OrganizationHandle, Organizations
from stellary.contract.port import Port
from stellary.contract.redaction import conceal, conceal_headers
from stellary.contract.unset import UNSET, Unset

if TYPE_CHECKING:
    from stellary.client.calling.httpx_transport import AsyncHttpClient, HttpClient
    from stellary.client.calling.response import Response
    from stellary.client.resources.api_tokens import ApiTokens
    from stellary.client.resources.auth import Auth
    from stellary.client.resources.notifications import Notifications
    from stellary.client.resources.workspaces import ReceivedInvitations, WorkspaceHandle

register_lazy_display()

H = TypeVar("H")


@attrs.frozen
class Colour:
    """What a client of one colour is made of: its caller, and its carriers over HTTP and in process."""

    caller: type[SyncCaller | AsyncCaller]
    over_http: Callable[[str, Any], Any]
    in_process: Callable[[Port], Any]


def _headers(given: Mapping[str, str] | None) -> dict[str, str]:
    own = {"accept": "application/json", "user-agent": f"stellary-python/{__version__}"}
    return {**own, **checked_headers(given or {})}


class ClientOptions(TypedDict, Generic[H], total=False):
    """What ``login`` and ``register`` hand on to the client."""

    timeout: float | None
    max_retries: int | None
    headers: Mapping[str, str] | None
    http_client: H | None
    org: str | None
    workspace: str | None


class RequestOptions(TypedDict, total=False):
    """What ``client.request`` takes by name."""

    params: Mapping[str, Any] | None
    json: Any
    content: bytes | None
    headers: Mapping[str, str] | None


class Client(Resource[C], Generic[C, H]):
    """The root of all handles.

    Args:
        url: Where the API is; ``STELLARY_URL`` or http://localhost:3001 if not given.
        token: A JWT or a personal access token; ``STELLARY_TOKEN`` if not given. An empty string means no token, whatever the
            environment says.
        timeout: Seconds in which a call must be done, pauses and further attempts included; ``STELLARY_TIMEOUT`` if
            not given. Without one: 5 to connect, 30 between bytes, 90 for the whole call.
        max_retries: How often a call is tried again, at most; ``STELLARY_MAX_RETRIES`` or 2 if not given.
        headers: Sent with each call.
        http_client: An ``httpx.Client`` (or ``AsyncClient``) of yours; it stays yours to close. Its proxies, certificates,
            headers, parameters, cookies, hooks and time-outs apply. A token takes the place of its ``auth``; with
            ``token=""`` its ``auth`` applies.
        org, workspace: Slugs that ``client.workspace()`` falls back on; ``STELLARY_ORG``, ``STELLARY_WORKSPACE``.

    Raises:
        ValueError: One of them cannot be.
    """

    _settings: Settings
    _colour: ClassVar[Colour]

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
        http_client: H | None = None,
        org: str | None = None,
        workspace: str | None = None,
    ) -> None:
        # A token given in place of the URL, or a password in it, must not appear in a traceback with local variables.
        url, token, headers = conceal(url), conceal(token), conceal_headers(headers or {})
        known = settings(
            url=url, token=token, timeout=timeout, max_retries=max_retries, org=org, workspace=workspace
        )
        self._begin(known, self._colour.over_http(known.url, http_client), headers)

    @classmethod
    def embedded(
        cls, port: Port, *, token: str | None = None, org: str | None = None, workspace: str | None = None
    ) -> Self:
        """The same client in process: ``Stellary.embedded(core.port(actor))``. No socket, the same errors.

        Args:
            port: Answers in the thread of the caller; for AsyncStellary in one of its own.
            token: For a port that has no actor. ``STELLARY_TOKEN`` is not meant for it.
            org, workspace: As for the client itself.
        """
        token = conceal(token)
        client = cls.__new__(cls)
        known = settings(url="http://embedded", token=token or "", org=org, workspace=workspace)
        client._begin(known, cls._colour.in_process(port), None)  # noqa: SLF001 - of this class
        return client

    def _begin(self, known: Settings, carrier: Any, headers: Mapping[str, str] | None) -> None:
        start_logging()
        self._settings = known
        caller = self._colour.caller(
            carrier,
            Credentials(known.token, _headers(headers)),
            Watch(),
            Options(timeout=known.timeout, retries=known.retries, wait=getattr(carrier, "wait", None)),
        )
        Resource.__init__(self, caller, {})

    @classmethod
    def _nobody(cls, url: str | None, options: ClientOptions[H]) -> Self:
        """Return a client without a token, not even that of the environment."""
        options["headers"] = conceal_headers(options.get("headers") or {})
        return cls(url, "", **options)

    @property
    def auth(self) -> Auth[C]:
        """The caller's account."""
        from stellary.client.resources.auth import Auth

        return Auth(self._caller, self._place)

    @property
    def api_tokens(self) -> ApiTokens[C]:
        """The caller's personal access tokens."""
        from stellary.client.resources.api_tokens import ApiTokens

        return ApiTokens(self._caller, self._place)

    @property
    def notifications(self) -> Notifications[C]:
        """What has happened that concerns the caller."""
        from stellary.client.resources.notifications import Notifications

        return Notifications(self._caller, self._place)

    @property
    def invitations(self) -> ReceivedInvitations[C]:
        """Invitations that the caller has received."""
        from stellary.client.resources.workspaces import ReceivedInvitations

        return ReceivedInvitations(self._caller, self._place)

    @property
    def organizations(self) -> Organizations[C]:
        """The organizations of the caller."""
        return Organizations(self._caller, self._place)

    def organization(self, organization: Id | None = None) -> OrganizationHandle[C]:
        """One organization, by its slug.

        Args:
            organization: The client's ``org``, or ``STELLARY_ORG``, if not given.

        Raises:
            ValueError: Neither of them is given.
        """
        return self.organizations(_given("organization", organization, self._settings.org, "STELLARY_ORG"))

    def workspace(self, organization: Id | None = None, workspace: Id | None = None) -> WorkspaceHandle[C]:
        """One workspace, by the slugs of its organization and its own.

        Args:
            organization: The client's ``org``, or ``STELLARY_ORG``, if not given.
            workspace: The client's ``workspace``, or ``STELLARY_WORKSPACE``, if not given.

        Raises:
            ValueError: Neither of them is given.
        """
        found = _given("workspace", workspace, self._settings.workspace, "STELLARY_WORKSPACE")
        return self.organization(organization).workspace(found)

    @overload
    def request(
        self: Client[Sync, Any], method: str, path: str, **named: Unpack[RequestOptions]
    ) -> Response[Any]: ...
    @overload
    def request(
        self: Client[Async, Any], method: str, path: str, **named: Unpack[RequestOptions]
    ) -> Later[Response[Any]]: ...
    def request(self, method: str, path: str, **named: Unpack[RequestOptions]) -> Any:
        """Send a request for which there is no method, with the token, retries and errors of all others.

        A POST is repeated only with an ``idempotency_key`` of ``with_options``.

        Args:
            method: Such as ``GET``.
            path: From the client's URL on, such as ``/orgs/acme/workspaces/eng``; percent-encoded, without a query.
            params: The query, by name; a list for a name that is given several times.
            json: What the body holds as JSON.
            content: The bytes of the body, in place of ``json``.
            headers: For this request.

        Returns:
            The response; ``value`` is the parsed JSON.

        Raises:
            ApiError: The answer is not 2xx.
            ValueError: The method, the path or a header cannot be sent.
        """
        return self._caller.request(method, path, named)

    @contextmanager
    def capture(self) -> Iterator[list[Exchange]]:
        """Gather every call that is made while the block runs, by whatever handle of this client and in any thread.

        Yields:
            The list that they are added to, as they end.
        """
        calls: list[Exchange] = []
        captures = self._caller.watch.captures
        captures.append(calls)
        try:
            yield calls
        finally:
            # By identity: two captures that have gathered the same are equal.
            captures[:] = [each for each in captures if each is not calls]

    def __repr__(self) -> str:
        # A traceback may show a client whose construction failed.
        known = getattr(self, "_settings", None)
        return f"{type(self).__name__}({'…' if known is None else repr(known.url)})"


def _given(what: str, given: Id | None, default: str | None, variable: str) -> Id:
    found = default if given is None else given
    if found is None:
        raise ValueError(f"no {what}: name one, or let the client or {variable} do")
    return found


def _over_http(url: str, client: Any) -> Any:
    from stellary.client.calling.httpx_transport import HttpCarrier

    return HttpCarrier(url, client)


def _over_async_http(url: str, client: Any) -> Any:
    from stellary.client.calling.httpx_transport import AsyncHttpCarrier

    return AsyncHttpCarrier(url, client)


class Stellary(Client[Sync, "HttpClient"]):
    """The API for callers that block. Safe to share between threads."""

    __doc__ += cleandoc(Client.__doc__ or "").partition("\n")[2]
    _colour = Colour(SyncCaller, _over_http, PortCarrier)

    @classmethod
    def login(
        cls, url: str | None, email: str, password: str, **options: Unpack[ClientOptions[HttpClient]]
    ) -> Self:
        """A client of whoever has that account; ``options`` as for the client itself.

        Raises:
            Unauthenticated: The password is wrong, or there is no such account.
        """
        url, password = conceal(url), conceal(password)
        client = cls._nobody(url, options)
        session = client.auth.login(email=email, password=password)
        return client.with_options(token=session.access_token)

    @classmethod
    def register(
        cls,
        url: str | None,
        email: str,
        password: str,
        name: str | Unset = UNSET,
        **options: Unpack[ClientOptions[HttpClient]],
    ) -> Self:
        """A client of an account that is made by this; ``options`` as for the client itself.

        Args:
            password: 8-128 characters.
            name: Made from the e-mail address if not given.

        Raises:
            Conflict: Somebody has that e-mail address.
        """
        url, password = conceal(url), conceal(password)
        client = cls._nobody(url, options)
        session = client.auth.register(email=email, password=password, name=name)
        return client.with_options(token=session.access_token)

    def close(self) -> None:
        """Close the connections; calls fail from now on."""
        self._caller.carrier.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncStellary(Client[Async, "AsyncHttpClient"]):
    """The API for callers that await: the same names, and each method gives a coroutine. It may be used in several event loops."""

    __doc__ += cleandoc(Client.__doc__ or "").partition("\n")[2]
    _colour = Colour(AsyncCaller, _over_async_http, AsyncPortCarrier)

    @classmethod
    async def login(
        cls, url: str | None, email: str, password: str, **options: Unpack[ClientOptions[AsyncHttpClient]]
    ) -> Self:
        """As ``Stellary.login``."""
        url, password = conceal(url), conceal(password)
        client = cls._nobody(url, options)
        session = await client.auth.login(email=email, password=password)
        return client.with_options(token=session.access_token)

    @classmethod
    async def register(
        cls,
        url: str | None,
        email: str,
        password: str,
        name: str | Unset = UNSET,
        **options: Unpack[ClientOptions[AsyncHttpClient]],
    ) -> Self:
        """As ``Stellary.register``."""
        url, password = conceal(url), conceal(password)
        client = cls._nobody(url, options)
        session = await client.auth.register(email=email, password=password, name=name)
        return client.with_options(token=session.access_token)

    async def close(self) -> None:
        """Close the connections; calls fail from now on."""
        caller: Any = self._caller
        await caller.carrier.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
