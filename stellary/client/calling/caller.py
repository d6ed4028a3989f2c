"""The callers, which send the requests of a client and its handles: one blocks, the other awaits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from stellary.client.calling.call import Call, CallOptions, CallPlan, next_cursor
from stellary.client.calling.capture import Watch
from stellary.client.calling.carriers import AsyncTokenCarrier, TokenCarrier
from stellary.client.calling.page import AsyncPage, AsyncRows, FollowedCursors, Page, Rows, page
from stellary.client.calling.retries import AsyncCarrier, Carrier, Flow, arun, flow, run, wait_for_result
from stellary.client.calling.settings import Token
from stellary.client.calling.short_errors import SHORT_ERRORS
from stellary.client.calling.stream import AsyncEventStream, EventStream, StreamFlow
from stellary.contract.port import RawResponse
from stellary.contract.redaction import SecretStr

if TYPE_CHECKING:
    from stellary.client.calling.call import Response
    from stellary.client.calling.form import Form

PathParams = Mapping[str, str]


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
class _Caller:
    """The base class of both callers.

    Attributes:
        options: The options of the handle that this caller belongs to.
    """

    carrier: Any
    credentials: Credentials
    watch: Watch
    options: CallOptions
    _token_carrier: ClassVar[type[TokenCarrier]]

    def _start(self, call: Call) -> tuple[Flow, Any]:
        """Return the flow of a call, and the carrier that performs its steps."""
        steps = wait_for_result if call.plan.slow else flow
        return steps(call, self.watch), self._get_carrier()

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

    def _page(
        self,
        kind: type[Any],
        plan: CallPlan,
        path_params: PathParams,
        payload: Any,
        result: tuple[Any, Any],
        load_page: Any,
    ) -> Any:
        """Return the rows as a page that calls ``load_page`` for the next one."""
        response, rows = result
        return page(
            kind,
            rows,
            next_cursor(response.headers),
            lambda cursor: load_page(plan, path_params, attrs.evolve(payload, cursor=cursor)),
            (self, plan, path_params),
        )

    def _start_flow(self, plan: CallPlan, path_params: PathParams, payload: Any) -> StreamFlow[Any]:
        def make_call() -> Call:
            call = self._call(plan, path_params, payload)
            call.request = self.watch.prepare(call.request)
            return call

        return StreamFlow(make_call, lambda data: plan.answer(RawResponse(200, {}, data)), plan.is_last)

    def _renew_token(self, plan: CallPlan, value: Any) -> Any:
        if plan.renews and self.credentials.source is None:
            self.credentials.renew(value.access_token)
        return value

    def _request(self, method: str, path: str, arguments: Mapping[str, Any]) -> Call:
        from stellary.client.calling.generic_request import make_call

        return make_call(method, path, self.credentials.headers, self.options, **arguments)


class SyncCaller(_Caller):
    """A caller that blocks the calling thread."""

    carrier: Carrier
    _token_carrier = TokenCarrier

    def one(
        self, plan: CallPlan, path_params: PathParams, payload: Any = None, form: Form | None = None
    ) -> Any:
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
        result = run(*self._start(self._call(plan, path_params, payload, form)))
        return self._renew_token(plan, result[1])

    def response(self, plan: CallPlan, path_params: PathParams, payload: Any = None) -> RawResponse:
        """Make a call, and return the response itself.

        Args:
            plan: The plan of the method.
            path_params: The ids and slugs of the path, by name.
            payload: The request; None if the endpoint takes none.

        Raises:
            ApiError: The status of the response is not 2xx.
        """
        response: RawResponse = run(*self._start(self._call(plan, path_params, payload)))[0]
        return response

    def request(self, method: str, path: str, arguments: Mapping[str, Any]) -> Response[Any]:
        """Make a request for which there is no method, and return the response.

        Args:
            method: The HTTP method, in any case.
            path: The path below the base URL, with a leading slash.
            arguments: The keywords of ``Stellary.request``.

        Raises:
            ApiError: The status of the response is not 2xx.
            ValueError: The method, the path or a header cannot be sent.
        """
        from stellary.client.calling.generic_request import make_response

        return make_response(run(*self._start(self._request(method, path, arguments))))

    def list(self, plan: CallPlan, path_params: PathParams, payload: Any) -> Page[Any]:
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
        followed = FollowedCursors()
        while True:
            result = run(*self._start(self._call(plan, path_params, payload)))
            listing: Page[Any] = self._page(Page, plan, path_params, payload, result, self.list)
            if listing or listing.next_cursor is None:
                return listing
            followed.follow(listing.next_cursor)
            payload = attrs.evolve(payload, cursor=listing.next_cursor)

    def iterate(self, plan: CallPlan, path_params: PathParams, payload: Any) -> Iterator[Any]:
        """Iterate over the rows of all pages.

        Args:
            plan: The plan of the method.
            path_params: The ids and slugs of the path, by name.
            payload: The request, with its filters.

        Returns:
            An iterator that loads each page when it is needed.
        """
        return Rows(lambda: self.list(plan, path_params, payload))

    def follow(self, plan: CallPlan, path_params: PathParams, payload: Any) -> EventStream[Any]:
        """Return the stream of events.

        Args:
            plan: The plan of the method.
            path_params: The ids and slugs of the path, by name.
            payload: The request, with the id of the last event.
        """
        return EventStream(self._get_carrier(), self._start_flow(plan, path_params, payload))


class AsyncCaller(_Caller):
    """A caller that awaits on the event loop."""

    carrier: AsyncCarrier
    _token_carrier = AsyncTokenCarrier

    async def one(
        self, plan: CallPlan, path_params: PathParams, payload: Any = None, form: Form | None = None
    ) -> Any:
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
        with SHORT_ERRORS:
            result = await arun(*self._start(self._call(plan, path_params, payload, form)))
        return self._renew_token(plan, result[1])

    async def response(self, plan: CallPlan, path_params: PathParams, payload: Any = None) -> RawResponse:
        """Make a call, and return the response itself.

        Args:
            plan: The plan of the method.
            path_params: The ids and slugs of the path, by name.
            payload: The request; None if the endpoint takes none.

        Raises:
            ApiError: The status of the response is not 2xx.
        """
        with SHORT_ERRORS:
            result = await arun(*self._start(self._call(plan, path_params, payload)))
        response: RawResponse = result[0]
        return response

    async def request(self, method: str, path: str, arguments: Mapping[str, Any]) -> Response[Any]:
        """Make a request for which there is no method, and return the response.

        Args:
            method: The HTTP method, in any case.
            path: The path below the base URL, with a leading slash.
            arguments: The keywords of ``AsyncStellary.request``.

        Raises:
            ApiError: The status of the response is not 2xx.
            ValueError: The method, the path or a header cannot be sent.
        """
        from stellary.client.calling.generic_request import make_response

        with SHORT_ERRORS:
            return make_response(await arun(*self._start(self._request(method, path, arguments))))

    async def list(self, plan: CallPlan, path_params: PathParams, payload: Any) -> AsyncPage[Any]:
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
        followed = FollowedCursors()
        while True:
            with SHORT_ERRORS:
                result = await arun(*self._start(self._call(plan, path_params, payload)))
            listing: AsyncPage[Any] = self._page(AsyncPage, plan, path_params, payload, result, self.list)
            if listing or listing.next_cursor is None:
                return listing
            followed.follow(listing.next_cursor)
            payload = attrs.evolve(payload, cursor=listing.next_cursor)

    def iterate(self, plan: CallPlan, path_params: PathParams, payload: Any) -> AsyncIterator[Any]:
        """Iterate over the rows of all pages.

        Args:
            plan: The plan of the method.
            path_params: The ids and slugs of the path, by name.
            payload: The request, with its filters.

        Returns:
            An iterator that loads each page when it is needed.
        """
        return AsyncRows(lambda: self.list(plan, path_params, payload))

    def follow(self, plan: CallPlan, path_params: PathParams, payload: Any) -> AsyncEventStream[Any]:
        """Return the stream of events.

        Args:
            plan: The plan of the method.
            path_params: The ids and slugs of the path, by name.
            payload: The request, with the id of the last event.
        """
        return AsyncEventStream(self._get_carrier(), self._start_flow(plan, path_params, payload))
