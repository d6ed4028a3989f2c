"""Fields of requests: what is given and what stays, and dates that must not be the wrong way round."""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeVar

from stellary.contract.unset import Unset
from stellary.contract.wire import invalid, utc

T = TypeVar("T")


def given(asked: T | Unset, otherwise: T) -> T:
    """What is asked, or what is there already."""
    return otherwise if isinstance(asked, Unset) else asked


def moment(asked: date | Unset | None, otherwise: datetime | None) -> datetime | None:
    """The same of a date, which means midnight UTC."""
    if isinstance(asked, Unset):
        return otherwise
    return None if asked is None else utc(asked)


def check_dates(start: datetime | None, due: datetime | None, field: str) -> None:
    """What is to be done starts no later than it is due.

    Raises:
        Invalid: It does; ``field`` is to blame.
    """
    if start is not None and due is not None and start > due:
        end = "before startDate" if field.endswith("dueDate") else "after dueDate"
        raise invalid((field, f"must not be {end}"))
