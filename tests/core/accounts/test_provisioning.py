"""Memberships that a host decides on: ``Core.provision`` and ``Core.deprovision``."""

from __future__ import annotations

from contextlib import closing

import pytest
from sqlalchemy import create_engine

from stellary import Stellary
from stellary.contract.errors import Conflict, Invalid, NotFound
from stellary.core import Core, Membership
from tests.support.world import at_once

ENGINEERING = Membership("acme", "eng")


def client_of(core, actor):
    return Stellary.embedded(core.port(actor))


def read_seats(core, actor):
    """Return the roles of all members of the workspace, by e-mail address."""
    members = client_of(core, actor).workspace("acme", "eng").members.list()
    return {member.email: (member.role, member.pilotage_role) for member in members}


def make_column(core, actor):
    """Create a project in the workspace, and return its first column."""
    ws = client_of(core, actor).workspace("acme", "eng")
    return ws.project(ws.projects.create(name="Launch")).columns.list()[0]


@pytest.fixture
def ann(core):
    return core.provision("1", ENGINEERING, email="ann@example.com")


def test_first_user_owns_the_new_organization_and_workspace(core, ann):
    client = client_of(core, ann)
    (organization,) = client.organizations.list()
    (workspace,) = client.organization("acme").workspaces.list()
    assert (organization.slug, organization.name, organization.my_role) == ("acme", "acme", "owner")
    assert (workspace.slug, workspace.my_role, workspace.is_personal) == ("eng", "admin", False)
    assert client.auth.me().user.pilotage_role == "viewer"


def test_further_users_become_members_with_the_requested_roles(core, ann):
    core.provision("2", ENGINEERING, email="ben@example.com")
    core.provision(
        "3", Membership("acme", "eng", role="admin", pilotage_role="reviewer"), email="cas@example.com"
    )
    assert read_seats(core, ann) == {
        "ann@example.com": ("admin", "owner"),
        "ben@example.com": ("member", "viewer"),
        "cas@example.com": ("admin", "reviewer"),
    }


def test_roles_follow_the_host_and_those_of_owners_stay(core, ann):
    ben = core.provision("2", ENGINEERING, email="ben@example.com")
    raised = Membership("acme", "eng", role="admin", organization_role="admin", pilotage_role="owner")
    assert core.provision("2", raised) == ben
    assert read_seats(core, ann)["ben@example.com"] == ("admin", "owner")
    assert [item.my_role for item in client_of(core, ben).organizations.list()] == ["admin"]
    core.provision("2", ENGINEERING)
    assert read_seats(core, ann)["ben@example.com"] == ("member", "viewer")
    assert [item.my_role for item in client_of(core, ben).organizations.list()] == ["member"]
    core.provision("1", ENGINEERING)
    assert read_seats(core, ann)["ann@example.com"] == ("admin", "owner")


def test_repeated_call_only_reads(core, ann, statements):
    with statements() as sent:
        assert core.provision("1", ENGINEERING) == ann
    assert [statement.split()[0] for statement in sent] == ["SELECT", "SELECT"]


def test_concurrent_calls_create_everything_once(core):
    actors = at_once(
        *[lambda: core.provision("7", ENGINEERING)] * 4, *[lambda: core.provision("8", ENGINEERING)] * 4
    )
    assert len(set(actors)) == 2
    assert len(read_seats(core, actors[0])) == 2


def test_deprovisioned_user_has_no_access(core, ann):
    ben = core.provision("2", ENGINEERING, email="ben@example.com")
    assert core.deprovision("2", organization="acme", workspace="eng")
    with pytest.raises(NotFound):
        client_of(core, ben).workspace("acme", "eng").get()
    assert [item.slug for item in client_of(core, ben).organizations.list()] == ["acme"]
    assert not core.deprovision("2", organization="acme", workspace="eng")
    assert core.deprovision("2", organization="acme")
    assert client_of(core, ben).organizations.list() == []
    assert not core.deprovision("2", organization="acme")
    assert not core.deprovision("nobody", organization="acme")
    assert not core.deprovision("2", organization="globex")


def test_assignments_of_a_deprovisioned_user_end(core, ann):
    ben = core.provision("2", ENGINEERING, email="ben@example.com")
    ws = client_of(core, ann).workspace("acme", "eng")
    board = ws.project(ws.projects.create(name="Launch"))
    column = board.column(board.columns.list()[0])
    card = column.cards.create(title="Write", assignee_id=ben.user_id)
    core.deprovision("2", organization="acme", workspace="eng")
    assert board.card(card).get().assignee_id is None


def test_owner_cannot_be_deprovisioned(core, ann):
    with pytest.raises(Conflict):
        core.deprovision("1", organization="acme")
    with pytest.raises(Conflict):
        core.deprovision("1", organization="acme", workspace="eng")


@pytest.mark.parametrize("membership", [Membership("A", "eng"), Membership("acme", "no slug")])
def test_invalid_slug_is_rejected_and_creates_no_organization(core, membership):
    with pytest.raises(Invalid, match="slug"):
        core.provision("1", membership)
    assert client_of(core, core.user(external_id="1")).organizations.list() == []


def test_membership_ends_with_a_rolled_back_transaction_of_the_host(database_url):
    engine = create_engine(database_url)
    with closing(Core(engine)) as core:
        with engine.connect() as connection, connection.begin() as transaction:
            actor = core.provision("1", ENGINEERING, connection=connection)
            joined = Stellary.embedded(core.port(actor, connection))
            assert [item.slug for item in joined.organizations.list()] == ["acme"]
            transaction.rollback()
        again = core.provision("1", ENGINEERING)
        assert again != actor
        assert len(read_seats(core, again)) == 1
    engine.dispose()


def test_erased_user_is_forgotten_and_shared_cards_stay(core, ann):
    ben = core.provision("2", ENGINEERING, email="ben@example.com")
    column = make_column(core, ann)
    client_of(core, ben).workspace("acme", "eng").project(column.project_id).column(column).cards.create(
        title="Write"
    )
    assert core.erase("2")
    assert not core.erase("2")
    assert read_seats(core, ann).keys() == {"ann@example.com"}
    (card,) = client_of(core, ann).workspace("acme", "eng").project(column.project_id).cards.list()
    assert card.title == "Write"
    again = core.provision("2", ENGINEERING, email="ben@example.com")
    assert again != ben


def test_owner_of_a_shared_organization_is_not_erased(core, ann):
    core.provision("2", ENGINEERING)
    with pytest.raises(Conflict, match="you own organizations with other members: acme"):
        core.erase("1")
    assert core.provision("1", ENGINEERING) == ann
