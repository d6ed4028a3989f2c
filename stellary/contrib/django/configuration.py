"""The setting ``STELLARY`` of a Django project."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from os import PathLike
from typing import Any

import attrs
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.crypto import salted_hmac
from django.utils.module_loading import import_string

from stellary.contrib import LOGIN_OPERATIONS
from stellary.core import Core
from stellary.core.http.api import select_endpoints
from stellary.core.http.cors import check_origins
from stellary.core.http.limits import NO_LIMITS, Limits, parse_limit

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
    # The types of Django lack the argument.
    secret = salted_hmac("stellary.contrib.django", "tokens", algorithm="sha256")  # type: ignore[call-arg]
    values: dict[str, Any] = {"secret": secret.hexdigest()}
    for key, value in setting.items():
        read = _READERS.get(key)
        if read is None:
            raise ImproperlyConfigured(f"{SETTING}[{key!r}] is unknown{_suggest(key, _READERS)}")
        try:
            values[key.lower()] = read(value)
        except (ImportError, TypeError, ValueError) as error:
            raise ImproperlyConfigured(f"{SETTING}[{key!r}] {error}") from error
    return Configuration(**values)


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
