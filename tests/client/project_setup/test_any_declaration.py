"""Whatever is declared, and whatever there is: after a plan is applied there is nothing to do."""

from __future__ import annotations

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
from stellary.contract.unset import UNSET
from tests.client.project_setup.declarations import declarations

numbers = itertools.count(1)
FEW = settings.default.max_examples // 5
"""Each example is some hundred requests."""
# The short run tries the same each time; the profile ``long`` looks further.
SHORT = settings.get_current_profile_name() != "long"


def called(declaration: ps.Declaration, name: str) -> ps.Declaration:
    return attrs.evolve(declaration, project=attrs.evolve(declaration.project, name=name))


def applied(at: Any, declaration: ps.Declaration, prune: bool = False) -> Any:
    """The project that it was applied to, after which there is nothing to do."""
    plan = ps.plan(at, declaration, prune=prune)
    result = ps.apply(plan)
    assert _counted(result.changes) == _counted(plan.changes)
    project = result.project
    again = ps.plan(at, declaration, prune=prune)
    assert not again, again
    assert ps.apply(again).changes == ()
    return project


def _counted(changes: Any) -> Counter[Any]:
    return Counter((each.action, each.kind) for each in changes)


def check(
    ws: Any, first: ps.Declaration, second: ps.Declaration, prune: bool, meanwhile: tuple[str, ...] = ()
) -> None:
    name = f"Launch {next(numbers)}"
    project = ws.project(applied(ws, called(first, name)))
    assert_is_declared(ps.describe(project), called(first, name))
    for each in meanwhile:
        MEANWHILE[each](project, project.board())
    if "begun" not in meanwhile:
        again = ps.plan(project, ps.describe(project), prune=True)
        assert not again, again
    applied(project, called(second, name), prune)
    found = ps.describe(project)
    assert_is_declared(found, called(second, name))
    # A scope that was only begun, and that nobody declares, waits for somebody who does.
    assert "begun" in meanwhile or not ps.plan(project, found, prune=True)
    assert ps.loads(ps.dumps(found).encode(), ".yaml") == found


def add_twins(project: Any, board: Any) -> None:
    """Make a second one of whatever may have the name of another one."""
    column = board.columns[0]
    project.columns.create(name=column.name, scope_id=column.scope_id, card_status="done")
    project.scopes.create(name=board.scopes[-1].name, order=0)
    project.cards.create(board.columns[-1], title=board.cards[0].title if board.cards else "Ask")
    for rule in project.automations.list():
        action = {"type": rule.action.type, "params": rule.action.params}
        project.automations.create(name=rule.name, trigger="task_assigned", action=action, enabled=False)


def shuffle(project: Any, board: Any) -> None:
    """Move what can be moved to the other end."""
    project.columns.update(board.columns[0], order=9)
    project.scopes.update(board.scopes[0], order=9)
    for card in board.cards[:2]:
        project.cards.update(card, column_id=board.columns[-1].id, order=0)


def clear_up(project: Any, board: Any) -> None:
    """Delete the first thing of each kind that can be deleted, and take a card from the board."""
    for things, handle in ((board.labels, project.labels), (board.custom_fields, project.custom_fields)):
        if things:
            handle.delete(things[0])
    for card in board.cards[:1]:
        project.cards.update(card, archived=True)
    for scope in [each for each in board.scopes if not each.is_default][:1]:
        project.scopes.delete(scope)


MEANWHILE: dict[str, Any] = {
    "twins": add_twins,
    "shuffled": shuffle,
    "cleared": clear_up,
}


def assert_is_declared(found: ps.Declaration, wanted: ps.Declaration) -> None:
    """What is declared of labels, fields, columns and cards is found, compared without the code of plans."""
    for kind, key in (("labels", "name"), ("fields", "name"), ("cards", "title")):
        names = [getattr(each, key) for each in getattr(found, kind)]
        for each in getattr(wanted, kind) or ():
            # Of twins, one is meant.
            if names.count(getattr(each, key)) > 1:
                continue
            there = getattr(found, kind)[names.index(getattr(each, key))]
            for name in ("color", "type", "required", "priority", "status", "archived", "description"):
                said = getattr(each, name, UNSET)
                if said is not UNSET:
                    expected = said.lower() if name == "color" else said
                    assert (getattr(there, name) or None) == (expected or None), (kind, name)
    default = next(each for each in found.scopes if each.default)
    # In that order, whatever else stands between them.
    names = iter([each.name for each in default.columns])
    assert all(each.name in names for each in wanted.columns)


@settings(max_examples=FEW, derandomize=SHORT, database=None)
@given(
    first=declarations(),
    second=declarations(),
    prune=st.booleans(),
    meanwhile=st.lists(st.sampled_from(sorted(MEANWHILE)), unique=True).map(tuple),
)
def test_nothing_is_to_be_done_once_it_is_applied(any_ws, first, second, prune, meanwhile):
    check(any_ws, first, second, prune, meanwhile)


class Cut(Exception):
    """The connection is gone for good."""


class Cutting:
    """A port that stops in the middle of the work.

    Args:
        port: Does the work.
        after: How many requests that write still get through.
        answered: Whether the last one of them is answered.
    """

    def __init__(self, port: Any, after: int, answered: bool) -> None:
        self.port, self.left, self.answered = port, after, answered

    def send(self, request: Any) -> Any:
        writes = request.method != "GET"
        if writes and self.left == 0:
            raise Cut
        self.left -= writes
        response = self.port.send(request)
        if writes and self.left == 0 and not self.answered:
            raise Cut
        return response


def in_the_end(project: Any) -> str:
    """What there is, but for its name, and for the ids of columns that rules have outlived."""
    found = attrs.evolve(ps.describe(project), project=ps.Project("Any"))
    return re.sub("[0-9a-f]{24}", "…", ps.dumps(found))


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
    at_once = any_ws.project(applied(any_ws, called(first, one)))
    applied(at_once, called(second, one), prune)

    for declaration, pruned in ((first, False), (second, prune)):
        wanted = called(declaration, other)
        port = Cutting(any_ws._caller.carrier._port, after, answered)
        cut = Stellary.embedded(port).workspace("acme", "eng")
        with contextlib.suppress(Cut):
            ps.apply(ps.plan(cut, wanted, prune=pruned))
        applied(any_ws, wanted, pruned)

    (there,) = [each for each in any_ws.projects.iterate() if each.name == other]
    assert in_the_end(any_ws.project(there)) == in_the_end(at_once)


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
