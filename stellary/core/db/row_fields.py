"""The columns in which the fields of a value are stored: the conversion between rows and values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final, Generic, Protocol, TypedDict, TypeVar, Unpack, cast

from sqlalchemy import ColumnElement, Table

from stellary.contract.naming import members
from stellary.contract.wire import Value, wire_fields

V = TypeVar("V", bound=Value)

_NO_EXPRESSIONS: Final[Mapping[str, ColumnElement[Any]]] = {}
_NO_VALUES: Final[Mapping[str, NestedFields]] = {}


class NestedFields(Protocol):
    """The fields of a value within another value."""

    @property
    def columns(self) -> Sequence[ColumnElement[Any]]: ...
    @property
    def column_names(self) -> Mapping[str, str]: ...

    def to_value(self, row: object) -> Value: ...


class FieldOptions(TypedDict, total=False):
    """The fields of a class of values that are no columns of the same name and nullability.

    Attributes:
        computed: The fields that are not stored; ``to_value`` takes them as arguments.
        selected: The fields that statements select as an expression, such as a count.
        nested: The fields that are values whose fields are columns of the same table.
        renamed: The columns of fields with another name, by field.
        converted: The fields that can be None while their column cannot, or the reverse: callers convert them, or their type
            is ``Any``.
        internal: The columns that are not fields.
    """

    computed: Collection[str]
    selected: Mapping[str, ColumnElement[Any]]
    nested: Mapping[str, NestedFields]
    renamed: Mapping[str, str]
    converted: Collection[str]
    internal: Collection[str]


class RowFields(Generic[V]):
    """The fields of a class of values that are columns of a table.

    Args:
        kind: The class of the values.
        table: The table.
        **options: The fields that are no columns of the same name and nullability.

    Raises:
        TypeError: A field has no column, or a column has no field, or only one of both can be null. Raised at import, so
            that none of this can be forgotten.
    """

    def __init__(self, kind: type[V], table: Table, **options: Unpack[FieldOptions]) -> None:
        self._kind = kind
        self._nested = nested = options.get("nested", _NO_VALUES)
        selected, renamed = options.get("selected", _NO_EXPRESSIONS), options.get("renamed", {})
        not_columns = {*options.get("computed", ()), *selected, *nested}
        fields = [field for field in wire_fields(kind).values() if field.name not in not_columns]
        self.names = tuple(field.name for field in fields)
        own_columns = {name: renamed.get(name, name) for name in self.names}
        converted = options.get("converted", ())
        for field in fields:
            field_type = None if field.name in converted else field.type
            check_column(f"{kind.__name__}.{field.name}", field_type, table, own_columns[field.name])
        for name in options.get("internal", ()):
            check_column(f"{kind.__name__}.{name}", None, table, name)
        nested_columns = [column for fields in nested.values() for column in fields.columns]
        columns = [*(table.c[name] for name in own_columns.values()), *nested_columns]
        for column in table.c:
            if column.name not in {*(column.name for column in columns), *options.get("internal", ())}:
                raise TypeError(
                    f"{table.name}.{column.name} is never read: add a field {column.name!r} to {kind.__name__}"
                )
        self.columns: tuple[ColumnElement[Any], ...] = (
            *columns,
            *(expression.label(name) for name, expression in selected.items()),
        )
        """The columns and expressions that a statement selects for ``to_value``."""
        self.column_names = {
            **own_columns,
            **{
                f"{name}.{inner_name}": column_name
                for name, fields in nested.items()
                for inner_name, column_name in fields.column_names.items()
            },
        }
        """The columns by field; those of nested fields by paths such as ``rate_limit.max_actions``."""
        self._read_fields: Callable[[V], tuple[object, ...]] = attrgetter(*self.column_names)
        self._read_names = (*self.names, *selected)
        self._read_columns: Callable[[object], tuple[object, ...]] = attrgetter(
            *own_columns.values(), *selected
        )

    def to_value(self, row: object, **overrides: object) -> V:
        """Return the value of a row.

        Args:
            row: A row with all ``columns``.
            **overrides: The computed fields, and fields whose values differ from the stored ones.
        """
        stored = zip(self._read_names, self._read_columns(row), strict=True)
        nested = {name: fields.to_value(row) for name, fields in self._nested.items()}
        return cast("Callable[..., V]", self._kind)(**{**dict(stored), **nested, **overrides})

    def to_row(self, value: V, **columns: object) -> dict[str, object]:
        """Return the row of a value, by column.

        Args:
            value: The value.
            **columns: The values of columns that are not fields, or that store a field in another form.
        """
        row = dict(zip(self.column_names.values(), self._read_fields(value), strict=True))
        row.update(columns)
        return row

    def to_changes(self, before: V, after: V) -> dict[str, object]:
        """Return the columns in which two states of a value differ, with the values of the second.

        Args:
            before: The earlier state.
            after: The later state.
        """
        columns = zip(
            self.column_names.values(), self._read_fields(before), self._read_fields(after), strict=True
        )
        return {column_name: new for column_name, old, new in columns if old != new}


def check_column(field: str, kind: object, table: Table, column_name: str) -> None:
    """Check that a field can be stored in a column.

    Args:
        field: The field, for the message.
        kind: The type of its values; None if it is converted.
        table: The table.
        column_name: The name of the column.

    Raises:
        TypeError: There is no such column, or only one of both can be null.
    """
    if column_name not in table.c:
        raise TypeError(f"{field} is stored nowhere: add a column {column_name!r} to {table.name}")
    if kind is not None and (type(None) in members(kind)) != table.c[column_name].nullable:
        raise TypeError(f"{field} or {table.name}.{column_name} can be null, but not both")
