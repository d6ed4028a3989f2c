"""Effects after commit: emails and signals of units that have joined a transaction of the host's.

They wait for the host's commit. What the host rolls back, all of its transaction or to a savepoint, takes the effects of
the units in it along.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from stellary.core.db.host_connection import on_commit_of

_log = logging.getLogger("stellary.core")

Effect = Callable[[], None]

_PENDING = "stellary_pending_effects"
_WATCHED = "_stellary_watches_transactions"


class _Pending:
    """The effects of all units that have joined one transaction, each once, in order."""

    def __init__(self) -> None:
        self._effects: dict[Effect, None] = {}
        # How many effects there were when a savepoint was made. One that is not here is older than all of them.
        self._savepoints: dict[str, int] = {}

    def __contains__(self, effect: Effect) -> bool:
        return effect in self._effects

    def add(self, effects: Sequence[Effect]) -> None:
        # An effect that equals an earlier one, such as a signal, waits once: it survives wherever the later one would.
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
        for effect in self._effects:
            run_effect(effect)


class _UnitEffects:
    """The effects of one unit as one, for a host that is told of commits by itself."""

    def __init__(self, effects: Sequence[Effect]) -> None:
        self._effects = tuple(effects)

    def __call__(self) -> None:
        for effect in self._effects:
            run_effect(effect)


def after_commit(connection: Connection, effects: Sequence[Effect]) -> None:
    """Run effects once the transaction of a connection is committed, unless the part that they belong to is rolled back.

    Args:
        connection: In a transaction that the host commits; one of SQLAlchemy's or a borrowed one.
        effects: Of one unit. An exception that one raises is logged: the commit cannot be taken back.
    """
    if not effects:
        return
    _watch(connection)
    pending: _Pending = connection.info.setdefault(_PENDING, _Pending())
    on_commit = on_commit_of(connection)
    if on_commit is None:
        pending.add(effects)
        return
    unit = _UnitEffects(effects)
    pending.add([unit])
    on_commit(partial(_run_if_pending, pending, unit))


def run_effect(effect: Effect) -> None:
    """Run an effect of a transaction that is committed, and log what it raises."""
    try:
        effect()
    except Exception:  # noqa: BLE001 - the commit cannot be taken back, and other effects do not depend on it
        _log.exception("an effect after a commit has failed")


def _run_if_pending(pending: _Pending, unit: _UnitEffects) -> None:
    if unit in pending:
        unit()


def _watch(connection: Connection) -> None:
    """Follow the transactions of an engine from now on, once per engine.

    Not by events: those slow down each statement, the one of the commit comes before the commit, and listeners of a
    connection would add up with the units that join it.
    """
    dialect: Any = connection.dialect
    if getattr(dialect, _WATCHED, False):
        return
    setattr(dialect, _WATCHED, True)
    _do_also(dialect, "do_savepoint", lambda pending, name: pending.make_savepoint(name))
    _do_also(dialect, "do_release_savepoint", lambda pending, name: pending.release_savepoint(name))
    _do_also(dialect, "do_rollback_to_savepoint", lambda pending, name: pending.roll_back_to(name))
    if on_commit_of(connection) is not None:
        # What begins and ends the transaction of a borrowed connection is the host's.
        return
    for name in ("do_commit", "do_commit_twophase"):
        _do_also(dialect, name, lambda pending, *_: pending.run(), ends=True)
    for name in ("do_rollback", "do_rollback_twophase", "do_close", "do_terminate"):
        _do_also(dialect, name, lambda pending, *_: None, ends=True)


def _do_also(dialect: Any, name: str, also: Callable[..., None], *, ends: bool = False) -> None:
    """Have a method of a dialect do something with the pending effects of its connection too, once it has succeeded."""
    original = getattr(dialect, name)

    def method(connection: Any, *arguments: Any, **options: Any) -> Any:
        # Without a pool around it this is the driver's own connection, whose ``info`` may be something else.
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
