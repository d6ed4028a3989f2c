"""Lists of whole columns, which a process remembers together with what has changed since."""

from __future__ import annotations

import functools
import time
from bisect import bisect
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, cast

from sqlalchemy import Executable, Select, Text, and_, any_, bindparam, func, literal, select, text
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import aggregate_order_by

from stellary.core.board.queries.card_filters import CONDITIONS
from stellary.core.board.queries.card_lists import (
    COLUMNS,
    FINGERPRINT,
    INDEXES,
    CardList,
    ListedCard,
    ListStatements,
    LoadedCards,
    Row,
    load_cards,
    put_in_order,
)
from stellary.core.board.tables import NO_CARD, card_log, cards, columns, scopes
from stellary.core.db.base import is_given
from stellary.core.db.direct_connection import (
    ExecutedResult,
    allow_statement,
    fetch_rows,
    has_snapshot,
    queue_statement,
)
from stellary.core.db.statement_plans import PlannedResult
from stellary.core.kernel.item_memory import ItemMemory
from stellary.core.kernel.unit import UnitOfWork

_WHOLE_MAX = 4_000
"""The number of cards of a list that is remembered as a whole."""
_CHANGES_MAX = 100
"""The number of changed cards that a list reads; after more changes, it reads its fingerprints."""
_REPLACED_MAX = 8
"""The number of changed cards that are replaced in the JSON of their list."""
_LISTED_SIZE = 300
"""The approximate size of a card in a remembered list without its JSON, in bytes."""
_ENTRY_SIZE = 500
"""The approximate size of a remembered caller, or of an empty list, in bytes."""
_ID_END = len('{"id":"') + 24
"""The number of bytes with which the JSON of a card begins that no other has."""
_XID_AGE_MAX = 1 << 30
"""The number of transactions after which their ids, of 32 bits in a row, are not compared any more."""

_XID_AGE_MIN = -1_000_000
"""The least age of a recent row. Only rows that were written more than two billion transactions ago have a lower one."""

_LOG_END = select(card_log.c.id, card_log.c.card_id).order_by(card_log.c.id.desc()).limit(1)
_IS_NEW = and_(
    card_log.c.id > bindparam("_seen"), cards.c.id == card_log.c.card_id, is_given(cards.c.project_id)
)
_LOGGED: Executable = (
    select(card_log.c.id, card_log.c.card_id, cards.c.position, *COLUMNS)
    .select_from(card_log.outerjoin(cards, _IS_NEW))
    .where(card_log.c.id >= bindparam("_seen"))
    .order_by(card_log.c.id)
    .limit(_CHANGES_MAX + 1)
)
"""On SQLite, a row of the log and those after it, with the cards that are in the project now."""

# PostgreSQL resets the statistics when it recovers from the crash of a process, which may lose transactions.
_SNAPSHOT: Select[Any] = select(
    func.concat(
        func.pg_postmaster_start_time(), literal(" "), func.pg_stat_get_bgwriter_stat_reset_time(), type_=Text
    ).label("server"),
    select(
        func.string_agg(
            columns.c.id,
            aggregate_order_by(
                literal(" "), scopes.c.position, scopes.c.id, columns.c.position, columns.c.id
            ),
        )
    )
    .select_from(columns.join(scopes))
    .where(is_given(columns.c.project_id))
    .scalar_subquery()
    .label("column_ids"),
    sql_cast(func.pg_snapshot_xmin(func.pg_current_snapshot()), Text).label("horizon"),
)
"""On PostgreSQL, the server, the order of columns, and the first transaction whose changes may not be visible yet."""


@functools.lru_cache(maxsize=8)
def _select_recent(names: frozenset[str]) -> Executable:
    """Return the statement on PostgreSQL for the snapshot, the number of cards of a list, and those of them that were written lately.

    Args:
        names: The filters of the list.
    """
    conditions = is_given(cards.c.project_id), *(CONDITIONS[name] for name in sorted(names))
    # A snapshot does not contain the ids of subtransactions, which are greater than those of their transactions.
    is_recent = text(
        f"age({cards.name}.xmin) BETWEEN {_XID_AGE_MIN} AND age(CAST(CAST(:_horizon AS xid8) AS xid))"
    )
    # Reads the cards once, for their number and for those that are recent.
    listed = (
        select(func.count().label("total"), func.array_agg(cards.c.id).filter(is_recent).label("recent_ids"))
        .where(*conditions)
        .subquery("listed")
    )
    recent = listed.outerjoin(cards, cards.c.id == any_(listed.c.recent_ids))
    return (
        _SNAPSHOT.add_columns(listed.c.total, FINGERPRINT, cards.c.position, *COLUMNS)
        .select_from(recent)
        .limit(_CHANGES_MAX + 1)
    )


