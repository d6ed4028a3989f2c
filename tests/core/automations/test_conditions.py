"""Conditions of rules: valid forms, and evaluation."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.errors import Invalid
from stellary.core.automations.rules.conditions import DEPTH_MAX, FIELDS, OPS, check_conditions, is_satisfied
from tests.support.each_case import for_each

FIELD = "665f1a2b3c4d5e6f7a8b9c0d"
FACTS = {
    "title": "Write the Spec",
    "priority": "high",
    "description": None,
    "number": 7,
    "archived": False,
    "labelIds": ["l1", "l2"],
    "dueDate": datetime(2026, 4, 1, tzinfo=UTC),
    "startDate": None,
    f"customFields.{FIELD}": 2.5,
}


def leaf(field, op, *value):
    return {"field": field, "op": op} | ({"value": value[0]} if value else {})


def one(field, op, *value):
    return {"all": [leaf(field, op, *value)]}


def problem(conditions):
    with pytest.raises(Invalid) as error:
        check_conditions(conditions)
    return error.value.message


@for_each(
    "conditions, expected",
    [
        (one("title", "eq", "Write the Spec"), True),
        (one("title", "eq", "write the spec"), False),
        (one("title", "contains", "SPEC"), True),
        (one("title", "contains", "specs"), False),
        (one("description", "contains", "a"), False),
        (one("description", "eq", None), True),
        (one("description", "ne", "a"), True),
        (one("description", "is_set"), False),
        (one("description", "is_set", False), True),
        (one("priority", "in", ["low", "high"]), True),
        (one("priority", "not_in", ["low", "high"]), False),
        (one("number", "gt", 6), True),
        (one("number", "gt", 7), False),
        (one("number", "gte", 7.0), True),
        (one("number", "lt", 8), True),
        (one("number", "lte", 6), False),
        (one("archived", "eq", False), True),
        (one("archived", "ne", False), False),
        (one("labelIds", "contains", "l2"), True),
        (one("labelIds", "contains", "l3"), False),
        (one("labelIds", "is_set"), True),
        (one("dueDate", "eq", "2026-04-01"), True),
        (one("dueDate", "in", ["2026-04-01T02:00:00+02:00"]), True),
        (one("dueDate", "lt", "2026-04-02"), True),
        (one("dueDate", "gte", "2026-04-01T00:00:01Z"), False),
        (one("startDate", "lt", "2026-04-02"), False),
        (one("startDate", "eq", "2026-04-02"), False),
        (one("dueDate", "ne", None), True),
        (one(f"customFields.{FIELD}", "gt", 2), True),
        (one(f"customFields.{FIELD}", "gt", "2"), False),
        (one(f"customFields.{FIELD}", "eq", True), False),
        (one("fromStatus", "eq", "open"), False),
        ({}, True),
        ({"any": [leaf("number", "eq", 1), leaf("number", "eq", 7)]}, True),
        ({"all": [leaf("number", "eq", 1), leaf("number", "eq", 7)]}, False),
        ({"all": [{"any": [leaf("number", "eq", 7)]}, leaf("priority", "eq", "high")]}, True),
    ],
)
def test_conditions_hold_or_not(conditions, expected):
    assert is_satisfied(check_conditions(conditions), FACTS) == expected


def nested(depth):
    return leaf("title", "is_set") if depth == 0 else {"all": [nested(depth - 1)]}


@for_each(
    "conditions, message",
    [
        ({"none": []}, 'conditions must be {"all": […]} or {"any": […]}'),
        ({"all": [], "any": []}, 'conditions must be {"all": […]} or {"any": […]}'),
        ({"all": []}, "conditions.all must be a list that is not empty"),
        ({"all": {}}, "conditions.all must be a list that is not empty"),
        ({"all": ["a"]}, "conditions.all[0] must be an object"),
        ({"all": [{"field": "title"}]}, "conditions.all[0] must be {"),
        ({"all": [{"field": "title", "op": "eq", "value": "a", "not": 1}]}, "conditions.all[0] must be {"),
        ({"any": [leaf("name", "eq", "a")]}, "conditions.any[0].field must be one of key, number"),
        ({"any": [leaf(5, "eq", "a")]}, "conditions.any[0].field must be one of key, number"),
        ({"any": [leaf("customFields.x", "eq", "a")]}, "conditions.any[0].field must be one of"),
        (one("archived", "gt", True), "conditions.all[0].op must be one of eq, ne, is_set"),
        (one("title", [], "a"), "conditions.all[0].op must be one of eq, ne, in"),
        (one("title", "eq"), "conditions.all[0].value is required"),
        (one("title", "eq", 5), "conditions.all[0].value must be a text of at most 5000 characters"),
        (one("title", "contains", None), "conditions.all[0].value must be a text"),
        (one("number", "gt", "5"), "conditions.all[0].value must be a number"),
        (one("number", "gt", True), "conditions.all[0].value must be a number"),
        (one("archived", "eq", 1), "conditions.all[0].value must be true or false"),
        (one("dueDate", "lt", "soon"), "conditions.all[0].value must be an ISO 8601 date"),
        (one("title", "in", "a"), "conditions.all[0].value must be a list of 1 to 100 values"),
        (one("title", "in", []), "conditions.all[0].value must be a list of 1 to 100 values"),
        (one("title", "in", ["a", 5]), "conditions.all[0].value[1] must be a text"),
        (one("title", "is_set", "yes"), "conditions.all[0].value must be true or false"),
        (one(f"customFields.{FIELD}", "eq", {}), "conditions.all[0].value must be a text, a number, true"),
        (one(f"customFields.{FIELD}", "eq", "x" * 5001), "conditions.all[0].value must be a text of at most"),
        (nested(DEPTH_MAX + 1), "conditions.all[0].all[0].all[0].all[0].all must not be nested more than 4"),
        ({"all": [leaf("title", "is_set")] * 101}, "conditions must have at most 100 comparisons"),
    ],
)
def test_invalid_condition_is_refused_with_its_path(conditions, message):
    assert problem(conditions).startswith(message)


def test_groups_nest_at_most_four_levels():
    assert check_conditions(nested(DEPTH_MAX))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from([*FIELDS, *OPS["any"]]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["all", "any", "field", "op", "value"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["all", "any", "field"]), _json, max_size=2))
def test_any_condition_is_refused_or_can_be_evaluated(candidate):
    try:
        conditions = check_conditions(candidate)
    except Invalid as error:
        invalid = error
    else:
        assert is_satisfied(json.loads(json.dumps(conditions)), FACTS) in (True, False)
        return
    assert invalid.details[0].field.startswith("conditions")
