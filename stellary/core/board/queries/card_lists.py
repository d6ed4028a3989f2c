"""Lists of cards that are serialized straight from their rows, which are remembered until the cards change."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast, overload

import orjson
from sqlalchemy import ColumnElement, Select, Text, func, literal_column, select, type_coerce
from sqlalchemy import cast as sql_cast
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from stellary.contract.cards import Card
from stellary.contract.compiling import compile_function
from stellary.contract.fields import field_names
from stellary.contract.wire import camel, dump
from stellary.core.board.rows import card_rows
from stellary.core.board.rules.checklists import progress_of
from stellary.core.board.tables import cards, projects
from stellary.core.db.base import Json, is_among, is_given
from stellary.core.db.direct_connection import SnapshotNeeded, allow_statement
from stellary.core.kernel.batches import DumpedInParts
from stellary.core.kernel.item_memory import ItemMemory
from stellary.core.kernel.unit import UnitOfWork

K = TypeVar("K")
Row: TypeAlias = Sequence[Any]

_IS_JSON = [isinstance(column.type, Json) for column in card_rows.STORED]
COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    type_coerce(column, Text).label(column.name) if is_json else column
    for column, is_json in zip(card_rows.STORED, _IS_JSON, strict=True)
)
"""The columns of complete rows: ``card_rows.STORED``, with JSON as text."""


class fingerprint(FunctionElement[str]):  # noqa: N801 - a function of SQL
    """The id of a card, and its state: on SQLite the parts that are passed, on PostgreSQL the transaction that wrote the row."""

    type = Text()
    inherit_cache = True


@compiles(fingerprint)
def _compile_parts(function: fingerprint, compiler: SQLCompiler, **options: object) -> str:
    return compiler.process(function.clauses, **options)


@compiles(fingerprint, "postgresql")
def _compile_transaction(_: fingerprint, compiler: SQLCompiler, **options: object) -> str:
    return f"{compiler.process(cards.c.id, **options)} || ' ' || {cards.name}.xmin::text"


_PARTS: ColumnElement[str] = functools.reduce(
    lambda text, column: text + literal_column("' '") + sql_cast(column, Text),
    (
        cards.c.column_id,
        cards.c.version,
        cards.c.updated_at,
        cards.c.comment_count,
        cards.c.attachment_count,
        func.coalesce(cards.c.assignee_id, literal_column("''")),
    ),
    sql_cast(cards.c.id, Text),
)
FINGERPRINT = fingerprint(_PARTS)
"""A text that differs after every change of a row; on SQLite, except for a change of its position.

