"""Bulk calls: any number of cards or projects, created by as many calls as needed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from stellary.client.calling.steps import Steps
from stellary.client.transfer.card_rows import CardSource, NanMeaning, RowClass, read_cards
from stellary.client.transfer.handle_types import CardsHandle, Handle, ProjectsHandle
from stellary.contract.cards import Card, CardChange, CardInColumn
from stellary.contract.errors import ApiError, FieldProblem, StellaryError

if TYPE_CHECKING:
    from stellary.client.calling.form import ReportProgress
    from stellary.client.transfer.json_file import JsonFile
    from stellary.contract.project_exports import ProjectFile
    from stellary.contract.project_imports import ImportProject, ProjectImport

BATCH = 100
"""The number of cards per call; small, so that a progress bar moves."""


H = TypeVar("H", bound=Handle)


def create_all(
    handle: CardsHandle,
    cards: CardSource,
    *,
    nan: NanMeaning = "omit",
    progress: ReportProgress | None = None,
) -> Steps[list[Card]]:
    """Create any number of cards in order, by as many calls of ``create_many`` as necessary.

    Args:
        handle: The cards of the project.
        cards: The cards, which are created in batches of 100, all or none of each: a frame of pandas or polars, or
            ``CardInColumn`` and dicts with the names of Python or of the API. Names may replace ids (``column``,
            ``assignee``, ``labels``), and custom fields are columns. Columns of ``frame()`` that a new card cannot have,
            such as ``number``, are ignored. If a call fails, earlier batches stay: ``error.created`` holds their cards, and
            row numbers in the message count from the first of all cards.
        nan: The meaning of NaN, NaT, NA and None in frames and dicts: ``omit`` leaves the field out, ``clear`` sends null.
        progress: Called with the number of created cards and of all cards.

    Returns:
        The cards, in the order given.

    Raises:
        Invalid: A column or a name is unknown, or a name and its id disagree; nothing was created.
        ModuleNotFoundError: ``cards`` is a frame, and narwhals is not installed.
    """
    return _write_cards(handle, cards, CardInColumn, nan, progress)


def update_all(
    handle: CardsHandle,
    cards: CardSource,
    *,
    nan: NanMeaning = "omit",
    progress: ReportProgress | None = None,
) -> Steps[list[Card]]:
    """Update any number of cards, by as many calls of ``update_many`` as necessary.

    A frame that ``frame()`` has made can be edited and passed as it is. Rows with a ``version`` are compared with the cards
    of the project as they are when the call begins, which takes a request per 500 cards, and only what differs is sent. A
    row moves its card within its column if its ``order`` contradicts that of the others, whatever others have moved in
    between. Without a version, all fields are sent. Fields that cannot be written, such as ``number``, are ignored.

    Args:
        handle: The cards of the project.
        cards: The changes, which are applied in batches of 100, all or none of each: a frame of pandas or polars, or
            ``CardChange`` and dicts with the names of Python or of the API, each with an ``id``. Names may replace ids
            (``column``, ``assignee``, ``labels``), and custom fields are columns. If a call fails, earlier batches stay:
            ``error.created`` holds their cards.
        nan: The meaning of NaN, NaT, NA and None in frames and dicts: ``omit`` keeps the field, ``clear`` clears it.
        progress: Called with the number of updated cards and of all cards.

    Returns:
        The updated cards, in the order given, without those that nothing would change.

    Raises:
        Invalid: A column or a name is unknown, or a name and its id disagree; nothing was updated.
        PreconditionFailed: A card to update has changed between its ``version`` and this call; nothing was updated.
        ModuleNotFoundError: ``cards`` is a frame, and narwhals is not installed.
    """
    return _write_cards(handle, cards, CardChange, nan, progress)


def _write_cards(
    handle: CardsHandle,
    cards: CardSource,
    cls: RowClass,
    nan: NanMeaning,
    progress: ReportProgress | None,
) -> Steps[list[Card]]:
    """Create or update cards in batches, each of them all or nothing."""
    rows = yield from read_cards(handle, cards, cls, nan)
    every: list[object] = list(rows.values())
    batches = [every[start : start + BATCH] for start in range(0, len(every), BATCH)]
    method, verb = ("create_many", "created") if cls is CardInColumn else ("update_many", "updated")

    def to_call(number: int, batch: list[object]) -> Callable[[], object]:
        return partial(getattr(with_own_key(handle, number), method), cards=batch)

    return (yield from _run_batches(batches, to_call, progress, "card", [*rows], verb))


def import_all(
    handle: ProjectsHandle,
    files: Iterable[JsonFile | ProjectFile | ImportProject],
    *,
    progress: ReportProgress | None = None,
) -> Steps[list[ProjectImport]]:
    """Create a project from each of several files, like ``import_file``: ``import_all(read_trello(path).projects)``.

    Args:
        handle: The projects of the workspace.
        files: The files, which are imported one after the other. If one cannot be imported, the projects before it stay, and
            a note of the error says so.
        progress: Called with the number of created projects and of all projects.

    Returns:
        The results of ``import_file``, in order.
    """
    batches: list[list[object]] = [[file] for file in files]

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


def with_own_key(handle: H, name: object) -> H:
    """Return the handle for one of the calls. If the caller has set an idempotency key, each call gets a key of its own.

    Args:
        handle: The handle.
        name: The number or the name of the call, which is always the same for the same call.
    """
    key = handle._caller.options.idempotency_key
    if key is None:
        return handle
    return handle.with_options(idempotency_key=hashlib.sha256(f"{key}\n{name}".encode()).hexdigest())
