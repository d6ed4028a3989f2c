"""The settings of a client, from its arguments and from the environment."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

import attrs

from stellary.client.errors import check_type
from stellary.contract.redaction import conceal, conceal_headers

TokenSource = Callable[[], str | Awaitable[str]]
Token = str | TokenSource
"""A token, or a function that returns the token of each request. For async clients it may be a coroutine function."""
DEFAULT_URL = "http://localhost:3001"
DEFAULT_RETRIES = 2
_LEVELS = {"warning": logging.WARNING, "info": logging.INFO, "debug": logging.DEBUG, "wire": logging.DEBUG}


@attrs.frozen
class ClientSettings:
    """The settings of a client.

    Attributes:
        url: The base URL, without a slash at its end.
        timeout: Seconds for a call as a whole; None for the defaults of ``retries``.
        retries: The number of retries, at most.
        org, workspace: The slugs that ``client.workspace()`` uses by default.
    """

    url: str
    token: Token | None = attrs.field(repr=False)
    timeout: float | None
    retries: int
    org: str | None
    workspace: str | None


def settings(
    *,
    url: str | None = None,
    token: Token | None = None,
    timeout: float | None = None,
    max_retries: int | None = None,
    org: str | None = None,
    workspace: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> ClientSettings:
    """Return the settings. Arguments that are None are taken from the ``STELLARY_…`` variables of the environment.

    Args:
        url: The base URL; ``http://localhost:3001`` if neither is given.
        token: A JWT, a personal access token or an agent's token, or a function that returns one. An empty string means no
            token, even if the environment has one.
        timeout: Seconds for a call as a whole.
        max_retries: The number of retries, at most; 2 if neither is given.
        org: The slug of an organization.
        workspace: The slug of a workspace.
        environment: Read instead of ``os.environ``.

    Raises:
        ValueError: A URL, number or token is not valid. The message shows neither the URL nor the token.
    """

    # A function, since a traceback would show a local variable with the whole environment.
    def read(name: str) -> str | None:
        return (os.environ if environment is None else environment).get(name) or None

    url, token = conceal(url), conceal(token)
    chosen_timeout = read("STELLARY_TIMEOUT") if timeout is None else timeout
    chosen_retries = read("STELLARY_MAX_RETRIES") if max_retries is None else max_retries
    return ClientSettings(
        url=check_url(url or read("STELLARY_URL") or DEFAULT_URL),
        token=check_token(conceal(read("STELLARY_TOKEN")) if token is None else token or None),
        timeout=None if chosen_timeout is None else check_timeout(chosen_timeout),
        retries=DEFAULT_RETRIES if chosen_retries is None else check_retries(chosen_retries),
        org=org or read("STELLARY_ORG"),
        workspace=workspace or read("STELLARY_WORKSPACE"),
    )


def check_url(url: str) -> str:
    """Return the base URL without its last slash.

    Raises:
        ValueError: It is not ``http(s)://host…``, or has a query, a fragment or a user name. The message does not show it,
            since it may be a token that was passed as the URL.
    """
    url = conceal(url)
    problem = _url_problem(url)
    if problem is not None:
        raise ValueError(problem)
    return str(url).strip().rstrip("/")


def _url_problem(url: str) -> str | None:
    parts = None
    with suppress(ValueError):
        parts = urlsplit(str(url).strip())
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return "the URL must begin with http:// or https:// and name a host; pass a token as token=…"
    if parts.query or parts.fragment or "@" in parts.netloc:
        return "the URL must not contain a query, a fragment or a user name"
    return None


def check_token(token: Token | None) -> Token | None:
    """Return the token without surrounding white space, which tokens read from files often have.

    Raises:
        TypeError: It is neither a text nor a function.
        ValueError: The token cannot be sent in a header. The message does not show it.
    """
    if token is None or callable(token):
        return token
    check_type("token", token, str)
    token = conceal(token).strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError("the token contains characters that no token can have")
    return token


def check_timeout(timeout: object) -> float:
    """Return a time-out as seconds.

    Raises:
        ValueError: It is not a number above 0.
    """
    try:
        seconds = float(timeout)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError(f"the timeout must be a number of seconds above 0, not {timeout!r}")
    return seconds


def check_retries(retries: object) -> int:
    """Return the number of retries.

    Raises:
        ValueError: It is not an integer of at least 0.
    """
    try:
        count = int(retries)  # type: ignore[call-overload]
    except (TypeError, ValueError):
        count = -1
    if count < 0:
        raise ValueError(f"the number of retries must be an integer of at least 0, not {retries!r}")
    return int(count)


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers with lower-case names; the repr of credentials among them is hidden.

    Raises:
        TypeError: The headers are no mapping.
        ValueError: A name or a value is not valid in a header.
    """
    headers = conceal_headers(headers)
    for name, text in headers.items():
        check_type("the name of a header", name, str)
        check_type(f"the header {name!r}", text, str)
        if (
            not text.isascii()
            or not text.isprintable()
            or not name.isascii()
            or not name.replace("-", "").replace("_", "").isalnum()
        ):
            raise ValueError(f"the header {name!r} cannot be sent: names and values must be printable ASCII")
    return {name.lower(): text for name, text in headers.items()}


def start_logging(environment: Mapping[str, str] = os.environ) -> None:
    """Log the calls of clients to standard error, if ``STELLARY_LOG`` is ``info``, ``debug`` or ``wire``."""
    level = environment.get("STELLARY_LOG", "").lower()
    if level in _LEVELS:
        log(level)


def log(level: str) -> None:
    """Log the calls of all clients to standard error, once: if the program prints its own logs there, as part of these.

    Args:
        level: ``warning`` for nothing, ``info`` for retries, ``debug`` for a line per call, or ``wire`` for every request and
            response with headers and bodies. Tokens, passwords and other secrets are not shown.

    Raises:
        ValueError: There is no such level.
    """
    if level not in _LEVELS:
        raise ValueError(f"the level must be {', '.join(_LEVELS)}, not {level!r}")
    logger = logging.getLogger("stellary.client")
    logger.setLevel(_LEVELS[level])
    # The wire log has a level of its own, so that DEBUG alone never writes bodies.
    logging.getLogger("stellary.client.wire").setLevel(logging.DEBUG if level == "wire" else logging.WARNING)
    if not any(isinstance(handler, logging.StreamHandler) for handler in logger.handlers):
        handler = logging.StreamHandler()
        handler.addFilter(lambda record: not _is_printed(record))
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
        logger.addHandler(handler)


def _is_printed(record: logging.LogRecord) -> bool:
    """Return whether a handler of the root logger prints a record."""
    return any(
        getattr(handler, "stream", None) in (sys.stderr, sys.stdout) and record.levelno >= handler.level
        for handler in logging.getLogger().handlers
    )
