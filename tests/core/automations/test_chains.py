"""Rules of any kind that lead to each other in any way: they end within the bound, and alike on both databases."""

from __future__ import annotations

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
    st.builds(lambda said: {"field": "toColumn", "op": "eq", "value": said}, columns),
    st.builds(lambda said: {"field": "status", "op": "ne", "value": said}, statuses),
    st.builds(lambda said: {"field": "priority", "op": "eq", "value": said}, priorities),
    st.just({"field": "number", "op": "lt", "value": 4}),
)
conditions = st.none() | st.builds(
    lambda word, parts: {word: parts},
    st.sampled_from(["all", "any"]),
    st.lists(leaves, min_size=1, max_size=2),
)
actions = st.one_of(
    st.builds(lambda said: ("move_card", {"targetColumn": said}), columns),
    st.builds(lambda said: ("set_status", {"status": said}), statuses),
    st.builds(lambda said: ("set_priority", {"priority": said}), priorities),
    st.builds(lambda said: ("archive_card", {"archived": said}), st.booleans()),
    st.builds(lambda said: ("assign_card", {"assigneeId": said}), st.sampled_from(["ann", None])),
    st.builds(lambda said: ("create_card", {"title": "more", "column": said}), columns),
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
    """Rules that lead a card around for ever: from each place to the next, and from the last to the first."""
    return [
        (trigger, (action, {param: there}), {"all": [{"field": field, "op": "eq", "value": here}]})
        for here, there in zip(places, [*places[1:], places[0]], strict=True)
    ]


rings = st.one_of(
    st.permutations(COLUMNS).map(
        lambda found: ring("task_moved", "toColumn", "move_card", "targetColumn", found)
    ),
    st.permutations(STATUSES).map(
        lambda found: ring("task_status_changed", "toStatus", "set_status", "status", found)
    ),
)
rules = some_rules | st.builds(lambda around, others: around + others[:3], rings, some_rules)
changes = st.sampled_from(
    [{"status": "done"}, {"column": 1}, {"column": 2}, {"archived": True}, {"assigned": True}]
)


@pytest.fixture(scope="module")
def worlds():
    """One world of each kind, by name, as they are made."""
    return {}


def workshop_of(worlds, kind, url):
    """A new board of the same person in a database."""
    if kind not in worlds:
        world = World(Core(url, bcrypt_rounds=4))
        ann = world.person("ann")
        worlds[kind] = (world, ann, world.workspace(ann))
    world, ann, workspace = worlds[kind]
    return AutomationApi(world, ann, workspace)


def played(automation_api, made, change):
    """What rules make of a new card and a change of it, told without ids."""
    ids = [automation_api.rule(trigger, name, asked, **params) for trigger, (name, params), asked in made]
    card = automation_api.card("first")
    fields = dict(change)
    if "column" in fields:
        fields = {"columnId": automation_api.columns[fields["column"]]["id"]}
    if "assigned" in fields:
        fields = {"assigneeId": automation_api.owner.id}
    automation_api.change(card, **fields)
    told = []
    for number, rule in enumerate(ids):
        for trace in reversed(automation_api.traces(rule)):
            key = int(trace["target"]["cardKey"].rpartition("-")[2])
            error = re.sub("[0-9a-f]{24}", "id", trace["error"] or "")
            told.append((number, trace["event"], key, trace["result"], error, trace["depth"]))
    assert automation_api.world.core.work.run_due() == 0
    return told


def test_whatever_rules_there_are_they_end_and_do_the_same_on_both_databases(
    worlds, sqlite_url, postgres_url
):
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(rules, changes)
    def check(made, change):
        sqlite = played(workshop_of(worlds, "sqlite", sqlite_url), made, change)
        assert played(workshop_of(worlds, "postgres", postgres_url), made, change) == sqlite
        results = Counter(result for *_, result, _, _ in sqlite)
        # Two things were done by hand.
        assert results["success"] <= 2 * CHAIN_ACTIONS_MAX
        assert all(depth <= CHAIN_DEPTH_MAX for *_, depth in sqlite)

    check()
    for world, *_ in worlds.values():
        world.core.close()
