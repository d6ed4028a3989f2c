"""The observers of requests: the access log and the metrics of an application."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import unquote

import attrs

from stellary.contract.port import RawResponse
from stellary.contract.router import AnyEndpoint
from stellary.core.api.measures import Measure
from stellary.core.kernel.unit_times import UnitObserver

PATH_MAX = 300
# Text that looks like a secret, which is removed from unknown paths.
_SECRETS = re.compile(r"(?<=/invitations/).+|synth_[^/]*|eyJ[^/]*|(?<=[:@=])[^/]{8,}")


@attrs.define
class AccessEntry:
    """One line of the access log. It has no query, headers or body, since they may contain private data.

    Attributes:
        ms: Milliseconds from the headers of the request to the end of its response.
        token_id: The id of the API token, of the agent's token, or of the login (``jti``); never the token itself.
        client: The client's address.
    """

    method: str
    path: str
    status: int
    ms: float
    request_id: str
    user_id: str | None
    client: str
    token_id: str | None = None


AccessLog = Callable[[AccessEntry], object]
"""Called for each response, on the event loop. It must not block."""


def logged_path(path: str, endpoint: AnyEndpoint | None) -> str:
    """Return a path as it may be logged: without an invitation's secret, or anything that looks like a secret.

    Args:
        path: The path of a request.
        endpoint: Its endpoint; None for unknown paths.
    """
    if endpoint is None:
        return _SECRETS.sub("***", unquote(path[:PATH_MAX], errors="replace"))
    return endpoint.path if ":token" in endpoint.path else path[:PATH_MAX]


class RequestMetrics(UnitObserver, Protocol):
    """The metrics of an application. Requests are counted on the event loop."""

    def begin(self) -> None:
        """Count a request whose handling begins."""
        ...

    def end(self, operation: str | None, status: int, seconds: float) -> None:
        """Count a request that was handled.

        Args:
            operation: The operation; None if the path is unknown.
            status: The status of the response.
            seconds: The duration of the request.
        """
        ...

    def count_stream(self, change: int) -> None:
        """Count an event stream that begins, by 1, or ends, by -1."""
        ...

    def count_unshared(self) -> None:
        """Count that the store in which servers share their limits turned out to be away."""
        ...

    def response(self, measures: Sequence[Measure]) -> RawResponse:
        """Return the response of ``/metrics``. It is called in a thread.

        Args:
            measures: The state of the installation; empty if the database does not answer.
        """
        ...
