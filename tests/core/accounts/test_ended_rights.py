"""Rights that end when a member is removed, leaves or is demoted, and the response that counts them."""

from functools import partial

import attrs
import orjson
import pytest
from sqlalchemy import text

from stellary.contract.refs import WorkspaceMemberRef
from stellary.core.accounts.workspaces import remove_workspace_member
from tests.core.accounts.rows import make_row
from tests.support.concurrency import start_blocked
from tests.support.tables import webhooks
from tests.support.world import PASSWORD, World, at_once

NOTHING = {"invitations": 0, "webhooks": 0, "automations": 0, "agentTokens": 0, "missions": 0}
URL = "https://example.com/hook"


@attrs.frozen
class Team:
    """A workspace of ann with two admins: bob, who has set things up, and cid."""

    world: World
    ann: object
    bob: object
    cid: object
    here: object
    agent_token: str
    invitation: str

    def end(self, how):
        """Remove or demote bob in one of several ways, and return the response."""
        organization, path = self.here.organization.path, f"members/{self.bob.id}"
        seat, member = f"{self.here.path}/{path}", {"role": "member"}
        request = {
            "removed from the workspace": (self.ann, "DELETE", seat),
            "leaves the workspace": (self.bob, "DELETE", seat),
            "demoted in the workspace": (self.ann, "PATCH", seat, member),
            "demotes himself": (self.bob, "PATCH", seat, member),
            "removed from the organization": (self.ann, "DELETE", f"{organization}/{path}"),
            "leaves the organization": (self.bob, "POST", f"{organization}/leave"),
        }[how]
        return self.world.ask(*request)

    def webhooks(self):
        webhooks = self.world.ask(self.ann, "GET", f"{self.here.path}/webhooks")
        return [(webhook["createdById"], webhook["active"]) for webhook in webhooks]

    def invitations(self):
        return [
            invitation["email"]
            for invitation in self.world.ask(self.ann, "GET", f"{self.here.path}/invitations")
        ]

    def set_up(self, person):
        """Create a webhook, an invitation and an agent with a token; return the token and the invitation."""
        here = self.here.path
        self.world.ask(person, "POST", f"{here}/webhooks", {"url": URL})
        body = {"email": f"invited-by-{person.user.name}@example.com"}
        invitation = self.world.ask(person, "POST", f"{here}/members/invite", body)["token"]
        agent = self.world.ask(person, "POST", f"{here}/agents", {"name": f"Bot of {person.user.name}"})
        path = f"{here}/agents/{agent['id']}/tokens"
        return self.world.ask(person, "POST", path, {"name": "laptop"})["token"], invitation


@pytest.fixture
def team(world):
    ann, bob, cid = world.people("ann bob cid")
    here = world.workspace(ann)
    world.join(bob, here, role="admin")
    world.join(cid, here, role="admin")
    team = Team(world, ann, bob, cid, here, "", "")
    team.set_up(cid)
    token, invitation = team.set_up(bob)
    project = world.project(ann, here)
    rule = {
        "name": "Urgent",
        "trigger": "task_created",
        "action": {"type": "set_priority", "params": {"priority": "high"}},
    }
    world.ask(bob, "POST", f"{project.path}/automations", rule)
    return attrs.evolve(team, agent_token=token, invitation=invitation)


LEAVING = [
    "removed from the workspace",
    "leaves the workspace",
    "removed from the organization",
    "leaves the organization",
]
DEMOTED = ["demoted in the workspace", "demotes himself"]


@pytest.mark.parametrize("how", LEAVING)
def test_removal_ends_what_the_member_set_up(team, how):
    ended = NOTHING | {"invitations": 1, "webhooks": 1, "automations": 1, "agentTokens": 1}
    assert team.end(how) == {"ok": True, "ended": ended}
    assert team.world.status(team.agent_token, "GET", f"{team.here.path}/projects") == 401


@pytest.mark.parametrize("how", DEMOTED)
def test_demotion_ends_what_only_admins_may_have(team, how):
    answer = team.end(how)
    assert answer["role"] == "member"
    # Members of a workspace have rules of their own.
    assert answer["ended"] == NOTHING | {"invitations": 1, "webhooks": 1, "agentTokens": 1}
    assert team.world.status(team.agent_token, "GET", f"{team.here.path}/projects") == 401


