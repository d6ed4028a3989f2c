"""The columns in which the fields of a value are stored: the conversion between rows and values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar, cast

from sqlalchemy import ColumnElement, Table

from stellary.contract.fields import field_names, find_changed_fields
from stellary.contract.wire import Value

V = TypeVar("V", bound=Value)

_SAME_NAMES: Final[Mapping[str, str]] = {}
_NO_EXPRESSIONS: Final[Mapping[str, ColumnElement[Any]]] = {}


class RowFields(Generic[V]):
    """The fields of a class of values that are columns of a table.

    A field is a column of the same name, unless it is ``renamed``, ``selected`` or ``computed``.

    Args:
        kind: The class of the values.
        table: The table.
        computed: The fields that are no column; ``to_value`` takes them as arguments.
        selected: The fields that statements select as an expression, such as a count.
        renamed: The columns of fields with another name, by field.
        internal: The columns that are no field.

    Raises:
        TypeError: A field has no column, or a column has no field. Raised at import, so that neither can be forgotten.
    """

    def __init__(
        self,
        kind: type[V],
        table: Table,
        *,
        computed: Collection[str] = (),
        selected: Mapping[str, ColumnElement[Any]] = _NO_EXPRESSIONS,
        renamed: Mapping[str, str] = _SAME_NAMES,
        internal: Collection[str] = (),
    ) -> None:
        self._kind = kind
        self.names = tuple(name for name in field_names(kind) if name not in {*computed, *selected})
        self._column_names = {name: renamed.get(name, name) for name in self.names}
        for name, column_name in self._column_names.items():
            if column_name not in table.c:
                raise TypeError(
                    f"{kind.__name__}.{name} is stored nowhere: add a column {column_name!r} to {table.name}"
                )
        for column in table.c:
            if column.name not in {*self._column_names.values(), *internal}:
                raise TypeError(
                    f"{table.name}.{column.name} is never read: add a field {column.name!r} to {kind.__name__}"
                )
        self.columns: tuple[ColumnElement[Any], ...] = (
            *(table.c[column_name] for column_name in self._column_names.values()),
            *(expression.label(name) for name, expression in selected.items()),
        )
        """The columns and expressions that a statement selects for ``to_value``."""
        self._read_names = (*self.names, *selected)
        self._read_columns: Callable[[object], tuple[object, ...]] = attrgetter(
            *self._column_names.values(), *selected
        )

    def to_value(self, row: object, **others: object) -> V:
        """Return the value of a row.

        Args:
            row: A row with all ``columns``.
            **others: The computed fields, and fields whose values differ from the stored ones.
        """
        stored = zip(self._read_names, self._read_columns(row), strict=True)
        return cast("Callable[..., V]", self._kind)(**{**dict(stored), **others})

    def to_row(self, value: V, **internal: object) -> dict[str, object]:
        """Return the row of a value, by column.

        Args:
            value: The value.
            **internal: The columns that are no field.
        """
        row: dict[str, object] = {
            column_name: getattr(value, name) for name, column_name in self._column_names.items()
        }
        return {**row, **internal}

    def to_changes(self, before: V, after: V) -> dict[str, object]:
        """Return the columns in which two states of a value differ, with the values of the second."""
        return {
            self._column_names[name]: getattr(after, name)
            for name in find_changed_fields(before, after)
            if name in self._column_names
        }
