"""Carriers over a port (the API in process, with no socket and no time-outs), and with a token of its own for each request."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any

import attrs

from stellary.client.calling.settings import TokenSource, check_token
from stellary.contract.port import Port, RawRequest, RawResponse
from stellary.contract.redaction import conceal


async def read_in_threads(blocks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield the blocks, reading each in a thread, since the disk may be slow."""
    import asyncio

    reading = iter(blocks)
    while (block := await asyncio.to_thread(next, reading, None)) is not None:
        yield block


@attrs.frozen
class OpenStream:
    """A streaming response; async callers iterate over its blocks in async steps, and await ``close``.

    Attributes:
        status: The HTTP status.
        headers: The headers, by name.
        blocks: The blocks of the body.
        close: Ends the stream, and closes its connection.
    """

    status: int
    headers: Mapping[str, str]
    blocks: Any
    close: Callable[[], Any]


def _open_stream(port: Port, request: RawRequest) -> OpenStream:
    response = port.stream(request)
    blocks: Any = iter([response.body]) if response.blocks is None else response.blocks
    return OpenStream(response.status, response.headers, blocks, getattr(blocks, "close", lambda: None))


class PortCarrier:
    """A carrier for blocking callers: the port answers in the caller's thread."""

    def __init__(self, port: Port) -> None:
        self._port = port

    def send(self, request: RawRequest, _: float, /) -> RawResponse:
        """Send the request. There is no time-out in process."""
        return self._port.send(request)

    def open(self, request: RawRequest, _: float, /) -> OpenStream:
        """Open a stream; its blocks are read in the thread that waits for them."""
        return _open_stream(self._port, request)

    def close(self) -> None:
        """Close the port."""
        self._port.close()


class AsyncPortCarrier:
    """A carrier for async callers: the port answers in a separate thread."""

    def __init__(self, port: Port) -> None:
        self._port = port

    async def send(self, request: RawRequest, _: float, /) -> RawResponse:
        """Send the request."""
        import asyncio

        return await asyncio.to_thread(self._port.send, request)

    async def open(self, request: RawRequest, _: float, /) -> OpenStream:
        """Open a stream, of which each block is awaited in a thread."""
        import asyncio

        stream = await asyncio.to_thread(_open_stream, self._port, request)

        async def close() -> None:
            """End the stream, and wake a thread that waits for its next block."""
            stream.close()

        return attrs.evolve(stream, blocks=read_in_threads(stream.blocks), close=close)

    async def close(self) -> None:
        """Close the port."""
        self._port.close()


@attrs.frozen
class TokenCarrier:
    """A carrier for blocking callers. The function is called before each attempt, also before retries.

    Attributes:
        carrier: Sends the requests.
        source: Returns the token.
    """

    carrier: Any
    source: TokenSource

    def send(self, request: RawRequest, seconds: float, /) -> object:
        """Send the request with the current token.

        Args:
            request: The request, without a token.
            seconds: The time limit, in seconds.
        """
        return self.carrier.send(_authorize(request, conceal(self.source())), seconds)

    def open(self, request: RawRequest, seconds: float, /) -> object:
        """Open a stream with the current token.

        Args:
            request: The request, without a token.
            seconds: The time limit, in seconds.
        """
        return self.carrier.open(_authorize(request, conceal(self.source())), seconds)


class AsyncTokenCarrier(TokenCarrier):
    """A carrier for async callers. The function may be a coroutine function."""

    async def send(self, request: RawRequest, seconds: float, /) -> object:
        """Send the request with the current token.

        Args:
            request: The request, without a token.
            seconds: The time limit, in seconds.
        """
        return await self.carrier.send(_authorize(request, await self._load_token()), seconds)

    async def open(self, request: RawRequest, seconds: float, /) -> object:
        """Open a stream with the current token.

        Args:
            request: The request, without a token.
            seconds: The time limit, in seconds.
        """
        return await self.carrier.open(_authorize(request, await self._load_token()), seconds)

    async def _load_token(self) -> object:
        token = self.source()
        return conceal(await token if inspect.isawaitable(token) else token)


def _authorize(request: RawRequest, token: object) -> RawRequest:
    """Return the request with a token.

    Raises:
        TypeError: The function has returned something else.
    """
    if not isinstance(token, str):
        if inspect.iscoroutine(token):
            token.close()
        raise TypeError(f"the function for the token must return a text, not {type(token).__name__}")
    header = conceal(f"Bearer {check_token(token)}")
    return attrs.evolve(request, headers={**request.headers, "authorization": header})
