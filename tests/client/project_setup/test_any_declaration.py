"""Properties of all declarations: after a plan is apply_declaration, the next plan is empty."""

import contextlib
import itertools
import re
from collections import Counter
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellary import Stellary
from stellary.client import project_setup as ps
from stellary.contract.wire import UNSET
from tests.client.project_setup.declarations import declarations

numbers = itertools.count(1)
FEW = settings.default.max_examples // 5
"""Each example is some hundred requests."""
# The short run tries the same each time; the profile ``long`` looks further.
SHORT = settings.get_current_profile_name() != "long"


def with_name(declaration: ps.Declaration, name: str) -> ps.Declaration:
    """Return the declaration with another name of the project."""
    return attrs.evolve(declaration, project=attrs.evolve(declaration.project, name=name))


def apply_declaration(at: Any, declaration: ps.Declaration, prune: bool = False) -> Any:
    """Apply a declaration, check that the next plan is empty, and return the project."""
    plan = ps.plan(at, declaration, prune=prune)
    result = ps.apply(plan)
    assert _count_changes(result.changes) == _count_changes(plan.changes)
    project = result.project
    again = ps.plan(at, declaration, prune=prune)
    assert not again, again
    assert ps.apply(again).changes == ()
    return project


def _count_changes(changes: Any) -> Counter[Any]:
    return Counter((change.action, change.kind) for change in changes)


def check(
    ws: Any, first: ps.Declaration, second: ps.Declaration, prune: bool, edits: tuple[str, ...] = ()
) -> None:
    name = f"Launch {next(numbers)}"
    project = ws.project(apply_declaration(ws, with_name(first, name)))
    assert_is_declared(ps.describe(project), with_name(first, name))
    for edit in edits:
        EDITS[edit](project, project.board())
    again = ps.plan(project, ps.describe(project), prune=True)
    assert not again, again
    apply_declaration(project, with_name(second, name), prune)
    described = ps.describe(project)
    assert_is_declared(described, with_name(second, name))
    assert not ps.plan(project, described, prune=True)
    assert ps.loads(ps.dumps(described).encode(), ".yaml") == described


def add_twins(project: Any, board: Any) -> None:
    """Create a second item with the same name, wherever names need not be unique."""
    column = board.columns[0]
    project.columns.create(name=column.name, scope_id=column.scope_id, card_status="done")
    project.scopes.create(name=board.scopes[-1].name, order=0)
    project.cards.create(board.columns[-1], title=board.cards[0].title if board.cards else "Ask")
    for rule in project.automations.list():
        action = {"type": rule.action.type, "params": rule.action.params}
        project.automations.create(name=rule.name, trigger="task_assigned", action=action, enabled=False)


def shuffle(project: Any, board: Any) -> None:
    """Move scopes, columns and cards to the other end."""
    project.columns.update(board.columns[0], order=9)
    project.scopes.update(board.scopes[0], order=9)
    for card in board.cards[:2]:
        project.cards.update(card, column_id=board.columns[-1].id, order=0)


def clear_up(project: Any, board: Any) -> None:
    """Delete the first label, field and other scope, and archive a card."""
    for things, handle in ((board.labels, project.labels), (board.custom_fields, project.custom_fields)):
        if things:
            handle.delete(things[0])
    for card in board.cards[:1]:
        project.cards.update(card, archived=True)
    for scope in [item for item in board.scopes if not item.is_default][:1]:
        project.scopes.delete(scope)


EDITS: dict[str, Any] = {
    "add twins": add_twins,
    "shuffle": shuffle,
    "clear up": clear_up,
}


def assert_is_declared(described: ps.Declaration, declared: ps.Declaration) -> None:
    """Check that the described project has the declared labels, fields, columns and cards, independently of plans."""
    for kind, key in (("labels", "name"), ("fields", "name"), ("cards", "title")):
        names = [getattr(item, key) for item in getattr(described, kind)]
        for item in getattr(declared, kind) or ():
            # Only one of several items with the same name is declared.
            if names.count(getattr(item, key)) > 1:
                continue
            actual = getattr(described, kind)[names.index(getattr(item, key))]
            for name in ("color", "type", "required", "priority", "status", "archived", "description"):
                value = getattr(item, name, UNSET)
                if value is not UNSET:
                    expected = value.lower() if name == "color" else value
                    assert (getattr(actual, name) or None) == (expected or None), (kind, name)
    default = next(scope for scope in described.scopes if scope.default)
    # In the declared order, with any other columns between them.
    names = iter([column.name for column in default.columns])
    assert all(column.name in names for column in declared.columns)


@pytest.mark.slow("applies whole declarations many times")
@settings(max_examples=FEW, derandomize=SHORT, database=None)
@given(
    first=declarations(),
    second=declarations(),
    prune=st.booleans(),
    edits=st.lists(st.sampled_from(sorted(EDITS)), unique=True).map(tuple),
)
def test_nothing_is_to_be_done_once_it_is_applied(any_ws, first, second, prune, edits):
    check(any_ws, first, second, prune, edits)


class ConnectionCut(Exception):
    """The connection is permanently lost."""


class CuttingPort:
    """A port that loses its connection after a number of writing requests.

    Args:
        port: The port that executes the requests.
        after: The number of writing requests that get through.
        answered: Whether the last one of them gets a response.
    """

    def __init__(self, port: Any, after: int, answered: bool) -> None:
        self.port, self.remaining, self.answered = port, after, answered

    def send(self, request: Any) -> Any:
        writes = request.method != "GET"
        if writes and self.remaining == 0:
            raise ConnectionCut
        self.remaining -= writes
        response = self.port.send(request)
        if writes and self.remaining == 0 and not self.answered:
            raise ConnectionCut
        return response


def dump_project(project: Any) -> str:
    """Return the project as YAML, without its name and the ids of deleted columns that rules still have."""
    declaration = attrs.evolve(ps.describe(project), project=ps.Project("Any"))
    return re.sub("[0-9a-f]{24}", "…", ps.dumps(declaration))


@pytest.mark.slow("applies whole declarations many times")
@settings(max_examples=FEW, derandomize=SHORT, database=None)
@given(
    first=declarations(),
    second=declarations(),
    prune=st.booleans(),
    after=st.integers(0, 25),
    answered=st.booleans(),
)
def test_what_was_interrupted_is_planned_again_and_ends_the_same(
    any_ws, first, second, prune, after, answered
):
    one, other = f"One {next(numbers)}", f"Other {next(numbers)}"
    uninterrupted = any_ws.project(apply_declaration(any_ws, with_name(first, one)))
    apply_declaration(uninterrupted, with_name(second, one), prune)

    for declaration, pruned in ((first, False), (second, prune)):
        declared = with_name(declaration, other)
        port = CuttingPort(any_ws._caller.carrier._port, after, answered)
        cut = Stellary.embedded(port).workspace("acme", "eng")
        with contextlib.suppress(ConnectionCut):
            ps.apply(ps.plan(cut, declared, prune=pruned))
        apply_declaration(any_ws, declared, pruned)

    (resumed,) = [project for project in any_ws.projects.iterate() if project.name == other]
    assert dump_project(any_ws.project(resumed)) == dump_project(uninterrupted)


@pytest.mark.slow("applies whole declarations many times")
@settings(
    max_examples=3,
    derandomize=SHORT,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(first=declarations(), second=declarations(), prune=st.booleans())
@pytest.mark.postgres
def test_nothing_is_to_be_done_on_postgresql_either(postgres_ws, first, second, prune):
    check(postgres_ws, first, second, prune)
