"""The callers, which send the requests of a client and its handles: one blocks, the other awaits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import attrs

from stellary.client.calling.call import Call, CallOptions, CallPlan, Response, next_cursor
from stellary.client.calling.capture import Watch
from stellary.client.calling.carriers import AsyncTokenCarrier, TokenCarrier
from stellary.client.calling.page import AsyncPage, AsyncRows, Page, Rows, follow_cursor
from stellary.client.calling.retries import AsyncCarrier, Carrier, Flow, arun, flow, run, wait_for_result
from stellary.client.calling.settings import Token
from stellary.client.calling.short_errors import SHORT_ERRORS
from stellary.client.calling.stream import AsyncEventStream, EventStream, StreamFlow
from stellary.contract.port import RawResponse
from stellary.contract.redaction import SecretStr

if TYPE_CHECKING:
    from stellary.client.calling.form import Form

PathParams = Mapping[str, str]
# What a caller returns: a result, or the coroutine that waits for it.
CallResult: TypeAlias = Any | Coroutine[Any, Any, Any]


class Credentials:
    """The token of a client, shared with its handles, so that a renewed token reaches all of them.

    Attributes:
        source: The function that returns the token of each request; None if the token is fixed.
    """

    __slots__ = ("headers", "source", "token")

    def __init__(self, token: Token | None, headers: Mapping[str, str]) -> None:
        self.headers: dict[str, str] = dict(headers)
        self.source = token if callable(token) else None
        self.renew(None if callable(token) else token)

    def renew(self, token: str | None) -> None:
        """Replace the token; None removes it."""
        self.token = None if token is None else SecretStr(token)
        self.headers = {name: text for name, text in self.headers.items() if name != "authorization"}
        if token is not None:
            self.headers["authorization"] = SecretStr(f"Bearer {token}")

    def with_token(self, token: Token | None) -> Credentials:
        """Return separate credentials with another token and the same other headers."""
        return Credentials(token, self.headers)

    def __repr__(self) -> str:
        return "Credentials(…)"


@attrs.frozen
class _Caller(ABC):
    """The base class of both callers.

    Attributes:
        options: The options of the handle that this caller belongs to.
    """

    carrier: Any
    credentials: Credentials
    watch: Watch
    options: CallOptions
    _token_carrier: ClassVar[type[TokenCarrier]]
    _page: ClassVar[type[Any]]
    _rows: ClassVar[type[Rows[Any] | AsyncRows[Any]]]
    _stream: ClassVar[type[EventStream[Any] | AsyncEventStream[Any]]]

    @abstractmethod
    def _run(self, steps: Flow) -> CallResult:
        """Perform the steps, and return their result."""

    def _get_carrier(self) -> Any:
        source = self.credentials.source
        return self.carrier if source is None else self._token_carrier(self.carrier, source)

    def _call(
        self, plan: CallPlan, path_params: PathParams, payload: Any = None, form: Form | None = None
    ) -> Call:
        call = plan.call(path_params, payload, self.credentials.headers, self.options)
        if form is not None:
            form_headers = {"content-type": form.content_type, "content-length": str(form.length)}
            headers = {**call.request.headers, **form_headers}
            call.request = attrs.evolve(call.request, headers=headers, blocks=form)
        return call

    def _send(self, call: Call) -> Flow:
        """Return the steps of a call, whose result is the response and the value in it."""
        return (wait_for_result if call.plan.slow else flow)(call, self.watch)

    def one(
        self, plan: CallPlan, path_params: PathParams, payload: Any = None, form: Form | None = None
    ) -> CallResult:
        """Make a call, and return the value in the response.

        Args:
            plan: The plan of the method.
            path_params: The ids and slugs of the path, by name.
            payload: The request; None if the endpoint takes none.
            form: The file to upload; by default none.

        Raises:
            ApiError: The status of the response is not 2xx.
            ConnectionFailed: No response arrived after all retries.
        """

        def steps() -> Flow:
            _, value = yield from self._send(self._call(plan, path_params, payload, form))
            if plan.renews and self.credentials.source is None:
                self.credentials.renew(value.access_token)
            return value

        return self._run(steps())

    def response(self, plan: CallPlan, path_params: PathParams, payload: Any = None) -> CallResult:
        """Make a call, and return the response itself.

        Args:
            plan: The plan of the method.
            path_params: The ids and slugs of the path, by name.
            payload: The request; None if the endpoint takes none.

        Raises:
            ApiError: The status of the response is not 2xx.
        """

        def steps() -> Flow:
            response, _ = yield from self._send(self._call(plan, path_params, payload))
            return response

        return self._run(steps())

    def request(self, method: str, path: str, arguments: Mapping[str, Any]) -> CallResult:
        """Make a request for which there is no method, and return the response.

        Args:
            method: The HTTP method, in any case.
            path: The path below the base URL, with a leading slash.
            arguments: The keywords of ``Stellary.request``.

        Raises:
            ApiError: The status of the response is not 2xx.
            ValueError: The method, the path or a header cannot be sent.
        """
        from stellary.client.calling.generic_request import make_call

        def steps() -> Flow:
            call = make_call(method, path, self.credentials.headers, self.options, **arguments)
            raw, value = yield from self._send(call)
            return Response(raw.status, raw.headers, raw.body, value)

        return self._run(steps())

    def list(self, plan: CallPlan, path_params: PathParams, payload: Any) -> CallResult:
        """Return one page.

        Args:
            plan: The plan of the method.
            path_params: The ids and slugs of the path, by name.
            payload: The request, with its filters, ``limit`` and ``cursor``.

        Returns:
            The next page with rows, or the last one; without a limit it is the complete list.

        Raises:
            EndlessPages: An empty page links to a page that has been read before.
        """

        def load_page(cursor: str) -> CallResult:
            return self.list(plan, path_params, attrs.evolve(payload, cursor=cursor))

        def steps() -> Flow:
            request, followed = payload, set[str]()
            while True:
                response, rows = yield from self._send(self._call(plan, path_params, request))
                cursor = next_cursor(response.headers)
                if rows or cursor is None:
                    return self._page(rows, cursor, load_page, (self, plan, path_params))
                follow_cursor(followed, cursor)
                request = attrs.evolve(request, cursor=cursor)

        return self._run(steps())

    def iterate(self, plan: CallPlan, path_params: PathParams, payload: Any) -> Rows[Any] | AsyncRows[Any]:
        """Iterate over the rows of all pages.

        Args:
            plan: The plan of the method.
            path_params: The ids and slugs of the path, by name.
            payload: The request, with its filters.

        Returns:
            An iterator that loads each page when it is needed.
        """
        return self._rows(lambda: self.list(plan, path_params, payload))

    def follow(
        self, plan: CallPlan, path_params: PathParams, payload: Any
    ) -> EventStream[Any] | AsyncEventStream[Any]:
        """Return the stream of events.

        Args:
            plan: The plan of the method.
            path_params: The ids and slugs of the path, by name.
            payload: The request, with the id of the last event.
        """

        def make_call() -> Call:
            call = self._call(plan, path_params, payload)
            call.request = self.watch.prepare(call.request)
            return call

        flow = StreamFlow(make_call, lambda data: plan.answer(RawResponse(200, {}, data)), plan.is_last)
        return self._stream(self._get_carrier(), flow)


class SyncCaller(_Caller):
    """A caller that blocks the calling thread."""

    carrier: Carrier
    _token_carrier, _page, _rows, _stream = TokenCarrier, Page, Rows, EventStream

    def _run(self, steps: Flow) -> Any:
        return run(steps, self._get_carrier())


class AsyncCaller(_Caller):
    """A caller that awaits on the event loop."""

    carrier: AsyncCarrier
    _token_carrier, _page, _rows, _stream = AsyncTokenCarrier, AsyncPage, AsyncRows, AsyncEventStream

    async def _run(self, steps: Flow) -> Any:
        with SHORT_ERRORS:
            return await arun(steps, self._get_carrier())
