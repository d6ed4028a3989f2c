"""Chains of random rules: they end within the limit, and act alike on both databases."""

import re
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellary.core import Core
from stellary.core.automations.rules.occurrences import CHAIN_ACTIONS_MAX, CHAIN_DEPTH_MAX
from tests.core.automations.automation_api import AutomationApi
from tests.core.automations.test_acting import TRIGGERS
from tests.support.world import World

# 25 in the suite; 500 with --hypothesis-profile=long.
EXAMPLES = min(500, settings.default.max_examples // 2)

COLUMNS = ["To Do", "In Progress", "Done"]
STATUSES = ["open", "in_progress", "done"]
columns = st.sampled_from(COLUMNS)
statuses = st.sampled_from(STATUSES)
priorities = st.sampled_from(["low", "high", None])
leaves = st.one_of(
    st.builds(lambda column: {"field": "toColumn", "op": "eq", "value": column}, columns),
    st.builds(lambda status: {"field": "status", "op": "ne", "value": status}, statuses),
    st.builds(lambda priority: {"field": "priority", "op": "eq", "value": priority}, priorities),
    st.just({"field": "number", "op": "lt", "value": 4}),
)
conditions = st.none() | st.builds(
    lambda word, parts: {word: parts},
    st.sampled_from(["all", "any"]),
    st.lists(leaves, min_size=1, max_size=2),
)
actions = st.one_of(
    st.builds(lambda column: ("move_card", {"targetColumn": column}), columns),
    st.builds(lambda status: ("set_status", {"status": status}), statuses),
    st.builds(lambda priority: ("set_priority", {"priority": priority}), priorities),
    st.builds(lambda archived: ("archive_card", {"archived": archived}), st.booleans()),
    st.builds(lambda assignee: ("assign_card", {"assigneeId": assignee}), st.sampled_from(["ann", None])),
    st.builds(lambda column: ("create_card", {"title": "more", "column": column}), columns),
    st.sampled_from(
        [
            ("add_comment", {"content": "hm"}),
            ("add_checklist_item", {"title": "step"}),
            ("toggle_checklist_item", {"itemId": "step"}),
            ("toggle_checklist_item", {"itemId": "Nothing"}),
        ]
    ),
)
some_rules = st.lists(st.tuples(st.sampled_from(TRIGGERS), actions, conditions), min_size=1, max_size=5)


def ring(trigger, field, action, param, places):
    """Return rules that move a card in a circle: from each place to the next, and back to the first."""
    return [
        (trigger, (action, {param: there}), {"all": [{"field": field, "op": "eq", "value": here}]})
        for here, there in zip(places, [*places[1:], places[0]], strict=True)
    ]


rings = st.one_of(
    st.permutations(COLUMNS).map(
        lambda places: ring("task_moved", "toColumn", "move_card", "targetColumn", places)
    ),
    st.permutations(STATUSES).map(
        lambda places: ring("task_status_changed", "toStatus", "set_status", "status", places)
    ),
)
rules = some_rules | st.builds(lambda around, following: around + following[:3], rings, some_rules)
changes = st.sampled_from(
    [{"status": "done"}, {"column": 1}, {"column": 2}, {"archived": True}, {"assigned": True}]
)


@pytest.fixture(scope="module")
def worlds():
    """Return the worlds by kind of database, filled on demand."""
    return {}


def api_for(worlds, kind, url):
    """Return a new board of the same person in a database."""
    if kind not in worlds:
        world = World(Core(url, bcrypt_rounds=4))
        ann = world.person("ann")
        worlds[kind] = (world, ann, world.workspace(ann))
    world, ann, workspace = worlds[kind]
    return AutomationApi(world, ann, workspace)


def play_rules(board, drawn_rules, change):
    """Return the traces of rules for a new card and its change, without ids."""
    ids = [
        board.rule(trigger, name, conditions, **params) for trigger, (name, params), conditions in drawn_rules
    ]
    card = board.card("first")
    fields = dict(change)
    if "column" in fields:
        fields = {"columnId": board.columns[fields["column"]]["id"]}
    if "assigned" in fields:
        fields = {"assigneeId": board.owner.id}
    board.change(card, **fields)
    outcomes = []
    for number, rule in enumerate(ids):
        for trace in reversed(board.traces(rule)):
            key = int(trace["target"]["cardKey"].rpartition("-")[2])
            error = re.sub("[0-9a-f]{24}", "id", trace["error"] or "")
            outcomes.append((number, trace["event"], key, trace["result"], error, trace["depth"]))
    assert board.world.core.work.run_due() == 0
    return outcomes


@pytest.mark.slow("runs many random rules on both databases")
def test_random_rules_end_and_act_alike_on_both_databases(worlds, sqlite_url, postgres_url):
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(rules, changes)
    def check(drawn_rules, change):
        sqlite = play_rules(api_for(worlds, "sqlite", sqlite_url), drawn_rules, change)
        assert play_rules(api_for(worlds, "postgres", postgres_url), drawn_rules, change) == sqlite
        results = Counter(result for *_, result, _, _ in sqlite)
        # Two things were done by hand.
        assert results["success"] <= 2 * CHAIN_ACTIONS_MAX
        assert all(depth <= CHAIN_DEPTH_MAX for *_, depth in sqlite)

    check()
    for world, *_ in worlds.values():
        world.core.close()
