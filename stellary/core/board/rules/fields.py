"""Fields of requests and of new items: defaults for fields that are not set, and the order of dates."""

from __future__ import annotations

from datetime import date, datetime
from typing import Protocol, TypeVar

from stellary.contract.wire import Unset, invalid, utc
from stellary.core.db.base import IdSource

T = TypeVar("T")


class Author(Protocol):
    """The one who writes items: the caller in a unit of work, or the importer of a file.

    Attributes:
        user_id: The user or agent who writes.
        principal_id: The user whose rights apply.
        now: The current time.
        new_id: Generates ids.
    """

    @property
    def user_id(self) -> str: ...
    @property
    def principal_id(self) -> str: ...
    @property
    def now(self) -> datetime: ...
    @property
    def new_id(self) -> IdSource: ...


def value_or(value: T | Unset, default: T) -> T:
    """Return the value of a request, or a default if the request has none.

    Args:
        value: The value of the request.
        default: The value to return if the request has none.
    """
    return default if isinstance(value, Unset) else value


def new_item(by: Author) -> dict[str, object]:
    """Return the fields that each new item has: its id, and the times of its creation and of its last change."""
    return {"id": by.new_id(), "created_at": by.now, "updated_at": by.now}


def moment(value: date | Unset | None) -> datetime | None:
    """Return the date of a request as midnight UTC; None if the request has none."""
    return None if value is None or isinstance(value, Unset) else utc(value)


def check_dates(start: datetime | None, due: datetime | None, field: str) -> None:
    """Check that the start date is not after the due date.

    Args:
        start: The start date.
        due: The due date.
        field: The field that the error names.

    Raises:
        Invalid: The start date is after the due date.
    """
    if start is not None and due is not None and start > due:
        end = "before startDate" if field.endswith("dueDate") else "after dueDate"
        raise invalid((field, f"must not be {end}"))
