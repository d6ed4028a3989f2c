"""Rows of frames and dicts, read as requests that create or change cards."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Literal, Protocol

from attrs import NOTHING

from stellary.client.calling import frames
from stellary.client.calling.frames import Anything, ItemNames, list_spellings
from stellary.client.calling.nearest import nearest
from stellary.client.calling.steps import Steps
from stellary.client.transfer.handle_types import CardsHandle
from stellary.contract.cards import Card, CardChange, CardInColumn
from stellary.contract.errors import PreconditionFailed
from stellary.contract.naming import base, wire_fields
from stellary.contract.wire import UNSET, invalid, utc

NanMeaning = Literal["omit", "clear"]
RowClass = type[CardInColumn] | type[CardChange]


class FrameLike(Protocol):
    """A frame of pandas, polars or another library that narwhals knows."""

    @property
    def columns(self) -> Iterable[object]: ...


CardSource = Iterable[CardInColumn | CardChange | Mapping[str, object]] | FrameLike
_CARD = list_spellings(Card)
_NAMES = {
    column: (field, kind)
    for field in dict.fromkeys(_CARD.values())
    if (kind := frames.find_kind(field, _CARD.values())) and (column := frames.name_column(field))
}
"""The columns of names in a frame of cards: the field of ids beside each, and the kind of the items."""
_NESTED = frozenset(
    f"{name}.{part}" for name, kind in frames.list_nested(Card).items() for part in list_spellings(kind)
)
"""The columns that ``frame()`` makes of values within a card, such as ``checklist_progress.done``."""
_CONSTANT = frozenset({"key", "number", "project_id", "scope_id", "created_by_id"})
"""Fields that no change of a card alters, except that its column determines its scope."""


def read_cards(
    handle: CardsHandle, cards: CardSource, cls: RowClass, nan: NanMeaning
) -> Steps[dict[int, CardInColumn | CardChange]]:
    """Return the requests that rows describe, by their positions. Rows that change nothing are left out.

    Rows with a ``version`` are compared with the cards as they are now, and only what differs is sent.

    Args:
        handle: The cards of the project.
        cards: A frame, or requests and dicts.
        cls: The class of the requests.
        nan: Whether missing values are omitted, or clear fields.

    Raises:
        Invalid: A row cannot be read; nothing has been changed.
        PreconditionFailed: A card has changed since its row was read; nothing has been changed.
        TypeError: ``cards`` is no frame and no list of requests and dicts.
        ValueError: ``nan`` is neither ``omit`` nor ``clear``.
    """
    if nan not in ("omit", "clear"):
        raise ValueError(f"nan must be 'omit' or 'clear', not {nan!r}")
    rows = _list_rows(cards, cls)
    columns = dict.fromkeys(name for row in rows if isinstance(row, Mapping) for name in row)
    if not columns:
        return dict(enumerate(rows))
    reader = yield from _load_reader(handle, columns, cls, nan)
    current: dict[str, Card] | None = None
    if cls is CardChange and "version" in columns:
        current = {card.id: card for card in (yield from frames.load_rows(handle.list))}
        reader.reordered = _find_reordered(rows, current)
    requests = {
        position: reader.read_row(f"cards[{position}]", row, current) if isinstance(row, Mapping) else row
        for position, row in enumerate(rows)
    }
    if reader.problems:
        raise invalid(*reader.problems)
    if reader.stale:
        raise PreconditionFailed(
            f"{', '.join(reader.stale[:5])} changed since the frame was made: make it again, or drop the column version"
        )
    return {position: request for position, request in requests.items() if request is not None}


def _find_reordered(rows: Iterable[Anything], current: Mapping[str, Card]) -> set[str]:
    """Return the ids of the cards to whose rows another ``order`` was given.

    A card that somebody else moves gets a new version, and the others of its column other positions. So of the cards with the
    version of their row, only those that stand otherwise among each other were given another ``order``: the fewest possible.
    """
    columns: dict[str, list[tuple[int, float, str]]] = {}
    reordered: set[str] = set()
    for row in rows:
        card = current.get(str(row.get("id"))) if isinstance(row, Mapping) else None
        if card is not None and row.get("version") == card.version:
            order = _to_python(row.get("order"))
            if card.order is not None and order is not None:
                columns.setdefault(card.column_id, []).append((card.order, order, card.id))
            elif card.order is not order:
                # Only an archived card has none.
                reordered.add(card.id)
    for cards in columns.values():
        reordered |= find_moved([(order, id) for _, order, id in sorted(cards)])
    return reordered


def find_moved(items: Sequence[tuple[float, str]]) -> set[str]:
    """Return the ids without which the orders of items ascend, as few as possible."""
    ends: list[float] = []
    chains: list[tuple[str, Anything]] = []
    for order, id in items:
        length = bisect_left(ends, order)
        # The lowest end of a chain of this length, and that chain.
        ends[length : length + 1] = [order]
        chains[length : length + 1] = [(id, chains[length - 1] if length else None)]
    moved, chain = {id for _, id in items}, chains[-1] if chains else None
    while chain is not None:
        id, chain = chain
        moved.discard(id)
    return moved


def _list_rows(cards: Anything, cls: RowClass) -> list[Anything]:
    """Return the rows of a frame or an iterable.

    Raises:
        ModuleNotFoundError: It is a frame, and narwhals is not installed.
        TypeError: It is neither, or an item is neither a dict nor a request.
    """
    if hasattr(type(cards), "columns"):
        frame = frames.load_narwhals().from_native(cards)
        return [*(frame.collect() if hasattr(frame, "collect") else frame).rows(named=True)]
    rows = list(cards)
    for position, row in enumerate(rows):
        if not isinstance(row, Mapping | cls):
            raise TypeError(
                f"cards must be a frame, or a list of dicts and {cls.__name__}: row {position} is {type(row).__name__}"
            )
    return rows


def _load_reader(
    handle: CardsHandle, columns: Iterable[str], cls: RowClass, nan: NanMeaning
) -> Steps[_RowReader]:
    """Return the reader of rows with these columns, after loading the names that they need."""
    origin = frames.Origin(handle._caller, handle._path_params)
    fields = list_spellings(cls)
    spellings = {*_CARD, *fields, *_NAMES, *_NESTED}
    unknown = [name for name in columns if name not in spellings]
    custom_fields = frames.name_custom_fields((yield origin.list("custom_field"))) if unknown else {}
    candidates = [*dict.fromkeys(fields.values()), *_NAMES, *custom_fields]
    if problems := [
        (str(name), f"is not a field of a card{nearest(str(name), candidates)}")
        for name in unknown
        if name not in custom_fields
    ]:
        raise invalid(*problems)
    names: dict[str, ItemNames] = {}
    for column, (field, kind) in _NAMES.items():
        if column in columns and (field in fields or kind == "scope"):
            names[column] = (
                yield from frames.load_people(None, origin)
                if kind == "person"
                else frames.load_names(kind, origin)
            )
    ids = {name: field.id for name, field in custom_fields.items()}
    return _RowReader(cls, fields, ids, names, nan)


class _RowReader:
    """A reader of rows.

    Attributes:
        problems: The problems of all rows, each a path and a message.
        stale: The cards that have changed since their rows were read.
        reordered: The ids of the cards to whose rows another ``order`` was given.

    Args:
        cls: The class of the requests.
        fields: The names of its fields by both spellings.
        custom_fields: The ids of custom fields by column.
        names: By column of names, the names of the items by id.
        nan: Whether missing values are omitted, or clear fields.
    """

    def __init__(
        self,
        cls: RowClass,
        fields: Mapping[str, str],
        custom_fields: Mapping[str, str],
        names: Mapping[str, ItemNames],
        nan: NanMeaning,
    ) -> None:
        self.problems: list[tuple[str, str]] = []
        self.stale: list[str] = []
        self.reordered: set[str] = set()
        self._cls, self._nan = cls, nan
        self._fields, self._custom_fields, self._names = fields, custom_fields, names
        self._required = [field.name for field in wire_fields(cls).values() if field.default is NOTHING]
        self._integers = {field.name for field in wire_fields(cls).values() if base(field.type) is int}
        self._ids = {column: _invert(ids) for column, ids in names.items()}

    def read_row(
        self, path: str, row: Mapping[str, object], current: Mapping[str, Card] | None
    ) -> CardInColumn | CardChange | None:
        """Return the request that a row describes; None if it has a problem, or changes nothing.

        Args:
            path: The path of the row, for messages.
            row: The row.
            current: The cards as they are now, by id; None to send all fields.
        """
        cells = {name: _to_python(cell) for name, cell in row.items()}
        if self._nan == "omit":
            cells = {name: cell for name, cell in cells.items() if cell is not None}
        fields = self._fields
        values = {fields[name]: self._convert(name, cell) for name, cell in cells.items() if name in fields}
        if by_id := {self._custom_fields[name]: cells[name] for name in cells.keys() & self._custom_fields}:
            values["custom_fields"] = {**(values.get("custom_fields") or {}), **by_id}
        problems = [
            (f"{path}.{column}", problem)
            for column in self._names
            if column in cells and (problem := self._resolve(column, cells[column], cells, values))
        ]
        problems = problems or [
            (f"{path}.{name}", "is required") for name in self._required if name not in values
        ]
        if self._cls is CardInColumn and cells.get("archived"):
            problems.append((f"{path}.archived", "must not be true: a new card cannot be archived"))
        if not problems and current is not None and cells.get("version") is not None:
            problems = self._compare(path, cells, values, current.get(values["id"]))
        self.problems += problems
        return self._cls(**values) if not problems and (len(values) > 1 or current is None) else None

    def _compare(
        self, path: str, cells: Mapping[str, object], values: dict[str, Anything], card: Card | None
    ) -> list[tuple[str, str]]:
        """Remove the values that a card has already, and return the problems of its row.

        Args:
            path: The path of the row, for messages.
            cells: The cells of the row.
            values: The values of the request, which are changed.
            card: The card as it is now; None if there is none.
        """
        if card is None:
            return [(f"{path}.id", "is no card of this project")]
        if cells["version"] == card.version and card.id not in self.reordered:
            values.pop("order", None)
        _keep_changes(values, card)
        if cells["version"] != card.version:
            self.stale += [card.key] if len(values) > 1 else []
            return []
        return [
            (f"{path}.{name}", "cannot be written")
            for name, cell in cells.items()
            if _CARD.get(name) in _CONSTANT and cell != getattr(card, _CARD[name])
        ]

    def _convert(self, name: str, cell: Anything) -> Anything:
        field = self._fields[name]
        if field in self._integers and isinstance(cell, float) and cell.is_integer():
            return int(cell)
        if field == "checklist" and isinstance(cell, list) and self._cls is CardInColumn:
            # A step of a new card has no id yet.
            steps = map(frames.to_plain, cell)
            return [_omit_id(step) if isinstance(step, dict) else step for step in steps]
        return cell

    def _resolve(
        self, column: str, cell: Anything, cells: Mapping[str, object], values: dict[str, Anything]
    ) -> str | None:
        """Set the ids of the names in a cell, and return the problem with it, or None.

        Args:
            column: The column of names.
            cell: The name, or a list of names.
            cells: All cells of the row.
            values: The values of the request, which are changed.
        """
        field, kind = _NAMES[column]
        names, ids = self._names[column], self._ids[column]
        spelling = next((name for name in cells if _CARD.get(name) == field), None)
        if spelling is not None:
            id = cells[spelling]
            expected = [names.get(item, item) for item in id] if isinstance(id, list) else names.get(str(id))
            if expected != cell and (id is None or expected is not None or cell is not None):
                return f"is {cell!r}, but {spelling} is that of {expected!r}: change both, or drop one of the columns"
            return None
        if field not in self._fields or cell is None:
            values |= {field: cell} if field in self._fields else {}
            return None
        if field.endswith("_ids") and not isinstance(cell, list):
            return f"must be a list of names, not {cell!r}"
        chosen = []
        for name in cell if isinstance(cell, list) else [cell]:
            if len(matches := ids.get(str(name), [])) != 1:
                several = f"is the name of {len(matches)} items: use {field}"
                return several if matches else f"{name!r} is no {kind} here{nearest(str(name), ids)}"
            chosen += matches
        values[field] = chosen if isinstance(cell, list) else chosen[0]
        return None


def _omit_id(step: dict[str, object]) -> dict[str, object]:
    return {name: part for name, part in step.items() if name != "_id"}


def _invert(names: ItemNames) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for id, name in names.items():
        ids.setdefault(name, []).append(id)
    return ids


def _to_python(cell: Anything) -> Anything:
    """Return None for a missing value (NaN, NaT, NA), and lists and numbers of Python for those of numpy."""
    try:
        if cell is None or bool(cell != cell):
            return None
    except (TypeError, ValueError):
        if type(cell).__name__ == "NAType":
            return None
    is_of_numpy = hasattr(cell, "dtype") and hasattr(cell, "tolist") and cell.dtype.kind != "M"
    return cell.tolist() if is_of_numpy else cell


def _keep_changes(values: dict[str, Anything], card: Card) -> None:
    """Remove the values that do not differ from a card, except its id."""
    custom_fields = values.pop("custom_fields", None) or {}
    changed = {id: v for id, v in custom_fields.items() if not _is_same(v, card.custom_fields.get(id))}
    same = [name for name, v in values.items() if name != "id" and _is_same(v, getattr(card, name, UNSET))]
    for name in same:
        values.pop(name, None)
    if changed:
        values["custom_fields"] = changed


def _is_same(value: Anything, current: Anything) -> bool:
    if isinstance(value, date) and isinstance(current, datetime | str):
        # The value of a custom field is a day.
        return utc(value).isoformat() == (
            f"{current}T00:00:00+00:00" if isinstance(current, str) else current.isoformat()
        )
    return bool(frames.to_plain(value) == frames.to_plain(current))
