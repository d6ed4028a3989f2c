"""Bulk calls: any number of cards or projects, created by as many calls as needed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from stellary.client.calling.steps import Steps
from stellary.client.transfer.card_rows import CardLists, CardSource, NanMeaning, RowClass, read_cards
from stellary.contract.cards import Card, CardInColumn
from stellary.contract.errors import ApiError, FieldProblem, StellaryError

if TYPE_CHECKING:
    from stellary.client.calling.caller import AsyncCaller, SyncCaller
    from stellary.client.calling.form import ReportProgress

BATCH = 100
"""The number of cards per call; small, so that a progress bar moves."""


class Handle(Protocol):
    """A handle whose calls can be given an idempotency key."""

    _caller: SyncCaller | AsyncCaller

    def with_options(self, *, idempotency_key: str | None) -> Self: ...


class CardsHandle(CardLists, Handle, Protocol):
    """The handle of a project's cards, which has ``create_many`` and ``update_many``."""


class ProjectsHandle(Handle, Protocol):
    """The handle of a workspace's projects."""

    @property
    def import_file(self) -> Callable[..., Any]: ...


H = TypeVar("H", bound=Handle)


def write_cards(
    handle: CardsHandle,
    cards: CardSource,
    cls: RowClass,
    nan: NanMeaning,
    progress: ReportProgress | None,
) -> Steps[list[Card]]:
    """Create or update cards in batches, each of them all or nothing.

    Args:
        handle: The cards of the project.
        cards: The cards: a frame, or requests and dicts.
        cls: The class of the requests, ``CardInColumn`` or ``CardChange``.
        nan: Whether missing values are omitted, or clear fields.
        progress: Called with the number of finished cards and the total.
    """
    rows = yield from read_cards(handle, cards, cls, nan)
    every: list[object] = list(rows.values())
    batches = [every[start : start + BATCH] for start in range(0, len(every), BATCH)]
    method, verb = ("create_many", "created") if cls is CardInColumn else ("update_many", "updated")

    def to_call(number: int, batch: list[object]) -> Callable[[], object]:
        return partial(getattr(with_own_key(handle, number), method), cards=batch)

    return (yield from _run_batches(batches, to_call, progress, "card", [*rows], verb))


def import_projects(
    handle: ProjectsHandle, files: Iterable[Any], progress: ReportProgress | None
) -> Steps[list[Any]]:
    """Create a project from each file.

    Args:
        handle: The projects of the workspace.
        files: The arguments of ``import_file``.
        progress: Called with the number of created projects and the total.
    """
    batches = [[file] for file in files]

    def to_call(number: int, batch: list[object]) -> Callable[[], object]:
        return partial(with_own_key(handle, number).import_file, batch[0])

    return _run_batches(batches, to_call, progress, "project", range(len(batches)))


def _run_batches(
    batches: Sequence[list[object]],
    to_call: Callable[[int, list[object]], Callable[[], object]],
    progress: ReportProgress | None,
    noun: str,
    positions: Sequence[int],
    verb: str = "created",
) -> Steps[list[Any]]:
    """Make the calls of batches one after the other.

    Args:
        batches: The items of each call.
        to_call: Returns the call of a batch.
        progress: Called with the number of finished items and the total.
        noun: The items, for messages.
        positions: The position of each item among the rows of the caller.
        verb: What a call does to the items, for messages.
    """
    created: list[Any] = []
    total = sum(map(len, batches))
    for number, batch in enumerate(batches):
        try:
            result = yield to_call(number, batch)
        except Exception as error:
            if isinstance(error, StellaryError):
                error.created = tuple(created)
            if isinstance(error, ApiError):
                renumber_rows(error, f"{noun}s", positions[len(created) :])
            if created:
                error.add_note(
                    f"{len(created)} of {total} {noun}s were {verb} before that"
                    f"{' and still exist' * (verb == 'created')} (error.created)"
                )
            raise
        created += result if isinstance(result, list) else [result]
        if progress is not None:
            progress(len(created), total)
    return created


def renumber_rows(error: ApiError, field: str, positions: Sequence[int]) -> None:
    """Replace the numbers of rows in an error of one call (``cards[3].title``) by their positions among all rows.

    Args:
        error: The error, which is changed.
        field: The name of the list, such as ``cards``.
        positions: The position of each row of the call.
    """
    row = re.compile(rf"\b{field}\[([0-9]{{1,9}})\]")

    def renumber(text: str) -> str:
        return row.sub(lambda match: f"{field}[{positions[min(int(match[1]), len(positions) - 1)]}]", text)

    error.message = renumber(error.message)
    error.args = (error.message,)
    error.details = tuple(
        FieldProblem(renumber(problem.field), renumber(problem.message)) for problem in error.details
    )


def with_own_key(handle: H, number: int) -> H:
    """Return the handle for one of the calls. If the caller has set an idempotency key, each call gets a key of its own.

    Args:
        handle: The handle.
        number: The number of the call, which is always the same for the same call.
    """
    key = handle._caller.options.idempotency_key
    if key is None:
        return handle
    return handle.with_options(idempotency_key=hashlib.sha256(f"{key}\n{number}".encode()).hexdigest())
