"""Bulk calls: any number of cards or projects, created by as many calls as needed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

from stellary.client.transfer.steps import Steps
from stellary.contract.errors import ApiError, FieldProblem, StellaryError

if TYPE_CHECKING:
    from stellary.client.calling.caller import AsyncCaller, SyncCaller
    from stellary.client.calling.form import ReportProgress
    from stellary.contract.cards import CardInColumn

BATCH = 100
"""The number of cards per call; small, so that a progress bar moves."""


class Handle(Protocol):
    """A handle whose calls can be given an idempotency key."""

    _caller: SyncCaller | AsyncCaller

    def with_options(self, *, idempotency_key: str | None) -> Self: ...


class CardsHandle(Handle, Protocol):
    """The handle of a project's cards."""

    @property
    def create_many(self) -> Callable[..., Any]: ...


class ProjectsHandle(Handle, Protocol):
    """The handle of a workspace's projects."""

    @property
    def import_file(self) -> Callable[..., Any]: ...


H = TypeVar("H", bound=Handle)


def create_cards(
    handle: CardsHandle, cards: Iterable[CardInColumn], progress: ReportProgress | None
) -> Steps[list[Any]]:
    """Create cards in batches, each of them all or nothing.

    Args:
        handle: The cards of the project.
        cards: The cards to create.
        progress: Called with the number of created cards and the total.
    """
    every = list(cards)
    batches = [every[start : start + BATCH] for start in range(0, len(every), BATCH)]

    def to_call(number: int, batch: list[CardInColumn]) -> Callable[[], Any]:
        return partial(with_own_key(handle, number).create_many, cards=batch)

    return _run_batches(batches, to_call, progress, "card")


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

    def to_call(number: int, batch: list[Any]) -> Callable[[], Any]:
        return partial(with_own_key(handle, number).import_file, batch[0])

    return _run_batches(batches, to_call, progress, "project")


def _run_batches(
    batches: Sequence[list[Any]],
    to_call: Callable[[int, Any], Callable[[], Any]],
    progress: ReportProgress | None,
    noun: str,
) -> Steps[list[Any]]:
    created: list[Any] = []
    total = sum(map(len, batches))
    for number, batch in enumerate(batches):
        try:
            result = yield to_call(number, batch)
        except Exception as error:
            if isinstance(error, StellaryError):
                error.created = tuple(created)
            if isinstance(error, ApiError):
                count_from_first(error, f"{noun}s", len(created))
            if created:
                error.add_note(
                    f"{len(created)} of {total} {noun}s were created before that and still exist (error.created)"
                )
            raise
        created += result if isinstance(result, list) else [result]
        if progress is not None:
            progress(len(created), total)
    return created


def count_from_first(error: ApiError, field: str, before: int) -> None:
    """Renumber the rows in an error of one call (``cards[3].title``) to count from the first row of all calls.

    Args:
        error: The error, which is changed.
        field: The name of the list, such as ``cards``.
        before: The number of rows before the first one of the call.
    """
    row = re.compile(rf"\b{field}\[([0-9]{{1,9}})\]")

    def renumber(text: str) -> str:
        return row.sub(lambda match: f"{field}[{int(match[1]) + before}]", text)

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
    key = handle._caller.options.idempotency_key  # noqa: SLF001 - of this package
    if key is None:
        return handle
    return handle.with_options(idempotency_key=hashlib.sha256(f"{key}\n{number}".encode()).hexdigest())
