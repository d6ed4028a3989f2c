"""Concurrent deletions of an item: one caller deletes it, and all others are answered that it is not found."""

from contextlib import ExitStack
from functools import partial

import pytest

from stellary.core import UnitOfWork
from tests.conftest import RUN
from tests.security.good_requests import make_path_params, send
from tests.security.permission_world import open_permission_world
from tests.security.table import SERVED
from tests.support.core_parts import Units
from tests.support.databases import KINDS
from tests.support.statements import record_statements
from tests.support.world import at_once

CALLERS = 4
REPEATABLE = {"labels.remove_from_card": 200, "cards.unwatch": 200, "projects.unwatch": 200}
"""The deletions that have no effect if there is nothing to delete, with the status of the others."""


DELETIONS = sorted(
    (row for row in SERVED if row.method == "DELETE"),
    key=lambda row: (sum(row.parameters[-1] in other.parameters for other in SERVED), -row.path.count("/")),
)
"""Items with few operations on them and their contents first, so that no item is deleted with its container."""


def record_emitting_units(units: Units) -> set[UnitOfWork]:
    """Return the set of units that emit events from now on."""
    emitting: set[UnitOfWork] = set()
    react = units._react

    def record(uow: UnitOfWork) -> None:
        emitting.add(uow)
        react(uow)

    units._react = record
    return emitting


@pytest.mark.slow("races for each kind of item")
@pytest.mark.race
@pytest.mark.parametrize("listens", [False, pytest.param(True, id="through SQLAlchemy")])
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_one_of_several_callers_deletes_an_item(kind, listens, rounds, request):
    wrong = []
    for _ in range(rounds):
        with ExitStack() as stack:
            world = stack.enter_context(open_permission_world(KINDS[kind], request.config.stash[RUN]))
            emitting = record_emitting_units(world.core.units)
            if listens:
                # As on the engine of a host, and for the first executions of a process.
                stack.enter_context(record_statements())
            for row in DELETIONS:
                emitting.clear()
                params = make_path_params(world, row, "OO")
                answers = at_once(*[partial(send, world, row, "OO", params)] * CALLERS)
                statuses = sorted(answer.status for answer in answers)
                expected = [200, *[REPEATABLE.get(row.operation, 404)] * (CALLERS - 1)]
                if statuses != expected or len(emitting) > 1:
                    wrong.append(f"{row.operation}: {statuses}, {len(emitting)} units emitted events")
    assert not wrong