On SQLite, most changes increment the version, by ``VERSION_TRIGGER`` if they do not themselves, but comments, attachments and the
deletion of an assignee's account do not.
"""

INDEXES = {name: index for index, name in enumerate(card_rows.FIELDS.names)}
_JSON_INDEXES = [index for index, is_json in enumerate(_IS_JSON) if is_json]
_ID, _COLUMN, _ARCHIVED, _ASSIGNEE = (
    INDEXES[name] for name in ("id", "column_id", "archived", "assignee_id")
)
_MISSING_MAX = 100
"""The number of cards that are read by id; if more have changed, the whole list is read."""
_REMEMBERED_MAX = 10_000
"""The number of cards of a list that are remembered; a longer list would displace those of all others."""
_ORDER = b"\0"
"""Stands for the order in remembered JSON, in which no other zero byte can occur."""
_RELEASED_AT_ONCE = 200
_PARSED_AT_ONCE = 250
_TEXTS_MAX = 1_000
"""The number of texts that are joined at a time, four for each card. Joining holds the interpreter lock."""
_OBJECT_SIZE = 1_500
"""The approximate size of the objects that hold a remembered row, in bytes; the texts and the JSON add theirs."""

_BY_IDS: Select[Any] = select(FINGERPRINT, *COLUMNS).where(is_given(cards.c.project_id), is_among(cards.c.id))

_OF_PROJECTS = (
    select(cards.c.position, projects.c.key, *COLUMNS).join_from(cards, projects).where(is_among(cards.c.id))
)


class ListStatements:
    """The statements of a list, built on first use from one that selects its cards in order.

    Args:
        select_cards: The statement; its columns are replaced.
    """

    def __init__(self, select_cards: Select[Any]) -> None:
        self._select_cards = select_cards

    @functools.cached_property
    def complete(self) -> Select[Any]:
        """The statement for the position, the fingerprint and the complete row of each card."""
        return self._select_cards.with_only_columns(cards.c.position, FINGERPRINT, *COLUMNS)

    @functools.cached_property
    def fingerprints(self) -> Select[Any]:
        """The statement for all fingerprints as one text, and all positions as another."""
        listed = self._select_cards.with_only_columns(
            FINGERPRINT.label("fingerprint"), sql_cast(cards.c.position, Text).label("position")
        ).subquery("listed")
        # One row, since the driver takes longer to convert a row for each card than the database to join the texts.
        line_feed: Any = literal_column("'\n'")
        texts: list[ColumnElement[Any]] = [
            func.aggregate_strings(column, line_feed).label(column.key) for column in listed.c
        ]
        return select(*texts)

    def where(self, *conditions: ColumnElement[bool]) -> ListStatements:
        """Return the statements with more conditions."""
        return ListStatements(self._select_cards.where(*conditions))


class ListedCard:
    """A row of a card, and its JSON once it has been written.

    Args:
        row: The values of all stored columns, with JSON as text.
        project_key: The prefix of the card's key.

    Attributes:
        place: Whether it is archived, and its column.
        json: The card as JSON: the part before the order, and the part after it. None until it is written.
    """

    __slots__ = ("archived", "assignee_id", "column_id", "id", "json", "place", "project_key", "row")

    def __init__(self, row: Row, project_key: str) -> None:
        self.row = row
        self.project_key = project_key
        self.id: str = row[_ID]
        self.column_id: str = row[_COLUMN]
        self.archived: bool = row[_ARCHIVED]
        self.assignee_id: str | None = row[_ASSIGNEE]
        self.place = self.archived, self.column_id
        self.json: tuple[bytes, bytes] | None = None

    def build_card(self, order: int | None) -> Card:
        """Return the card.

        Args:
            order: Its order; ignored for an archived card.
        """
        stored = list(self.row)
        for json_index in _JSON_INDEXES:
            stored[json_index] = orjson.loads(stored[json_index] or b"null")
        return card_rows.card(stored, self.project_key, order)

    def write_json(self) -> tuple[bytes, bytes]:
        """Write ``json``, and return it."""
        start, _, end = dump(_to_wire(self.row, self.project_key)).partition(_ORDER)
        self.json = start, end
        return self.json

    def estimate_size(self) -> int:
        """Return the approximate size in bytes, with the JSON."""
        return _OBJECT_SIZE + 2 * sum(len(value) for value in self.row if type(value) is str)


class LoadedCards(NamedTuple):
    """The cards of a list.

    Attributes:
        positions: The position of each card in its column.
        listed: The cards.
    """

    positions: Sequence[int]
    listed: Sequence[ListedCard]

    def first(self, count: int) -> LoadedCards:
        """Return the first cards."""
        return LoadedCards(self.positions[:count], self.listed[:count])


def load_cards(
    uow: UnitOfWork,
    statements: ListStatements,
    parameters: Mapping[str, object],
    project_key: str,
) -> LoadedCards:
    """Return the cards of a list, in order.

    A unit that only sees committed rows reads the fingerprints alone, and takes the rest from the memory of the process. Other
    units read complete rows, and remember nothing, since what they see may be rolled back.

    Args:
        statements: The statements of the list.
        parameters: Their parameters; ``_project_id`` is the project.
        project_key: The prefix of the cards' keys.

    Raises:
        SnapshotNeeded: A card has changed since its fingerprint was read. The unit runs again with a snapshot.
    """
    if not uow.sees_only_committed:
        return _read_complete(uow, statements, parameters, project_key)[1]
    texts = uow.connection.execute(statements.fingerprints, parameters).one()
    if texts.fingerprint is None:
        return LoadedCards((), ())
    fingerprints = texts.fingerprint.split("\n")
    if len(fingerprints) > _REMEMBERED_MAX:
        allow_statement(uow.connection)
        return _read_complete(uow, statements, parameters, project_key)[1]
    listed = cast("ItemMemory[ListedCard]", uow.env.listed_cards).find(fingerprints)
    # The key of a project can change without a change of its cards.
    missing = [index for index, card in enumerate(listed) if card is None or card.project_key != project_key]
    if missing:
        # The complete rows of a few cards follow, or all of them.
        allow_statement(uow.connection)
    if len(missing) > _MISSING_MAX:
        fingerprints, loaded = _read_complete(uow, statements, parameters, project_key)
        uow.env.listed_cards.add(fingerprints, loaded.listed)
        return loaded
    if missing:
        ids = [fingerprints[index].partition(" ")[0] for index in missing]
        changed = _load_by_ids(uow, parameters["_project_id"], ids, project_key)
        for index in missing:
            if fingerprints[index] not in changed:
                raise SnapshotNeeded
            listed[index] = changed[fingerprints[index]]
    positions = [*map(int, texts.position.split("\n"))]
    return LoadedCards(positions, cast("Sequence[ListedCard]", listed))


def _read_complete(
    uow: UnitOfWork, statements: ListStatements, parameters: Mapping[str, object], project_key: str
) -> tuple[list[str], LoadedCards]:
    """Return the fingerprints and the cards of complete rows."""
    rows = uow.connection.execute(statements.complete, parameters).fetchall()
    listed = [ListedCard(row[2:], project_key) for row in rows]
    return [row[1] for row in rows], LoadedCards([row[0] for row in rows], listed)


def _pad(ids: Sequence[str]) -> list[str]:
    """Repeat an id, so that statements have few lengths, for each of which the database prepares one."""
    padding = (1 << (len(ids) - 1).bit_length()) - len(ids)
    return [*ids, *([*ids[-1:]] * padding)]


def _load_by_ids(
    uow: UnitOfWork, project_id: object, ids: list[str], project_key: str
) -> dict[str, ListedCard]:
    """Return the current cards with some ids by fingerprint, and remember them."""
    rows = uow.connection.execute(_BY_IDS, {"_project_id": project_id, "_ids": _pad(ids)}).fetchall()
    changed = {row[0]: ListedCard(row[1:], project_key) for row in rows}
    uow.env.listed_cards.add([*changed], [*changed.values()])
    return changed


def load_cards_by_ids(uow: UnitOfWork, ids: Sequence[str]) -> LoadedCards:
    """Return cards of any projects in the order of their ids; deleted ones are left out.

    Args:
        ids: The ids of cards that the caller sees.
    """
    rows = uow.connection.execute(_OF_PROJECTS, {"_ids": _pad(ids)}) if ids else ()
    rows_by_id = {row.id: row for row in rows}
    ordered = [rows_by_id[id] for id in ids if id in rows_by_id]
    listed = [ListedCard(row[2:], row.key) for row in ordered]
    return LoadedCards([row.position for row in ordered], listed)


def put_in_order(loaded: LoadedCards) -> CardList:
    """Return cards that include all unarchived cards of each column, in order."""
    orders = []
    column_id, order = "", 0
    for card in loaded.listed:
        column_id, order = card.column_id, order + 1 if card.column_id == column_id else 0
        orders.append(order)
    return CardList(loaded.listed, orders)


class CardList(DumpedInParts, Sequence[Card]):
    """A list of cards that builds a value when an item is read.

    Args:
        listed: The cards.
        orders: The order of each card; ignored for archived ones.
    """

    __slots__ = ("json", "listed", "orders")

    def __init__(self, listed: Sequence[ListedCard], orders: Sequence[int | None]) -> None:
        self.listed = listed
        self.orders = orders
        self.json: bytes | None = None

    def __len__(self) -> int:
        return len(self.listed)

    @overload
    def __getitem__(self, index: int) -> Card: ...
    @overload
    def __getitem__(self, index: slice) -> CardList: ...
    def __getitem__(self, index: int | slice) -> Card | CardList:
        if isinstance(index, slice):
            return CardList(self.listed[index], self.orders[index])
        return self.listed[index].build_card(self.orders[index])

    def __iter__(self) -> Iterator[Card]:
        return map(ListedCard.build_card, self.listed, self.orders)

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def assignee_ids(self) -> set[str]:
        """Return the ids of the cards' assignees."""
        return {card.assignee_id for card in self.listed if card.assignee_id}

    def group_by(self, field: str, get_key: Callable[[Any], K]) -> dict[K, CardList]:
        """Return the cards grouped by a key of one field, each group in order.

        Args:
            field: The name of a field whose stored value equals its wire value.
            get_key: Computes the key of a group from the value of the field.
        """
        index = INDEXES[field]
        groups: dict[K, tuple[list[ListedCard], list[int | None]]] = {}
        for card, order in zip(self.listed, self.orders, strict=True):
            listed, orders = groups.setdefault(get_key(card.row[index]), ([], []))
            listed.append(card)
            orders.append(order)
        return {key: CardList(*lists) for key, lists in groups.items()}

    def dump(self) -> Iterator[bytes]:
        """Yield the cards as JSON, a few hundred at a time; all of them if the JSON is kept."""
        if self.json is not None:
            yield self.json
            return
        texts: list[bytes] = []
        separator = b"["
        for card, order in zip(self.listed, self.orders, strict=True):
            start, end = card.json or card.write_json()
            texts += (separator, start, b"null" if order is None or card.archived else b"%d" % order, end)
            separator = b","
            if len(texts) > _TEXTS_MAX:
                yield b"".join(texts)
                texts.clear()
        texts.append(b"]" if self.listed else b"[]")
        yield b"".join(texts)

    def release(self) -> None:
        """Free the cards of a list that is too long to be remembered.

        They are freed some at a time: freeing 20,000 at once holds the interpreter lock for 11 ms.
        """
        if isinstance(self.listed, list) and len(self.listed) > _REMEMBERED_MAX:
            while self.listed:
                del self.listed[-_RELEASED_AT_ONCE:]

    def keep_json(self) -> bytes:
        """Write the JSON, keep it for later calls of ``dump``, and return it."""
        if self.json is None:
            self.json = b"".join(self.dump())
        return self.json

    def dump_one(self, index: int) -> bytes:
        """Return the JSON of one card."""
        return b"".join(self[index : index + 1].dump())[1:-1]


