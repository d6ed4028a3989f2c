"""The cells of the permission table over each shell: all over one of them, a slice over the others.

``python3 dev.py permissions`` tries all cells over all shells on both databases.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import settings

from stellary.core import Actor
from tests.conftest import RUN
from tests.security.cells import find_wrong_cells, sample_cells
from tests.security.each_row import each_row
from tests.security.permission_world import PermissionWorld, copy_permission_world
from tests.security.table import SERVED, USERS
from tests.server.processes import run_script
from tests.server.running import Reply
from tests.support.databases import KINDS
from tests.support.in_process import CALLERS, SendRequest

pytestmark = [pytest.mark.slow("tries the permission table over each shell"), pytest.mark.wide(when="shells")]

HOST_ANSWERS = {"auth.logout": "409"}
"""By operations, the answers to users of a host that differ from the table: they have no login that could end."""
DJANGO = Path(__file__).with_name("django_cells.py")


@attrs.frozen
class Shell:
    """A shell.

    Attributes:
        call: The function that calls the API over it.
        has_users: Whether people are users that a host has logged in; otherwise they send the token of a login.
    """

    name: str
    call: SendRequest
    has_users: bool


@pytest.fixture(scope="module", params=CALLERS)
def shell(request: pytest.FixtureRequest, shared_permission_world: PermissionWorld) -> Iterator[Shell]:
    """Yield each shell on the core of the permission world. People are users of the host over FastAPI and Flask."""

    def find_actor(name: str) -> Actor:
        return shared_permission_world.people[name].actor

    with CALLERS[request.param](shared_permission_world.core, find_actor) as call:

        def call_as_user(token: str | None, *arguments: Any, **headers: str) -> Reply:
            name = shared_permission_world.find_person(token)
            if name is None:
                return call(token, *arguments, **headers)
            return call(None, *arguments, x_user=name, **headers)

        has_users = request.param in ("fastapi", "flask")
        yield Shell(request.param, call_as_user if has_users else call, has_users)


@each_row(SERVED)
def test_each_persona_gets_the_answer_of_the_table_over_each_shell(permission_world, shell, row):
    cells = sample_cells(row, shell.name, is_sqlite=permission_world.core.database.is_sqlite)
    if shell.has_users and row.operation in HOST_ANSWERS:
        cells = [
            attrs.evolve(cell, expected=HOST_ANSWERS[row.operation]) if cell.persona in USERS else cell
            for cell in cells
        ]
    wrong = find_wrong_cells(permission_world, cells, shell.call)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_table_and_calls_of_the_reference_over_django(request: pytest.FixtureRequest, kind: str):
    profile = settings.get_current_profile_name()
    with copy_permission_world(KINDS[kind], request.config.stash[RUN]) as copy:
        code, output, errors = run_script(DJANGO, copy.url, str(copy.files), str(copy.state), profile)
    assert code == 0, errors
    results = json.loads(output)
    assert results["wrong"] == []
    assert results["wrong calls"] == []
    assert min(results["counts"].values()) > 0
