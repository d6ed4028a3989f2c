"""Rules of flow: the counts of a board on each day, from its current state and its record, and a forecast. Pure functions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from math import ceil

import attrs

from stellary.contract.flow import TimePercentiles
from stellary.core.board.rules.card_counts import CardState
from stellary.core.insights.rules.stats import measure_times
from stellary.core.notifications.rules import FlowChange

DONE, REMAINING = "done", "remaining"
TRIALS = 1_000
HORIZON = 1_000
"""The number of days after which a trial of a forecast ends."""


class Replay:
    """The counts of a board by day: its current counts, of which recorded changes are taken back, the newest first.

    Attributes:
        completed: The changes that completed cards until the last day, of cards that were still done at its end, with the
            amounts of the cards. The time of each is that of the completion.
        recorded_since: The first day after which all changes are on record; None if all changes are.

    Args:
        until: The last day.
        amounts: The current states of the cards, with the sums of their amounts.
        is_counted: Returns whether the cards of a column count, by its id, which is None if it is not recorded.
        measure: Returns the amount of a card: 1, or its estimate.
    """

    def __init__(
        self,
        until: date,
        amounts: Iterable[tuple[CardState, int]],
        is_counted: Callable[[str | None], bool],
        measure: Callable[[CardState], int],
    ) -> None:
        self.completed: list[tuple[FlowChange, int]] = []
        self.recorded_since: date | None = None
        self._until = until
        self._is_counted, self._measure = is_counted, measure
        self._counts = Counter[str]()
        for state, amount in amounts:
            self._add(self._counts, state, amount)
        self._deltas: dict[date, Counter[str]] = defaultdict(Counter)
        self._states: dict[str, CardState | None] = {}
        # The cards whose earlier changes are those of another project, or have followed them to one.
        self._left = set[str | None]()
        # The cards of which it is decided whether they were completed, and the states to which they were restored
        # afterwards; and the restored columns to which cards returned in the trash, with the status that they had there.
        self._decided, self._restored = set[str](), dict[str, CardState | None]()
        self._returned: dict[str, str | None] = {}

    def take_back(self, change: FlowChange) -> bool:
        """Take back a change.

        Returns:
            Whether its columns are recorded. If not, the numbers before it are unknown.
        """
        day = _find_day(change)
        delta = self._deltas[day]
        if change.type == "card_transferred_out":
            self._left.add(change.entity_id)
            self.recorded_since = self.recorded_since or day
            return True
        if change.card_id in self._left:
            return True
        if change.card_id is None:
            # An import has created the project: before it, there was nothing.
            delta.update(self._counts)
            self._counts.clear()
            return True
        current = None
        if change.column_id is not None:
            estimate = round((change.estimate or 0) * 100)
            current = CardState(change.column_id, bool(change.is_done), bool(change.archived), estimate)
        after = self._states.get(change.card_id, current)
        before = find_former_state(change, after)
        if before is not None and before.column_id is None and not before.archived:
            self.recorded_since = self.recorded_since or day + timedelta(1)
            return False
        self._states[change.card_id] = before
        if change.type == "card_transferred":
            self._left.add(change.card_id)
        for state, sign in ((after, 1), (before, -1)):
            if state is not None:
                amount = sign * self._measure(state)
                self._add(delta, state, amount)
                self._add(self._counts, state, -amount)
        if day <= self._until:
            self._decide(change, change.card_id, before, after)
        return True

    def _add(self, counts: Counter[str], state: CardState, amount: int) -> None:
        if self._is_counted(state.column_id):
            if not state.archived and state.column_id is not None:
                counts[state.column_id] += amount
            if state.is_done or not state.archived:
                counts[DONE if state.is_done else REMAINING] += amount

    def _decide(
        self, change: FlowChange, card_id: str, before: CardState | None, after: CardState | None
    ) -> None:
        """Decide by the last change of a card to or from done whether it was completed."""
        if card_id in self._decided:
            return
        if card_id in self._returned:
            if change.type == "card_moved" and change.meta.get("fromColumnId") == self._returned[card_id]:
                self._decided.add(card_id)
                if before is not None and before.is_done:
                    self._complete(change, before, "from")
        elif change.type == "item_restored":
            self._restored[card_id] = after
        elif after is None:
            self._decide_deleted(card_id, before)
        elif after.is_done != (before is not None and before.is_done):
            self._decided.add(card_id)
            was_done_before = change.type == "card_transferred" and "toStatus" not in change.meta
            if after.is_done and not was_done_before:
                self._complete(change, after, "to")

    def _decide_deleted(self, card_id: str, before: CardState | None) -> None:
        """Decide that a card that stays deleted was not completed, or note to which column it returned."""
        if card_id not in self._restored:
            self._decided.add(card_id)
            return
        restored = self._restored.pop(card_id)
        if restored is not None and before is not None and restored.is_done != before.is_done:
            self._returned[card_id] = restored.column_id

    def _complete(self, change: FlowChange, state: CardState, side: str) -> None:
        if self._is_counted(state.column_id):
            completion = attrs.evolve(change, at=find_completion_time(change, side))
            self.completed.append((completion, self._measure(state)))

    def count(self, days: Sequence[date], keys: Sequence[str]) -> dict[str, list[int]]:
        """Return counts at the end of each day, by column id, ``DONE`` and ``REMAINING``.

        Args:
            days: The days, in order.
            keys: The counts to return.
        """
        counts = self._counts.copy()
        series: dict[str, list[int]] = {key: [] for key in keys}
        for day in days:
            counts.update(self._deltas.get(day, Counter[str]()))
            for key, numbers in series.items():
                numbers.append(counts[key])
        return series


def find_former_state(change: FlowChange, after: CardState | None) -> CardState | None:
    """Return the state of a card before a change; None if it did not exist.

    Args:
        change: The change.
        after: The state after it; None if the card did not exist.
    """
    meta, column_id = change.meta, change.meta.get("fromColumnId")
    from_id = None if column_id is None else str(column_id)
    if change.type in ("card_created", "card_transferred", "item_restored"):
        return None
    former = [field["from"] for field in change.changes or () if field["field"] == "estimate"]
    estimate = round(float(str(former[0] or 0)) * 100) if former else 0 if after is None else after.estimate
    if change.type == "card_deleted":
        return CardState(from_id, change.was_done, "archived" in meta or from_id is None, estimate)
    if after is None:
        return None
    is_done = meta["fromStatus"] == "done" if "fromStatus" in meta else after.is_done
    if change.type == "card_updated":
        return CardState(after.column_id, is_done, after.archived or "toColumnId" in meta, estimate)
    return CardState(from_id, is_done, after.archived and change.type != "card_archived", estimate)


def find_completion_time(change: FlowChange, side: str) -> datetime:
    """Return the time at which a card was completed: that of the change, or an earlier one that a move has recorded.

    Args:
        change: The change.
        side: ``from`` for the time before the change, ``to`` for that after it.
    """
    times = [field.get(side) for field in change.changes or () if field["field"] == "completedAt"]
    return datetime.fromisoformat(str(times[0])) if any(times) else change.at


def _find_day(change: FlowChange) -> date:
    return change.at.astimezone(UTC).date()


def list_days(since: date, until: date) -> list[date]:
    """Return all days of a period.

    Args:
        since: The first day.
        until: The last day.
    """
    return [since + timedelta(number) for number in range((until - since).days + 1)]


def count_completed(
    completed: Iterable[tuple[FlowChange, int]], days: Sequence[date]
) -> tuple[Counter[date], Counter[date], Counter[date]]:
    """Return the numbers of completed cards by day, and by the Monday of the week; and their amounts by day.

    Args:
        completed: The changes that completed cards, with the amounts of the cards.
        days: The days.
    """
    by_day, by_week, amounts = Counter(dict.fromkeys(days, 0)), Counter[date](), Counter[date]()
    for change, amount in completed:
        by_day[_find_day(change)] += 1
        amounts[_find_day(change)] += amount
    for day, cards in by_day.items():
        by_week[day - timedelta(day.weekday())] += cards
    return by_day, by_week, amounts


def measure_percentiles(durations: Iterable[timedelta]) -> TimePercentiles:
    """Return the median and the percentiles of durations, in whole seconds."""
    ordered = sorted(durations)
    time = measure_times(ordered)
    p85, p95 = (
        round(max(ordered[_rank(percent, len(ordered))].total_seconds(), 0)) if ordered else None
        for percent in (85, 95)
    )
    return TimePercentiles(
        median_seconds=time.median_seconds, cards=time.cards, p85_seconds=p85, p95_seconds=p95
    )


def _rank(percent: int, number: int) -> int:
    """Return the index of a percentile by the nearest rank."""
    return ceil(percent * number / 100) - 1


def forecast_days(
    completed: Sequence[int], remaining: int, draw: Callable[[], float]
) -> tuple[int | None, ...]:
    """Return the numbers of days in which 50, 85 and 95 % of the trials are done; None if not within ``HORIZON``.

    Args:
        completed: The numbers of completed cards by day, of which each day of a trial repeats one.
        remaining: The number of cards to complete.
        draw: Returns a random number from 0 to less than 1.
    """
    if not remaining or not any(completed):
        return (None if remaining else 0,) * 3
    number, results = len(completed), []
    for _ in range(TRIALS):
        cards = days = 0
        while cards < remaining and days <= HORIZON:
            cards += completed[int(draw() * number)]
            days += 1
        results.append(days)
    results.sort()
    days_by_percent = (results[_rank(percent, TRIALS)] for percent in (50, 85, 95))
    return tuple(days if days <= HORIZON else None for days in days_by_percent)
