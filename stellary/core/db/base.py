"""The metadata of the schema, the column types, the clock and the ids, used by every area."""

from __future__ import annotations

import functools
import re
import secrets
import struct
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Constraint,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TextClause,
    bindparam,
    cast,
    literal_column,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import JSON, TypeDecorator

from stellary.core.db import forks

_ID = re.compile("[0-9a-f]{24}")

Clock = Callable[[], datetime]
IdSource = Callable[[], str]

_STEPS = struct.Struct("<64L")
_LAST_SECOND = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""The schema: every area adds its tables, all named ``stellary_*``."""


def is_given(column: ColumnElement[Any], name: str | None = None) -> ColumnElement[bool]:
    """Return the condition that a column equals a parameter.

    Args:
        column: The column.
        name: The name of the parameter, without its underscore. Default: that of the column.
    """
    return column == bindparam(f"_{name or column.key}")


def is_among(column: ColumnElement[Any], name: str | None = None) -> ColumnElement[bool]:
    """Return the condition that a column is one of the values of a parameter.

    Args:
        column: The column.
        name: The name of the parameter, without its underscore. Default: that of the column in the plural.
    """
    return column.in_(bindparam(f"_{name or f'{column.key}s'}", expanding=True))


def parent_key(column: str) -> ForeignKey:
    """Return a foreign key to the row with which a row is deleted.

    Args:
        column: The column that identifies the other row, such as ``stellary_users.id``.
    """
    return ForeignKey(column, ondelete="CASCADE")


def partial_index(
    name: str, *columns: str | Column[Any], where: str | TextClause, unique: bool = False
) -> Index:
    """Return an index of the rows that meet a condition.

    Args:
        name: The name of the index.
        columns: The columns, or their names inside the definition of a table.
        where: The condition. Only statements with the same text use the index.
        unique: Whether the values are unique among these rows. Default: False.
    """
    condition = text(where) if isinstance(where, str) else where
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


IdType = String(24).with_variant(String(24, collation="C"), "postgresql")
"""24 lower-case hex digits, compared byte by byte, so that ids sort by creation on every database."""


class UtcDateTime(TypeDecorator[datetime]):
    """A datetime in UTC. SQLite stores no time zone, and would drop another one without converting the time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    # Used instead of ``process_bind_param`` where the value is a parameter, since SQLAlchemy formats it each time.
    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], str | datetime | None]:
        return _text_of_moment if dialect.name == "sqlite" else _moment_in_utc

    # Used instead of ``process_result_value``, which adds a call per value: a list of cards has a thousand datetimes.
    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        return _moment_of_text if dialect.name == "sqlite" else _moment_of_zone


def item_table(name: str, *parts: Column[Any] | Constraint | Index) -> Table:
    """Define a table of items, which have an id, the time of their creation, and that of their last change.

    Args:
        name: The name of the table.
        *parts: Its other columns, constraints and indexes.
    """
    return record_table(name, *parts, times=("created_at", "updated_at"))


def record_table(
    name: str,
    *parts: Column[Any] | Constraint | Index,
    times: Sequence[str] = ("created_at",),
    **options: Any,
) -> Table:
    """Define a table of records, which have an id and the time of their creation.

    Args:
        name: The name of the table.
        *parts: Its other columns, constraints and indexes. There is no column for an id if one of them is a primary key.
        times: The names of the last columns, which are times. Default: ``created_at``.
        **options: Further arguments of ``Table``.
    """
    columns = [part for part in parts if isinstance(part, Column)]
    if not any(column.primary_key for column in columns):
        columns.insert(0, Column("id", IdType, primary_key=True))
    columns += (Column(time, UtcDateTime, nullable=False) for time in times)
    constraints = [part for part in parts if not isinstance(part, Column)]
    return Table(name, metadata, *columns, *constraints, **options)


@functools.lru_cache(maxsize=16_384)
def _moment_of_text(text: str | datetime | None) -> datetime | None:
    # Cached, since many rows have equal times, such as due dates and the creation times of bulk requests.
    if text is None:
        return None
    # A host may have configured the driver to return datetimes, as Django does.
    moment = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC)


def _text_of_moment(moment: datetime | None) -> str | None:
    return None if moment is None else _text_of_utc(moment.astimezone(UTC))


@functools.lru_cache(maxsize=4_096)
def _text_of_utc(moment: datetime) -> str:
    # Cached, since most times of a unit are equal. In other time zones, different times can be equal.
    return moment.isoformat(" ", "microseconds")[:26]


def _moment_in_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def _moment_of_zone(moment: datetime | None) -> datetime | None:
    return moment if moment is None or moment.tzinfo is UTC else moment.astimezone(UTC)


class Hundredths(TypeDecorator[float]):
    """A number with up to two decimals as an integer number of hundredths, of which databases make exact sums."""

    impl = Integer
    cache_ok = True

    @property
    def python_type(self) -> type[float]:
        return float

    def process_bind_param(self, value: float | None, dialect: Dialect) -> int | None:
        return None if value is None else round(value * 100)

    # Used instead of ``process_result_value``, as for ``UtcDateTime``.
    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[int | None], float | None]:
        return _from_hundredths


