"""The setting ``STELLARY`` of a Django project, and the core of a process, which follows a database of Django."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from os import PathLike
from typing import Any, ParamSpec, TypeVar

import attrs
from django.conf import settings
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from django.db import connections, transaction
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string
from sqlalchemy import Connection

from stellary.contract.refs import Ref
from stellary.contract.router import AnyEndpoint
from stellary.contrib import LOGIN_OPERATIONS
from stellary.contrib.django.database_url import build_url
from stellary.core import Core, UnitOfWork
from stellary.core.db import forks
from stellary.core.http.api import select_endpoints
from stellary.core.http.cors import check_origins
from stellary.core.http.limits import NO_LIMITS, Limits, parse_limit
from stellary.core.kernel.event_handlers import E, EventDelivery
from stellary.core.ports.blob_stores import MEMORY
from stellary.core.ports.mail import Email

SETTING = "STELLARY"
SECRET_BYTES_MIN = 32
_FOLLOWING = ("off", "deactivate", "erase")
_SET_ELSEWHERE = {
    "database": "DATABASE",
    "jwt_secret": "SECRET",
    "public_url": "PUBLIC_URL",
    "blobs": "BLOBS",
}


@attrs.frozen(kw_only=True)
class Configuration:
    """The validated setting. Its keys are these attributes in upper case.

    Attributes:
        database: The alias in ``DATABASES``.
        secret: The key that signs tokens, at least 32 bytes. By default, it is derived from ``SECRET_KEY``.
        blobs: The store of attachments, as in ``Core``: a folder or a URL. By default they are kept in memory.
        public_url: The URL at which people reach the product, for the links in e-mails.
        hide: The operations to leave out of the API. By default, those of ``auth`` that Django handles.
        limits: The limits of requests. By default, those of the reference server.
        cors_origins: The origins whose pages may call the API from a browser. Default: none.
        jobs: Whether processes that serve requests also run background jobs. Default: True.
        membership: Returns the ``Membership`` of a user, or several of them, or None for a user with a workspace of their
            own. Memberships that it does not return end.
        manages: Returns whether ``membership`` decides on the members of an organization, by its slug. By default, it
            decides on those of all organizations.
        follow_users: What ends the accounts of users: ``deactivate`` (default) deactivates those of inactive and deleted
            users, ``erase`` erases those of deleted users, and ``off`` keeps all.
        configure: Called with each new core, to register handlers.
        core: Further arguments of ``Core``.
    """

    database: str = "default"
    secret: str = attrs.field(repr=False)
    blobs: str | PathLike[str] = "memory:"
    public_url: str | None = None
    hide: Collection[str] = LOGIN_OPERATIONS
    limits: Limits | None = None
    cors_origins: tuple[str, ...] = ()
    jobs: bool = True
    membership: Callable[[Any], Any] | None = None
    manages: Callable[[str], bool] = lambda _: True
    follow_users: str = "deactivate"
    configure: Callable[[Core], object] | None = None
    core: Mapping[str, Any] = attrs.field(factory=dict)


@functools.cache
def load_configuration() -> Configuration:
    """Return the setting, validated.

    Raises:
        ImproperlyConfigured: A key is unknown, or its value is not valid.
    """
    setting = getattr(settings, SETTING, {})
    if not isinstance(setting, Mapping):
        raise ImproperlyConfigured(f"{SETTING} must be a dictionary")
    values: dict[str, Any] = {"secret": _derive_secret()}
    for key, value in setting.items():
        read = _READERS.get(key)
        if read is None:
            raise ImproperlyConfigured(f"{SETTING}[{key!r}] is unknown{_suggest(key, _READERS)}")
        try:
            values[key.lower()] = read(value)
        except (ImportError, TypeError, ValueError) as error:
            raise ImproperlyConfigured(f"{SETTING}[{key!r}] {error}") from error
    return Configuration(**values)


def _derive_secret() -> str:
    # The types of Django lack this argument.
    secret: str = salted_hmac("stellary.contrib.django", "tokens", algorithm="sha256").hexdigest()  # type: ignore[call-arg]
    return secret


def _suggest(name: object, names: Collection[str]) -> str:
    similar = difflib.get_close_matches(str(name), names, 1)
    return f"; did you mean {similar[0]!r}?" if similar else f"; the keys are {', '.join(sorted(names))}"


def _read_alias(value: object) -> str:
    if not isinstance(value, str) or value not in settings.DATABASES:
        raise ValueError(f"must be an alias in DATABASES, not {value!r}")
    return value


def _read_secret(value: object) -> str:
    if not isinstance(value, str) or len(value.encode()) < SECRET_BYTES_MIN:
        raise ValueError(f"must be a string of at least {SECRET_BYTES_MIN} bytes")
    return value


def _read_blobs(value: object) -> str | PathLike[str]:
    if not isinstance(value, (str, PathLike)) or not str(value):
        raise ValueError("must be a folder, or a URL such as s3://bucket/prefix")
    return value


def _read_url(value: object) -> str:
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise ValueError(f"must be a URL that begins with https:// or http://, not {value!r}")
    return value


def _read_hidden(value: object) -> Collection[str]:
    if isinstance(value, str) or not isinstance(value, Collection):
        raise TypeError("must be a list of operations, such as 'auth.login' or 'auth.*'")
    select_endpoints(value)
    return value


def _read_limits(value: object) -> Limits:
    if value == "off":
        return NO_LIMITS
    names = [field.name for field in attrs.fields(Limits)]
    if not isinstance(value, Mapping) or not set(value) <= set(names):
        raise ValueError(f"must be 'off', or limits such as '1000/hour' by {', '.join(names)}")
    return Limits(**{name: None if limit is None else parse_limit(limit) for name, limit in value.items()})


def _read_bool(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"must be True or False, not {value!r}")
    return value


def _read_function(value: object) -> Callable[..., Any]:
    function: object = import_string(value) if isinstance(value, str) else value
    if not callable(function):
        raise TypeError(f"must be a function or its dotted path, not {value!r}")
    return function


def _read_following(value: object) -> str:
    if not isinstance(value, str) or value not in _FOLLOWING:
        raise ValueError(f"must be one of {', '.join(_FOLLOWING)}, not {value!r}")
    return value


def _read_core(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("must be a dictionary of arguments of Core")
    names = [name for name in inspect.signature(Core).parameters if name not in _SET_ELSEWHERE]
    for name in value:
        if name in _SET_ELSEWHERE:
            raise ValueError(f"must not contain {name!r}: set {SETTING}[{_SET_ELSEWHERE[name]!r}]")
        if name not in names:
            raise ValueError(f"contains {name!r}, which Core does not take{_suggest(name, names)}")
    return value


_READERS: Mapping[str, Callable[[object], Any]] = {
    "DATABASE": _read_alias,
    "SECRET": _read_secret,
    "BLOBS": _read_blobs,
    "PUBLIC_URL": _read_url,
    "HIDE": _read_hidden,
    "LIMITS": _read_limits,
    "CORS_ORIGINS": check_origins,
    "JOBS": _read_bool,
    "MEMBERSHIP": _read_function,
    "MANAGES": _read_function,
    "FOLLOW_USERS": _read_following,
    "CONFIGURE": _read_function,
    "CORE": _read_core,
}


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
