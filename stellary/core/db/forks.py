"""Forks: what a child process must not share with its parent, as under ``gunicorn --preload`` or Celery's prefork pool.

A child inherits connections whose sockets it would share, locks that threads held which it does not have, and states of
random numbers. What must be renewed registers itself here, and is told before and after each fork of this process.
"""

from __future__ import annotations

import os
import weakref
from typing import Any

from sqlalchemy import Engine

_owners: weakref.WeakSet[Any] = weakref.WeakSet()
_abandoned: list[object] = []


def follow(owner: object) -> None:
    """Tell an object of forks for as long as it lives, by those of these methods that it has.

    ``before_fork`` and ``after_fork_in_parent`` are called in the parent, ``after_fork_in_child`` in the child.
    """
    _owners.add(owner)


def abandon(*things: object) -> None:
    """Keep inherited objects for good: their destructors would write to the sockets of the parent."""
    _abandoned.extend(things)


def abandon_pool(engine: Engine) -> None:
    """Give an engine a new pool, and leave the inherited connections to the parent."""
    abandon(engine.pool)
    engine.dispose(close=False)


def _tell(method: str) -> None:
    for owner in list(_owners):
        call = getattr(owner, method, None)
        if call is not None:
            call()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _tell("before_fork"),
        after_in_parent=lambda: _tell("after_fork_in_parent"),
        after_in_child=lambda: _tell("after_fork_in_child"),
    )