@pytest.mark.parametrize("how", [*LEAVING, *DEMOTED])
def test_webhooks_are_turned_off_and_handed_over(team, how):
    team.end(how)
    # By somebody else, they pass to that person; otherwise to the owner of the workspace, who is ann as well.
    assert sorted(team.webhooks()) == sorted([(team.cid.id, True), (team.ann.id, False)])


def test_webhooks_pass_to_the_admin_who_removes_their_creator(team):
    team.world.ask(team.cid, "DELETE", f"{team.here.path}/members/{team.bob.id}")
    assert sorted(team.webhooks()) == sorted([(team.cid.id, True), (team.cid.id, False)])


@pytest.mark.parametrize("how", [*LEAVING, *DEMOTED])
def test_invitations_of_others_stay(team, how):
    team.end(how)
    assert team.invitations() == ["invited-by-cid@example.com"]


def test_update_that_keeps_the_admin_role_ends_nothing(team):
    path = f"{team.here.path}/members/{team.bob.id}"
    for body in ({}, {"role": "admin"}, {"pilotageRole": "owner"}):
        assert team.world.ask(team.ann, "PATCH", path, body)["ended"] == NOTHING
    assert (team.bob.id, True) in team.webhooks()


def test_demotion_of_an_organization_admin_in_the_workspace_ends_nothing(team):
    organization = team.here.organization.path
    team.world.ask(team.ann, "PATCH", f"{organization}/members/{team.bob.id}", {"role": "admin"})
    assert team.end("demoted in the workspace")["ended"] == NOTHING
    # Then the role in the organization goes as well.
    answer = team.world.ask(team.ann, "PATCH", f"{organization}/members/{team.bob.id}", {"role": "member"})
    assert answer["ended"] == NOTHING | {"invitations": 1, "webhooks": 1, "agentTokens": 1}


def test_demotion_in_the_organization_ends_nothing_where_the_member_is_a_workspace_admin(team):
    organization = team.here.organization.path
    for role in ("admin", "member"):
        answer = team.world.ask(team.ann, "PATCH", f"{organization}/members/{team.bob.id}", {"role": role})
        assert answer["ended"] == NOTHING
    assert (team.bob.id, True) in team.webhooks()


def test_removal_counts_cancelled_missions(team):
    world, here = team.world, team.here
    card = world.card(team.ann, world.project(team.ann, here, "another"))
    agent = world.ask(team.bob, "POST", f"{here.path}/agents", {"name": "Scribe"})
    body = {"cardId": card["id"], "prompt": "move it to Done"}
    world.ask(team.bob, "POST", f"{here.path}/agents/{agent['id']}/missions", body)
    assert team.end("removed from the workspace")["ended"]["missions"] == 1


def test_removal_that_fails_ends_nothing(team):
    assert team.world.status(team.bob, "DELETE", f"{team.here.path}/members/{team.ann.id}") == 409
    assert len(team.invitations()) == 2


def test_two_removals_in_one_unit_are_counted_separately(team):
    with team.world.core.begin(team.ann.actor) as uow:
        answers = [
            remove_workspace_member(uow, team.here.ref.child(WorkspaceMemberRef, person.id))
            for person in (team.bob, team.cid)
        ]
    assert [(answer.ended.webhooks, answer.ended.automations) for answer in answers] == [(1, 1), (1, 0)]


def test_removal_waits_for_a_concurrent_creation_of_a_webhook(postgres_world):
    world, core = postgres_world, postgres_world.core
    ann, bob = world.people("ann bob")
    place = world.workspace(ann)
    world.join(bob, place, role="admin")
    with core.database.writing() as connection:
        # What the service that makes a webhook does: lock the workspace, then write.
        connection.execute(
            text("SELECT id FROM stellary_workspaces WHERE id = :id FOR NO KEY UPDATE"), {"id": place.id}
        )
        path = f"{place.organization.path}/members/{bob.id}"
        answer = start_blocked(core, lambda: world.ask(ann, "DELETE", path))
        make_row(connection, webhooks, workspace_id=place.id, created_by_id=bob.id, active=True)
    assert answer.result()["ended"]["webhooks"] == 1
    (webhook,) = world.ask(ann, "GET", f"{place.path}/webhooks")
    assert (webhook["createdById"], webhook["active"]) == (ann.id, False)


# ------------------------------------------------------------------------------------------ a change of the password


def change_password(world, person, **body):
    passwords = {"currentPassword": PASSWORD, "newPassword": "a new password", **body}
    return world.ask(person, "POST", "/auth/change-password", passwords)