class LeanCards(CardList):
    """A list of cards of which only some fields are written.

    Args:
        cards: The cards.
        names: The wire names of the fields.
    """

    __slots__ = ("_names",)

    def __init__(self, cards: CardList, names: Sequence[str]) -> None:
        super().__init__(cards.listed, cards.orders)
        self._names = names

    def dump(self) -> Iterator[bytes]:
        """Yield the cards as JSON, a few hundred at a time."""
        opening = b"["
        for start in range(0, len(self), _PARSED_AT_ONCE):
            cards = orjson.loads(b"".join(self[start : start + _PARSED_AT_ONCE].dump()))
            yield opening + orjson.dumps([{name: card[name] for name in self._names} for card in cards])[1:-1]
            opening = b","
        yield b"]" if self else b"[]"


@functools.lru_cache(maxsize=8192)
def _progress(done: int, total: int) -> orjson.Fragment:
    return orjson.Fragment(dump(progress_of(done, total)))


def _compile_to_wire() -> Callable[[Iterable[Any], str], dict[str, Any]]:
    """Return a function that converts a row to wire format, with ``_ORDER`` instead of the order.

    Its source is a single dict display with all fields, which takes a fifth less time than filling a dict in a loop.
    """
    names = card_rows.FIELDS.names
    expressions = dict(zip(names, names, strict=True))
    expressions |= {names[index]: f"Fragment({names[index]})" for index in _JSON_INDEXES}
    # The only JSON that can be null.
    expressions["recurrence"] = "recurrence and Fragment(recurrence)"
    expressions |= {
        "key": "f'{project_key}-{number}'",
        "order": "order",
        # Within a JSON string these quotes would be escaped.
        "checklist_progress": """progress(checklist.count('"done":true'), checklist.count('"done":'))""",
    }
    items = ", ".join(f"{camel(name)!r}: {expressions[name]}" for name in field_names(Card))
    body = [f"{', '.join(names)} = stored", f"return {{{items}}}"]
    scope = {"Fragment": orjson.Fragment, "order": orjson.Fragment(_ORDER), "progress": _progress}
    return compile_function("to_wire", "stored, project_key", body, scope)


_to_wire = _compile_to_wire()
