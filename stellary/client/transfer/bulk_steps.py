"""Many of a kind, by as many calls as it takes: written once for both colours, as steps that yield what is to be called."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from stellary.client.calling.method import Resource
from stellary.contract.errors import ApiError, FieldProblem, StellaryError

if TYPE_CHECKING:
    from stellary.client.resources.cards import Cards
    from stellary.client.resources.projects import Projects
    from stellary.client.transfer.progress import Told
    from stellary.contract.cards import CardInColumn

BATCH = 100
"""Cards of one call: few enough that a bar moves."""
R = TypeVar("R", bound=Resource[Any])
Steps = Generator[Callable[[], Any], Any, list[Any]]


def cards_created(cards: Cards[Any], wanted: Iterable[CardInColumn], tell: Told | None) -> Steps:
    """Create cards, a hundred at a time, each hundred or none of it."""
    every = list(wanted)
    batches = [every[at : at + BATCH] for at in range(0, len(every), BATCH)]
    return _each(
        batches, lambda number, batch: partial(_own(cards, number).create_many, cards=batch), tell, "card"
    )


def projects_imported(projects: Projects[Any], files: Iterable[Any], tell: Told | None) -> Steps:
    """Make a project of each file, one after the other."""
    batches = [[file] for file in files]

    def call(number: int, batch: list[Any]) -> Callable[[], Any]:
        return partial(_own(projects, number).import_file, batch[0])

    return _each(batches, call, tell, "project")


def _each(
    batches: Sequence[list[Any]], call: Callable[[int, Any], Callable[[], Any]], tell: Told | None, noun: str
) -> Steps:
    made: list[Any] = []
    total = sum(map(len, batches))
    for number, batch in enumerate(batches):
        try:
            answer = yield call(number, batch)
        except Exception as error:
            if isinstance(error, StellaryError):
                error.made = tuple(made)
            if isinstance(error, ApiError):
                _count_from_first(error, f"{noun}s", len(made))
            if made:
                error.add_note(f"{len(made)} of {total} {noun}s were made before that, and stay (error.made)")
            raise
        made += answer if isinstance(answer, list) else [answer]
        if tell is not None:
            tell(len(made), total)
    return made


def _count_from_first(error: ApiError, field: str, before: int) -> None:
    """Let an error about a row of one call (``cards[3].title``) name the row among all that the caller gave."""
    row = re.compile(rf"\b{field}\[([0-9]{{1,9}})\]")

    def renumber(text: str) -> str:
        return row.sub(lambda found: f"{field}[{int(found[1]) + before}]", text)

    error.message = renumber(error.message)
    error.args = (error.message,)
    error.details = tuple(
        FieldProblem(renumber(each.field), renumber(each.message)) for each in error.details
    )


def _own(at: R, number: int) -> R:
    """The handle for one of the calls: with a key of the caller's, each has one of its own."""
    key = at._caller.options.idempotency_key  # noqa: SLF001 - of this package
    if key is None:
        return at
    return at.with_options(idempotency_key=hashlib.sha256(f"{key}\n{number}".encode()).hexdigest())