def test_password_change_returns_the_number_of_live_tokens(team, clock):
    live = team.world.api_token(team.bob)
    team.world.api_token(team.bob, expires_at=clock.now)
    team.world.api_token(team.cid)
    answer = change_password(team.world, team.bob)
    assert (answer["liveApiTokens"], answer["revokedTokens"]) == (1, 0)
    assert team.world.status(live, "GET", "/auth/me") == 200
    assert team.world.status(team.agent_token, "GET", f"{team.here.path}/projects") == 200


def test_password_change_with_revoke_tokens_revokes_all_tokens(team, clock):
    tokens = [team.world.api_token(team.bob) for _ in range(2)]
    team.world.api_token(team.bob, expires_at=clock.now)
    other_token = team.world.api_token(team.cid)
    login = team.world.bearer(team.bob)
    answer = change_password(team.world, team.bob, revokeTokens=True)
    # Two of his own, and the one that he gave to an agent.
    assert (answer["liveApiTokens"], answer["revokedTokens"]) == (0, 3)
    for token in (*tokens, login):
        assert team.world.status(token, "GET", "/auth/me") == 401
    assert team.world.status(team.agent_token, "GET", f"{team.here.path}/projects") == 401
    assert team.world.ask(answer["access_token"], "GET", "/api-tokens") == []
    assert team.world.status(other_token, "GET", "/auth/me") == 200


def test_failed_password_change_revokes_nothing(team):
    token = team.world.api_token(team.bob)
    body = {"currentPassword": "wrong", "newPassword": "a new password", "revokeTokens": True}
    assert team.world.status(team.bob, "POST", "/auth/change-password", body) == 400
    assert team.world.status(token, "GET", "/auth/me") == 200


# ------------------------------------------------------------------- tokens that are created while the password changes


TOKENS = ["API token", "agent token"]


def make_creator(world, person, kind):
    """Return a function that creates a token with a login, and a function that returns the status of using that token."""
    login = world.bearer(person)
    if kind == "API token":
        return (
            lambda: world.call(login, "POST", "/api-tokens", {"name": "new"}),
            lambda token: world.status(token, "GET", "/auth/me"),
        )
    here = world.workspace(person)
    agent = world.ask(person, "POST", f"{here.path}/agents", {"name": "Bot"})
    path = f"{here.path}/agents/{agent['id']}/tokens"
    return (
        lambda: world.call(login, "POST", path, {"name": "new"}),
        lambda token: world.status(token, "GET", f"{here.path}/projects"),
    )


@pytest.mark.race
@pytest.mark.parametrize("kind", TOKENS)
def test_no_token_survives_a_password_change_that_revokes_all(world, kind, rounds):
    for number in range(rounds):
        ann = world.person(f"ann{number}")
        create, use = make_creator(world, ann, kind)
        change = lambda ann=ann: change_password(world, ann, revokeTokens=True)  # noqa: E731
        responses = at_once(create, create, change, create, create)
        assert responses.pop(2)["liveApiTokens"] == 0
        assert {response.status for response in responses} <= {201, 401}
        tokens = [orjson.loads(response.body)["token"] for response in responses if response.status == 201]
        assert {use(token) for token in tokens} <= {401}


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("first", ["change", "create"])
def test_password_change_and_new_token_wait_for_each_other(postgres_world, kind, first):
    world, core = postgres_world, postgres_world.core
    ann = world.person("ann")
    create, use = make_creator(world, ann, kind)
    calls = {"change": partial(change_password, world, ann, revokeTokens=True), "create": create}
    with core.database.writing() as connection:
        connection.execute(
            text("SELECT 1 FROM stellary_users WHERE id = :id FOR NO KEY UPDATE"), {"id": ann.id}
        )
        responses = {
            name: start_blocked(core, calls[name], count)
            for count, name in enumerate(sorted(calls, key=lambda name: name != first), start=1)
        }
    created, change = responses["create"].result(), responses["change"].result()
    if first == "change":
        assert (created.status, change["revokedTokens"]) == (401, 0)
    else:
        assert (created.status, change["revokedTokens"]) == (201, 1)
        assert use(orjson.loads(created.body)["token"]) == 401


def test_refusal_by_a_key_of_the_database_is_a_conflict_and_not_a_server_error(world, ann):
    login = world.bearer(ann)
    body = {"name": "Acme", "slug": "acme"}
    assert world.status(login, "POST", "/organizations", body) == 201
    assert world.status(login, "POST", "/organizations", body) == 409
    change_password(world, ann)
    assert world.status(login, "POST", "/organizations", body) == 401
