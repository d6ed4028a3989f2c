"""Carriers that ask a function for the token of each request, for tokens that expire."""

from __future__ import annotations

import inspect
from typing import Any

import attrs

from stellary.client.calling.settings import TokenSource, check_token
from stellary.contract.port import RawRequest
from stellary.contract.redaction import conceal


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
