"""The core of a Django project, whose handlers may use Django's ORM in any thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import connections

from stellary.contract.refs import Ref
from stellary.contract.router import AnyEndpoint
from stellary.core import Core, UnitOfWork
from stellary.core.kernel.event_handlers import E, EventDelivery

P = ParamSpec("P")
T = TypeVar("T")


class HostCore(Core):
    """A core that closes the connections of Django after each handler, as Django itself does after each request.

    The threads of requests and jobs belong to the core. Django would keep a connection open for each of them.
    """

    def on(self, event_type: type[E], handler: Callable[[UnitOfWork, E], object]) -> None:
        super().on(event_type, _close_connections(handler))

    def restrict(self, check: Callable[[UnitOfWork, AnyEndpoint, Ref], object]) -> None:
        super().restrict(_close_connections(check))

    def after(self, event_type: type[E], handler: Callable[[EventDelivery[E]], object], *, name: str) -> None:
        super().after(event_type, _close_connections(handler), name=name)

    def add_job(self, name: str, handler: Callable[..., object], **options: int) -> None:
        super().add_job(name, _close_connections(handler), **options)


def _close_connections(handler: Callable[P, T]) -> Callable[P, T]:
    """Return a function that closes old connections after a handler, except those in a transaction."""

    @wraps(handler)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            return handler(*arguments, **options)
        finally:
            for connection in connections.all(initialized_only=True):
                if not connection.in_atomic_block:
                    connection.close_if_unusable_or_obsolete()

    return call
