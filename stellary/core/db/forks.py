"""Forks: renewal of objects that a child process must not share (``gunicorn --preload``, Celery's prefork pool).

A child inherits the sockets of connections, locks held by threads that do not exist in it, and the state of random
number generators. Objects that must renew them register here, and are called before and after each fork.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

from sqlalchemy import Engine

_owners: weakref.WeakSet[Any] = weakref.WeakSet()
_locks: weakref.WeakKeyDictionary[object, str] = weakref.WeakKeyDictionary()
_abandoned: list[object] = []


def follow(owner: object) -> None:
    """Call methods of an object before and after forks, as long as the object exists.

    If it has these methods, ``before_fork`` and ``after_fork_in_parent`` are called in the parent, and
    ``after_fork_in_child`` in the child.
    """
    _owners.add(owner)


def create_lock(owner: object, name: str = "_lock") -> threading.Lock:
    """Return a lock for an attribute of an object, which a child replaces, since a thread of the parent may hold it.

    Args:
        owner: The object.
        name: The name of the attribute. Default: ``_lock``.
    """
    _locks[owner] = name
    return threading.Lock()


def abandon(*things: object) -> None:
    """Keep inherited objects alive, since their destructors would write to the sockets of the parent."""
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


def _renew() -> None:
    for owner, name in list(_locks.items()):
        setattr(owner, name, threading.Lock())
    _tell("after_fork_in_child")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=lambda: _tell("before_fork"),
        after_in_parent=lambda: _tell("after_fork_in_parent"),
        after_in_child=_renew,
    )
