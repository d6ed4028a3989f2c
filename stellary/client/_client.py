"""The clients: Stellary for blocking code, AsyncStellary for async code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from inspect import cleandoc
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypedDict, TypeVar, Unpack, overload

import attrs

from stellary._version import __version__
from stellary.client._lazy_display import register_lazy_display
from stellary.client.calling.call import CallOptions
from stellary.client.calling.caller import AsyncCaller, Credentials, SyncCaller
from stellary.client.calling.capture import Exchange, RequestHook, ResponseHook, Watch
from stellary.client.calling.carriers import AsyncPortCarrier, PortCarrier
from stellary.client.calling.method import Async, C, IdLike, Later, Resource, Sync
from stellary.client.calling.settings import ClientSettings, Token, check_headers, settings, start_logging
from stellary.client.methods.root import Root
from stellary.contract.port import Port
from stellary.contract.redaction import conceal, conceal_headers
from stellary.contract.wire import UNSET, Unset

if TYPE_CHECKING:
    from stellary.client.calling.call import Response
    from stellary.client.calling.httpx_transport import AsyncHttpClient, HttpClient
    from stellary.client.methods.organizations import OrganizationHandle
    from stellary.client.methods.workspaces import WorkspaceHandle

register_lazy_display()

H = TypeVar("H")


@attrs.frozen
class ClientParts:
    """The parts that differ between blocking and async clients: the caller, and the carriers over HTTP and in process."""

    caller: type[SyncCaller | AsyncCaller]
    over_http: Callable[[str, Any], Any]
    in_process: Callable[[Port], Any]


class ClientOptions(TypedDict, Generic[H], total=False):
    """The keywords of ``login`` and ``register`` that are passed to the client."""

    timeout: float | None
    max_retries: int | None
    headers: Mapping[str, str] | None
    http_client: H | None
    org: str | None
    workspace: str | None


class RequestOptions(TypedDict, total=False):
    """The keywords of ``client.request``."""

    params: Mapping[str, Any] | None
    json: Any
    content: bytes | None
    headers: Mapping[str, str] | None


class Client(Root[C], Generic[C, H]):
    """The root of all handles.

    Args:
        url: The base URL of the API; by default ``STELLARY_URL`` or http://localhost:3001.
        token: A JWT or a personal access token; by default ``STELLARY_TOKEN``. An empty string means no token, even if the
            environment has one. A function is called before each attempt of each request and returns the token, so that
            it can renew one that expires; with AsyncStellary it may be a coroutine function.
        timeout: Seconds for a call as a whole, including pauses and retries; by default ``STELLARY_TIMEOUT``.
            Without either: 5 to connect, 30 between bytes, 90 for the whole call.
        max_retries: The number of retries, at most; by default ``STELLARY_MAX_RETRIES`` or 2.
        headers: Headers to send with each call.
        http_client: Your own ``httpx.Client`` (or ``AsyncClient``), which you close yourself. Its proxies, certificates,
            headers, parameters, cookies, hooks and time-outs apply. A token replaces its ``auth``; with
            ``token=""`` its ``auth`` applies.
        org, workspace: The slugs that ``client.workspace()`` uses by default; else ``STELLARY_ORG``, ``STELLARY_WORKSPACE``.

    Raises:
        ValueError: One of the arguments is not valid.
    """

    _settings: ClientSettings
    _parts: ClassVar[ClientParts]

    def __init__(
        self,
        url: str | None = None,
        token: Token | None = None,
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
        resolved = settings(
            url=url, token=token, timeout=timeout, max_retries=max_retries, org=org, workspace=workspace
        )
        self._begin(resolved, self._parts.over_http(resolved.url, http_client), headers)

    @classmethod
    def embedded(
        cls, port: Port, *, token: Token | None = None, org: str | None = None, workspace: str | None = None
    ) -> Self:
        """Return a client that calls a port in process, with the same errors: ``Stellary.embedded(core.port(actor))``.

        Args:
            port: Answers in the caller's thread; for AsyncStellary in a separate thread.
            token: For a port without an actor. ``STELLARY_TOKEN`` is not used.
            org: The organization's slug that ``client.workspace()`` uses by default.
            workspace: The workspace's slug that ``client.workspace()`` uses by default.

        Returns:
            The client.

        Raises:
            TypeError: ``port`` is not a port.
        """
        if not hasattr(port, "send"):
            raise TypeError(f"embedded() takes a port, such as core.port(actor), not {type(port).__name__}")
        token = conceal(token)
        client = cls.__new__(cls)
        resolved = settings(url="http://embedded", token=token or "", org=org, workspace=workspace)
        client._begin(resolved, cls._parts.in_process(port), None)  # noqa: SLF001 - of this class
        return client

    def _begin(self, resolved: ClientSettings, carrier: Any, headers: Mapping[str, str] | None) -> None:
        start_logging()
        self._settings = resolved
        defaults = {"accept": "application/json", "user-agent": f"stellary-python/{__version__}"}
        caller = self._parts.caller(
            carrier,
            Credentials(resolved.token, {**defaults, **check_headers(headers or {})}),
            Watch(),
            CallOptions(
                timeout=resolved.timeout, retries=resolved.retries, wait=getattr(carrier, "wait", None)
            ),
        )
        Resource.__init__(self, caller, {})

    @classmethod
    def _without_token(cls, url: str | None, options: ClientOptions[H]) -> Self:
        """Return a client without a token; the token of the environment is ignored."""
        options["headers"] = conceal_headers(options.get("headers") or {})
        return cls(url, "", **options)

    def organization(self, organization: IdLike | None = None) -> OrganizationHandle[C]:
        """Return the handle of an organization.

        Args:
            organization: Its slug; by default the client's ``org``, or ``STELLARY_ORG``.

        Raises:
            ValueError: No slug is given here, to the client or in the environment.
        """
        return self.organizations(
            _require_slug("organization", organization, self._settings.org, "STELLARY_ORG")
        )

    def workspace(
        self, organization: IdLike | None = None, workspace: IdLike | None = None
    ) -> WorkspaceHandle[C]:
        """Return the handle of a workspace.

        Args:
            organization: The slug of its organization; by default the client's ``org``, or ``STELLARY_ORG``.
            workspace: Its own slug; by default the client's ``workspace``, or ``STELLARY_WORKSPACE``.

        Returns:
            The handle; nothing is requested.

        Raises:
            ValueError: A slug is missing here, in the client and in the environment.
        """
        slug = _require_slug("workspace", workspace, self._settings.workspace, "STELLARY_WORKSPACE")
        return self.organization(organization).workspace(slug)

    @overload
    def request(
        self: Client[Sync, Any], method: str, path: str, **arguments: Unpack[RequestOptions]
    ) -> Response[Any]: ...
    @overload
    def request(
        self: Client[Async, Any], method: str, path: str, **arguments: Unpack[RequestOptions]
    ) -> Later[Response[Any]]: ...
    def request(self, method: str, path: str, **arguments: Unpack[RequestOptions]) -> Any:
        """Send a request for which there is no method, with the client's token, retries and errors.

        A POST is retried only if you set an ``idempotency_key`` by ``with_options``.

        Args:
            method: The HTTP method, such as ``GET``.
            path: The path below the client's URL, such as ``/orgs/acme/workspaces/eng``; percent-encoded, without a query.
            params: The query parameters; a list for a parameter that occurs several times.
            json: The value to send as a JSON body.
            content: The bytes of the body, instead of ``json``.
            headers: Additional headers for this request.

        Returns:
            The response; ``value`` is the parsed JSON.

        Raises:
            ApiError: The status of the response is not 2xx.
            ValueError: The method, the path or a header cannot be sent.
        """
        return self._caller.request(method, path, arguments)

    def on_request(self, hook: RequestHook) -> None:
        """Call a function with each request of this client and its handles, before each attempt.

        Args:
            hook: Takes the ``RawRequest``, and returns another one to send instead, or None to send it unchanged. An async
                client calls it on the event loop. It sees the token, unless a function returns it.
        """
        self._caller.watch.request_hooks.append(hook)

    def on_response(self, hook: ResponseHook) -> None:
        """Call a function with each response to this client and its handles, after each attempt, except for event streams.

        Args:
            hook: Takes the ``RawRequest`` and the ``RawResponse``, whatever its status. An exception that it raises ends
                the call.
        """
        self._caller.watch.response_hooks.append(hook)

    @contextmanager
    def capture(self) -> Iterator[list[Exchange]]:
        """Capture every call of this client's handles, in any thread, while the block runs.

        Yields:
            A list to which each exchange is added when it ends.
        """
        calls: list[Exchange] = []
        captures = self._caller.watch.captures
        captures.append(calls)
        try:
            yield calls
        finally:
            # Compared by identity, since two captures with the same exchanges are equal.
            captures[:] = [captured for captured in captures if captured is not calls]

    def __repr__(self) -> str:
        # A traceback may show a client whose construction failed.
        resolved = getattr(self, "_settings", None)
        return f"{type(self).__name__}({'…' if resolved is None else repr(resolved.url)})"


def _require_slug(kind: str, passed: IdLike | None, default: str | None, variable: str) -> IdLike:
    slug = default if passed is None else passed
    if slug is None:
        raise ValueError(f"no {kind}: pass one here or to the client, or set {variable}")
    return slug


def _over_http(url: str, client: Any) -> Any:
    from stellary.client.calling.httpx_transport import HttpCarrier

    return HttpCarrier(url, client)


def _over_async_http(url: str, client: Any) -> Any:
    from stellary.client.calling.async_httpx_transport import AsyncHttpCarrier

    return AsyncHttpCarrier(url, client)


class Stellary(Client[Sync, "HttpClient"]):
    """The API for blocking code. Safe to share between threads."""

    __doc__ += cleandoc(Client.__doc__ or "").partition("\n")[2]
    _parts = ClientParts(SyncCaller, _over_http, PortCarrier)

    @classmethod
    def login(
        cls,
        url: str | None,
        email: str,
        password: str,
        code: str | Unset = UNSET,
        **options: Unpack[ClientOptions[HttpClient]],
    ) -> Self:
        """Log in, and return a client of that account.

        Args:
            url: The base URL of the API; None for ``STELLARY_URL`` or http://localhost:3001.
            email: The e-mail address of the account.
            password: Its password.
            code: The code of the authenticator app, or a recovery code, if the account has a second factor.
            options: As for the client itself.

        Returns:
            A client with the token of the new session.

        Raises:
            Unauthenticated: The password or the code is wrong, or there is no such account. The ``code`` of the error is
                ``code_required`` if only the code is missing.
        """
        url, password = conceal(url), conceal(password)
        code = code if isinstance(code, Unset) else conceal(code)
        client = cls._without_token(url, options)
        session = client.auth.login(email=email, password=password, code=code)
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
        """Create an account, and return a client of it.

        Args:
            url: The base URL of the API; None for ``STELLARY_URL`` or http://localhost:3001.
            email: The e-mail address of the account.
            password: 8-128 characters.
            name: The display name; by default made from the e-mail address.
            options: As for the client itself.

        Returns:
            A client with the token of the new session.

        Raises:
            Conflict: The e-mail address is already registered.
        """
        url, password = conceal(url), conceal(password)
        client = cls._without_token(url, options)
        session = client.auth.register(email=email, password=password, name=name)
        return client.with_options(token=session.access_token)

    def close(self) -> None:
        """Close the connections, after which calls fail."""
        self._caller.carrier.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncStellary(Client[Async, "AsyncHttpClient"]):
    """The API for async code: the same names, and each method returns a coroutine. It may be used in several event loops."""

    __doc__ += cleandoc(Client.__doc__ or "").partition("\n")[2]
    _parts = ClientParts(AsyncCaller, _over_async_http, AsyncPortCarrier)

    @classmethod
    async def login(
        cls,
        url: str | None,
        email: str,
        password: str,
        code: str | Unset = UNSET,
        **options: Unpack[ClientOptions[AsyncHttpClient]],
    ) -> Self:
        """Log in, and return a client of that account, like ``Stellary.login``.

        Args:
            url: The base URL of the API; None for ``STELLARY_URL`` or http://localhost:3001.
            email: The e-mail address of the account.
            password: Its password.
            code: The code of the authenticator app, or a recovery code, if the account has a second factor.
            options: As for the client itself.

        Returns:
            A client with the token of the new session.

        Raises:
            Unauthenticated: The password or the code is wrong, or there is no such account. The ``code`` of the error is
                ``code_required`` if only the code is missing.
        """
        url, password = conceal(url), conceal(password)
        code = code if isinstance(code, Unset) else conceal(code)
        client = cls._without_token(url, options)
        session = await client.auth.login(email=email, password=password, code=code)
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
        """Create an account, and return a client of it, like ``Stellary.register``.

        Args:
            url: The base URL of the API; None for ``STELLARY_URL`` or http://localhost:3001.
            email: The e-mail address of the account.
            password: 8-128 characters.
            name: The display name; by default made from the e-mail address.
            options: As for the client itself.

        Returns:
            A client with the token of the new session.

        Raises:
            Conflict: The e-mail address is already registered.
        """
        url, password = conceal(url), conceal(password)
        client = cls._without_token(url, options)
        session = await client.auth.register(email=email, password=password, name=name)
        return client.with_options(token=session.access_token)

    async def close(self) -> None:
        """Close the connections, after which calls fail."""
        caller: Any = self._caller
        await caller.carrier.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
