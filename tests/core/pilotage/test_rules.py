"""Rules of pilotage: short ids, blocked missions, completion, and transitions of proposed actions."""

from datetime import UTC, datetime
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.activities import ActivityType
from stellary.contract.errors import Conflict, Invalid
from stellary.contract.pilotage import MissionStatus
from stellary.contract.proposed_actions import ProposedActionStatus
from stellary.core.pilotage import rules
from tests.support.core_parts import OF_PILOTAGE

NOW = datetime(2026, 4, 1, tzinfo=UTC)
kinds = st.sampled_from(get_args(rules.PilotageKind))


@given(kinds, st.integers(1, 10**9 - 1))
def test_a_short_id_stands_for_its_number(kind, number):
    assert rules.parse_short_id(kind, rules.short_id(kind, number)) == number


@given(kinds, st.text() | st.from_regex(r"(m|p|t|d|doc|act|x)-[0-9]{1,12}", fullmatch=True))
def test_malformed_short_id_names_nothing(kind, text):
    number = rules.parse_short_id(kind, text)
    assert number == rules.NOWHERE or rules.short_id(kind, number) == text


@pytest.mark.parametrize(
    "text",
    [
        "m-1",
        "m-01",
        "m-0001",
        "M-001",
        "m-001\n",
        " m-001",
        "m-\u0660\u0660\u0661",
        "p-001",
        "m-000",
        "m--01",
        "",
    ],
)
def test_other_spellings_of_an_id_name_nothing(text):
    assert rules.parse_short_id("mission", text) == rules.NOWHERE


@pytest.mark.parametrize(("number", "text"), [(1, "m-001"), (999, "m-999"), (1000, "m-1000")])
def test_ids_grow(number, text):
    assert rules.short_id("mission", number) == text


@pytest.mark.parametrize("status", get_args(MissionStatus))
@pytest.mark.parametrize("after", get_args(MissionStatus))
def test_only_blocked_missions_have_a_blocked_reason(status, after):
    changed = rules.with_blocked_reason({"status": after}, status)
    assert changed == ({"status": after} if after == "blocked" else {"status": after, "blocked_reason": None})


def test_blocked_reason_is_set_with_the_status_or_later():
    changes = {"status": "blocked", "blocked_reason": "Waiting on API"}
    assert rules.with_blocked_reason(changes, "in_progress") == changes
    assert rules.with_blocked_reason({"blocked_reason": "Sick"}, "blocked") == {"blocked_reason": "Sick"}
    assert rules.with_blocked_reason({"blocked_reason": " "}, "blocked") == {"blocked_reason": None}


def test_blocked_reason_of_an_unblocked_mission_is_refused():
    with pytest.raises(Invalid, match=r"blockedReason\) must be null unless the status is blocked"):
        rules.with_blocked_reason({"status": "done", "blocked_reason": "Sick"}, "blocked")
    with pytest.raises(Conflict, match="is not blocked") as caught:
        rules.with_blocked_reason({"blocked_reason": "Sick"}, "in_progress")
    assert caught.value.code == "not_blocked"
    assert rules.with_blocked_reason({"blocked_reason": None}, "done") == {"blocked_reason": None}


def test_completion_time_follows_the_status():
    assert rules.with_completion({"status": "done"}, "todo", NOW) == {"status": "done", "completed_at": NOW}
    assert rules.with_completion({"status": "done"}, "done", NOW) == {"status": "done"}
    assert rules.with_completion({"status": "todo"}, "done", NOW) == {"status": "todo", "completed_at": None}
    assert rules.with_completion({"label": "x"}, "done", NOW) == {"label": "x"}


def test_transitions_of_an_action_go_one_way():
    assert rules.BEFORE == {"approved": "suggested", "rejected": "suggested", "applied": "approved"}
    statuses = set(get_args(ProposedActionStatus))
    assert statuses - set(rules.BEFORE) == {"suggested"}
    assert statuses - rules.OPEN == {"rejected", "applied"}


def test_activity_types_of_pilotage():
    assert len(OF_PILOTAGE) == 18
    assert next(type_ for type_ in get_args(ActivityType) if type_ in OF_PILOTAGE) == "mission_created"
