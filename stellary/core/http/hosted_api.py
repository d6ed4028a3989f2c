"""The base of the applications that hosts mount, whatever their protocol."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Generic, TypeVar

from stellary.core import Core
from stellary.core.db import forks
from stellary.core.http.addresses import Network
from stellary.core.http.api import Api, select_endpoints
from stellary.core.http.limits import Limits
from stellary.core.http.observers import AccessLog

W = TypeVar("W")
A = TypeVar("A")


def refuse_tokens(external_id: str) -> bool:
    """Return False: without a function of the host, it is unknown whether its user is still active."""
    return False


class HostedApi(Generic[W, A]):
    """The API in the application of a host. The kind of application describes the arguments.

    Raises:
        ValueError: ``hide`` names an unknown operation.
    """

    _streams_max: int | None = None
    """The number of event streams that may be open at a time, by default; None for that of ``Api``."""

    def __init__(
        self,
        core: Core,
        *,
        who: W | None = None,
        is_active: A | None = None,
        hide: Collection[str] = (),
        limits: Limits | None = None,
        trusted_proxies: Sequence[Network] = (),
        cors_origins: Sequence[str] = (),
        streams_max: int | None = None,
        jobs: bool = True,
        access_log: AccessLog | None = None,
    ) -> None:
        if who is not None and is_active is None:
            # A host that decides on callers, and not on those with a token, has no API tokens.
            hide = [*hide, "api_tokens.*"]
        select_endpoints(hide)
        self._create_api = partial(
            Api,
            core,
            hide=hide,
            limits=limits,
            trusted_proxies=trusted_proxies,
            cors_origins=cors_origins,
            streams_max=self._streams_max if streams_max is None else streams_max,
            jobs=jobs,
            access_log=access_log,
        )
        self._who = who
        self._is_active = is_active or refuse_tokens
        self._trusted_proxies = trusted_proxies
        self._lock = forks.create_lock(self)
