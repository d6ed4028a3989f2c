"""The rules of accounts, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stellary.contract.errors import ApiError, Conflict, Forbidden
from stellary.core.accounts import rules
from stellary.core.accounts.rules import CallerRoles, Seat
from tests.support.each_case import for_each

ORG_ROLES = (None, "member", "admin", "owner")
MEMBER_ROLES = ("member", "admin", "owner")
RANK = {role: rank for rank, role in enumerate(ORG_ROLES)}


def caller_roles(org_role=None, ws_role=None, **more):
    more = {"workspace_id": "w", "workspace_owner_id": "somebody", **more}
    return CallerRoles(user_id="me", organization_id="o", org_role=org_role, ws_role=ws_role, **more)


STRANGER = caller_roles()
ORG_MEMBER = caller_roles("member")
MEMBER = caller_roles("member", "member", pilotage_role="viewer")
REVIEWER = caller_roles("member", "member", pilotage_role="reviewer")
PILOT = caller_roles("member", "member", pilotage_role="owner")
PROJECT_MEMBER = caller_roles("member", "member", pilotage_role="viewer", in_project=True)
ADMIN = caller_roles("member", "admin", pilotage_role="viewer")
FOUNDER = caller_roles("member", "admin", pilotage_role="owner", workspace_owner_id="me")
ORG_ADMIN = caller_roles("admin")
ORG_OWNER = caller_roles("owner")
ORG_ADMIN_AT_A_HOME = caller_roles("admin", is_personal=True)

GRANTED = {
    "public": [],
    "any": [],
    "self": [],
    "self_obj": [],
    "invitee": [],
    "org_read": [ORG_MEMBER, MEMBER, ADMIN, FOUNDER, ORG_ADMIN, ORG_OWNER, ORG_ADMIN_AT_A_HOME],
    "org_admin": [ORG_ADMIN, ORG_OWNER, ORG_ADMIN_AT_A_HOME],
    "org_owner": [ORG_OWNER],
    "ws_read": [MEMBER, PROJECT_MEMBER, ADMIN, FOUNDER, ORG_ADMIN, ORG_OWNER],
    "ws_admin": [ADMIN, FOUNDER, ORG_ADMIN, ORG_OWNER],
    "ws_admin_or_self": [ADMIN, FOUNDER, ORG_ADMIN, ORG_OWNER],
    "ws_owner": [FOUNDER, ORG_OWNER],
    "proj_manage": [PROJECT_MEMBER, ADMIN, FOUNDER, ORG_ADMIN, ORG_OWNER],
    "author": [ADMIN, FOUNDER, ORG_ADMIN, ORG_OWNER],
    "pil_write": [PILOT, FOUNDER, ORG_ADMIN, ORG_OWNER],
    "pil_review": [REVIEWER, PILOT, FOUNDER, ORG_ADMIN, ORG_OWNER],
}
EVERYBODY = [
    STRANGER,
    ORG_MEMBER,
    MEMBER,
    REVIEWER,
    PILOT,
    PROJECT_MEMBER,
    ADMIN,
    FOUNDER,
    ORG_ADMIN,
    ORG_OWNER,
    ORG_ADMIN_AT_A_HOME,
]


@pytest.mark.parametrize("role", GRANTED)
def test_role_is_granted_as_the_table_says(role):
    # The people that the table leaves out of a row for brevity are members like MEMBER.
    like_members = {"org_read": [REVIEWER, PILOT, PROJECT_MEMBER], "ws_read": [REVIEWER, PILOT]}
    expected = GRANTED[role] + like_members.get(role, [])
    assert [who for who in EVERYBODY if who.grants(role)] == [who for who in EVERYBODY if who in expected]


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


def test_owner_cannot_be_changed():
    for actor in MEMBER_ROLES:
        with pytest.raises(Conflict):
            rules.check_touch(actor, "owner")
    with pytest.raises(Conflict):
        rules.check_leave("owner")


@pytest.mark.parametrize("role", ["member", "admin"])
def test_others_may_leave(role):
    rules.check_leave(role)


# ---------------------------------------------------------------------------------------------- workspaces


@pytest.mark.parametrize(
    "after", [("member", "owner"), ("admin", "viewer"), ("member", "viewer"), None], ids=str
)
def test_the_owner_of_a_workspace_stays_as_is(after):
    before = ("admin", "owner")
    with pytest.raises(Conflict):
        rules.check_workspace_member(True, before, after)
    rules.check_workspace_member(False, before, after)
    rules.check_workspace_member(True, before, before)


def test_a_personal_workspace_is_not_shared():
    rules.check_shared(is_personal=False)
    with pytest.raises(Conflict):
        rules.check_shared(is_personal=True)


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
