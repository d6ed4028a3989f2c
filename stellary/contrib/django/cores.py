"""The core of a process, which follows a database of Django."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.db import connections, transaction
from sqlalchemy import Connection

from stellary.contract.refs import Ref
from stellary.contract.router import AnyEndpoint
from stellary.contrib.django.configuration import load_configuration
from stellary.contrib.django.database_url import build_url
from stellary.core import Core, UnitOfWork
from stellary.core.db import forks
from stellary.core.kernel.event_handlers import E, EventDelivery
from stellary.core.ports.blob_stores import MEMORY
from stellary.core.ports.mail import Email

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


class _Current:
    """The core of this process, and the parts that end before it."""

    def __init__(self) -> None:
        self.lock = forks.create_lock(self, "lock")
        self.core: Core | None = None
        self.url = ""
        self.closing: list[Callable[[], object]] = []


_current = _Current()


def get_core() -> Core:
    """Return the core on the database of Django. The first call in a process creates it.

    It has connections of its own. If the settings of the database change, as they do in tests, the next call closes it
    and creates another.

    Raises:
        ImproperlyConfigured: The setting ``STELLARY`` is not valid.
        ValueError: The database is neither SQLite nor PostgreSQL.
    """
    url = build_url(connections[load_configuration().database])
    if _current.core is not None and _current.url != url:
        reset_core()
    with _current.lock:
        if _current.core is None:
            _current.core, _current.url = _create_core(url), url
        return _current.core


def close_with_core(close: Callable[[], object]) -> None:
    """Call a function before the current core is closed."""
    _current.closing.append(close)


def reset_core() -> None:
    """Close the core, if there is one. The next call of ``get_core`` creates another."""
    with _current.lock:
        core, _current.core = _current.core, None
        closing, _current.closing = _current.closing, []
    # Without the lock, since requests that are being answered may need it.
    for close in reversed(closing):
        close()
    if core is not None:
        core.close()


def follow_test_database(creation: Any) -> None:
    """Close the core before a test database is copied or dropped, since PostgreSQL does neither while it is in use.

    Args:
        creation: The ``creation`` of a connection of Django.
    """
    destroy, clone = creation.destroy_test_db, creation.clone_test_db

    @wraps(destroy)
    def close_and_destroy(*arguments: Any, **options: Any) -> Any:
        reset_core()
        return destroy(*arguments, **options)

    @wraps(clone)
    def close_and_clone(*arguments: Any, **options: Any) -> Any:
        reset_core()
        if creation.connection.vendor == "sqlite":
            with creation.connection.cursor() as cursor:
                # Django copies the file of the database without its write-ahead log.
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return clone(*arguments, **options)

    creation.destroy_test_db, creation.clone_test_db = close_and_destroy, close_and_clone


@contextmanager
def join_transaction() -> Iterator[Connection]:
    """Open a block of ``transaction.atomic``, and wrap Django's connection for the ``connection`` argument of the core.

    Within a transaction, such as that of a request, the block is a part of it.

    Yields:
        The connection.

    Raises:
        TransactionManagementError: The transaction of Django has failed, and can only be rolled back.
    """
    alias = load_configuration().database
    core = get_core()
    # Django checks this for its own statements only.
    connections[alias].validate_no_broken_transaction()
    with (
        transaction.atomic(using=alias),
        core.borrowed(
            connections[alias].connection, lambda effect: transaction.on_commit(effect, using=alias)
        ) as connection,
    ):
        yield connection


def _create_core(url: str) -> Core:
    configuration = load_configuration()
    options: dict[str, Any] = {"mailer": _send_email, "registration": "closed", **configuration.core}
    if configuration.public_url is not None:
        options["public_url"] = configuration.public_url
    # The files belong to the real database, and not to that of a test.
    blobs = MEMORY if hasattr(mail, "outbox") else configuration.blobs
    core = HostCore(url, jwt_secret=configuration.secret, blobs=blobs, **options)
    if configuration.configure is not None:
        configuration.configure(core)
    return core


def _send_email(email: Email) -> None:
    message = EmailMultiAlternatives(email.subject, email.text, to=[email.to])
    if email.html:
        message.attach_alternative(email.html, "text/html")
    message.send()