_State = tuple[object, ...]
"""On SQLite, the last row of the log; on PostgreSQL, the values of ``_SNAPSHOT``."""


class _Changes(NamedTuple):
    """The changes since a list was remembered.

    Attributes:
        state: The state that the next list begins with.
        places: The position and the card by id, of those that may have changed; None if it is not in the list now.
        total: The number of cards in the list now; None if the changes name those that are not in it any more.
    """

    state: _State
    places: Mapping[str, tuple[int, ListedCard] | None]
    total: int | None = None


class _RememberedList(NamedTuple):
    """A list of whole columns that is remembered until it changes.

    Attributes:
        cards: The list.
        positions: The position of each card in its column.
        indexes: The index of each card in the list by id.
        state: The state in which it was read, or an earlier one.
        read_at: A time after it was read, by ``time.perf_counter``.
        json_size: The number of bytes of the JSON that is kept. Default: none is.
    """

    cards: CardList
    positions: Sequence[int]
    indexes: Mapping[str, int]
    state: _State
    read_at: float
    json_size: int = 0

    @classmethod
    def build(cls, loaded: LoadedCards, state: _State) -> _RememberedList:
        """Return a list of loaded cards."""
        indexes = {card.id: index for index, card in enumerate(loaded.listed)}
        return cls(put_in_order(loaded), loaded.positions, indexes, state, time.perf_counter())

    def estimate_size(self) -> int:
        """Return the approximate size in bytes, without that of the cards, which other lists share."""
        return _ENTRY_SIZE + _LISTED_SIZE * len(self.cards) + self.json_size

    def follow(self, changes: _Changes | None) -> _RememberedList | None:
        """Return the list after changes, with its JSON if all cards have kept their places; None if it must be read again.

        Args:
            changes: The changes; None if they are not known.
        """
        if changes is None:
            return None
        listed, places = self.cards.listed, changes.places
        if not places and self.json_size and changes.total in (None, len(listed)):
            return self
        replaced: dict[int, ListedCard] = {}
        removed_indexes: list[int] = []
        for index in [self.indexes[id] for id in places if id in self.indexes]:
            known_card = listed[index]
            position, card = places[known_card.id] or (None, None)
            if card is not None and (position, card.place) == (self.positions[index], known_card.place):
                replaced[index] = card
            else:
                removed_indexes.append(index)
        kept_ids = {card.id for card in replaced.values()}
        arrived = [place for id, place in places.items() if place is not None and id not in kept_ids]
        if changes.total not in (None, len(listed) + len(arrived) - len(removed_indexes)):
            return None
        if not (removed_indexes or arrived):
            followed = self._replace_cards(replaced)
            json_size = len(followed.keep_json())
            return self._replace(
                cards=followed, state=changes.state, read_at=time.perf_counter(), json_size=json_size
            )
        listed, positions = [*listed], [*self.positions]
        for index, card in replaced.items():
            listed[index] = card
        for index in sorted(removed_indexes, reverse=True):
            del listed[index], positions[index]
        if arrived and not _insert(self.cards.listed, positions, listed, arrived):
            return None
        return _RememberedList.build(LoadedCards(positions, listed), changes.state)

    def _replace_cards(self, replaced: Mapping[int, ListedCard]) -> CardList:
        """Return the list with cards in the places of others, and with its JSON unless they are many."""
        changed = [index for index, card in replaced.items() if card is not self.cards.listed[index]]
        if not changed:
            return self.cards
        listed = [*self.cards.listed]
        for index in changed:
            listed[index] = replaced[index]
        followed = CardList(listed, self.cards.orders)
        if len(changed) > _REPLACED_MAX:
            return followed
        json = self.cards.keep_json()
        for index in changed:
            old = self.cards.dump_one(index)
            # Objects within a card have other ids. Most cards are about equally long, so it begins near its share of the text.
            key, near = old[:_ID_END], len(json) * index // len(listed) - len(json) // 20
            start = json.find(key, max(0, near))
            if start < 0:
                start = json.index(key)
            parts = memoryview(json)
            json = b"".join((parts[:start], followed.dump_one(index), parts[start + len(old) :]))
        followed.json = json
        return followed


