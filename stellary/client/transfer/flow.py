"""The cumulative flow of a board: the number of cards in each column at the end of each day, from its activity."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING, Any

import attrs

from stellary.contract.rendering import Displayable

if TYPE_CHECKING:
    from stellary.contract.activities import Activity


@attrs.frozen
class ColumnFlow:
    """A column, which may have been renamed or deleted since.

    Attributes:
        id: The id of the column.
        name: Its last name on record; the id if there is none.
        counts: The number of its unarchived cards at the end of each day.
    """

    id: str
    name: str
    counts: list[int]


@attrs.frozen
class CumulativeFlow(Displayable):
    """The number of cards in each column by day.

    Attributes:
        days: The days in UTC, without gaps.
        columns: The columns that had cards, in the order in which they got the first one.
    """

    days: list[date]
    columns: list[ColumnFlow]


def compute_flow(
    activities: Iterable[Activity], *, since: date | None = None, until: date | None = None
) -> CumulativeFlow:
    """Return the cumulative flow of a board.

    Args:
        activities: All activities of the board, in any order.
        since: The first day. Default: the day of the first activity.
        until: The last day. Default: the day of the last activity.
    """
    changes: dict[date, Counter[str]] = defaultdict(Counter)
    names: dict[str, str] = {}
    for activity in sorted(activities, key=lambda activity: activity.id):
        changes[activity.created_at.astimezone(UTC).date()].update(_count_changes(activity.meta))
        names |= _find_names(activity)
    first, last = since or min(changes, default=None), until or max(changes, default=None)
    if first is None or last is None:
        return CumulativeFlow([], [])
    days = [first + timedelta(number) for number in range((last - first).days + 1)]
    totals = Counter[str]()
    for day in sorted(day for day in changes if day < first):
        totals.update(changes[day])
    column_ids = dict.fromkeys([*names, *(id for change in changes.values() for id in change)])
    counts: dict[str, list[int]] = {id: [] for id in column_ids}
    for day in days:
        totals.update(changes.get(day, Counter()))
        for id, numbers in counts.items():
            numbers.append(totals[id])
    return CumulativeFlow(
        days, [ColumnFlow(id, names.get(id, id), numbers) for id, numbers in counts.items() if any(numbers)]
    )


def _count_changes(meta: Mapping[str, Any]) -> Counter[str]:
    """Return by how many unarchived cards an activity changes the number of each column."""
    changes = Counter[str]({column["id"]: column["cards"] for column in meta.get("columnCards", ())})
    # The move of an archived card changes no number.
    if not meta.get("archived"):
        if (to_id := meta.get("toColumnId")) is not None:
            changes[to_id] += 1
        if (from_id := meta.get("fromColumnId")) is not None:
            changes[from_id] -= 1
    return changes


def _find_names(activity: Activity) -> dict[str, str]:
    """Return the names of columns, by id, that an activity records."""
    meta = activity.meta
    names = {column["id"]: column["name"] for column in meta.get("columnCards", ())}
    names |= {
        meta[f"{way}ColumnId"]: meta[f"{way}Column"] for way in ("from", "to") if f"{way}Column" in meta
    }
    if activity.entity == "column" and activity.entity_id is not None:
        names[activity.entity_id] = meta["name"]
    return names
