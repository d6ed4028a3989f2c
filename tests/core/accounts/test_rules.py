"""The rules of accounts, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.errors import ApiError, Forbidden
from stellary.core.accounts import rules
from stellary.core.accounts.rules import CallerRoles, Seat
from tests.support.each_case import for_each

ORG_ROLES = (None, "member", "admin", "owner")
MEMBER_ROLES = ("member", "admin", "owner")
RANK = {role: rank for rank, role in enumerate(ORG_ROLES)}


def caller_roles(org_role=None, ws_role=None, **more):
    more = {"workspace_id": "w", "workspace_owner_id": "somebody", **more}
    return CallerRoles(user_id="me", organization_id="o", org_role=org_role, ws_role=ws_role, **more)


MEMBER = caller_roles("member", "member", pilotage_role="viewer")


@pytest.mark.parametrize("role", ["ws_admin_or_self", "author"])
def test_own_item_needs_no_admin_role(role):
    assert MEMBER.grants(role, "me")
    assert not MEMBER.grants(role, "you")


@pytest.mark.parametrize("role", ["ws_admin_or_self", "author", "ws_owner"])
def test_own_item_needs_access_to_the_workspace(role):
    assert not caller_roles("member", workspace_owner_id="me").grants(role, "me")


@given(org_role=st.sampled_from(ORG_ROLES), ws_role=st.sampled_from((None, "member", "admin")))
def test_personal_workspace_is_visible_only_to_its_member(org_role, ws_role):
    assert caller_roles(org_role, ws_role, is_personal=True).sees_workspace == (ws_role is not None)


@given(org_role=st.sampled_from(ORG_ROLES), ws_role=st.sampled_from((None, "member", "admin")))
def test_effective_roles_exist_if_the_workspace_is_visible(org_role, ws_role):
    who = caller_roles(org_role, ws_role, pilotage_role=ws_role and "viewer")
    assert (who.workspace_role is not None) == who.sees_workspace
    assert (who.effective_pilotage_role is not None) == who.sees_workspace


def test_no_workspace_is_visible_without_one():
    assert not caller_roles("owner", workspace_id="").sees_workspace


# ---------------------------------------------------------------------------------------------- ranks


@given(actor=st.sampled_from(ORG_ROLES), member=st.sampled_from(MEMBER_ROLES))
def test_only_lower_roles_can_be_changed(actor, member):
    try:
        rules.check_touch(actor, member)
    except ApiError:
        assert member == "owner" or RANK[actor] <= RANK[member]
    else:
        assert RANK[actor] > RANK[member]


@given(actor=st.sampled_from(ORG_ROLES), role=st.sampled_from(MEMBER_ROLES))
def test_granted_role_is_at_most_the_own_one_and_never_owner(actor, role):
    try:
        rules.check_grant(actor, role)
    except Forbidden:
        assert role == "owner" or RANK[actor] < RANK[role]
    else:
        assert role != "owner"
        assert RANK[actor] >= RANK[role]


@given(
    actor=st.sampled_from(MEMBER_ROLES),
    changes=st.lists(st.tuples(st.sampled_from(MEMBER_ROLES), st.sampled_from(MEMBER_ROLES)), max_size=8),
)
def test_chain_of_changes_grants_at_most_the_role_of_its_actor(actor, changes):
    for before, after in changes:
        try:
            rules.check_touch(actor, before)
            rules.check_grant(actor, after)
        except ApiError:
            continue
        assert RANK[before] < RANK[actor]
        assert RANK[after] <= RANK[actor]


# ---------------------------------------------------------------------------------------------- workspaces


SEATS = [
    Seat("joined", is_personal=False, ws_role="member"),
    Seat("led", is_personal=False, ws_role=None),
    Seat("home", is_personal=True, ws_role=None),
]


@for_each(
    "before, after, lost",
    [
        ("admin", None, ["joined", "led"]),
        ("member", None, ["joined"]),
        ("admin", "member", ["led"]),
        ("member", "admin", []),
        ("admin", "admin", []),
    ],
)
def test_lost_workspaces_were_accessible_before(before, after, lost):
    assert rules.find_lost_workspaces(SEATS, before, after) == lost