class _KnownCaller(NamedTuple):
    """A caller who has listed the cards of a project, and may again be allowed to."""

    project_key: str

    def estimate_size(self) -> int:
        """Return the approximate size in bytes."""
        return _ENTRY_SIZE


class QueuedList(NamedTuple):
    """A list that is read in the same round trip as the access to it.

    Attributes:
        key: Its key in the memory.
        earlier: The list as it is remembered.
        recent: The result of ``_select_recent``.
    """

    key: tuple[object, ...]
    earlier: _RememberedList
    recent: PlannedResult | ExecutedResult


def _make_key(
    uow: UnitOfWork, project_id: str, project_key: str, values: Mapping[str, object]
) -> tuple[object, ...]:
    # Each replica has its own snapshots.
    return (uow.connection.engine, project_id, project_key, *values.items())


def queue_list(uow: UnitOfWork, values: Mapping[str, object], project_id: str) -> QueuedList | None:
    """Queue the statement of a list on PostgreSQL before the access to it is checked, for those who have read it before.

    Others, such as another token of the same user, do not learn from the time of the answer whether a project exists.

    Args:
        uow: The unit of work.
        values: The values of the filters: columns of the table of cards by name.
        project_id: The project, as the request names it.

    Returns:
        None if the list is not remembered, or the caller has not read it.
    """
    if not uow.sees_only_committed or uow.connection.dialect.name == "sqlite":
        return None
    (caller,) = cast("ItemMemory[_KnownCaller]", uow.env.listed_cards).find(((uow.actor, project_id),))
    if caller is None:
        return None
    key = _make_key(uow, project_id, caller.project_key, values)
    (earlier,) = cast("ItemMemory[_RememberedList]", uow.env.listed_cards).find((key,))
    return None if earlier is None else _queue_recent(uow, key, earlier, values, project_id)


def _queue_recent(
    uow: UnitOfWork,
    key: tuple[object, ...],
    earlier: _RememberedList,
    values: Mapping[str, object],
    project_id: str,
) -> QueuedList:
    parameters = {"_project_id": project_id, "_horizon": earlier.state[2], **values}
    recent = queue_statement(uow.connection, _select_recent(frozenset(values)), parameters)
    return QueuedList(key, earlier, recent)


def load_whole_columns(
    uow: UnitOfWork,
    statements: ListStatements,
    values: Mapping[str, object],
    project_id: str,
    project_key: str,
    queued: QueuedList | None = None,
) -> CardList:
    """Return all cards of whole columns in board order. The list is remembered.

    Args:
        uow: The unit of work, which has checked the access to the cards.
        statements: The statements of the list.
        values: The values of the filters: columns of the table of cards by name.
        project_id: The project.
        project_key: The prefix of the cards' keys.
        queued: The result of ``queue_list``. Default: none.
    """
    parameters = {"_project_id": project_id, **values}
    if not uow.sees_only_committed:
        return put_in_order(load_cards(uow, statements, parameters, project_key))
    is_sqlite = uow.connection.dialect.name == "sqlite"
    memory = cast("ItemMemory[_RememberedList]", uow.env.listed_cards)
    key = _make_key(uow, project_id, project_key, values)
    if queued is not None and queued.key != key:
        # The key of the project has changed.
        queued = None
    if queued is None and not is_sqlite:
        uow.env.listed_cards.add(((uow.actor, project_id),), (_KnownCaller(project_key),))
    (earlier,) = memory.find((key,))
    followed = None
    if earlier is not None and is_sqlite:
        followed = earlier.follow(_read_log(uow, earlier.state, values, project_id, project_key))
    elif earlier is not None:
        # Another thread may have followed later changes meanwhile.
        earlier = earlier if queued is None else queued.earlier
        if has_snapshot(uow.connection) and earlier.read_at > uow.opened_at:
            return put_in_order(load_cards(uow, statements, parameters, project_key))
        queued = queued or _queue_recent(uow, key, earlier, values, project_id)
        followed = earlier.follow(_read_recent(uow, queued, project_key))
    if followed is None:
        return _load_and_remember(uow, statements, parameters, project_key, key)
    if followed is not earlier:
        memory.add((key,), (followed,))
    return followed.cards