def _from_hundredths(hundredths: int | None) -> float | None:
    return None if hundredths is None else hundredths / 100


class Json(TypeDecorator[Any]):
    """JSON as text, identical on every database. Values have been validated before they are written."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return _text_of_json(value)

    # Used instead of ``process_bind_param`` where the value is a parameter, since SQLAlchemy would add a call.
    def bind_processor(self, dialect: Dialect) -> Callable[[object], str | None]:
        return _text_of_json

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        return _json_of_text


def json_text(column: ColumnElement[Any], key: str) -> ColumnElement[str]:
    """Return the text that a key has in an object that is stored as JSON.

    Args:
        column: The column, of the type ``Json`` or ``Text``.
        key: The key, which must not come from a request.
    """
    return as_json(column).op("->>", return_type=String())(literal_column(f"'{key}'"))


def as_json(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a column of the type ``Json`` or ``Text`` for functions that read JSON."""
    return cast(column, Text().with_variant(JSON(), "postgresql"))


def _text_of_json(value: object) -> str | None:
    return None if value is None else orjson.dumps(value, option=orjson.OPT_UTC_Z).decode()


def _json_of_text(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)


def system_clock() -> datetime:
    """Return the current time in UTC, truncated to milliseconds, the precision of responses."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Ids:
    """A source of ids: 4 bytes of time and 8 random bytes. Each id sorts after all earlier ids of the same source.

    If the clock is set back, the time in the ids continues from its last value at half speed, until the clock
    has caught up.
    """

    def __init__(self) -> None:
        self._second = 0
        self.after_fork_in_child()
        self._advanced_at = time.monotonic()
        forks.follow(self)

    def after_fork_in_child(self) -> None:
        """Continue with other random bytes than the parent, which may create ids within the same second."""
        self._lock = threading.Lock()
        self._rest = secrets.randbits(63)
        self._steps: list[int] = []

    def __call__(self) -> str:
        with self._lock:
            second = int(time.time())
            if second < self._second:
                second = self._second + int((time.monotonic() - self._advanced_at) / 2)
            if second > self._second:
                self._advance(second)
            else:
                # Within a second, each id is a random step after the last one: in order, but not predictable.
                if not self._steps:
                    # Read together, since each read is a system call.
                    self._steps += _STEPS.unpack(secrets.token_bytes(_STEPS.size))
                self._rest += 1 + self._steps.pop()
            return f"{self._second:08x}{self._rest:016x}"

    def continue_after(self, newest: str) -> None:
        """Create only ids that sort after a stored one, which may have been created while a clock was ahead.

        Args:
            newest: The newest stored id. An id beyond the year 2100 is ignored: it is not from a clock, and
                no ids may be left after it.
        """
        second = int(newest[:8], 16)
        with self._lock:
            if self._second <= second < _LAST_SECOND:
                self._advance(second + 1)

    def _advance(self, second: int) -> None:
        self._second, self._rest, self._advanced_at = second, secrets.randbits(63), time.monotonic()


def continue_after_stored(new_id: IdSource, connection: Connection) -> None:
    """Create only ids that sort after all stored ones, if the source is an ``Ids``.

    Args:
        new_id: The source.
        connection: A connection to the database with the ids.
    """
    newest: str | None = connection.execute(_newest_id_query(len(metadata.tables))).scalar()
    if newest is not None and isinstance(new_id, Ids):
        new_id.continue_after(newest)


@functools.cache
def _newest_id_query(_: int) -> TextClause:
    # SQL text, since it runs once per process, and SQLAlchemy would take longer to compile it than the
    # database to run it.
    tables = [
        table.name for table in metadata.tables.values() if getattr(table.c.get("id"), "type", None) is IdType
    ]
    maxima = " UNION ALL ".join(f"SELECT max(id) AS id FROM {name}" for name in tables)  # noqa: S608
    return text(f"SELECT max(id) FROM ({maxima}) AS maxima")  # noqa: S608


def check_ids(ids: IdSource) -> IdSource:
    """Return a source of ids, after checking two ids of it.

    Raises:
        ValueError: They are not valid ids, or are equal.
    """
    samples: list[object] = [ids(), ids()]
    for sample in samples:
        if not isinstance(sample, str) or not _ID.fullmatch(sample):
            raise ValueError(f"ids must return strings of 24 lower-case hex digits; it returned {sample!r}")
    if samples[0] == samples[1]:
        raise ValueError(f"ids must return a new id at each call; it returned {samples[0]!r} twice")
    return ids


def build_trigger_function(name: str, body: str) -> str:
    """Return the statement that creates a trigger function of PostgreSQL that finds the tables beside that of the trigger.

    On a shard of Citus, the search path of the session does not contain the schema of the table.

    Args:
        name: The name of the function.
        body: Its statements.
    """
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE former text; BEGIN "
        "IF current_schema() IS DISTINCT FROM TG_TABLE_SCHEMA THEN former := current_setting('search_path'); "
        "PERFORM set_config('search_path', quote_ident(TG_TABLE_SCHEMA), true); END IF; "
        f"{body} IF former IS NOT NULL THEN PERFORM set_config('search_path', former, true); END IF; RETURN NULL; END $$"
    )
