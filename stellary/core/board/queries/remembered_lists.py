"""Lists of whole columns, which a process remembers until a card of theirs changes."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Select, and_, bindparam, select

from stellary.core.board.queries.card_lists import (
    COLUMNS,
    FINGERPRINT,
    INDEXES,
    CardList,
    ListedCard,
    ListStatements,
    LoadedCards,
    load_cards,
    put_in_order,
)
from stellary.core.board.tables import NO_CARD, card_log, cards
from stellary.core.db.base import is_given
from stellary.core.db.direct_connection import (
    ExecutedResult,
    allow_statement,
    fetch_rows,
    queue_statement,
)
from stellary.core.db.statement_plans import PlannedResult, SqlRow
from stellary.core.kernel.item_memory import ItemMemory
from stellary.core.kernel.unit import UnitOfWork

_WHOLE_MAX = 4_000
"""The number of cards of a list that is remembered as a whole."""
_CHANGES_MAX = 100
"""The number of rows of the log that a list reads; after more changes, it reads its fingerprints."""
_CHANGED_MAX = 8
"""The number of changed cards that are read with their list, and replaced in its JSON."""
_LISTED_SIZE = 200
"""The approximate size of a card in a remembered list without its JSON, in bytes."""
_ENTRY_SIZE = 500
"""The approximate size of a remembered caller, or of an empty list, in bytes."""
_ID_END = len('{"id":"') + 24
"""The number of bytes with which the JSON of a card begins that no other has."""
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)

_CHANGED_SINCE: Select[Any] = (
    select(FINGERPRINT, *COLUMNS)
    .where(
        is_given(cards.c.project_id), cards.c.updated_at > bindparam("_since", type_=cards.c.updated_at.type)
    )
    .limit(_CHANGED_MAX)
)
_LOG_END = select(card_log.c.id, card_log.c.card_id).order_by(card_log.c.id.desc()).limit(1)
_IS_NEW = and_(
    card_log.c.id > bindparam("_seen"), cards.c.id == card_log.c.card_id, is_given(cards.c.project_id)
)
_CHANGES: Select[Any] = (
    select(card_log.c.id, card_log.c.card_id, cards.c.position, *COLUMNS)
    .select_from(card_log.outerjoin(cards, _IS_NEW))
    .where(card_log.c.id >= bindparam("_seen"))
    .order_by(card_log.c.id)
    .limit(_CHANGES_MAX + 1)
)
"""A row of the log and those after it, with the cards that are in the project now."""


class _RememberedList(NamedTuple):
    """A list of whole columns that is remembered until it changes.

    Attributes:
        loaded: The cards as they were read.
        cards: The list.
        last_change: The time of the last change of a card that is known, also of a card of another list.
        json_size: The number of bytes of the JSON that is kept. Default: none is.
    """

    loaded: LoadedCards
    cards: CardList
    last_change: datetime
    json_size: int = 0

    def estimate_size(self) -> int:
        """Return the approximate size in bytes, without that of the cards, which other lists share."""
        return _ENTRY_SIZE + _LISTED_SIZE * len(self.cards) + self.json_size

    def confirm(self, last_change: datetime) -> _RememberedList:
        """Return the same list with its JSON, which is kept, and with the last change that is known now."""
        json_size = len(self.cards.keep_json())
        if last_change <= self.last_change and json_size == self.json_size:
            return self
        return self._replace(last_change=max(self.last_change, last_change), json_size=json_size)

    def replace(self, loaded: LoadedCards) -> _RememberedList | None:
        """Return the list with a few cards that have changed, all in their places; None if it has changed more."""
        cards = CardList(loaded.listed, self.cards.orders)
        if len(self.cards) != len(cards):
            return None
        pairs = zip(self.cards.listed, cards.listed, strict=True)
        changed = [index for index, (before, after) in enumerate(pairs) if before is not after]
        json, last_change = self.cards.keep_json(), self.last_change
        for index in changed:
            before, after = self.cards.listed[index], cards.listed[index]
            if len(changed) > _CHANGED_MAX or (before.id, before.place) != (after.id, after.place):
                return None
            old = self.cards.dump_one(index)
            # Objects within a card have other ids. Most cards are about equally long, so it begins near its share of the text.
            key, near = old[:_ID_END], len(json) * index // len(cards) - len(json) // 20
            start = json.find(key, max(0, near))
            if start < 0:
                start = json.index(key)
            parts = memoryview(json)
            json = b"".join((parts[:start], cards.dump_one(index), parts[start + len(old) :]))
            last_change = max(last_change, _find_change(after))
        cards.json = json
        return _RememberedList(loaded, cards, last_change, len(json))


def _find_change(card: ListedCard) -> datetime:
    changed_at: datetime = card.row[INDEXES["updated_at"]]
    return changed_at


class _KnownCaller(NamedTuple):
    """A caller who has listed the cards of a project, and may again be allowed to."""

    project_key: str

    def estimate_size(self) -> int:
        """Return the approximate size in bytes."""
        return _ENTRY_SIZE


class QueuedList(NamedTuple):
    """A list that is read in the same round trip as the access to it.

    Attributes:
        texts: The fingerprints and positions.
        changed: Complete rows of the cards that have changed since the list was remembered.
    """

    texts: PlannedResult | ExecutedResult
    changed: PlannedResult | ExecutedResult

    def remember_changes(self, uow: UnitOfWork, project_key: str) -> tuple[SqlRow, datetime]:
        """Remember the changed cards, and return the texts of the list, and the time of the last change."""
        rows = self.changed.fetch_rows()
        changed = [ListedCard(row[1:], project_key) for row in rows]
        uow.env.listed_cards.add([row[0] for row in rows], changed)
        return self.texts.fetch_rows()[0], max(map(_find_change, changed), default=_LONG_AGO)


def queue_list(
    uow: UnitOfWork, statements: ListStatements, values: Mapping[str, object], project_id: str
) -> QueuedList | None:
    """Queue the statements of a list on PostgreSQL before the access to it is checked, for those who have read it before.

    Others, such as another token of the same user, do not learn from the time of the answer whether a project exists.

    Args:
        uow: The unit of work.
        statements: The statements of the list.
        values: The values of the filters: columns of the table of cards by name.
        project_id: The project, as the request names it.

    Returns:
        None if the list is not remembered, or the caller has not read it.
    """
    if not uow.sees_only_committed or uow.connection.dialect.name == "sqlite":
        return None
    (caller,) = cast("ItemMemory[_KnownCaller]", uow.env.listed_cards).find(((uow.actor, project_id),))
    key = (project_id, caller and caller.project_key, *values.items())
    (earlier,) = cast("ItemMemory[_RememberedList]", uow.env.listed_cards).find((key,))
    if earlier is None:
        return None
    allow_statement(uow.connection)
    parameters = {"_project_id": project_id, **values}
    texts = queue_statement(uow.connection, statements.fingerprints, parameters)
    since = {"_project_id": project_id, "_since": earlier.last_change}
    return QueuedList(texts, queue_statement(uow.connection, _CHANGED_SINCE, since))


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
    memory = cast("ItemMemory[_RememberedList]", uow.env.listed_cards)
    key = (project_id, project_key, *values.items())
    (earlier,) = memory.find((key,))
    known_list = None if earlier is None else earlier.loaded
    last_change = _LONG_AGO
    if uow.connection.dialect.name == "sqlite":
        loaded = None if known_list is None else _follow_log(uow, known_list, values, project_id, project_key)
        if loaded is None:
            allow_statement(uow.connection)
            allow_statement(uow.connection)
            # Before the cards, so that the next list reads all later changes again.
            log_end = uow.connection.execute(_LOG_END, {}).first()
            loaded = load_cards(uow, statements, parameters, project_key)
            # All rows may have been deleted, which is how tests of hosts begin.
            loaded = loaded._replace(state=None if log_end is None else (*log_end,))
    else:
        texts = None
        if queued is not None:
            texts, last_change = queued.remember_changes(uow, project_key)
        loaded = load_cards(uow, statements, parameters, project_key, known_list, texts)
        uow.env.listed_cards.add(((uow.actor, project_id),), (_KnownCaller(project_key),))
    remembered = None
    if earlier is not None:
        remembered = earlier.confirm(last_change) if loaded is known_list else earlier.replace(loaded)
    if remembered is None:
        last_change = max(map(_find_change, loaded.listed), default=_LONG_AGO)
        remembered = _RememberedList(loaded, put_in_order(loaded), last_change)
    if remembered is not earlier and loaded.state is not None and len(loaded.listed) <= _WHOLE_MAX:
        memory.add((key,), (remembered,))
    return remembered.cards


def _follow_log(
    uow: UnitOfWork, known_list: LoadedCards, values: Mapping[str, object], project_id: str, project_key: str
) -> LoadedCards | None:
    """Return a known list with the changes since, as the log has them; None if it must be read again."""
    assert known_list.state is not None
    parameters = {"_seen": known_list.state[0], "_project_id": project_id}
    rows = fetch_rows(uow.connection, _CHANGES, parameters)
    # The log forgets old changes, and a database that was replaced has another one.
    if not rows or (rows[0][0], rows[0][1]) != known_list.state or len(rows) > _CHANGES_MAX:
        return None
    if len(rows) == 1:
        return known_list
    state, changed = (*rows[-1][:2],), {row[1]: row for row in rows[1:]}
    if NO_CARD in changed:
        return None
    present = {
        id: (cast("int", row[2]), ListedCard(row[3:], project_key))
        for id, row in changed.items()
        if row[2] is not None and all(row[3 + INDEXES[name]] == value for name, value in values.items())
    }
    earlier = [index for index, card in enumerate(known_list.listed) if card.id in changed]
    if not earlier and not present:
        return known_list._replace(state=state)
    positions, listed = [*known_list.positions], [*known_list.listed]
    for index in reversed(earlier):
        position, card = present.get(listed[index].id, (None, listed[index]))
        if (position, card.place) == (positions[index], listed[index].place):
            listed[index] = card
            del present[card.id]
        else:
            del listed[index], positions[index]
    if present and not _insert(known_list.listed, positions, listed, [*present.values()]):
        return None
    return LoadedCards(positions, listed, state)


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