def _load_and_remember(
    uow: UnitOfWork,
    statements: ListStatements,
    parameters: Mapping[str, object],
    project_key: str,
    key: tuple[object, ...],
) -> CardList:
    """Return the cards of a list that is not remembered, or has changed too much, and remember it."""
    is_sqlite = uow.connection.dialect.name == "sqlite"
    allow_statement(uow.connection)
    allow_statement(uow.connection)
    # Before the cards, so that the next list reads all later changes again.
    if is_sqlite:
        state = fetch_rows(uow.connection, _LOG_END, {})
    else:
        state = fetch_rows(uow.connection, _SNAPSHOT, {"_project_id": parameters["_project_id"]})
    loaded = load_cards(uow, statements, parameters, project_key)
    # All rows of the log may have been deleted, which is how tests of hosts begin.
    is_remembered = bool(state) and len(loaded.listed) <= _WHOLE_MAX
    # The order of columns may have changed in between, and may change back.
    if not is_remembered or not (is_sqlite or _are_in_order(loaded.listed, state[0].column_ids)):
        return put_in_order(loaded)
    remembered = _RememberedList.build(loaded, (*state[0],))
    cast("ItemMemory[_RememberedList]", uow.env.listed_cards).add((key,), (remembered,))
    return remembered.cards


def _are_in_order(listed: Sequence[ListedCard], column_ids: str | None) -> bool:
    """Return whether cards are in the order of their columns, as ``_SNAPSHOT`` has it."""
    ranks = {id: rank for rank, id in enumerate((column_ids or "").split())}
    ranked = [(card.archived, ranks.get(card.column_id, -1)) for card in listed]
    return all(place <= following for place, following in pairwise(ranked))


def _read_recent(uow: UnitOfWork, queued: QueuedList, project_key: str) -> _Changes | None:
    """Return the changes since a list was remembered; None if it must be read again."""
    rows: Sequence[Row] = queued.recent.fetch_rows()
    server, column_ids, horizon, total = rows[0][:4]
    known_server, known_ids, known_horizon = queued.earlier.state
    is_comparable = 0 <= int(horizon) - int(cast("str", known_horizon)) < _XID_AGE_MAX
    if len(rows) > _CHANGES_MAX or (server, column_ids) != (known_server, known_ids) or not is_comparable:
        return None
    memory = cast("ItemMemory[ListedCard]", uow.env.listed_cards)
    places: dict[str, tuple[int, ListedCard] | None] = {}
    for _, _, _, _, fingerprint, position, *row in rows if rows[0][4] else ():
        (card,) = memory.find((fingerprint,))
        if card is None or card.project_key != project_key:
            card = ListedCard(row, project_key)
            memory.add((fingerprint,), (card,))
        places[card.id] = (position, card)
    return _Changes((server, column_ids, horizon), places, total)


def _read_log(
    uow: UnitOfWork, known_state: _State, values: Mapping[str, object], project_id: str, project_key: str
) -> _Changes | None:
    """Return the changes since a known state from the log; None if the list must be read again."""
    rows: Sequence[Row] = fetch_rows(
        uow.connection, _LOGGED, {"_seen": known_state[0], "_project_id": project_id}
    )
    # The log forgets old changes, and a database that was replaced has another one.
    if not rows or (rows[0][0], rows[0][1]) != known_state or len(rows) > _CHANGES_MAX:
        return None
    if len(rows) == 1:
        return _Changes(known_state, {})
    changed = {row[1]: row for row in rows[1:]}
    if NO_CARD in changed:
        return None
    places = {
        id: (row[2], ListedCard(row[3:], project_key))
        if row[2] is not None and all(row[3 + INDEXES[name]] == value for name, value in values.items())
        else None
        for id, row in changed.items()
    }
    return _Changes((*rows[-1][:2],), places)


def _insert(
    known_cards: Sequence[ListedCard],
    positions: list[int],
    listed: list[ListedCard],
    arrived: Sequence[tuple[int, ListedCard]],
) -> bool:
    """Insert cards in board order; return False if a column of theirs had no card, so that its place is not known."""
    ranks: dict[tuple[bool, str], int] = {}
    for card in known_cards:
        ranks.setdefault(card.place, len(ranks))
    keys = [(ranks[card.place], position, card.id) for position, card in zip(positions, listed, strict=True)]
    for position, card in arrived:
        if card.place not in ranks:
            return False
        index = bisect(keys, key := (ranks[card.place], position, card.id))
        keys.insert(index, key)
        listed.insert(index, card)
        positions.insert(index, position)
    return True
