"""Frames of pandas or polars: a row for each value, a column for each field, and names beside ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, TypeAlias, cast, get_args, get_origin

import attrs

from stellary.client.calling.call import CallPlan
from stellary.client.calling.steps import Steps
from stellary.contract.agents import LIST_AGENTS
from stellary.contract.cards import Card, CardChange, CardInColumn
from stellary.contract.columns import LIST_COLUMNS
from stellary.contract.custom_fields import LIST_CUSTOM_FIELDS, CustomField
from stellary.contract.errors import Forbidden
from stellary.contract.labels import LIST_LABELS
from stellary.contract.naming import base, wire_fields
from stellary.contract.projects import LIST_PROJECTS
from stellary.contract.router import AnyEndpoint
from stellary.contract.scopes import LIST_SCOPES
from stellary.contract.wire import LIMIT_MAX, Value, utc
from stellary.contract.workspaces import LIST_WORKSPACE_MEMBERS

Backend = Literal["pandas", "polars"]
Frame: TypeAlias = Any
"""A frame of pandas or polars, which need not be installed."""
Anything: TypeAlias = Any
"""A part of narwhals, pandas or polars; or a type, a page, or a cell."""
ItemNames = dict[str, str]

_LISTS: Mapping[str, AnyEndpoint] = {
    "column": LIST_COLUMNS,
    "scope": LIST_SCOPES,
    "label": LIST_LABELS,
    "project": LIST_PROJECTS,
    "agent": LIST_AGENTS,
    "person": LIST_WORKSPACE_MEMBERS,
    "custom_field": LIST_CUSTOM_FIELDS,
}
"""The lists that contain the names of items, by kind."""
_PEOPLE = frozenset({"actor", "assignee", "author", "owner", "reviewer", "user"})
_ORDERED = frozenset({"column", "scope"})
"""Kinds whose names are categories in the order of the list."""


@attrs.frozen
class Origin:
    """The place of a list.

    Attributes:
        caller: The caller that loaded it.
        path_params: The parameters of its path.
    """

    caller: Anything
    path_params: Mapping[str, str]

    def leads_to(self, kind: str) -> bool:
        """Return whether the path contains the parameters of the list of a kind of items."""
        return {*CallPlan(_LISTS[kind]).names} <= self.path_params.keys()

    def list(self, kind: str) -> Callable[[], Anything]:
        """Return the call that loads the list of a kind of items."""
        plan = CallPlan(_LISTS[kind])
        return partial(self.caller.list, plan, self.path_params, plan.build_payload())


def load_narwhals() -> Anything:
    """Return the module narwhals.

    Raises:
        ModuleNotFoundError: It is not installed.
    """
    try:
        return import_module("narwhals")
    except ModuleNotFoundError as error:
        message = 'frames need narwhals, and pandas or polars: pip install "stellary[frames]" pandas'
        raise ModuleNotFoundError(message, name="narwhals") from error


def choose_backend(backend: Backend | None) -> Backend:
    """Return the library that makes frames: the requested one, or the first one that is installed.

    Raises:
        ModuleNotFoundError: It is not installed.
        ValueError: There is no such backend.
    """
    if backend not in (None, *get_args(Backend)):
        raise ValueError(f"backend must be 'pandas' or 'polars', not {backend!r}")
    for name in get_args(Backend) if backend is None else (backend,):
        if find_spec(name):
            return cast(Backend, name)
    missing = backend or "pandas or polars"
    raise ModuleNotFoundError(
        f"a frame needs {missing}, which is not installed: pip install {backend or 'pandas'}", name=missing
    )


def to_frame(values: Iterable[Value], *, backend: Backend | None = None) -> Frame:
    """Return a frame of values of one class, such as ``board.board().cards``, without requests: ids have no names beside them.

    Args:
        values: The values. ``page.frame()`` and ``handle.frame()`` also add names.
        backend: ``pandas`` or ``polars``. Default: the one that is installed, pandas first.

    Raises:
        ModuleNotFoundError: narwhals or the backend is not installed.
    """
    rows = list(values)
    writer = FrameWriter(backend)
    if rows:
        writer.add_fields(type(rows[0]), rows, {})
    return writer.build()


def make_frame(page: Anything, backend: Backend | None) -> Steps[Frame]:
    """Return the frame of the rows of a page, with names that a constant number of requests load.

    Args:
        page: The page.
        backend: The library of the frame.
    """
    if page._origin is None:
        return to_frame(page, backend=backend)
    writer = FrameWriter(backend)
    caller, plan, path_params = page._origin
    origin = Origin(caller, path_params)
    fields = [field.name for field in wire_fields(plan.returns).values()]
    kinds = {
        name: kind
        for name in fields
        if (kind := find_kind(name, fields)) and origin.leads_to(kind) and name not in path_params
    }
    names: dict[str, ItemNames] = {}
    for kind in sorted({*kinds.values()} - {"person"}):
        names[kind] = yield from load_names(kind, origin)
    if "person" in kinds.values():
        ids = {getattr(row, name) for name, kind in kinds.items() if kind == "person" for row in page}
        names["person"] = yield from load_people(ids, origin)
    custom_fields: list[CustomField] | None = None
    if "custom_fields" in fields and origin.leads_to("custom_field"):
        custom_fields = yield origin.list("custom_field")
    by_field = {name: (kind, names[kind]) for name, kind in kinds.items()}
    writer.add_fields(plan.returns, page, by_field, custom_fields)
    return writer.build()


def load_frame(handle: Anything, backend: Backend | None) -> Steps[Frame]:
    """Return the frame of all rows of a handle's list.

    Args:
        handle: The handle, which has the method ``list``.
        backend: The library of the frame.
    """
    FrameWriter(backend)  # Raises before any request if a library is missing.
    return (yield from make_frame((yield from load_rows(handle.list)), backend))


def load_rows(load_page: Callable[..., Anything]) -> Steps[Anything]:
    """Return the rows of all pages of a list, as one page.

    Args:
        load_page: The method that returns the first page.
    """
    rows = yield partial(load_page, limit=LIMIT_MAX)
    page = rows
    while page.has_more:
        page = yield page.next_page
        rows += page
    rows.next_cursor = None
    return rows


def find_kind(field: str, fields: Iterable[str]) -> str | None:
    """Return the kind of the items whose ids a field contains, if a list has their names and no other field has them.

    Args:
        field: The name of the field, such as ``assignee_id``.
        fields: The names of all fields of the class.
    """
    name = name_column(field)
    if name is None or {name, f"{name}_name", *(("name",) if name == "user" else ())} & {*fields}:
        return None
    if name in _PEOPLE or name.endswith("_by"):
        return "person"
    kind = name.removesuffix("s")
    return kind if kind in _LISTS else None


def name_column(field: str) -> str | None:
    """Return the column of names beside a field of ids: ``column`` for ``column_id``, ``labels`` for ``label_ids``."""
    if field.endswith("_ids"):
        return field.removesuffix("_ids") + "s"
    return field.removesuffix("_id") if field.endswith("_id") else None


def load_names(kind: str, origin: Origin) -> Steps[ItemNames]:
    """Return the names of the items of a kind by id.

    Args:
        kind: The kind, such as ``column``, or ``person``.
        origin: The place of the list.
    """
    items = yield origin.list(kind)
    return {item.user_id if kind == "person" else item.id: item.name for item in items}


def load_people(ids: Iterable[str | None] | None, origin: Origin) -> Steps[ItemNames]:
    """Return the names of people by id, including agents unless all of these ids are those of members.

    Args:
        ids: The ids whose names are needed; None for all.
        origin: The place of the list.
    """
    names = yield from load_names("person", origin)
    if ids is None or {*ids} - {*names, None}:
        # A token of few scopes may read the members, and not the agents.
        with suppress(Forbidden):
            names |= yield from load_names("agent", origin)
    return names


def name_custom_fields(fields: Iterable[CustomField]) -> dict[str, CustomField]:
    """Return custom fields by the names of their columns: ``custom_fields.status`` if a field of cards is called ``status``."""
    names = {name for cls in (Card, CardChange, CardInColumn) for name in list_spellings(cls)}
    names |= {column for name in list_spellings(Card) if (column := name_column(name))}
    return {
        f"custom_fields.{field.name}" if field.name.partition(".")[0] in names else field.name: field
        for field in fields
    }


def list_spellings(cls: type) -> dict[str, str]:
    """Return the names of the fields of a class by both of their spellings: ``due_date`` and ``dueDate``."""
    fields = wire_fields(cls)
    return {name: field.name for wire, field in fields.items() for name in (wire, field.name)}


def list_nested(cls: type) -> dict[str, type[Value]]:
    """Return the fields of a class that are values themselves, with their classes."""
    fields = wire_fields(cls).values()
    return {f.name: f.type for f in fields if isinstance(f.type, type) and issubclass(f.type, Value)}


class FrameWriter:
    """A frame, column by column.

    Args:
        backend: ``pandas`` or ``polars``; None for the one that is installed.
    """

    def __init__(self, backend: Backend | None) -> None:
        self._narwhals = load_narwhals()
        self._backend = choose_backend(backend)
        self._columns: dict[str, Anything] = {}

    def build(self) -> Frame:
        """Return the frame."""
        return import_module(self._backend).DataFrame(self._columns)

    def add_fields(
        self,
        cls: type[Value],
        rows: Sequence[Anything],
        names: Mapping[str, tuple[str, ItemNames]],
        custom_fields: list[CustomField] | None = None,
        prefix: str = "",
    ) -> None:
        """Add a column for each field of a class. A value within a value becomes columns such as ``checklist_progress.done``.

        Args:
            cls: The class of the rows.
            rows: The rows.
            names: For fields of ids, the kind of the items and their names by id.
            custom_fields: The custom fields, which become columns; None to keep them in one.
            prefix: The beginning of the names of the columns.
        """
        nested = list_nested(cls)
        for field in wire_fields(cls).values():
            kind = base(field.type)
            cells = [getattr(row, field.name) for row in rows]
            if field.name in nested:
                self.add_fields(nested[field.name], cells, {}, prefix=f"{prefix}{field.name}.")
            elif custom_fields is None or field.name != "custom_fields":
                self._add(prefix + field.name, get_args(kind) if get_origin(kind) is Literal else kind, cells)
            if field.name in names:
                self._add_names(name_column(field.name) or "", cells, *names[field.name])
        for name, custom_field in name_custom_fields(custom_fields or ()).items():
            values = [row.custom_fields.get(custom_field.id) for row in rows]
            self._add(name, _custom_type(custom_field), values)

    def _add_names(self, column: str, cells: Sequence[Anything], kind: str, names: ItemNames) -> None:
        if column.endswith("s"):
            self._add(column, list[str], [[names.get(id, id) for id in ids or ()] for ids in cells])
        else:
            words = tuple(dict.fromkeys(names.values())) if kind in _ORDERED else str
            self._add(column, words, [None if id is None else names.get(id) for id in cells])

    def _add(self, name: str, kind: Anything, cells: Sequence[Anything]) -> None:
        """Add a column.

        Args:
            name: The name of the column.
            kind: The type of its values; a tuple for categories.
            cells: The values.
        """
        narwhals, is_pandas = self._narwhals, self._backend == "pandas"
        if is_pandas and kind in (int, bool) and None in cells:
            # The types of numpy have no null.
            dtype = "Int64" if kind is int else "boolean"
            self._columns[name] = import_module("pandas").Series(cells, dtype=dtype, name=name)
            return
        types = {int: "Int64", bool: "Boolean", float: "Float64", str: "String"}
        if isinstance(kind, tuple):
            # A newer server may send further words.
            words = dict.fromkeys([*kind, *(cell for cell in cells if cell is not None)])
            dtype = narwhals.Enum([*words])
        elif kind in (datetime, date):
            dtype = narwhals.Datetime("us", "UTC")
            cells = [utc(date.fromisoformat(cell)) if isinstance(cell, str) else cell for cell in cells]
        elif kind in types:
            dtype = getattr(narwhals, types[kind])
        elif kind == list[str] and not is_pandas:
            dtype = narwhals.List(narwhals.String)
        else:
            dtype, cells = narwhals.Object, [*map(to_plain, cells)]
        self._columns[name] = narwhals.new_series(name, cells, dtype, backend=self._backend).to_native()


def _custom_type(field: CustomField) -> Anything:
    """Return the type of the values of a custom field."""
    types = {"text": str, "number": float, "boolean": bool, "multi-select": list[str], "date": date}
    return tuple(field.options) if field.type == "select" else types.get(field.type, object)


def to_plain(cell: object) -> object:
    """Return a nested value, or a list of them, as data of the API; everything else unchanged."""
    if isinstance(cell, Value):
        return cell.to_dict()
    return [to_plain(item) for item in cell] if isinstance(cell, list) else cell
