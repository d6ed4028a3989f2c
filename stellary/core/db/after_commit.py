"""Effects after a commit: the emails and signals of units that have joined a transaction of the host.

Effects wait for the host's commit. If the host rolls back the transaction, or rolls back to a savepoint, the
effects of the units within it are discarded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from stellary.core.db.host_connection import on_commit_of

_log = logging.getLogger("stellary.core")

Effect = Callable[[], None]

_PENDING = "stellary_pending_effects"
_WATCHED = "_stellary_watches_transactions"


class _Pending:
    """The effects of all units that have joined one transaction, in order, without duplicates."""

    def __init__(self) -> None:
        self._effects: dict[Effect, None] = {}
        # The number of effects when each savepoint was created. A savepoint that is missing is older than all
        # effects.
        self._savepoints: dict[str, int] = {}

    def __contains__(self, effect: Effect) -> bool:
        return effect in self._effects

    def add(self, effects: Sequence[Effect]) -> None:
        # An effect that equals an earlier one, such as a signal, is not added again: the earlier one survives
        # every rollback that the later one would.
        self._effects.update(dict.fromkeys(effects))

    def make_savepoint(self, name: str) -> None:
        self._savepoints[name] = len(self._effects)

    def release_savepoint(self, name: str) -> None:
        self._savepoints.pop(name, None)

    def roll_back_to(self, name: str) -> None:
        remaining = self._savepoints.pop(name, 0)
        while len(self._effects) > remaining:
            self._effects.popitem()

    def run(self) -> None:
        _run_all(self._effects)


def after_commit(connection: Connection, effects: Sequence[Effect]) -> None:
    """Run effects after the transaction of a connection commits, unless their part of it is rolled back.

    Args:
        connection: A SQLAlchemy connection, also a borrowed one, in a transaction that the host commits.
        effects: The effects of one unit. Exceptions are logged, since the commit cannot be undone.
    """
    if not effects:
        return
    _watch(connection)
    pending: _Pending = connection.info.setdefault(_PENDING, _Pending())
    on_commit = on_commit_of(connection)
    if on_commit is None:
        pending.add(effects)
        return
    run_all = partial(_run_all, tuple(effects))
    pending.add([run_all])
    on_commit(lambda: run_all() if run_all in pending else None)


def run_effect(effect: Effect) -> None:
    """Run an effect after a commit, and log its exception if it raises one."""
    try:
        effect()
    except Exception:  # noqa: BLE001 - the commit cannot be taken back, and other effects do not depend on it
        _log.exception("an effect after a commit has failed")


def _run_all(effects: Iterable[Effect]) -> None:
    for effect in effects:
        run_effect(effect)


def _watch(connection: Connection) -> None:
    """Observe the transactions of an engine from now on. Repeated calls have no effect.

    SQLAlchemy events are not used: they slow down each statement, the commit event precedes the commit, and
        each unit that
    joins would add another listener to the connection.
    """
    dialect: Any = connection.dialect
    if getattr(dialect, _WATCHED, False):
        return
    setattr(dialect, _WATCHED, True)
    _do_also(dialect, "do_savepoint", lambda pending, name: pending.make_savepoint(name))
    _do_also(dialect, "do_release_savepoint", lambda pending, name: pending.release_savepoint(name))
    _do_also(dialect, "do_rollback_to_savepoint", lambda pending, name: pending.roll_back_to(name))
    if on_commit_of(connection) is not None:
        # The host begins and ends the transaction of a borrowed connection.
        return
    for name in ("do_commit", "do_commit_twophase"):
        _do_also(dialect, name, lambda pending, *_: pending.run(), ends=True)
    for name in ("do_rollback", "do_rollback_twophase", "do_close", "do_terminate"):
        _do_also(dialect, name, lambda pending, *_: None, ends=True)


def _do_also(dialect: Any, name: str, also: Callable[..., None], *, ends: bool = False) -> None:
    """Wrap a method of a dialect, so that its success also updates the pending effects of the connection."""
    original = getattr(dialect, name)

    def method(connection: Any, *arguments: Any, **options: Any) -> Any:
        # Without a pool, this is the driver's own connection, whose ``info`` may be something else.
        info = getattr(connection, "info", None)
        if not isinstance(info, dict) or _PENDING not in info:
            return original(connection, *arguments, **options)
        pending = info[_PENDING]
        if ends:
            del info[_PENDING]
        result = original(connection, *arguments, **options)
        also(pending, *arguments)
        return result

    setattr(dialect, name, method)
