"""Errors at the line that called a method: without the frames of the client, and with a suggestion for a misspelt name."""

from __future__ import annotations

import functools
import inspect
import logging
import re
from collections.abc import Callable
from traceback import walk_tb
from types import TracebackType
from typing import ParamSpec, TypeVar

from stellary.client.calling.capture import log
from stellary.client.calling.nearest import nearest
from stellary.client.errors import ArgumentError
from stellary.contract.errors import StellaryError

P = ParamSpec("P")
T = TypeVar("T")
# Steps of an async client run in threads.
_OWN_CODE = ("stellary.", "asyncio.", "concurrent.futures.")
_UNKNOWN_KEYWORD = re.compile(r"unexpected keyword argument '(\w+)'$")


class _ShortErrors:
    """A context manager that removes the frames of the client from an error that explains itself.

    They stay if the logger ``stellary.client`` is at the level DEBUG, or if other code is among them, such as a hook.
    """

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not log.isEnabledFor(logging.DEBUG) and _explains_itself(error):
            error.__traceback__ = None


SHORT_ERRORS = _ShortErrors()


def _explains_itself(error: BaseException) -> bool:
    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    return isinstance(error, StellaryError | ArgumentError) and all(
        frame.f_globals.get("__name__", "").startswith(_OWN_CODE) for frame in frames
    )


def shorten_errors(method: Callable[P, T]) -> Callable[P, T]:
    """Return a method of a handle whose errors are short. An unknown keyword is answered by similar ones."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with SHORT_ERRORS:
            try:
                return method(*args, **kwargs)
            except TypeError as error:
                # The call itself has failed, and no line of the method has run.
                if error.__traceback__ and error.__traceback__.tb_next is None:
                    if unknown := _UNKNOWN_KEYWORD.search(str(error)):
                        error.args = (f"{error}{nearest(unknown[1], inspect.signature(method).parameters)}",)
                    error.__traceback__ = None
                raise

    return call


def build_attribute_error(handle: object, name: str) -> AttributeError:
    """Return the error about a missing attribute, with similar ones.

    Args:
        handle: The handle or the client.
        name: The name of the attribute.
    """
    names = (
        [] if name.startswith("_") else [attribute for attribute in dir(type(handle)) if attribute[0] != "_"]
    )
    message = f"{type(handle).__name__!r} object has no attribute {name!r}{nearest(name, names)}"
    # Without its ``name``, which Python would answer by another suggestion.
    return AttributeError(message, obj=handle)
